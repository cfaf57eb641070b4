"""A small convolutional network on handwritten digits. Runs alone too: python train.py"""

import jinsu
import numpy as np
import torch
from prepare import digits
from torch import nn

params = jinsu.params(epochs=8, lr=0.01, channels=16, batch=64, seed=0)
torch.manual_seed(params.seed)


class Digits(nn.Module):
    """Scales its input itself: live traffic sends pixels from 0 to 16 as they are."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * channels * 16, 10),
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels / 16.0)


columns = jinsu.dataset(alone=digits)
images = columns["pixels"].reshape(-1, 1, 8, 8).astype(np.float32)
labels = columns["label"].astype(np.int64)

# Rows of our own to watch while training. The platform keeps others for its evaluation, which this script never sees.
watched = np.random.default_rng(params.seed).random(len(labels)) < 0.1
x, y = torch.from_numpy(images[~watched]), torch.from_numpy(labels[~watched])
x_watched, y_watched = torch.from_numpy(images[watched]), torch.from_numpy(labels[watched])

model = Digits(params.channels)
optimizer = torch.optim.Adam(model.parameters(), lr=params.lr)
first = 0
if (kept := jinsu.load_checkpoint()) is not None:
    state, last = kept
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    first = last + 1
    print(f"resuming after epoch {last}")

for epoch in range(first, params.epochs):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(params.seed * 1000 + epoch))
    model.train()
    total = 0.0
    for rows in order.split(params.batch):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_watched).argmax(1) == y_watched).float().mean().item()
    jinsu.log(step=epoch, loss=total / len(x), accuracy=accuracy)
    jinsu.save_checkpoint({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, step=epoch)
    print(f"epoch {epoch + 1}/{params.epochs}  loss {total / len(x):.4f}  accuracy {accuracy:.3f}")

jinsu.save(model, example=images[:64])
