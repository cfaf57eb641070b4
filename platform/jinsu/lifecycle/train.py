"""train: the researcher's process, one a trial, on whatever launcher this installation has."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from sqlalchemy.exc import IntegrityError

from jinsu.errors import StepFailedError, TransientError
from jinsu.installation import Platform, end_submission
from jinsu.launchers.launcher import Launcher
from jinsu.spec.model import ModelSpec
from jinsu.state.tables import Submission, Usage
from jinsu.steps.result import StepResult
from jinsu.steps.spec import Input, Limits, StepSpec, run_key
from jinsu.steps.status import Phase, StepStatus

REQUIRED_OUTPUT = "model/model.onnx"


def trials(spec: ModelSpec) -> list[int]:
    """One number a process: trial 0 alone when the spec names no trials."""
    return list(range(max(1, len(spec.train.trials))))


def image_of(platform: Platform) -> str:
    """What the researcher's process runs in; another torch is another result."""
    if platform.settings.kubernetes is not None:
        return platform.settings.kubernetes.steps.trainer_image
    return f"local:torch-{version('torch')}:numpy-{version('numpy')}"


def step_for(platform: Platform, row: Submission, spec: ModelSpec, trial: int) -> StepSpec:
    """The step of one trial, as data."""
    params = {**spec.train.params, **(spec.train.trials[trial] if spec.train.trials else {})}
    split = platform.output(row.id, "validate_data")["run_key"]
    source = platform.step(split)
    digest = json.loads((source / "result.json").read_text(encoding="utf-8"))["outputs"]["train.parquet"]
    key = run_key(
        "train",
        {"command": spec.train.command, "params": params},
        {"train": digest},
        row.code_digest,
        image := image_of(platform),
    )
    wanted = spec.train.resources
    return StepSpec(
        name="train",
        image=image,
        command=tuple(shlex.split(spec.train.command)),
        params=params,
        limits=Limits(
            wanted.memory, wanted.hours * 3600, wanted.cpu, wanted.gpu, wanted.gpu_type, priority=spec.train.priority
        ),
        inputs=(
            Input("code", platform.snapshots.name(row.code_digest), row.code_digest),
            Input("data/train.parquet", f"steps/{split}/out/train.parquet", digest),
        ),
        output_uri=f"steps/{key}",
        run_key=key,
        labels={"submission": row.id, "model": row.model, "team": row.team, "requires": REQUIRED_OUTPUT},
    )


def start(platform: Platform, submission: str, trial: int) -> str:
    """Starts (or finds) the trial's process; returns its run key."""
    row, spec = platform.submission(submission)
    if row.state == "cancelled":
        raise StepFailedError("the run was cancelled")
    step = step_for(platform, row, spec, trial)
    platform.note(submission, "train", "training", trial, run_key=step.run_key)
    platform.launcher.start(step)
    return step.run_key


def finish(platform: Platform, submission: str, trial: int, key: str) -> dict[str, Any]:
    """Records how the trial ended. Raises what the Airflow task should end with."""
    status = platform.launcher.status(key)
    row, _ = platform.submission(submission)
    with platform.task(submission, "train", trial) as output:
        result = judge(status)
        _record_usage(platform, row, key, result)
        output.update(
            run_key=key,
            seconds=result.seconds,
            peak_memory=result.peak_memory,
            metrics=last_metrics(platform.launcher, key),
        )
    return dict(output)


def judge(status: StepStatus) -> StepResult:
    """The result of a step that is done; otherwise the error that says what to do."""
    match status.phase:
        case Phase.DONE:
            assert status.result is not None
            return status.result
        case Phase.FAILED if status.interrupted:
            raise TransientError(status.message, 1.0)
        case Phase.FAILED | Phase.CANCELLED:
            raise StepFailedError(status.message or str(status.phase))
        case _:
            raise TransientError(f"the training is {status.phase}", 1.0)


def last_metrics(launcher: Launcher, key: str) -> dict[str, float]:
    """The last value of every metric that the script logged. A half-written line is left alone."""
    found: dict[str, float] = {}
    for entry in read_metrics(launcher, key)[0]:
        found[str(entry["name"])] = float(entry["value"])
    return found


def read_metrics(launcher: Launcher, key: str, offset: int = 0) -> tuple[list[Mapping[str, Any]], int]:
    """Logged metrics from a byte offset on, and the next offset."""
    entries: list[Mapping[str, Any]] = []
    block = launcher.metrics(key, offset)
    whole = block[: block.rfind(b"\n") + 1]
    for line in whole.splitlines():
        try:
            entry = json.loads(line)
            entries.append(
                {
                    "name": str(entry["name"])[:200],
                    "value": float(entry["value"]),
                    "step": int(entry["step"]),
                    "time": float(entry["time"]),
                }
            )
        except (ValueError, KeyError, TypeError):
            continue  # the file is the researcher's; a broken line is not worth their training
    return entries, offset + len(whole)


def _record_usage(platform: Platform, row: Submission, key: str, result: StepResult) -> None:
    try:
        with platform.database.begin() as session:
            if session.get(Usage, key) is None:
                session.add(
                    Usage(
                        run_key=key,
                        submission=row.id,
                        team=row.team,
                        seconds=result.seconds,
                        gpu_seconds=result.gpu_seconds,
                        peak_memory=result.peak_memory,
                        at=time.time(),
                    )
                )
    except IntegrityError:
        return  # another trial with the same key wrote it


def cancel(platform: Platform, submission: str, reason: str) -> None:
    """Ends the run and every process of it that is not shared with another open run."""
    from sqlalchemy import select

    from jinsu.state.tables import Task

    end_submission(platform, submission, "cancelled", reason)
    with platform.database.begin() as session:
        keys = session.scalars(select(Task.run_key).where(Task.submission == submission, Task.state == "running")).all()
        shared = session.scalars(
            select(Task.run_key).where(Task.submission != submission, Task.state == "running", Task.run_key.in_(keys))
        ).all()
    for key in set(keys) - set(shared) - {None}:
        platform.launcher.cancel(str(key), reason)


__all__ = ["cancel", "finish", "judge", "last_metrics", "read_metrics", "start", "step_for", "trials"]
