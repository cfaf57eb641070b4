"""How long `jinsu check` takes to name what will not work, and to try what will."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tests.bench.figure import Figure, Say, at_most, plain
from tests.bench.machine import folder
from tests.support.datasets import put_dataset
from tests.support.live_server import live
from tests.support.stage_bench import StageBench, make_home, points
from tests.support.wheels import make_wheel, python_index

import jinsu
from jinsu.api.app import create_app

_SPEC = "name: mine\nproblem: {dataset: shops, metric: accuracy, min: 0.5}\ntrain: {command: python train.py}\n"
_SCRIPT = """\
import jinsu
import numpy as np
import torch

columns = jinsu.dataset()
x = np.column_stack([columns["a"], columns["b"]]).astype(np.float32)
jinsu.save(torch.nn.Linear(2, 2), example={"a": x[:64]})
"""
_MIXED = "example=np.column_stack([columns['a'], columns['shop']])[:64]"
_SAVED = 'example={"a": x[:64]}'
_COMMAND = "command: python train.py"
CASES = {
    "a missing script": (_SPEC.replace("train.py", "trian.py"), _SCRIPT, ""),
    "a command that needs a shell": (_SPEC.replace(_COMMAND, "command: python train.py && echo done"), _SCRIPT, ""),
    "a package that is not there": (_SPEC, f"import no_such_package\n{_SCRIPT}", ""),
    "requirements that do not resolve": (_SPEC, _SCRIPT, "no-such-package>=3\n"),
    "a metric that trials do not log": (_SPEC.replace(_COMMAND, f"{_COMMAND}, trials: [{{}}, {{}}]"), _SCRIPT, ""),
    "mixed columns in one tensor": (_SPEC, _SCRIPT.replace(_SAVED, _MIXED), ""),
    "a target among the features": (_SPEC, _SCRIPT.replace(_SAVED, 'example={"a": x[:64], "label": x[:64]}'), ""),
}
"""model.yaml, train.py and requirements.txt of each folder that cannot work."""
_GOOD = (
    _SPEC.replace("dataset: shops", "dataset: points"),
    _SCRIPT.replace(_SAVED, "example=x[:64]"),
    "",
)
_HOW = "A process of the command line against the real API on this machine, best of 3."


def measure(say: Say) -> list[Figure]:
    with folder() as place:
        (place / "home").mkdir()
        make_home(place / "home")
        bench = StageBench(place / "home")
        table = points()
        shops = pa.array(["north", "east"] * (table.num_rows // 2))
        pq.write_table(table.append_column("shop", shops), place / "shops.parquet")
        put_dataset(bench.installation.objects, "shops", place / "shops.parquet", "ann")
        bench.installation.ownership.claim(bench.person("ann"), "shops")
        make_wheel(place / "wheels", "fast-tables", "1.2")
        with live(create_app(bench.installation)) as port, python_index(place / "wheels") as (index, _):
            environment = {
                **os.environ,
                "JINSU_API": f"http://127.0.0.1:{port}",
                "JINSU_TOKEN": "token of ann",
                "PYTHONPATH": str(Path(jinsu.__file__).parents[1]),
                "UV_DEFAULT_INDEX": f"http://127.0.0.1:{index}/simple",
                "XDG_CACHE_HOME": str(place / "cache"),
            }
            figures = []
            for name, files in CASES.items():
                say(name)
                best = min(_seconds(place / "mine", files, environment, 2) for _ in range(3))
                figures.append(at_most(f"jinsu check: {name}", best, "s", 5, _HOW))
            say("a script that works")
            best = min(_seconds(place / "mine", _GOOD, environment, 0) for _ in range(3))
            return [*figures, plain("jinsu check: a script that works, run and examined", best, "s", _HOW)]


def _seconds(mine: Path, files: tuple[str, str, str], environment: dict[str, str], code: int) -> float:
    mine.mkdir(exist_ok=True)
    for name, text in zip(("model.yaml", "train.py", "requirements.txt"), files, strict=True):
        (mine / name).unlink(missing_ok=True)
        if text:
            (mine / name).write_text(text)
    begun = time.perf_counter()
    command = [sys.executable, "-m", "jinsu.cli.main", "check", str(mine)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if ended.returncode != code:
        raise RuntimeError(f"jinsu check ended with {ended.returncode}, not {code}: {ended.stderr[-500:]}")
    return seconds
