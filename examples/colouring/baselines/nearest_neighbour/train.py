"""The colours of the training patches that look most alike in grey, as Welsh, Ashikhmin & Mueller (2002) take them from one
picture. Runs alone too: python train.py
"""

import jinsu
import torch
from torch import nn

SIDE, SMALL = 32, 4
params = jinsu.params(neighbours=5)


class NearestNeighbour(nn.Module):
    """Compares patches at a quarter of their size, and adds the mean colour offset of the nearest ones to the grey values."""

    def __init__(self, grey: torch.Tensor, colour: torch.Tensor, neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.known = nn.Parameter(self.looks(grey), requires_grad=False)  # a row for each training patch
        self.sizes = nn.Parameter((self.known**2).sum(1), requires_grad=False)
        offsets = nn.functional.avg_pool2d(colour.float() - grey.float(), SMALL)
        self.offsets = nn.Parameter(offsets.flatten(1), requires_grad=False)

    def looks(self, grey: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool2d(grey.float() / 255.0, SMALL).flatten(1)

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        distances = self.sizes - 2 * self.looks(grey) @ self.known.T  # less the patch's own size, which decides nothing
        nearest = distances.topk(self.neighbours, dim=1, largest=False).indices
        offsets = self.offsets[nearest].mean(1).reshape(-1, 3, SIDE // SMALL, SIDE // SMALL)
        smooth = nn.functional.interpolate(offsets, scale_factor=float(SMALL), mode="bilinear")
        return (grey.float() + smooth).clamp(0, 255)


columns = jinsu.dataset(alone="/tmp/colouring.parquet")
grey = torch.from_numpy(columns["grey"].reshape(-1, 1, SIDE, SIDE))
colour = torch.from_numpy(columns["colour"].reshape(-1, 3, SIDE, SIDE))
jinsu.save(NearestNeighbour(grey, colour, params.neighbours), example=grey[:32].numpy(), outputs="image")
