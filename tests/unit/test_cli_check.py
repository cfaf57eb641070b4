"""`jinsu check` as a researcher runs it, against a real API: what cannot work is named before the script runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.live_server import live
from tests.support.ports import free_ports
from tests.support.stage_bench import StageBench
from tests.support.wheels import make_wheel, python_index

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
WATCHED = """\
import atexit, json, pathlib, sys

started = []
sys.addaudithook(lambda event, given: event == "subprocess.Popen" and started.append(str(given[0])))
record = pathlib.Path(sys.argv.pop(1))
atexit.register(lambda: record.write_text(json.dumps({"modules": sorted(sys.modules), "started": started})))
from jinsu.cli.main import main
main()
"""
"""Starts the CLI, and writes which modules it had imported and which programs it had started when it ended."""
SLOW = {
    "torch",
    "great_expectations",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pandas",
    "pyarrow",
    "sklearn",
    "transformers",
}
"""Libraries whose imports take most of what a check takes: between 0.2 and 4 seconds each."""


@dataclass(frozen=True)
class Checked:
    """What `jinsu check` ended with. slow: libraries that it imported. started: programs."""

    code: int
    printed: str
    complaint: str
    slow: set[str]
    started: list[str]


@pytest.fixture(scope="module")
def server(shared_api: tuple[StageBench, Any]) -> Iterator[int]:
    with live(create_app(shared_api[0].installation)) as port:
        yield port


@pytest.fixture
def check(server: int, bench: StageBench, tmp_path: Path) -> Callable[..., Checked]:
    """Runs `jinsu check` in a process of its own."""

    def run(old: str = "", new: str = "", more: str = "", requirements: str = "", index: str = "") -> Checked:
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        assert old in SCRIPT
        (folder / "model.yaml").write_text(SPEC.format(more=more))
        (folder / "train.py").write_text(SCRIPT.replace(old, new) if old else SCRIPT)
        if requirements:
            (folder / "requirements.txt").write_text(requirements)
        environment = {**os.environ, "JINSU_API": f"http://127.0.0.1:{server}", "JINSU_TOKEN": "token of ann",
                       "PYTHONPATH": str(PLATFORM), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"),
                       "UV_DEFAULT_INDEX": index, "UV_FIND_LINKS": str(tmp_path)}  # fmt: skip
        record = tmp_path / "record.json"
        ended = subprocess.run(
            [sys.executable, "-c", WATCHED, str(record), "check", str(folder)],
            env=environment, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        assert "/jinsu/cli/" not in ended.stderr, ended.stderr  # a traceback of ours
        seen = json.loads(record.read_text())
        slow = SLOW & {name.partition(".")[0] for name in seen["modules"]}
        return Checked(ended.returncode, ended.stdout, ended.stderr, slow, seen["started"])

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
def test_what_cannot_work_is_named_before_anything_slow_is_imported_or_started(
    check: Callable[..., Checked], old: str, new: str, more: str, said: str
) -> None:
    checked = check(old, new, more)
    assert checked.code == 2, checked.complaint
    assert said in checked.complaint
    assert (checked.slow, checked.started) == (set(), [])


def test_a_target_that_is_missing_in_a_row(check: Callable[..., Checked], bench: StageBench) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from tests.support.datasets import put_dataset

    numbers = [float(number) for number in range(300)]
    table = pa.table({"a": numbers, "b": numbers, "label": [*numbers[:-2], float("nan"), None]})
    pq.write_table(table, bench.home / "put.parquet")
    put_dataset(bench.installation.objects, "points", bench.home / "put.parquet", "ann")
    checked = check()
    assert checked.code == 2, checked.complaint
    assert "label: " in checked.complaint
    assert "rows of a sample have no value" in checked.complaint


def test_a_good_folder_is_run_and_every_finding_shown(check: Callable[..., Checked]) -> None:
    checked = check(more=", trials: [{width: 2}, {width: 4}]")
    assert checked.code == 0, checked.complaint
    shown = [line.split()[1] for line in checked.printed.splitlines() if line.startswith("  ✔")]
    assert shown == ["spec", "code", "problem", "dataset", "data", "script", "model", "signature", "metric"]
    assert "float32 [rows, 2]" in checked.printed
    assert "running the script on " in checked.complaint


def test_a_script_that_fails_names_its_line_and_what_to_do(check: Callable[..., Checked]) -> None:
    checked = check("model = ", "open('/data/more.csv') if len(x) else None; model = ")
    assert checked.code == 6, checked.complaint
    assert "train.py, line 8: FileNotFoundError: " in checked.complaint
    assert "put other data into a dataset: jinsu data put" in checked.complaint


def test_a_doubt_is_shown_and_stops_nothing(check: Callable[..., Checked]) -> None:
    checked = check("params = jinsu.params(width=2)", "class params: width = 2", ", params: {width: 2}")
    assert checked.code == 0, checked.complaint
    assert "  ! script       train.params: width: the script never calls jinsu.params" in checked.printed
    assert checked.printed.endswith("mine\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("jinsu.log(", "torch.nn.init.zeros_(model.weight); jinsu.log(", "the answer is the same for each of "),
        (
            "jinsu.log(",
            "torch.nn.init.constant_(model.bias, 0).data[1] = 99.0; jinsu.log(",
            "class 1 has the highest score",
        ),
    ],
)
def test_a_model_that_says_nothing_is_a_doubt(check: Callable[..., Checked], old: str, new: str, said: str) -> None:
    checked = check(old, new)
    assert checked.code == 0, checked.complaint
    assert "  ! model        after a training on " in checked.printed
    assert f" rows, output: {said}" in checked.printed


# --- Packages ---


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    make_wheel(tmp_path / "wheels", "fast-tables", "1.2", needs=["numpy>=1", "tiny-words"])
    make_wheel(tmp_path / "wheels", "tiny-words", "0.3")
    with python_index(tmp_path / "wheels") as (port, _):
        yield f"http://127.0.0.1:{port}/simple"


def test_the_script_runs_with_the_packages_that_the_folder_asks_for(
    check: Callable[..., Checked], index: str, tmp_path: Path
) -> None:
    imports = "import jinsu\nimport fast_tables, tiny_words\nassert fast_tables.VERSION == '1.2', fast_tables\n"
    checked = check("import jinsu\n", imports, requirements="fast_tables>=1\nnumpy\n", index=index)
    assert checked.code == 0, checked.complaint
    assert "  ✔ packages     fast-tables==1.2, tiny-words==0.3" in checked.printed
    assert (
        "which no line of requirements.txt names by this name" in checked.printed
    )  # tiny_words, brought by another package
    assert len(list((tmp_path / "cache/jinsu/packages").iterdir())) == 1
    checked = check("import jinsu\n", imports, requirements="fast_tables>=1\nnumpy\n", index=index)
    assert checked.code == 0, checked.complaint


@pytest.mark.parametrize(
    ("requirements", "said"),
    [
        ("numpy\nno-such-package>=3\n", "requirements.txt: line 2 (no-such-package>=3) cannot be resolved: "),
        ("numpy<1.5\n", "requirements.txt: line 1: numpy<1.5: trainings have numpy "),
        ("-r other.txt\n", "is an option of pip"),
    ],
)
def test_requirements_that_cannot_be_had_are_named_before_anything_slow_is_imported(
    check: Callable[..., Checked], index: str, requirements: str, said: str
) -> None:
    checked = check(requirements=requirements, index=index)
    assert (checked.code, said in checked.complaint) == (2, True), checked.complaint
    assert checked.slow == set()
    assert len(checked.started) <= 1  # uv


def test_an_index_that_does_not_answer_is_a_sentence(check: Callable[..., Checked]) -> None:
    checked = check(requirements="fast-tables\n", index=f"http://127.0.0.1:{free_ports(1)}/simple")
    assert checked.code == 75, checked.complaint
    assert "requirements.txt: line 1 (fast-tables): cannot be had on this machine" in checked.complaint
    assert "running the script" not in checked.complaint
