"""Units of the week ahead from twelve weeks of days: five LSTMs, one a time fold. Runs alone too: python train.py"""

import jinsu
import numpy as np
import torch
from torch import nn

WEEKS, OPEN = 12, 6

params = jinsu.params(
    loss="tweedie", power=1.5, folds=5, block=3, epochs=4, lr=0.002, width=32, dropout=0.2, batch=64, seed=0
)
torch.set_num_threads(1)  # the steps are small: a second thread would wait for the first


class Demand(nn.Module):
    """Units of a week: the mean of the history, times what an LSTM over its weeks says, times the days that are open.

    Sizes of products differ a thousandfold, so the LSTM sees each history as a multiple of its mean.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2 * OPEN, width, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Sequential(nn.Linear(width + 4, width), nn.ReLU(), nn.Linear(width, 1))
        nn.init.zeros_(self.head[2].weight)  # before its first step the model forecasts the mean
        nn.init.zeros_(self.head[2].bias)

    def forward(self, history: torch.Tensor, days: torch.Tensor) -> torch.Tensor:
        days = days.float()[:, None]
        sold = (history > 0).float()
        level = history.mean(1, keepdim=True) + 0.001
        weeks = torch.cat([torch.log1p(history / level), sold], dim=1).reshape(-1, 2, WEEKS, OPEN)
        states, _ = self.lstm(torch.cat([weeks[:, 0], weeks[:, 1]], dim=2))
        lately = history[:, -4 * OPEN :].mean(1, keepdim=True) / level
        known = [torch.log(level), torch.log1p(lately), sold.mean(1, keepdim=True), days - OPEN]
        change = self.head(torch.cat([self.dropout(states[:, -1]), *known], dim=1))
        return (days * level * torch.exp(change.clamp(-6, 3)))[:, 0]


class Ensemble(nn.Module):
    """The mean of several models; exported, it is one graph."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, history: torch.Tensor, days: torch.Tensor) -> torch.Tensor:
        return torch.stack([member(history, days) for member in self.members]).mean(0)


def loss_of(forecast: torch.Tensor, truth: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Of units as multiples of the product's mean week: squared errors, or the unit deviance of a Tweedie distribution
    without the terms that have no forecast in them (Jørgensen 1987), whose variance grows as the mean to `power`."""
    forecast, truth = forecast / level, truth / level
    if params.loss == "mse":
        return ((forecast - truth) ** 2).mean()
    power = params.power
    return (forecast ** (2 - power) / (2 - power) - truth * forecast ** (1 - power) / (1 - power)).mean()


def trained(rows: np.ndarray, seed: int) -> Demand:
    """A model of the rows at these places."""
    torch.manual_seed(seed)
    model = Demand(params.width, params.dropout)
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.lr, weight_decay=0.01)
    steps = params.epochs * -(-len(rows) // params.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, params.lr, total_steps=steps)
    for _ in range(params.epochs):
        for chosen in torch.from_numpy(rows)[torch.randperm(len(rows))].split(params.batch):
            loss = loss_of(model(history[chosen], days[chosen]), units[chosen], level[chosen])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return model.eval()


def errors(model: nn.Module, rows: np.ndarray) -> dict[str, float]:
    """WAPE and bias of a model on the rows at these places."""
    with torch.no_grad():
        forecast = model(history[rows], days[rows]).numpy()
    truth = units[rows].numpy()
    wape, bias = np.abs(forecast - truth).sum() / truth.sum(), (forecast - truth).sum() / truth.sum()
    return {"wape": float(wape), "bias": float(bias)}


columns = jinsu.dataset(alone="/tmp/sku_demand.parquet")
history, days = torch.tensor(columns["history"]), torch.tensor(columns["days"])
units, level = torch.tensor(columns["units"]), OPEN * (history.mean(1) + 0.001)
origins, origin = np.unique(columns["origin"].astype(str), return_inverse=True)

# Rolling origin: fold k trains on every origin before its block and is watched on the block, the last fold on the latest.
# The latest model alone has seen the newest weeks; the mean of the five is steadier, since each began from another seed.
members = []
for fold in range(params.folds):
    first = len(origins) - (params.folds - fold) * params.block
    if first < 1:
        raise SystemExit(f"{len(origins)} origins are too few for {params.folds} folds of {params.block}.")
    before = np.flatnonzero(origin < first)
    block = np.flatnonzero((origin >= first) & (origin < first + params.block))
    members.append(trained(before, params.seed + fold))
    found = errors(members[-1], block)
    jinsu.log(step=fold, **found)
    print(
        f"fold {fold + 1}/{params.folds}  until {origins[first - 1]}  wape {found['wape']:.3f}  bias {found['bias']:+.3f}"
    )

example = {"history": columns["history"][:64], "days": columns["days"][:64]}
jinsu.save(Ensemble(members), example=example, outputs="value")
