"""The policy that was logged: every item alike, whoever visits. Runs alone too: python train.py"""

import jinsu
import torch
from torch import nn


class Uniform(nn.Module):
    """Takes a number for each item and answers the chance of each, which is the same."""

    def forward(self, affinity: torch.Tensor) -> torch.Tensor:
        return (affinity * 0).softmax(1)


columns = jinsu.dataset(alone="/tmp/news_bandit.parquet")
affinity = columns["affinity"]
jinsu.save(Uniform(), example={"affinity": affinity[:64]}, outputs="probabilities", labels=range(affinity.shape[1]))
