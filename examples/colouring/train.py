"""Grey patches to colour with a small U-Net (Ronneberger, Fischer & Brox 2015). Runs alone too: python train.py"""

import jinsu
import numpy as np
import torch
from torch import nn

SIDE = 32  # pixels

params = jinsu.params(epochs=12, lr=0.003, width=16, batch=32, seed=0)
torch.manual_seed(params.seed)


def block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


class Colouring(nn.Module):
    """Answers three numbers from 0 to 255 a pixel: the grey value plus an offset for each of red, green and blue.

    The grey value says how bright the colour is, so the offsets are made not to change that: the network decides the hue alone. It
    does so at half the size, as JPEG keeps hues.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        weights = torch.tensor([0.299, 0.587, 0.114])  # as prepare.py has them
        self.register_buffer("weights", weights.reshape(1, 3, 1, 1))
        self.down = nn.ModuleList([block(1, width), block(width, 2 * width), block(2 * width, 4 * width)])
        self.bottom = block(4 * width, 4 * width)
        self.up = nn.ModuleList([block(8 * width, 2 * width), block(4 * width, width)])
        self.last = nn.Conv2d(width, 3, 1)
        nn.init.zeros_(self.last.weight)  # so that it begins with the grey patch itself
        nn.init.zeros_(self.last.bias)

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        grey = grey.float() / 255.0
        hidden, seen = grey * 2 - 1, []
        for step in self.down:
            hidden = step(hidden)
            seen.append(hidden)
            hidden = nn.functional.max_pool2d(hidden, 2)
        hidden = self.bottom(hidden)
        for step, beside in zip(self.up, reversed(seen[1:]), strict=True):
            hidden = step(torch.cat([nn.functional.interpolate(hidden, scale_factor=2.0), beside], 1))
        offsets = nn.functional.interpolate(self.last(hidden), scale_factor=2.0, mode="bilinear")
        offsets = offsets - (self.weights * offsets).sum(1, keepdim=True)
        return 255.0 * (grey + offsets).clamp(0, 1)


def decibels(answers: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """The PSNR of each patch."""
    return -10 * torch.log10((((answers - truth) / 255.0) ** 2).mean((1, 2, 3)).clamp(min=1e-6))


columns = jinsu.dataset(alone="/tmp/colouring.parquet")
grey = torch.from_numpy(columns["grey"].reshape(-1, 1, SIDE, SIDE))
colour = torch.from_numpy(columns["colour"].reshape(-1, 3, SIDE, SIDE))

# Patches of our own to watch while training. They overlap others, so their score only says whether the training goes on well; the
# platform holds whole regions out, which this script never sees.
watched = torch.from_numpy(np.random.default_rng(params.seed).random(len(grey)) < 0.05)
x, y = grey[~watched], colour[~watched].float()

model = Colouring(params.width)
optimizer = torch.optim.AdamW(model.parameters(), lr=params.lr, weight_decay=0.05)
batches = -(-len(x) // params.batch)
rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, params.lr, total_steps=params.epochs * batches + 1)
first = 0
if (kept := jinsu.load_checkpoint()) is not None:
    state, last = kept
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    rate.load_state_dict(state["rate"])
    first = last + 1
    print(f"resuming after epoch {last + 1}")

for epoch in range(first, params.epochs):
    random = torch.Generator().manual_seed(params.seed * 1000 + epoch)
    model.train()
    total = 0.0
    for rows in torch.randperm(len(x), generator=random).split(params.batch):
        mirrored = (torch.rand(len(rows), generator=random) < 0.5)[:, None, None, None]
        seen, truth = (torch.where(mirrored, some[rows].flip(3), some[rows]) for some in (x, y))
        optimizer.zero_grad()
        loss = -decibels(model(seen), truth).mean()
        loss.backward()
        optimizer.step()
        rate.step()
        total += loss.item() * len(rows)
    model.eval()
    with torch.no_grad():
        psnr = decibels(model(grey[watched]), colour[watched].float()).mean().item()
    jinsu.log(step=epoch, loss=total / len(x), psnr=psnr)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "rate": rate.state_dict()}
    jinsu.save_checkpoint(state, step=epoch)
    print(f"epoch {epoch + 1}/{params.epochs}  loss {total / len(x):.3f}  psnr {psnr:.2f}")

jinsu.save(model, example=grey[:32].numpy(), outputs="image")
