"""Finds the processes of a case, and kills them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from pathlib import Path
from typing import Any

import psutil
from tests.chaos.cases import Case, Victim

PROGRAMS = {
    Victim.SCHEDULER: "airflow-scheduler",
    Victim.TRIGGERER: "airflow-triggerer",
    Victim.AIRFLOW_API: "airflow-api-server",
    Victim.API: "api",
    Victim.CONTROLLER: "controller",
    Victim.MLFLOW: "mlflow",
    Victim.POSTGRESQL: "postgres",
    Victim.ENVOY: "envoy",
}
RUNNER = "jinsu.steps.runner"


def kill(platform: Any, case: Case, run: str, model: str, key: str | None) -> bool:
    """Kills the case's victim; False when it has no process now."""
    victims = _find(platform, case, run, model, key)
    for process in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    return bool(victims)


def _find(platform: Any, case: Case, run: str, model: str, key: str | None) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error, OSError):
        match case.victim:
            case Victim.WORKER:
                return _worker(platform, run, case.stage)
            case Victim.RUNNER:
                return _runners(key)[:1]
            case Victim.SCRIPT:
                return [child for runner in _runners(key) for child in runner.children(recursive=True)][-1:]
            case Victim.MODEL_SERVER:
                servers = _named("jinsu.serving.server", model)
                return servers and [random.Random(case.number).choice(servers)]
            case _:
                return _program(platform, case)
    return []


def _program(platform: Any, case: Case) -> list[psutil.Process]:
    """The supervised process, after its children where all of them are killed. Steps are no part of it."""
    pid = platform.supervisor.processes().get(PROGRAMS[case.victim])
    if pid is None:
        return []
    leader = psutil.Process(pid)
    children = leader.children(recursive=True) if case.whole else []
    return [*(child for child in children if not is_of_a_step(child)), leader]


def is_of_a_step(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(RUNNER in each.cmdline() for each in (process, *process.parents()))
    return False  # it has ended by now


def _worker(platform: Any, run: str, stage: str) -> list[psutil.Process]:
    """Below the scheduler, the process that writes the task's log is the parent of the task's own."""
    logs = platform.home / "airflow" / "logs"
    name = f"run_id={run}/task_id={stage}/"
    scheduler = platform.supervisor.processes().get(PROGRAMS[Victim.SCHEDULER])
    for process in psutil.Process(scheduler).children(recursive=True) if scheduler else []:
        with contextlib.suppress(psutil.Error):
            if any(name in file.path for file in process.open_files() if Path(file.path).is_relative_to(logs)):
                return process.children()[:1] or [process]
    return []


def _runners(key: str | None) -> list[psutil.Process]:
    return [] if key is None else _named(RUNNER, key)


def _named(module: str, word: str) -> list[psutil.Process]:
    """Processes that run a module with an argument that is the word, or ends with it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if module in words and any(each == word or each.endswith(f"/{word}") for each in words):
                found.append(process)
    return found


def naming(word: str) -> list[psutil.Process]:
    """Processes with the word in their arguments or in the name of the folder they work in."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and any(
                word in each for each in (*process.cmdline(), process.cwd())
            ):
                found.append(process)
    return found
