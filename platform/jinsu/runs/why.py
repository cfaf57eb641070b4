"""What a run waits for, or why it failed: one sentence. Pure, from what is recorded."""

from __future__ import annotations

import time
from collections.abc import Sequence

from jinsu.state.tables import Review, Rollout, Submission, Task
from jinsu.steps.status import WAITING, StepStatus

ORDER = ("admit", "validate_data", "train", "package", "evaluate", "register", "review", "canary", "promote")


def explain(
    row: Submission,
    tasks: Sequence[Task],
    review: Review | None,
    rollout: Rollout | None,
    step: StepStatus | None = None,
    now: float | None = None,
) -> str:
    """One sentence about a run, for its submitter. `step`: where the launcher says its training is."""
    now = time.time() if now is None else now
    if row.ended is not None:
        return {
            "succeeded": f"It succeeded: {row.reason}.",
            "cancelled": f"It was cancelled: {row.reason}.",
        }.get(row.state, f"It failed in {row.reason}")
    if row.dag_run is None:
        return "It is accepted and waits for Airflow to take it."
    current = _current(tasks)
    if current is None:
        return "It waits for a free place in Airflow's queue."
    if current.state == "done":
        return f"{current.name} is done; the next task starts."
    if current.state == "waiting":
        return f"{current.name} met a passing problem and tries again: {current.detail}"
    if current.name == "train" and step is not None and step.message and step.phase in WAITING:
        return f"train is {step.phase}: {step.message}"
    if current.name == "review" and review is not None:
        return (
            f"It waits for a person to review version {review.version}: jinsu review approve {row.id}, the alias "
            "'challenger' in MLflow, or Airflow's Required Actions."
        )
    if current.name == "canary" and rollout is not None:
        return _rollout(rollout)
    return f"{current.name} has been running for {now - current.started:.0f} s."


def training(tasks: Sequence[Task]) -> str | None:
    """Run key of the training that the run waits for, if it does."""
    current = _current(tasks)
    return current.run_key if current is not None and current.name == "train" and current.state != "done" else None


def _current(tasks: Sequence[Task]) -> Task | None:
    started = [task for task in tasks if task.name in ORDER]
    busy = [task for task in started if task.state != "done"]
    return max(busy or started, key=lambda task: (ORDER.index(task.name), task.trial), default=None)


def _rollout(rollout: Rollout) -> str:
    state = rollout.state
    reason = state["reason"] or "the gates are passing"
    if rollout.phase == "stepping":
        percent = rollout.policy["steps"][state["step"]]
        return f"Its version {rollout.challenger} answers {percent} % of live traffic: {reason}."
    if rollout.phase == "halted":
        return f"Its rollout is halted: {reason}. Decide: jinsu rollout resume|abort {rollout.model}"
    return f"Its version {rollout.challenger} is {rollout.phase}: {reason}."
