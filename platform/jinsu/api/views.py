"""What the API shows, as plain data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from jinsu.errors import JinsuError, NotFoundError
from jinsu.installation import Platform
from jinsu.lifecycle.review import open_reviews
from jinsu.runs.links import links_of
from jinsu.runs.why import ORDER, explain, training
from jinsu.state.tables import Endpoint, LedgerEntry, Review, Rollout, Submission, Task
from jinsu.steps.status import StepStatus

_MAX_LOG = 1 << 20


def runs(platform: Platform, limit: int) -> list[dict[str, Any]]:
    """The latest runs, newest first."""
    with platform.database.begin() as session:
        rows = session.scalars(select(Submission).order_by(Submission.created.desc()).limit(limit)).all()
        names = session.execute(
            select(Task.submission, Task.name, Task.state).where(Task.submission.in_([row.id for row in rows]))
        ).all()
    reached: dict[str, str] = {}
    for submission, name, _ in sorted(names, key=lambda item: ORDER.index(item[1])):
        reached[submission] = name
    return [
        {
            "id": row.id,
            "model": row.model,
            "submitter": row.submitter,
            "state": row.state,
            "task": reached.get(row.id, ""),
            "dataset": row.dataset,
            "created": row.created,
            "ended": row.ended,
            "reason": row.reason,
        }
        for row in rows
    ]


def run(platform: Platform, identity: str) -> dict[str, Any]:
    """One run with its tasks, its links, and the sentence of `jinsu why`."""
    row, _ = platform.submission(identity)
    with platform.database.begin() as session:
        tasks = list(session.scalars(select(Task).where(Task.submission == identity).order_by(Task.started)))
        review, rollout = session.get(Review, identity), session.get(Rollout, identity)
    return {
        "id": row.id,
        "model": row.model,
        "submitter": row.submitter,
        "state": row.state,
        "reason": row.reason,
        "dataset": row.dataset,
        "created": row.created,
        "ended": row.ended,
        "mlflow_run": row.mlflow_run,
        "dag_run": row.dag_run,
        "why": explain(row, tasks, review, rollout, _step(platform, row, tasks)),
        "tasks": [
            {
                "name": task.name,
                "trial": task.trial,
                "state": task.state,
                "detail": task.detail,
                "started": task.started,
                "ended": task.ended,
                "run_key": task.run_key,
                "output": task.output,
            }
            for task in tasks
        ],
        "rollout": None if rollout is None else _rollout(rollout),
        "links": links_of(platform, identity),
    }


def _step(platform: Platform, row: Submission, tasks: Sequence[Task]) -> StepStatus | None:
    key = training(tasks) if row.ended is None else None
    try:
        return platform.launcher.status(key) if key else None
    except JinsuError:
        return None  # the run can be shown without it


def logs(platform: Platform, identity: str, trial: int, offset: int) -> dict[str, Any]:
    platform.submission(identity)
    with platform.database.begin() as session:
        task = session.get(Task, (identity, "train", trial))
    if task is None or task.run_key is None:
        raise NotFoundError(f"run {identity} has not begun to train; see: jinsu why {identity}")
    text, after = platform.launcher.logs(task.run_key, offset)
    return {"text": text[:_MAX_LOG], "next": after, "ended": task.ended is not None}


def reviews(platform: Platform) -> list[dict[str, Any]]:
    found = []
    for row in open_reviews(platform):
        evaluation = platform.output(row.submission, "evaluate")
        found.append(
            {
                "run": row.submission,
                "model": row.model,
                "version": row.version,
                "asked": row.asked,
                "metric": evaluation["metric"],
                "value": evaluation["overall"]["value"],
                "gain": evaluation["gain"]["value"] if evaluation["gain"] else None,
                "links": links_of(platform, row.submission),
            }
        )
    return found


def rollouts(platform: Platform) -> list[dict[str, Any]]:
    with platform.database.begin() as session:
        rows = session.scalars(select(Rollout).order_by(Rollout.created.desc()).limit(50)).all()
    return [_rollout(row) for row in rows]


def _rollout(row: Rollout) -> dict[str, Any]:
    state = row.state
    percent = (
        row.policy["steps"][state["step"]]
        if row.phase in ("stepping", "halted")
        else 100
        if row.phase in ("promoting", "promoted")
        else 0
    )
    return {
        "run": row.submission,
        "model": row.model,
        "challenger": row.challenger,
        "champion": state["champion"],
        "phase": row.phase,
        "percent": percent,
        "reason": state["reason"],
        "findings": state["findings"],
        "updated": row.updated,
    }


def abort_rollout(platform: Platform, submission: str, reason: str) -> None:
    with platform.database.begin() as session:
        row = session.get(Rollout, submission, with_for_update=True)
        if row is not None:
            row.command, row.updated = f"abort:{reason}", time.time()


def models(platform: Platform) -> list[dict[str, Any]]:
    """What serves: each endpoint and its champion."""
    with platform.database.begin() as session:
        rows = session.scalars(select(Endpoint).order_by(Endpoint.model)).all()
    base = platform.settings.address("endpoint")
    return [
        {"model": row.model, "champion": row.champion, "endpoint": f"{base}/models/{row.model}/invocations"}
        for row in rows
    ]


def ledger(platform: Platform, model: str) -> list[dict[str, Any]]:
    with platform.database.begin() as session:
        rows = session.scalars(
            select(LedgerEntry).where(LedgerEntry.model == model).order_by(LedgerEntry.id.desc()).limit(200)
        ).all()
    return [
        {
            "at": row.at,
            "event": row.event,
            "version": row.version,
            "previous": row.previous,
            "actor": row.actor,
            "run": row.submission,
            "evidence": row.evidence,
            "detail": row.detail,
        }
        for row in rows
    ]
