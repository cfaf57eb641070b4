"""`kill -9` in the middle of a training: of Airflow's scheduler, its triggerer, a task's process, a runner.

Whatever is killed, each run ends once, with one version. The runs train at the same time to save time.
"""

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SECONDS = {"runner": 12, "task": 14, "triggerer": 42, "scheduler": 18}


def kill(process: psutil.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


def kill_tree(pid: int) -> None:
    """All of it but the steps, which have left it for sessions of their own; the leader last."""
    leader = psutil.Process(pid)
    for process in [*leader.children(recursive=True), leader]:
        if not is_of_a_step(process):
            kill(process)


def is_of_a_step(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return any("jinsu.steps.runner" in each.cmdline() for each in (process, *process.parents()))
    return False  # it has ended by now


def step_folder(platform: Any, run: str) -> Any:
    return platform.home / "objects" / "steps" / platform.stage(run, "train")["run_key"]


def task_process(platform: Any, run: str) -> psutil.Process:
    """The process that Airflow's worker runs the task in: below the scheduler, it writes the task's log."""
    log = next((platform.home / "airflow" / "logs").glob(f"dag_id=lifecycle/run_id={run}/task_id=train/**/*.log"))
    for process in psutil.Process(platform.pid("airflow-scheduler")).children(recursive=True):
        if any(file.path == str(log) for file in process.open_files()):
            return next(iter(process.children()), process)
    raise AssertionError(f"no process writes {log}")


def deferred(platform: Any, run: str) -> bool:
    tasks = platform.airflow().get(f"/dags/lifecycle/dagRuns/{run}/taskInstances").json()["task_instances"]
    return any(task["task_id"] == "train" and task["state"] == "deferred" for task in tasks)


@pytest.fixture(scope="module")
def runs(platform: Any) -> dict[str, str]:
    """A run for each victim, which has been killed in its training's middle."""

    def submit(victim: str) -> str:
        return str(platform.submit(f"killed-{victim}", seconds=SECONDS[victim], note=victim))

    def halfway(run: str, seconds: int = 3) -> None:
        platform.until(lambda: platform.trained(run) >= seconds, 40, f"{run} to train")

    found = {victim: submit(victim) for victim in ("triggerer", "runner", "task")}

    halfway(found["runner"])
    runner = json.loads((step_folder(platform, found["runner"]) / "state.json").read_text())["pid"]
    kill(psutil.Process(runner))
    halfway(found["task"])
    kill(task_process(platform, found["task"]))

    platform.until(lambda: platform.trained(found["triggerer"]) >= 18, 40, "the long training's middle")
    found["scheduler"] = submit("scheduler")
    platform.until(lambda: deferred(platform, found["triggerer"]), 30, "the long training to be deferred")
    kill_tree(platform.pid("airflow-triggerer"))
    halfway(found["scheduler"])
    kill_tree(platform.pid("airflow-scheduler"))
    return found


@pytest.mark.parametrize("victim", ["runner", "task", "triggerer", "scheduler"])
def test_the_run_ends_once_with_one_version(platform: Any, runs: dict[str, str], victim: str) -> None:
    run = runs[victim]
    ended = platform.ended(run, 120)
    assert ended["state"] == "succeeded", ended["why"]
    assert len(platform.versions(f"killed-{victim}")) == 1
    assert [entry["event"] for entry in platform.ledger(f"killed-{victim}")] == ["promoted"]
    assert platform.trained(run) == SECONDS[victim], "every second was trained once"
    assert ("resumed at second" in platform.jinsu("logs", run)) == (victim == "runner")
    assert not platform.processes_of(step_folder(platform, run))
    airflow = platform.airflow()
    platform.until(
        lambda: airflow.get(f"/dags/lifecycle/dagRuns/{run}").json()["state"] == "success", 15, "Airflow to agree"
    )


def test_a_new_runner_trains_alone(platform: Any) -> None:
    """The process of the runner that was killed must not go on beside its successor's."""
    run = platform.submit("killed-alone", seconds=20)
    platform.until(lambda: platform.trained(run) >= 2, 40, "the training to begin")
    folder = step_folder(platform, run)
    runner = psutil.Process(json.loads((folder / "state.json").read_text())["pid"])
    orphan = runner.children()[0]
    kill(runner)
    platform.until(lambda: "resumed at second" in platform.jinsu("logs", run), 40, "the training to be resumed")
    scripts = [process for process in platform.processes_of(folder) if Path(process.cmdline()[0]).name != "bwrap"]
    scripts = [process for process in scripts if "train.py" in process.cmdline()]
    platform.jinsu("cancel", run)
    platform.until(lambda: not platform.processes_of(folder), 15, "the cancelled training to be gone")
    assert orphan not in scripts
    assert len(scripts) == 1
