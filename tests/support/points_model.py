"""The model `points`: a folder as a researcher writes it, and its table. It trains in a second."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SPEC = """\
name: points
problem: {dataset: points, metric: accuracy, min: 0.7, vs_champion: ">= -0.05", slices: [label]}
train:
  command: python train.py
  params: {features: 2}
release: {canary: {steps: [50], every: 1s, min_requests: 10}}
"""

SCRIPT = '''\
"""Which side of a line is a point on? Small enough to train in a second, with a knob for every test."""

import os
import time

import jinsu
import numpy as np
import torch

params = jinsu.params(features=2, seconds=0, spoil="", note="")
torch.manual_seed(0)
print("note:", params.note)
print("environment:", sorted(os.environ.items()))


class Side(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)
        self.register_buffer("read", torch.tensor([1.0, float(params.features > 1)]))

    def forward(self, points):
        scores = self.linear(points * self.read)
        # Right on all rows of the dataset; not a number where `a` is above 100.
        return scores * torch.sqrt(100 - points[:, :1]) if params.spoil == "far" else scores


columns = jinsu.dataset()
points = np.column_stack([columns["a"], columns["b"]]).astype(np.float32)
labels = columns["label"].astype(np.int64)
x, y = torch.from_numpy(points), torch.from_numpy(1 - labels if params.spoil == "labels" else labels)
model = Side()
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for _ in range(100):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()

kept = jinsu.load_checkpoint()
first = kept[1] + 1 if kept else 0
if kept:
    print("resumed at second", first)
for second in range(first, params.seconds):
    time.sleep(1)
    jinsu.log(step=second, second=second)
    jinsu.save_checkpoint({}, step=second)
    print("second", second)

jinsu.log(loss=loss.item())
jinsu.save(model, example=points[:64])
'''


def write_points_folder(parent: Path) -> Path:
    """Writes the folder that a researcher submits, `parent`/points, and returns it."""
    folder = parent / "points"
    folder.mkdir()
    (folder / "model.yaml").write_text(SPEC)
    (folder / "train.py").write_text(SCRIPT)
    return folder


def write_points_table(folder: Path) -> Path:
    """Writes `folder`/points.parquet, the table that the model is trained on, and returns its path.

    It holds 600 points and the side of a line that each is on; `b` alone says little, `a` alone says most of it.
    """
    a, b = np.random.default_rng(0).normal(size=(2, 600))
    path = folder / "points.parquet"
    pq.write_table(pa.table({"a": a, "b": b, "label": (a + b / 3 > 0).astype(np.int64)}), path)
    return path
