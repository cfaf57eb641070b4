"""A table of ten million rows: put, checked, split, trained on and judged, beside the same work written by hand with pyarrow.

Each program of the platform runs in a process of its own, as its step does; its peak is the most resident memory that the kernel
counted for it. Three sizes show whether time is linear in the rows. ROWS=number measures fewer.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tests.bench.figure import Figure, Say, at_most, plain

from jinsu.codec import encode
from jinsu.confined.tasks import (
    DATASET,
    MODEL,
    ROWS,
    SALT,
    UPLOAD,
    Details,
    Evaluate,
    Ingest,
    Package,
    Split,
    Validate,
)
from jinsu.data.content import CONTENT_FOLDER
from jinsu.data.plan import EVAL_FILE, TRAIN_FILE
from jinsu.sdk.model_files import MODEL_FOLDER
from jinsu.sdk.step_files import STEP_DIR_VARIABLE, TRAIN_ROWS_NAME, StepFiles
from jinsu.spec.load import problem_from

MOST = int(os.environ.get("ROWS", "10000000"))
COLUMNS = 50
_GROUP = 1 << 18
_NUMBERS = [f"x{number}" for number in range(COLUMNS - 3)]
_PEAK = 1024.0
"""MiB that a process may have."""
_EXPECTATIONS = """
- expect_column_values_to_not_be_null: {column: x0}
- expect_column_values_to_be_between: {column: x1, min_value: -100, max_value: 100}
- expect_column_values_to_match_regex: {column: shop, regex: "^shop [0-9]+$"}
- expect_column_mean_to_be_between: {column: x2, min_value: -1, max_value: 1}
- expect_column_values_to_be_unique: {column: id}
"""
_TRAIN = """
import jinsu
import numpy as np
import torch

names = [f"x{number}" for number in range(%d)]
moment, answer, example = np.zeros((len(names), len(names))), np.zeros(len(names)), None
for batch in jinsu.batches(65536, [*names, "y"]):
    x = np.stack([batch[name] for name in names], axis=1).astype(np.float64)
    moment += x.T @ x
    answer += x.T @ batch["y"]
    example = x[:64].astype(np.float32) if example is None else example
model = torch.nn.Linear(len(names), 1, bias=False)
with torch.no_grad():
    model.weight[0] = torch.from_numpy(np.linalg.solve(moment, answer))
jinsu.save(model, example=example, outputs="value", columns=names)
"""
_BY_HAND = """
import sys
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

