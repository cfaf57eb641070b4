"""A ridge regression of the click for each item, of what is known of the visitor: the disjoint linear model of LinUCB (Li et al. 2010).

The item of the greatest predicted click rate is shown a quarter of the time, any item otherwise. Runs alone too: python train.py
"""

import jinsu
import numpy as np
import torch
from torch import nn

USERS = ["user_0", "user_1", "user_2", "user_3"]
params = jinsu.params(ridge=50.0, greed=0.25)


class LinearByItem(nn.Module):
    """Takes numbers of the visitor's features; answers the chance of each item."""

    def __init__(self, weights: list[torch.Tensor], places: torch.Tensor, greed: float) -> None:
        super().__init__()
        self.users = nn.ParameterList(weights)
        self.places = nn.Parameter(places)
        self.greed = greed

    def forward(
        self,
        position: torch.Tensor,
        user_0: torch.Tensor,
        user_1: torch.Tensor,
        user_2: torch.Tensor,
        user_3: torch.Tensor,
    ) -> torch.Tensor:
        clicks = self.places[position]
        for weights, values in zip(self.users, (user_0, user_1, user_2, user_3), strict=True):
            clicks = clicks + weights[values]
        best = (clicks >= clicks.max(1, keepdim=True).values).float()
        best = best / best.sum(1, keepdim=True)
        return (1 - self.greed) / clicks.shape[1] + self.greed * best


columns = jinsu.dataset(alone="/tmp/news_bandit.parquet")
items = columns["affinity"].shape[1]
vocabularies = {name: jinsu.Vocabulary.fit(columns[name], least=20) for name in USERS}
sizes = [4, *(vocabularies[name].size for name in USERS)]
numbers = [columns["position"], *(vocabularies[name](columns[name]) for name in USERS)]
rows = np.concatenate([np.eye(size)[values] for size, values in zip(sizes, numbers, strict=True)], axis=1)
weights = np.zeros((rows.shape[1], items), np.float32)
for item in range(items):
    own = columns["item_id"] == item
    matrix = rows[own].T @ rows[own] + params.ridge * np.eye(rows.shape[1])
    weights[:, item] = np.linalg.solve(matrix, rows[own].T @ columns["click"][own])
parts = [torch.from_numpy(part.copy()) for part in np.split(weights, np.cumsum(sizes)[:-1])]
jinsu.save(
    LinearByItem(parts[1:], parts[0], params.greed),
    example={name: columns[name][:64] for name in ("position", *USERS)},
    outputs="probabilities",
    labels=range(items),
    tokenizer=vocabularies,
)
