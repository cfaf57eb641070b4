"""A policy that is learned from what another one did: a model of the click, shrunk towards the mean, and a careful choice by it.

The log says only what came of the items that were shown. Where the log chose at random, its rows are a fair sample of every item's
clicks, so the model is fitted to them as they are. Runs alone too: python train.py
"""

import jinsu
import numpy as np
import torch
from torch import nn

params = jinsu.params(epochs=30, lr=0.01, greed=0.5, sharp=3.0, shrink=20.0, batch=512, seed=0)
torch.manual_seed(params.seed)
USERS = ["user_0", "user_1", "user_2", "user_3"]
POSITIONS = 4  # 1 to 3; 0 stays unused


class Careful(nn.Module):
    """Takes where on the page an item is shown and what is known of the visitor; answers the chance of each item, and of a click on each.

    The log-odds of a click are a sum: of the item, the position, the item there, the visitor, and the item's affinity. The policy is
    uniform with the share 1 - `greed`; the rest prefers items of greater click rates, to the power of `sharp`. So no item is
    shown more than about `greed` through the propensity times as often as in the log, which bounds the weights of its estimates.
    """

    def __init__(self, items: int, users: list[int], greed: float, sharp: float, base: float) -> None:
        super().__init__()
        self.item = nn.Parameter(torch.zeros(items))
        self.there = nn.Embedding(POSITIONS, items)
        self.position = nn.Embedding(POSITIONS, 1)
        self.users = nn.ModuleList(nn.Embedding(size, 1) for size in users)
        self.affinity = nn.Parameter(torch.zeros(1))
        self.base = nn.Parameter(torch.tensor(base))
        self.greed, self.sharp = greed, sharp
        for part in (self.there, self.position, *self.users):
            nn.init.zeros_(part.weight)

    def log_odds(self, position: torch.Tensor, users: tuple[torch.Tensor, ...], affinity: torch.Tensor) -> torch.Tensor:
        whole = self.base + self.position(position)
        for part, values in zip(self.users, users, strict=True):
            whole = whole + part(values)
        return whole + self.item + self.there(position) + self.affinity * torch.log1p(affinity)

    def forward(
        self,
        position: torch.Tensor,
        user_0: torch.Tensor,
        user_1: torch.Tensor,
        user_2: torch.Tensor,
        user_3: torch.Tensor,
        affinity: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        log_odds = self.log_odds(position, (user_0, user_1, user_2, user_3), affinity)
        preferred = (self.sharp * nn.functional.logsigmoid(log_odds)).softmax(1)
        chances = (1 - self.greed) / affinity.shape[1] + self.greed * preferred
        return {"chances": chances, "clicks": torch.sigmoid(log_odds)}


columns = jinsu.dataset(alone="/tmp/news_bandit.parquet")
if "click" not in columns:
    raise SystemExit("the rewards are missing: the dataset has no column 'click'.")
items = columns["affinity"].shape[1]
vocabularies = {name: jinsu.Vocabulary.fit(columns[name], least=20) for name in USERS}
position = torch.from_numpy(columns["position"])
users = tuple(torch.from_numpy(vocabularies[name](columns[name])) for name in USERS)
affinity = torch.from_numpy(columns["affinity"])
action, click = torch.from_numpy(columns["item_id"]), torch.from_numpy(columns["click"]).float()

base = float(np.log((click.sum() + 1) / (len(click) - click.sum() + 1)))
model = Careful(items, [vocabularies[name].size for name in USERS], params.greed, params.sharp, base)
optimizer = torch.optim.Adam(model.parameters(), lr=params.lr)
for epoch in range(params.epochs):
    order = torch.randperm(len(click), generator=torch.Generator().manual_seed(params.seed * 1000 + epoch))
    total = 0.0
    for rows in order.split(params.batch):
        log_odds = model.log_odds(position[rows], tuple(values[rows] for values in users), affinity[rows])
        taken = log_odds.gather(1, action[rows, None])[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(taken, click[rows])
        # Few clicks: every part but the base is held near zero, as if `shrink` prior observations said so.
        held = sum((part**2).sum() for name, part in model.named_parameters() if name != "base")
        optimizer.zero_grad()
        (loss + 0.5 * params.shrink / len(click) * held).backward()
        optimizer.step()
        total += loss.item() * len(rows)
    jinsu.log(step=epoch, loss=total / len(click))
    print(f"epoch {epoch + 1}/{params.epochs}  loss {total / len(click):.5f}")

example = {name: columns[name][:64] for name in ("position", *USERS, "affinity")}
jinsu.save(
    model,
    example=example,
    outputs={"chances": "probabilities", "clicks": "value"},
    labels=range(items),
    tokenizer=vocabularies,
)
