"""A training whose script has ended takes no slot again: the triggerer records its end, and Airflow starts the next stage."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent
from tests.support.stage_bench import METRICS, StageBench

from jinsu.errors import StepFailedError
from jinsu.lifecycle.train import REQUIRED_OUTPUT
from jinsu.orchestration import operators
from jinsu.orchestration.triggers import StepTrigger
from jinsu.runs.stages import StageName
from jinsu.state.states import StageState, SubmissionState

BenchAfter = Callable[[StageName | None], StageBench]


@pytest.fixture
def bench(bench_after: BenchAfter, monkeypatch: pytest.MonkeyPatch) -> StageBench:
    found = bench_after(StageName.VALIDATE_DATA)
    monkeypatch.setattr("jinsu.installation.connect", lambda: found.installation)
    return found


def event_of(trigger: StepTrigger) -> TriggerEvent:
    async def first() -> TriggerEvent:
        return await anext(aiter(trigger.run()))

    return asyncio.run(asyncio.wait_for(first(), 20))


def restored(trigger: StepTrigger) -> StepTrigger:
    """The trigger as another triggerer takes it up."""
    path, arguments = trigger.serialize()
    assert path == f"{StepTrigger.__module__}.StepTrigger"
    return StepTrigger(**arguments)


def test_a_training_that_waits_hands_over_what_its_end_needs(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operators, "WORKER_WAIT", -1.0)
    task: Any = SimpleNamespace(xcom_pull=lambda task_ids, key: bench.run)
    with pytest.raises(TaskDeferred) as deferred:
        operators.StepStage(task_id="train", stage="train", trial=0).execute({"ti": task})
    (key,) = bench.launcher.starts
    assert deferred.value.trigger.serialize()[1] == {
        "run_key": key,
        "offset": 0,
        "stage": "train",
        "submission": bench.run,
        "trial": 0,
    }


def test_a_script_that_ended_well_ends_its_task_in_the_triggerer(bench: StageBench) -> None:
    key = bench.start_training(bench.run, 0)
    trigger = StepTrigger(key, 0, "train", bench.run, 0)
    bench.launcher.write(key, metrics=METRICS)
    bench.launcher.finish(key, {REQUIRED_OUTPUT: b"weights"}, seconds=2.5)

    event = event_of(restored(trigger))
    assert isinstance(event, TaskSuccessEvent), "a TriggerEvent would queue for a slot of the pool again"
    assert event.xcoms["return_value"].items() >= {"run_key": key, "seconds": 2.5}.items()
    assert bench.stage(StageName.TRAIN).state is StageState.DONE


def test_a_script_that_failed_is_recorded_at_once_and_ends_its_task_in_a_worker(bench: StageBench) -> None:
    """A task that fails in the triggerer would be tried again; the worker can say that no retry helps."""
    key = bench.start_training(bench.run, 0)
    bench.launcher.fail(key, "exit code 1: no such column")

    event = event_of(StepTrigger(key, 0, "train", bench.run, 0))
    assert not isinstance(event, TaskSuccessEvent)
    assert event.payload == {"run_key": key, "offset": 0}
    assert (bench.submission.state, bench.submission.reason) == (
        SubmissionState.FAILED,
        "train: exit code 1: no such column",
    )
    with pytest.raises(StepFailedError):
        bench.end_training(bench.run, 0, key)


def test_a_training_that_was_interrupted_goes_back_for_another_slot(bench: StageBench) -> None:
    key = bench.start_training(bench.run, 0)
    bench.launcher.fail(key, "the node was lost", interrupted=True)

    assert not isinstance(event_of(StepTrigger(key, 0, "train", bench.run, 0)), TaskSuccessEvent)
    assert bench.stage(StageName.TRAIN).state is StageState.WAITING