source, folder = sys.argv[1:]
names = [f"x{number}" for number in range(%d)]
file = pq.ParquetFile(source, buffer_size=1 << 20)
writers = [pq.ParquetWriter(f"{folder}/{side}.parquet", file.schema_arrow, compression="zstd") for side in ("train", "eval")]
bad, total, count = 0, 0.0, 0
for batch in file.iter_batches(65536):
    bad += batch.column("x0").null_count + pc.sum(pc.greater(pc.abs(batch.column("x1")), 100)).as_py()
    bad += pc.sum(pc.invert(pc.match_substring_regex(batch.column("shop"), "^shop [0-9]+$"))).as_py()
    total, count = total + pc.sum(batch.column("x2")).as_py(), count + batch.num_rows
    held = pa.array(batch.column("id").to_numpy() * np.uint64(0x9E3779B97F4A7C15) < np.uint64(2**64 // 5))
    writers[0].write_batch(batch.filter(pc.invert(held)))
    writers[1].write_batch(batch.filter(held))
assert not bad and abs(total / count) < 1
for writer in writers:
    writer.close()
moment, answer = np.zeros((len(names), len(names))), np.zeros(len(names))
for batch in pq.ParquetFile(f"{folder}/train.parquet", buffer_size=1 << 20).iter_batches(65536):
    x = np.stack([batch.column(name).to_numpy() for name in names], axis=1).astype(np.float64)
    moment += x.T @ x
    answer += x.T @ batch.column("y").to_numpy()
weights, errors, rows = np.linalg.solve(moment, answer), 0.0, 0
for batch in pq.ParquetFile(f"{folder}/eval.parquet", buffer_size=1 << 20).iter_batches(65536):
    x = np.stack([batch.column(name).to_numpy() for name in names], axis=1)
    errors, rows = errors + np.abs(x @ weights - batch.column("y").to_numpy()).sum(), rows + batch.num_rows
print(errors / rows)
"""


def measure(say: Say) -> list[Figure]:
    figures: list[Figure] = []
    for rows in (MOST // 10, MOST // 4, MOST):
        with tempfile.TemporaryDirectory(prefix="jinsu-rows-") as folder:
            figures += _measured(Path(folder), rows, say)
    return figures


def _measured(root: Path, rows: int, say: Say) -> list[Figure]:
    say(f"{rows} rows: writing them")
    source = root / "rows.parquet"
    write(source, rows)
    spent = _through_the_platform(root, source, say)
    say(f"{rows} rows: by hand")
    hand = root / "hand"
    hand.mkdir()
    by_hand = _timed([sys.executable, "-c", _BY_HAND % len(_NUMBERS), str(source), str(hand)], {})
    size = source.stat().st_size / 2**20
    figures = [plain(f"rows_{rows}_file", size, "MiB", f"{rows} rows of {COLUMNS} columns as Parquet")]
    for name, (seconds, peak) in spent.items():
        figures.append(plain(f"rows_{rows}_{name}_seconds", seconds, "s", f"{name}: its process, from start to end"))
        figures.append(
            at_most(f"rows_{rows}_{name}_peak", peak, "MiB", _PEAK, f"{name}: resident memory at its greatest")
        )
    whole = sum(seconds for seconds, _ in spent.values())
    figures.append(plain(f"rows_{rows}_seconds", whole, "s", "all five processes"))
    figures.append(
        plain(f"rows_{rows}_by_hand_seconds", by_hand[0], "s", "checks, split, training and scoring by hand")
    )
    figures.append(plain(f"rows_{rows}_by_hand_peak", by_hand[1], "MiB", "the same: resident memory at its greatest"))
    figures.append(plain(f"rows_{rows}_ratio", whole / by_hand[0], "times", "the platform's time through that by hand"))
    return figures


def write(path: Path, rows: int) -> None:
    """Numbers of which `y` is a noisy sum, an id, and a text of a thousand values."""
    chance = np.random.default_rng(0)
    weights, writer = chance.normal(size=len(_NUMBERS)), None
    for start in range(0, rows, _GROUP):
        count = min(_GROUP, rows - start)
        x = np.round(chance.normal(size=(count, len(_NUMBERS))), 3).astype(np.float32)
        columns: dict[str, Any] = {name: x[:, place] for place, name in enumerate(_NUMBERS)}
        columns["id"] = np.arange(start, start + count).astype(np.uint64)
        columns["shop"] = pa.array([f"shop {number}" for number in chance.integers(0, 1000, count)])
        columns["y"] = x @ weights + chance.normal(size=count)
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()


def _through_the_platform(root: Path, source: Path, say: Say) -> dict[str, tuple[float, float]]:
    """Seconds and MiB of each program, by its name."""
    problem = problem_from(
        {"name": "rows", "kind": "regression", "dataset": "rows", "target": "y", "features": _NUMBERS, "metric": "mae",
         "split": {"by": "id", "holdout": 0.2}, "slices": []}
    )  # fmt: skip
    features, spent = list(_NUMBERS), {}

    def step(name: str, details: Details, inputs: Mapping[str, Path], secrets: Mapping[str, str] | None = None) -> Path:
        say(name)
        files = _folder(root / name, encode(details), inputs, secrets or {})
        spent[name] = _timed(
            [sys.executable, "-m", "jinsu.confined", str(details.task)], {STEP_DIR_VARIABLE: str(files.root)}
        )
        return files.out

    content = step("ingest", Ingest("rows.parquet", ".parquet"), {f"{UPLOAD}.parquet": source}) / CONTENT_FOLDER
    source_rows = {DATASET: content}
    step("validate", Validate("rows", "expectations.yaml", _EXPECTATIONS, "y", features, None), source_rows)
    sides = step(
        "split", Split(None, problem.split.model_dump(mode="json"), "y", features), source_rows, {SALT: "ab" * 32}
    )
    say("train")
    training = _folder(root / "train", {}, {TRAIN_ROWS_NAME: sides / TRAIN_FILE}, {})
    spent["train"] = _timed([sys.executable, "-c", _TRAIN % len(_NUMBERS)], {STEP_DIR_VARIABLE: str(training.root)})
    package = step("package", Package(0.001, 50.0), {MODEL: training.out / MODEL_FOLDER})
    spent.pop("package")  # its work does not depend on the rows
    model = package / MODEL_FOLDER if (package / MODEL_FOLDER).exists() else package
    step(
        "evaluate",
        Evaluate(problem.judging, "y", features, None, champion=False),
        {ROWS: sides / EVAL_FILE, MODEL: model},
    )
    return spent


def _folder(root: Path, params: Any, inputs: Mapping[str, Path], secrets: Mapping[str, str]) -> StepFiles:
    files = StepFiles(root)
    files.inputs.mkdir(parents=True)
    files.out.mkdir()
    files.params.write_text(json.dumps(params), encoding="utf-8")
    if secrets:
        files.secrets.write_text(json.dumps(secrets), encoding="utf-8")
    for name, path in inputs.items():
        (files.inputs / name).parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, files.inputs / name, copy_function=os.link)
        else:
            os.link(path, files.inputs / name)
    return files


def _timed(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Seconds and MiB of a process that must succeed."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command[:3]}: {said.decode(errors='replace')[-2000:]}")
    return time.perf_counter() - begun, usage.ru_maxrss / 1024
