"""Offers of one product lie near each other: an encoder of character n-grams, trained with ArcFace (Deng et al. 2019).

The encoder begins as TF-IDF with latent semantic analysis and learns from there: which n-grams tell products apart, and which are
only how a shop writes. Runs alone too: python train.py
"""

import jinsu
import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds
from torch import nn

JUDGED_AT = 0.9
"""The cosine from which on the problem calls two offers a pair (`threshold` in problem.yaml)."""

params = jinsu.params(
    epochs=4, lr=0.0005, width=256, grams=20000, length=96, margin=0.2, scale=24.0, batch=256, blend=0.3, seed=0
)
torch.manual_seed(params.seed)
torch.set_num_threads(1)  # the steps are small: a second thread would wait for the first


class Offers(nn.Module):
    """Takes numbers of n-grams, 0 where there are no more, and answers a vector of length one, with `same` beside it.

    same: a number that every row has in common. It moves all cosines towards 1 without changing their order: c becomes
    (c + same²) / (1 + same²). So the cosine that is best for telling pairs becomes the one at which the problem judges.
    neighbours: known offers (rows, width). An answer moves by the share `blend` towards the mean of its three nearest
    ones (neighbourhood blending); where there are none, it stays where it is.
    """

    def __init__(self, table: np.ndarray) -> None:
        super().__init__()
        self.grams = nn.Embedding.from_pretrained(torch.from_numpy(table), freeze=False)
        self.turn = nn.Linear(table.shape[1], table.shape[1], bias=False)
        nn.init.eye_(self.turn.weight)
        self.register_buffer("same", torch.zeros(1))
        self.register_buffer("neighbours", torch.zeros(0, table.shape[1]))
        self.blend = 0.0

    def vector(self, numbers: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(self.turn(self.grams(numbers).sum(1)), eps=1e-6)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        vector = self.vector(numbers)
        if self.blend:
            near = (vector @ self.neighbours.T).topk(3, dim=1)
            mean = (self.neighbours[near.indices] * near.values.clamp(min=0)[..., None]).sum(1) / 3
            vector = nn.functional.normalize(vector + self.blend * mean, eps=1e-6)
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
# A fold of whole products to choose by: the epoch, the threshold, and whether to blend. A quarter of our rows is about as many
# as the problem holds out, and how many wrong pairs there are depends on how many rows meet.
fold = (np.random.default_rng(params.seed).random(group.max() + 1) < 0.25)[group]
ngrams = jinsu.CharacterNgrams.fit(titles[~fold], size=params.grams, length=params.length)
x, x_fold = ngrams(titles[~fold]), torch.from_numpy(ngrams(titles[fold]))
model = Offers(latent(x, ngrams.size, params.width))
x = torch.from_numpy(x)
several = (
    np.bincount(group[~fold], minlength=group.max() + 1) > 1
)  # a product with one offer shows nothing that is alike
learns = np.flatnonzero(several[group[~fold]])
y = torch.from_numpy(np.unique(group[~fold][learns], return_inverse=True)[1])


def vectors(numbers: torch.Tensor) -> np.ndarray:
    model.eval()
    with torch.no_grad():
        return torch.cat([model(part)[:, :-1] for part in numbers.split(512)]).numpy()


threshold, f1 = best_threshold(vectors(x_fold), group[fold])
print(f"TF-IDF alone  pair_f1 {f1:.4f} at {threshold:.2f}")
best, kept = f1, {name: value.clone() for name, value in model.state_dict().items()}
# Each product's own direction begins at the mean of its offers.
with torch.no_grad():
    start = torch.cat([model.vector(x[part]) for part in torch.from_numpy(learns).split(512)])
products = nn.Parameter(torch.zeros(int(y.max()) + 1, params.width).index_add(0, y, start))
optimizer = torch.optim.Adam([*model.parameters(), products], lr=params.lr)
for epoch in range(params.epochs):
    model.train()
    total = 0.0
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(params.seed * 1000 + epoch))
    for rows in order.split(params.batch):
        cosine = model.vector(x[learns[rows.numpy()]]) @ nn.functional.normalize(products).T
        own = cosine.gather(1, y[rows, None]).clamp(-1 + 1e-6, 1 - 1e-6)
        further = torch.cos((own.arccos() + params.margin).clamp(max=torch.pi))  # ArcFace: as if it were further away
        logits = params.scale * cosine.scatter(1, y[rows, None], further)
        loss = nn.functional.cross_entropy(logits, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    threshold, f1 = best_threshold(vectors(x_fold), group[fold])
    if f1 > best:
        best, kept = f1, {name: value.clone() for name, value in model.state_dict().items()}
    jinsu.log(step=epoch, loss=total / len(y), pair_f1=f1)
    print(f"epoch {epoch + 1}/{params.epochs}  loss {total / len(y):.4f}  pair_f1 {f1:.4f} at {threshold:.2f}")

model.load_state_dict(kept)  # the best epoch on the fold
threshold, f1 = best_threshold(vectors(x_fold), group[fold])
if params.blend:
    model.neighbours = torch.from_numpy(vectors(x))
    model.blend = params.blend
    at, blended = best_threshold(vectors(x_fold), group[fold])
    print(f"blended with known offers  pair_f1 {blended:.4f} at {at:.2f}")
    if blended > f1:
        threshold = at
    else:
        model.blend, model.neighbours = 0.0, torch.zeros(0, params.width)
model.same.fill_(max(0.0, (JUDGED_AT - threshold) / (1 - JUDGED_AT)) ** 0.5)
jinsu.save(model, example=titles[:64], outputs="embedding", tokenizer=ngrams)
