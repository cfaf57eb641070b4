"""How long a person waits for the command line, and Airflow for a DAG file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.figure import Figure, Say, below
from tests.bench.machine import DAGS, folder

_PARSE = """
import json, runpy, sys, time
import airflow.sdk
begun = time.perf_counter()
runpy.run_path(sys.argv[1])
print(json.dumps((time.perf_counter() - begun) * 1000))
"""


def measure(say: Say) -> list[Figure]:
    with folder() as home:
        environment = {**os.environ, "JINSU_HOME": str(home)}
        say("jinsu --help")
        return [_help(environment), *(_parse(file, environment) for file in sorted(DAGS.glob("*.py")))]


def _help(environment: dict[str, str]) -> Figure:
    command = [str(Path(sys.executable).parent / "jinsu"), "--help"]
    best = min(_seconds(command, environment) for _ in range(10))
    return below("jinsu --help", best, "s", 0.15, "Wall time of a process, best of 10.")


def _seconds(command: list[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def _parse(file: Path, environment: dict[str, str]) -> Figure:
    command = [sys.executable, "-c", _PARSE, str(file)]
    runs = [
        float(json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout))
        for _ in range(7)
    ]
    how = "Time to run the file in a fresh process that has imported airflow.sdk, best of 7."
    return below(f"parse dags/{file.name}", min(runs), "ms", 50, how)
