"""`jinsu check` as a researcher runs it, against a real API: what cannot work is named before the script runs."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.live_server import live
from tests.support.stage_bench import StageBench

import jinsu
from jinsu.api.app import create_app

PLATFORM = Path(jinsu.__file__).parents[1]
SPEC = (
    "name: mine\nproblem: {{dataset: points, metric: accuracy, min: 0.5}}\ntrain: {{command: python train.py{more}}}\n"
)
SCRIPT = """\
import jinsu
import numpy as np
import torch

params = jinsu.params(width=2)
columns = jinsu.dataset()
x = np.column_stack([columns["a"], columns["b"]]).astype(np.float32)
model = torch.nn.Linear(2, params.width)
jinsu.log(accuracy=0.5)
jinsu.save(model, example=x[:64])
"""
Checked = tuple[int, str, str, float]


@pytest.fixture(scope="module")
def server(shared_api: tuple[StageBench, Any]) -> Iterator[int]:
    with live(create_app(shared_api[0].installation)) as port:
        yield port


@pytest.fixture
def check(server: int, bench: StageBench, tmp_path: Path) -> Callable[..., Checked]:
    """Runs `jinsu check` in a process of its own; its exit code, what it printed, what it complained, and the seconds."""

    def run(old: str = "", new: str = "", more: str = "") -> Checked:
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        assert old in SCRIPT
        (folder / "model.yaml").write_text(SPEC.format(more=more))
        (folder / "train.py").write_text(SCRIPT.replace(old, new) if old else SCRIPT)
        environment = {**os.environ, "JINSU_API": f"http://127.0.0.1:{server}", "JINSU_TOKEN": "token of ann",
                       "PYTHONPATH": str(PLATFORM), "HOME": str(tmp_path)}  # fmt: skip
        begun = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-m", "jinsu.cli.main", "check", str(folder)],
            env=environment, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.returncode, ended.stdout, ended.stderr, time.monotonic() - begun

    return run


@pytest.mark.parametrize(
    ("old", "new", "more", "said"),
    [
        ("import jinsu\n", "import jinsu, no_such_package\n", "", "imports no_such_package"),
        ("model = ", "model = = ", "", "train.py, line 8: invalid syntax."),
        ("", "", ", params: {wdith: 3}", "train.params: wdith: train.py, line 5 does not read it"),
        ("jinsu.save", "print", "", "the script never calls jinsu.save"),
        ('columns["b"]', 'columns["c"]', "", "has no column 'c'; it has a, b, label."),
        ("example=x[:64]", 'example={"a": x, "label": x}', "", "the model takes 'label', the target of the problem"),
        ("accuracy=0.5", "loss=0.5", ", trials: [{width: 2}, {width: 4}]", "call jinsu.log(accuracy=…)"),
        ("", "", " && echo done", "'&&' starts another command"),
        ("", "", ".txt", "there is no train.py.txt in the folder; did you mean 'train.py'?"),
    ],
)
def test_what_cannot_work_is_named_within_five_seconds_and_nothing_runs(
    check: Callable[..., Checked], old: str, new: str, more: str, said: str
) -> None:
    code, _, complaint, seconds = check(old, new, more)
    assert code == 2, complaint
    assert said in complaint
    assert seconds < 5
    assert "running the script" not in complaint


def test_a_target_that_is_missing_in_a_row(check: Callable[..., Checked], bench: StageBench) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from tests.support.datasets import put_dataset

    numbers = [float(number) for number in range(300)]
    table = pa.table({"a": numbers, "b": numbers, "label": [*numbers[:-2], float("nan"), None]})
    pq.write_table(table, bench.home / "put.parquet")
    put_dataset(bench.installation.objects, "points", bench.home / "put.parquet", "ann")
    code, _, complaint, _ = check()
    assert code == 2, complaint
    assert "label: " in complaint
    assert "rows of a sample have no value" in complaint


def test_a_good_folder_is_run_and_every_finding_shown(check: Callable[..., Checked]) -> None:
    code, printed, complaint, _ = check(more=", trials: [{width: 2}, {width: 4}]")
    assert code == 0, complaint
    shown = [line.split()[1] for line in printed.splitlines() if line.startswith("  ✔")]
    assert shown == ["spec", "code", "problem", "dataset", "data", "script", "model", "signature", "metric"]
    assert "float32 [rows, 2]" in printed
    assert "running the script on " in complaint


def test_a_doubt_is_shown_and_stops_nothing(check: Callable[..., Checked]) -> None:
    code, printed, complaint, _ = check(
        "params = jinsu.params(width=2)", "class params: width = 2", ", params: {width: 2}"
    )
    assert code == 0, complaint
    assert "  ! script       train.params: width: the script never calls jinsu.params" in printed
    assert printed.endswith("mine\n")
