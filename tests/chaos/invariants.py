"""What must be true of every run, whatever was killed while it was under way. One sentence for each promise that is broken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.chaos.records import Facts
from tests.chaos.victims import naming
from tests.support.waiting import eventually

from jinsu.runs.stages import StageName
from jinsu.state.states import ReviewState, StageState, SubmissionState

AGREEMENT_SECONDS = 90.0
"""How soon after a run's end Airflow says the same, and none of its processes lives."""
_SERVING = frozenset({"jinsu.serving.server", "jinsu.inference.program"})


def broken(platform: Any, facts: Facts) -> list[str]:
    """The promises that one run that has ended breaks."""
    return [
        *_states(facts),
        *_airflow(platform, facts),
        *_versions(platform, facts),
        *_promotion(facts),
        *_sentence(facts),
        *_training(platform, facts),
        *_processes(facts),
    ]


def _states(facts: Facts) -> Iterator[str]:
    state = facts.submission.state
    if not state.ended:
        yield f"the run has ended and is {state}"
    if state is SubmissionState.CANCELLED:
        yield f"nobody cancelled the run, and it is {state}: {facts.submission.reason}"
    for stage in facts.stages:
        if stage.state in (StageState.RUNNING, StageState.WAITING):
            yield f"the run has ended, and its stage {stage.name} is {stage.state}"


def _airflow(platform: Any, facts: Facts) -> Iterator[str]:
    expected = "success" if facts.submission.state is SubmissionState.SUCCEEDED else "failed"
    seen = patiently(lambda: platform.airflow_state(facts.submission.id), lambda state: state == expected)
    if seen != expected:
        yield f"the run {facts.submission.state}, and Airflow says {seen} after {AGREEMENT_SECONDS:g} s"


def _versions(platform: Any, facts: Facts) -> Iterator[str]:
    run, registered = facts.submission, facts.stage(StageName.REGISTER)
    found = patiently(
        lambda: [v for v in platform.versions(run.model) if v["run_id"] == run.mlflow_run], lambda _: True
    )
    if registered is not None and registered.state is StageState.DONE and len(found) != 1:
        yield f"MLflow has {len(found)} versions of a run that was registered"
    if len(found) > 1:
        yield f"MLflow has {len(found)} versions of one run: {[version['version'] for version in found]}"


def _promotion(facts: Facts) -> Iterator[str]:
    review, succeeded = facts.review, facts.submission.state is SubmissionState.SUCCEEDED
    if len(facts.promoted) != succeeded:
        yield f"the run {facts.submission.state}, and the ledger has {len(facts.promoted)} promotions of it"
    for entry in facts.promoted:
        if review is None or review.state is not ReviewState.APPROVED:
            yield f"version {entry.version} was promoted, and its review is {review and review.state}"
        elif review.answered is None or review.answered > entry.at:
            yield f"version {entry.version} was promoted before it was approved"


def _sentence(facts: Facts) -> Iterator[str]:
    reason = facts.submission.reason or ""
    if facts.submission.state is not SubmissionState.SUCCEEDED and (len(reason.split()) < 3 or "Traceback" in reason):
        yield f"the reason of the failure is no sentence: {reason!r}"


def _training(platform: Any, facts: Facts) -> Iterator[str]:
    stage = facts.stage(StageName.TRAIN)
    ends = platform.trained_to_the_end(stage.run_key) if stage is not None and stage.run_key else 0
    if ends > 1:
        yield f"the training was executed to its end {ends} times"
    if stage is not None and stage.state is StageState.DONE and ends != 1:
        yield f"the training is done, and its script came to its end {ends} times"


def _processes(facts: Facts) -> Iterator[str]:
    for stage in facts.stages:
        if stage.run_key and not eventually(lambda key=stage.run_key: not _steps(key), AGREEMENT_SECONDS, 0.5):
            left = [f"{process.pid} {' '.join(process.cmdline())[:100]}" for process in _steps(stage.run_key)]
            yield f"processes of the stage {stage.name} are left: {left}"


def _steps(key: str) -> list[Any]:
    """Processes of a step; a model server and its inference process answer from a step's folder, and are none."""
    return [process for process in naming(key) if not _SERVING.intersection(process.cmdline())]


def patiently(look: Callable[[], Any], enough: Callable[[Any], bool]) -> Any:
    """The first answer that is enough, or the last one; a server that does not answer is asked again."""
    deadline, seen = time.monotonic() + AGREEMENT_SECONDS, None
    while time.monotonic() < deadline:
        try:
            if enough(seen := look()):
                return seen
        except Exception as problem:
            seen = f"nothing ({type(problem).__name__})"
        time.sleep(0.5)
    return seen
