"""The model of the fault matrix: trained in two seconds by a script that imports numpy alone."""

from __future__ import annotations

from pathlib import Path

from tests.support.tiny_model import saved_model

SPEC = """\
name: points
problem: {dataset: points, metric: accuracy, min: 0.7, vs_champion: ">= -0.05"}
train:
  command: python train.py
  params: {seconds: 2}
release: {canary: {steps: [50], every: 1s, min_requests: 10, max_error_increase: 0.1}}
"""

SCRIPT = '''\
"""Counts seconds, resumes where it was, and saves a model whose numbers depend on the note: no two runs share a step."""

import hashlib
import io
import pathlib
import shutil
import time

import jinsu
import numpy as np

params = jinsu.params(seconds=2, note="")
kept = jinsu.load_checkpoint()
for half in range(kept[1] + 1 if kept else 0, 2 * params.seconds):
    time.sleep(0.5)
    jinsu.log(step=half, half=half)
    jinsu.save_checkpoint({}, step=half)

scale = np.float32(1 + int(hashlib.sha256(params.note.encode()).hexdigest()[:6], 16) / 2**24)
weights = np.asarray(((0.0, 3.0), (0.0, 1.0)), dtype=np.float32)
saved = pathlib.Path("saved")
graph = (saved / "model.onnx").read_bytes()
assert weights.tobytes() in graph
with np.load(saved / "probes.npz") as probes:
    inputs = probes["inputs"]
folder = pathlib.Path(jinsu.out_dir()) / "model"
folder.mkdir(exist_ok=True)
(folder / "model.onnx").write_bytes(graph.replace(weights.tobytes(), (scale * weights).tobytes()))
shutil.copy(saved / "model.json", folder)
np.savez(folder / "probes.npz", inputs=inputs, outputs=inputs @ (scale * weights))
jinsu.log(step=0, trained_to_the_end=1)
'''


def write_folder(parent: Path) -> Path:
    """Writes the folder that is submitted, `parent`/points, and returns it."""
    folder = parent / "points"
    folder.mkdir()
    (folder / "model.yaml").write_text(SPEC)
    (folder / "train.py").write_text(SCRIPT)
    for name, content in saved_model(folder="saved/").items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return folder
