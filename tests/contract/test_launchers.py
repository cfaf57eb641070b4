"""What every launcher promises. Real processes; each script is a code snapshot of one file."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from jinsu.errors import BadInputError, JinsuError, StepFailedError, TransientError
from jinsu.orchestration.following import show
from jinsu.steps.agent import read_state
from jinsu.steps.contract import Input, Limits, StepSpec, run_key
from jinsu.steps.launcher import TERMINAL, Launcher, Phase, StepStatus
from jinsu.steps.local import LocalLauncher
from jinsu.steps.result import file_digest, seal

LAUNCHERS = [pytest.param(LocalLauncher, id="local")]
MODEL = "model/model.onnx"
SAVE = """
    from pathlib import Path
    import os
    out = Path(os.environ["JINSU_STEP_DIR"]) / "out"
    (out / "model").mkdir(parents=True)
    (out / "model" / "model.onnx").write_bytes(b"weights")
"""
BEAT = """
    import os, time
    while True:
        with open({beats!r}, "a") as stream:
            stream.write(f"{{os.getpid()}}\\n")
        time.sleep(0.05)
"""


class Bench:
    """Makes steps out of scripts, and waits for their end."""

    def __init__(self, launcher: Launcher, folder: Path) -> None:
        self.launcher, self.folder = launcher, folder
        self.outside = folder / "outside"  # written by scripts to be seen from outside the step

    def step(self, script: str, params: dict[str, Any] | None = None, requires: str = "", **limits: Any) -> StepSpec:
        code = self.archive({"train.py": textwrap.dedent(script).encode()})
        digest = file_digest(code)
        key = run_key("train", {"params": params or {}, "limits": limits}, {}, digest, "test")
        return StepSpec(
            name="train",
            image="test",
            command=("python", "train.py"),
            params=params or {},
            limits=Limits(**{"memory": 2**30, "seconds": 30.0, **limits}),
            inputs=(Input("code", str(code), digest),),
            output_uri=str(self.folder / "steps" / key),
            run_key=key,
            labels={"requires": requires} if requires else {},
        )

    def archive(self, files: dict[str, bytes]) -> Path:
        path = self.folder / f"code-{len(list(self.folder.glob('code-*')))}.tar.gz"
        with tarfile.open(path, "w:gz") as bundle:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                bundle.addfile(member, io.BytesIO(content))
        return path

    def run(self, step: StepSpec, within: float = 20.0) -> StepStatus:
        self.launcher.start(step)
        return self.end(step, within)

    def end(self, step: StepSpec, within: float = 20.0) -> StepStatus:
        patience = time.monotonic() + within
        while (status := self.launcher.status(step.run_key)).phase not in TERMINAL:
            assert time.monotonic() < patience, f"still {status} after {within} s: {self.log(step)[-2000:]}"
            time.sleep(0.03)
        return status

    def log(self, step: StepSpec) -> str:
        text, offset = "", 0
        while True:
            more, offset = self.launcher.logs(step.run_key, offset)
            if not more:
                return text
            text += more


@pytest.fixture(params=LAUNCHERS)
def bench(request: pytest.FixtureRequest, tmp_path: Path, own: object) -> Bench:
    return Bench(request.param(tmp_path / "steps"), tmp_path)


@pytest.fixture
def local(tmp_path: Path, own: object) -> Bench:
    """For promises that only make sense for processes of this machine."""
    return Bench(LocalLauncher(tmp_path / "steps"), tmp_path)


# --- an end that is good ---


def test_a_step_ends_with_the_digest_of_each_output(bench: Bench) -> None:
    step = bench.step(SAVE, requires=MODEL)

    assert bench.launcher.start(step).phase not in (Phase.ABSENT, Phase.FAILED)
    status = bench.end(step)

    assert status.phase is Phase.DONE, status.message
    assert status.result is not None
    assert status.result.run_key == step.run_key
    assert status.result.outputs == {MODEL: "9a129aff638bec2943a4a3e5ba54a0f7d00a9c9f7f5a7a4a1b0b0a2d3a7b1c11"}
    assert 0 < status.result.seconds < 15


def test_parameters_and_inputs_arrive_as_files(bench: Bench) -> None:
    (bench.folder / "table.parquet").write_bytes(b"rows")
    params = {"lr": 0.1, "text": "{{ 7*7 }}", "shell": "$(touch /tmp/owned); `id`", "é": [None, True]}
    step = bench.step(
        """
        import os, shutil
        root = os.environ["JINSU_STEP_DIR"]
        shutil.copy(root + "/in/params.json", root + "/out/params.json")
        shutil.copy(root + "/in/data/table.parquet", root + "/out/table.parquet")
        """,
        params,
    )
    step = replace(step, inputs=(*step.inputs, Input("data/table.parquet", str(bench.folder / "table.parquet"), "d")))

    status = bench.run(step)

    assert status.phase is Phase.DONE, status.message
    out = Path(step.output_uri) / "out"
    assert json.loads((out / "params.json").read_text()) == params
    assert (out / "table.parquet").read_bytes() == b"rows"
