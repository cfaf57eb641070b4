"""What a run waits for, or why it failed: one sentence. Pure, from what is recorded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum

from jinsu.release.advance import Phase, weight
from jinsu.runs.rollouts import state_of
from jinsu.runs.stages import ORDER, StageName
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import Review, Rollout, StageRecord, Submission
from jinsu.steps.status import WAITING, StepStatus


def explain(
    row: Submission,
    stages: Sequence[StageRecord],
    review: Review | None,
    rollout: Rollout | None,
    step: StepStatus | None = None,
    now: float | None = None,
    queue: str = "",
) -> str:
    """One sentence about a run, for its submitter.

    step: where the launcher says its training is. queue: where the run stands that waits for a place among the runs that
    work, or for a training slot (`queued_for`).
    """
    if row.ended is not None:
        return _ended(row)
    if queue:
        return queue
    if row.dag_run is None:
        return "It is accepted and waits for Airflow to take it."
    current = _current(stages)
    if current is None:
        return "It waits for a free place in Airflow's queue."
    match current.state:
        case StageState.DONE:
            return f"{current.name} is done; the next stage starts."
        case StageState.FAILED:
            return f"{current.name} failed: {current.detail}"
        case StageState.WAITING:
            return f"{current.name} met a passing problem and is tried again: {current.detail}"
        case _:
            now = time.time() if now is None else now
            return _at_work(current, row, review, rollout, step, now)


def training(stages: Sequence[StageRecord]) -> str | None:
    """Run key of the training that the run waits for, if it waits for one."""
    current = _current(stages)
    at_work = current is not None and current.name == StageName.TRAIN and current.state is not StageState.DONE
    return current.run_key if current is not None and at_work else None


class Line(StrEnum):
    """A queue that a run may stand in."""

    PLACE = "place"
    """Among the runs that work."""
    TRAINING = "training"
    """For a training slot."""


def queued_for(row: Submission, stages: Sequence[StageRecord]) -> Line | None:
    """The queue that the run may stand in, as far as its own records say."""
    current = _current(stages)
    if row.ended is not None:
        return None
    if row.placed is None and (current is None or current.name == StageName.ADMIT):
        return Line.PLACE if current is None or current.state is StageState.DONE else None
    ready = current is not None and current.name == StageName.VALIDATE_DATA and current.state is StageState.DONE
    return Line.TRAINING if ready else None


def _ended(row: Submission) -> str:
    match row.state:
        case SubmissionState.SUCCEEDED:
            return f"It succeeded: {row.reason}."
        case SubmissionState.CANCELLED:
            return f"It was cancelled: {row.reason}."
        case _:
            return f"It failed in {row.reason}"


def _at_work(
    current: StageRecord,
    row: Submission,
    review: Review | None,
    rollout: Rollout | None,
    step: StepStatus | None,
    now: float,
) -> str:
    if current.name == StageName.TRAIN and step is not None and step.message and step.phase in WAITING:
        return f"train is {step.phase}: {step.message}"
    if current.name == StageName.REVIEW and review is not None:
        return (
            f"It waits for {_people(review.needed)} of team {row.team} to review version {review.version}: "
            f"jinsu review show {row.id}, the alias 'challenger' in MLflow, or Airflow's Required Actions."
        )
    if current.name == StageName.CANARY and rollout is not None:
        return _rolling_out(rollout)
    return f"{current.name} has been running for {now - current.started:.0f} s."


def _people(needed: int) -> str:
    return "a person" if needed == 1 else f"{needed} people"


def _current(stages: Sequence[StageRecord]) -> StageRecord | None:
    busy = [stage for stage in stages if stage.state is not StageState.DONE]
    return max(busy or stages, key=lambda stage: (ORDER.index(StageName(stage.name)), stage.trial), default=None)


def _rolling_out(rollout: Rollout) -> str:
    state = state_of(rollout)
    reason = state.reason or "the gates are passing"
    match rollout.phase:
        case Phase.STEPPING:
            return f"Its version {rollout.challenger} answers {weight(state)} % of live traffic: {reason}."
        case Phase.HALTED:
            return f"Its rollout is halted: {reason}. To try again: jinsu rollout resume {rollout.model}"
        case _:
            return f"Its version {rollout.challenger} is {rollout.phase}: {reason}."
