"""A small convolutional network on pictures of garments, of which some kinds are rare. Runs alone too: python train.py"""

import jinsu
import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score
from torch import nn

SIDE = 28  # pixels
CLASSES = 10

params = jinsu.params(epochs=12, lr=0.002, channels=16, balance=1.0, shift=2, batch=64, seed=0)
torch.manual_seed(params.seed)


class Products(nn.Module):
    """Scales its input itself: live traffic sends pixels from 0 to 255 as they are, whole numbers or not."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(2 * channels * (SIDE // 4) ** 2, 64),
            nn.ReLU(),
            nn.Linear(64, CLASSES),
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels.float() / 255.0)


def drawn(labels: np.ndarray, balance: float, random: np.random.Generator) -> np.ndarray:
    """As many rows as there are, drawn so that each kind comes n^(1 - balance) times for its n rows.

    0 takes every row once, in random order; 1 draws every kind equally often, a rare kind's rows again and again.
    """
    if balance == 0:
        return random.permutation(len(labels))
    counts = np.bincount(labels, minlength=CLASSES).clip(1)
    chances = (counts**-balance)[labels]
    return random.choice(len(labels), len(labels), p=chances / chances.sum())


def moved(pictures: torch.Tensor, most: int, random: np.random.Generator) -> torch.Tensor:
    """Each picture mirrored or not, and moved by up to `most` pixels, so that a row drawn again is not the same picture."""
    flipped = torch.from_numpy(random.random(len(pictures)) < 0.5)
    pictures = torch.where(flipped[:, None, None, None], pictures.flip(3), pictures)
    padded = nn.functional.pad(pictures, (most,) * 4)
    down, right = (torch.from_numpy(random.integers(0, 2 * most + 1, len(pictures))) for _ in range(2))
    rows, columns = (start[:, None] + torch.arange(SIDE) for start in (down, right))
    return padded[torch.arange(len(pictures))[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]


columns = jinsu.dataset(alone="/tmp/product_images.parquet")
images = columns["image"].reshape(-1, 1, SIDE, SIDE)  # uint8: four times smaller than float32, also on the wire
labels = columns["label"].astype(np.int64)

# Rows of our own to watch while training. The platform keeps others for its evaluation, which this script never sees.
watched = np.random.default_rng(params.seed).random(len(labels)) < 0.1
x, y = torch.from_numpy(images[~watched]), torch.from_numpy(labels[~watched])
x_watched, y_watched = torch.from_numpy(images[watched]), labels[watched]

model = Products(params.channels)
optimizer = torch.optim.Adam(model.parameters(), lr=params.lr)
rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, params.epochs)
first = 0
if (kept := jinsu.load_checkpoint()) is not None:
    state, last = kept
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    rate.load_state_dict(state["rate"])
    torch.set_rng_state(state["random"])  # dropout goes on where it stopped
    first = last + 1
    print(f"resuming after epoch {last + 1}")

for epoch in range(first, params.epochs):
    random = np.random.default_rng((params.seed, epoch))
    model.train()
    total = 0.0
    for rows in torch.from_numpy(drawn(y.numpy(), params.balance, random)).split(params.batch):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(moved(x[rows], params.shift, random)), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    rate.step()
    model.eval()
    with torch.no_grad():
        answers = torch.cat([model(part) for part in x_watched.split(1024)]).argmax(1).numpy()
    found = {"loss": total / len(x), "balanced_accuracy": balanced_accuracy_score(y_watched, answers)}
    jinsu.log(step=epoch, **found)
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "rate": rate.state_dict()}
    jinsu.save_checkpoint({**state, "random": torch.get_rng_state()}, step=epoch)
    print(f"epoch {epoch + 1}/{params.epochs}", *(f"{name} {value:.3f}" for name, value in found.items()), sep="  ")

jinsu.save(model, example=images[:64])
