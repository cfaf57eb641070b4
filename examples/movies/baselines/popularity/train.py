"""The films that the most people rated, without those of the history. Runs alone too: python train.py"""

import jinsu
import numpy as np
import torch
from torch import nn

FIRST = 2  # numbers 0 and 1 of a vocabulary are no film


class Popularity(nn.Module):
    """Takes numbers of films and answers how often each film of the vocabulary was rated, below zero for those seen."""

    def __init__(self, counts: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("counts", counts)

    def forward(self, history: torch.Tensor) -> torch.Tensor:
        scores = self.counts.expand(history.shape[0], -1)
        return (scores - torch.zeros_like(scores).scatter(1, history, 1e6))[:, FIRST:]


columns = jinsu.dataset(alone="/tmp/movies.parquet")
history, films = columns["history"], columns["movie_id"]
vocabulary = jinsu.Vocabulary.fit(np.concatenate([history.ravel(), films]))
counts = np.bincount(vocabulary(films), minlength=vocabulary.size).astype(np.float32)
jinsu.save(
    Popularity(torch.from_numpy(counts)),
    example={"history": history[-64:]},
    outputs="item scores",
    labels=[str(film) for film in vocabulary.values],
    tokenizer={"history": vocabulary},
)
