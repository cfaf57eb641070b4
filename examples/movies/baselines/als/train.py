"""Matrix factorisation of who rated what, by `implicit`'s alternating least squares (Hu, Koren & Volinsky 2008).

Nobody's own vector is kept: a person is what the history says. The vector that least squares gives to a history is computed
in the model, by conjugate gradients (Takács, Pilászy & Tikk 2011), so it holds for people who came later. Runs alone too: python train.py
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # implicit has threads of its own

import jinsu
import numpy as np
import torch
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from torch import nn

params = jinsu.params(factors=64, regularization=0.05, alpha=5.0, iterations=15, steps=20, seed=0)
FIRST = 2  # numbers 0 and 1 of a vocabulary are no film


class Factors(nn.Module):
    """Takes numbers of films, and answers the product of the history's vector and each film's."""

    def __init__(self, films: torch.Tensor, alpha: float, regularization: float, steps: int) -> None:
        super().__init__()
        self.register_buffer("films", films)
        self.register_buffer("gram", films.T @ films + regularization * torch.eye(films.shape[1]))
        self.alpha, self.steps = alpha, steps

    def forward(self, history: torch.Tensor) -> torch.Tensor:
        seen = self.films[history]  # no film is a vector of zeros

        def matrix(vector: torch.Tensor) -> torch.Tensor:
            weighed = (seen * vector[:, None]).sum(2, keepdim=True)
            return vector @ self.gram + (self.alpha - 1) * (seen * weighed).sum(1)

        answer = torch.zeros_like(seen[:, 0])
        rest = self.alpha * seen.sum(1)
        way, size = rest, (rest * rest).sum(1, keepdim=True)
        enough = 1e-9 * size
        # The smallest divisors are bounded, not raised: the exporter leaves out the addition of a number near zero.
        for _ in range(self.steps):
            moved = matrix(way)
            goes_on = (size > enough).float()  # a history of unknown films has no way to go
            length = goes_on * size / (way * moved).sum(1, keepdim=True).clamp(min=1e-12)
            answer, rest = answer + length * way, rest - length * moved
            former, size = size, (rest * rest).sum(1, keepdim=True)
            way = rest + goes_on * size / former.clamp(min=1e-12) * way
        scores = answer @ self.films.T
        return (scores - torch.zeros_like(scores).scatter(1, history, 1e4))[:, FIRST:]


columns = jinsu.dataset(alone="/tmp/movies.parquet")
history, films, people = columns["history"], columns["movie_id"], columns["user_id"]
vocabulary = jinsu.Vocabulary.fit(np.concatenate([history.ravel(), films]))
seen = np.concatenate([vocabulary(history), vocabulary(films)[:, None]], axis=1)
person = np.unique(people, return_inverse=True)[1]
pairs = np.unique(np.stack([np.repeat(person, seen.shape[1]), seen.ravel()], axis=1), axis=0)
nothing = int(vocabulary([0])[0])
pairs = pairs[pairs[:, 1] != nothing]
rated = csr_matrix((np.ones(len(pairs), np.float32), (pairs[:, 0], pairs[:, 1])), (person.max() + 1, vocabulary.size))
als = AlternatingLeastSquares(
    factors=params.factors,
    regularization=params.regularization,
    alpha=params.alpha,
    iterations=params.iterations,
    random_state=params.seed,
    num_threads=2,
)
als.fit(rated, show_progress=False)
vectors = als.item_factors.copy()
vectors[[0, 1, nothing]] = 0
jinsu.save(
    Factors(torch.from_numpy(vectors), params.alpha, params.regularization, params.steps),
    example={"history": history[-64:]},
    outputs="item scores",
    labels=[str(film) for film in vocabulary.values],
    tokenizer={"history": vocabulary},
)
