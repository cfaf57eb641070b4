"""What confinement costs a step of this machine: the same script in a sandbox and without, in turns."""

from __future__ import annotations

import io
import statistics
import tarfile
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from tests.bench.figure import Figure, Say, below, plain
from tests.bench.machine import folder

from jinsu.launchers import local_launcher
from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.steps.confinement import confinement
from jinsu.steps.spec import Input, Limits, StepSpec
from jinsu.steps.status import TERMINAL, Phase

RUNS = 10


def measure(say: Say) -> list[Figure]:
    if reason := confinement():
        say(f"steps cannot be confined here: {reason}")
        return []
    with folder() as root:
        step = _step(root)
        seconds: dict[bool, list[float]] = {True: [], False: []}
        for number in range(RUNS):
            for confined in seconds:
                say(f"step {number + 1} of {RUNS}, {'confined' if confined else 'not confined'}")
                key = f"{number:02d}{int(confined)}".ljust(64, "0")
                seconds[confined].append(_run(root, replace(step, run_key=key), confined=confined))
    how = f"Median of {RUNS} steps that do nothing, from their start to their end, in turns with the other kind."
    confined, bare = statistics.median(seconds[True]), statistics.median(seconds[False])
    return [
        plain("confinement: a step in a sandbox", confined, "s", how),
        plain("confinement: a step without", bare, "s", how),
        below("confinement: added to a step", confined - bare, "s", 0.25, "Difference of the two."),
    ]


def _step(root: Path) -> StepSpec:
    with tarfile.open(root / "code.tar.gz", "w:gz") as bundle:
        bundle.addfile(tarfile.TarInfo("train.py"), io.BytesIO())
    return StepSpec(
        name="train",
        image="local",
        command=("python", "train.py"),
        params={},
        limits=Limits(memory=2**30, seconds=60.0),
        inputs=(Input("code", "code.tar.gz", ""),),
        output_uri="",
        run_key="",
    )


def _run(root: Path, step: StepSpec, *, confined: bool) -> float:
    launcher = LocalLauncher(root / "steps")
    with patch.object(local_launcher, "confinement", lambda: "" if confined else "measured without"):
        began = time.perf_counter()
        launcher.start(step)
        while (status := launcher.status(step.run_key)).phase not in TERMINAL:
            time.sleep(0.005)
        assert status.phase is Phase.DONE, status.message
        return time.perf_counter() - began
