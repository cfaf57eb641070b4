"""Croston's method as Teunter, Syntetos & Babai (2011) improved it (TSB), for demand on few of many days.

Two exponential averages: of the probability that a day has demand, with every day, and of the size of a demand, with
every demand. The forecast of a day is their product. Both constants are chosen on the training rows. The paper's
initial values are the averages of the first days; here they are those of the whole history.
"""

import jinsu
import numpy as np
import torch


class TSB(torch.nn.Module):
    """The recursions in closed form: a demand weighs less with every later demand, a day less with every later day."""

    def __init__(self, size: float, probability: float, length: int) -> None:
        super().__init__()
        self.size, self.probability = size, probability
        self.register_buffer("weights", probability * (1 - probability) ** torch.arange(length - 1, -1, -1.0))

    def forward(self, history: torch.Tensor, days: torch.Tensor) -> torch.Tensor:
        sold = (history > 0).float()
        demands = sold.sum(1)
        later = demands[:, None] - torch.cumsum(sold, 1)
        start = history.sum(1) / demands.clamp(min=1)
        size = (self.size * (1 - self.size) ** later * history).sum(1) + (1 - self.size) ** demands * start
        probability = sold @ self.weights + (1 - self.probability) ** history.shape[1] * sold.mean(1)
        return days.float() * probability * size


columns = jinsu.dataset(alone="/tmp/sku_demand.parquet")
history, days = torch.tensor(columns["history"]), torch.tensor(columns["days"])
units = columns["units"]
found = {}
for size in (0.02, 0.05, 0.1, 0.2):
    for probability in (0.02, 0.05, 0.1, 0.2):
        forecast = TSB(size, probability, history.shape[1])(history, days).numpy()
        found[size, probability] = float(np.abs(forecast - units).sum() / units.sum())
best = min(found, key=found.__getitem__)
jinsu.log(wape=found[best])
print(f"size {best[0]}  probability {best[1]}  wape {found[best]:.3f}")
example = {"history": columns["history"][:64], "days": columns["days"][:64]}
jinsu.save(TSB(*best, history.shape[1]), example=example, outputs="value")
