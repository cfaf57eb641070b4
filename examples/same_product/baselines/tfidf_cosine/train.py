"""TF-IDF of character n-grams, compared by the cosine after latent semantic analysis (Deerwester et al. 1990).

Runs alone too: python train.py
"""

import jinsu
import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds
from torch import nn

JUDGED_AT = 0.9
"""The cosine from which on the problem calls two offers a pair (`threshold` in problem.yaml)."""

params = jinsu.params(width=256, grams=20000, length=96, seed=0)


class Latent(nn.Module):
    """Takes numbers of n-grams and answers the sum of their vectors at length one, with a number that every row has in common.

    That number moves all cosines towards 1 in their order, so that the best threshold becomes the problem's.
    """

    def __init__(self, table: np.ndarray) -> None:
        super().__init__()
        self.grams = nn.Embedding.from_pretrained(torch.from_numpy(table))
        self.register_buffer("same", torch.zeros(1))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        vector = nn.functional.normalize(self.grams(numbers).sum(1), eps=1e-6)
        return torch.cat([vector, self.same.expand(vector.shape[0], 1)], dim=1)


def latent(numbers: np.ndarray, size: int, width: int) -> np.ndarray:
    """A vector an n-gram: its inverse document frequency by its part of the first singular vectors; zeros for padding."""
    rows = np.repeat(np.arange(len(numbers)), numbers.shape[1])
    counts = csr_matrix((np.ones(rows.size, np.float32), (rows, numbers.ravel())), (len(numbers), size))
    rarity = np.log((1 + len(numbers)) / (1 + np.bincount(counts.indices, minlength=size))) + 1
    rarity[:2] = 0  # padding and unknown n-grams
    weighed = counts.multiply(rarity[None, :]).tocsr()
    length = np.sqrt(weighed.multiply(weighed).sum(1))
    weighed = csr_matrix(weighed.multiply(1 / np.maximum(length, 1e-9)))
    parts = svds(weighed, k=width, random_state=params.seed)[2].T
    return (parts * rarity[:, None]).astype(np.float32)


def pairs_by_similarity(vectors: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many pairs of rows, and how many of one group, lie in each hundredth of the cosine from 0 to 1."""
    every, same = np.zeros((2, 100))
    for start in range(0, len(vectors), 512):
        cosine = vectors[start : start + 512] @ vectors.T
        place = np.clip((cosine * 100).astype(int), 0, 99)
        alike = group[start : start + 512, None] == group
        own = np.arange(len(place)), np.arange(start, start + len(place))
        alike[own], place[own] = False, 0
        every += np.bincount(place.ravel(), minlength=100)
        same += np.bincount(place[alike], minlength=100)
    return every / 2, same / 2


def best_threshold(vectors: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """The cosine from which on pairs have the greatest F1, and this F1."""
    every, same = (counts[::-1].cumsum()[::-1] for counts in pairs_by_similarity(vectors, group))
    f1 = 2 * same / (every + same[0])
    return float(f1.argmax()) / 100, float(f1.max())


columns = jinsu.dataset(alone="/tmp/same_product.parquet")
titles = columns["title"]
group = np.unique(columns["product"].astype(str), return_inverse=True)[1]
fold = (np.random.default_rng(params.seed).random(group.max() + 1) < 0.25)[group]  # chooses the threshold
ngrams = jinsu.CharacterNgrams.fit(titles[~fold], size=params.grams, length=params.length)
model = Latent(latent(ngrams(titles[~fold]), ngrams.size, params.width))
with torch.no_grad():
    vectors = torch.cat([model(part)[:, :-1] for part in torch.from_numpy(ngrams(titles[fold])).split(512)]).numpy()
threshold, f1 = best_threshold(vectors, group[fold])
print(f"pair_f1 {f1:.4f} at {threshold:.2f}")
model.same.fill_(max(0.0, (JUDGED_AT - threshold) / (1 - JUDGED_AT)) ** 0.5)
jinsu.save(model, example=titles[:64], outputs="embedding", tokenizer=ngrams)
