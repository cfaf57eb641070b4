"""Each grey value becomes the mean colour of the pixels that have it. Runs alone too: python train.py"""

import jinsu
import numpy as np
import torch
from torch import nn

SIDE, SHADES = 32, 256


class MeanColour(nn.Module):
    """A table of 256 colours."""

    def __init__(self, colours: np.ndarray) -> None:
        super().__init__()
        self.colours = nn.Parameter(torch.from_numpy(colours), requires_grad=False)

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        return self.colours[grey[:, 0].long()].permute(0, 3, 1, 2)


columns = jinsu.dataset(alone="/tmp/colouring.parquet")
grey = columns["grey"].reshape(-1, 1, SIDE, SIDE)
colour = columns["colour"].reshape(-1, 3, SIDE * SIDE)
shades = grey.reshape(-1)
counts = np.bincount(shades, minlength=SHADES)
sums = [np.bincount(shades, colour[:, place].reshape(-1), minlength=SHADES) for place in range(3)]
# A shade that no pixel has stays grey.
plain = np.arange(SHADES)
colours = np.stack([np.where(counts > 0, total / counts.clip(1), plain) for total in sums], axis=1)
jinsu.save(MeanColour(colours.astype(np.float32)), example=grey[:32], outputs="image")
