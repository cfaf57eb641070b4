"""A run whose stages Kubeflow executes: Airflow does not know its name, and no reconciler minds."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.stage_bench import MODEL, StageBench

from jinsu.controller.dispatch import Dispatcher
from jinsu.controller.ended_runs import EndedRuns
from jinsu.controller.reviews import ReviewFollower
from jinsu.errors import GateFailedError
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.registry.mlflow import CHALLENGER
from jinsu.runs.reviews import Said
from jinsu.runs.stages import Reviewed, StageName
from jinsu.runs.why import explain
from jinsu.state.states import Door, ReviewState, SubmissionState, Verdict
from jinsu.state.tables import Review, StageRecord, Submission

BenchAfter = Callable[[StageName | None], StageBench]
NAME = "0b5c2a4e-8f0e-4f5c-9a51-2f6a3a0d1c77"
_RUNS, _ALL_RUNS = "/api/v2/dags/lifecycle/dagRuns", "/api/v2/dags/~/dagRuns"


def in_kubeflow(bench: StageBench, **values: Any) -> StageBench:
    """Gives the run the name that it has in Kubeflow."""
    bench.change(Submission, dag_run=NAME, **values)
    return bench


@pytest.fixture
def training(bench_after: BenchAfter) -> tuple[StageBench, str]:
    """One whose training is at work, with its run key."""
    bench = in_kubeflow(bench_after(StageName.VALIDATE_DATA))
    return bench, bench.start_training(bench.run, 0)


@pytest.fixture
def asking(bench_after: BenchAfter) -> StageBench:
    """One whose stage `review` has asked its question and waits."""
    bench = in_kubeflow(bench_after(StageName.REGISTER))
    bench.build(ReviewStage).ask(bench.run)
    return bench


def test_the_dispatcher_starts_no_dag_run_for_it(bench_after: BenchAfter) -> None:
    bench = in_kubeflow(bench_after(None))
    bench.build(Dispatcher).run()

    assert bench.airflow.asked == []
    assert (bench.submission.state, bench.submission.dag_run) == (SubmissionState.ACCEPTED, NAME)


def test_it_goes_on_though_airflow_does_not_list_it(training: tuple[StageBench, str]) -> None:
    bench, key = training
    bench.build(EndedRuns).run()

    assert bench.submission.ended is None
    assert bench.stepping.waiting(key)
    assert bench.airflow.asked == [("GET", _ALL_RUNS)]


def test_when_it_is_cancelled_its_training_ends_and_airflow_is_not_asked_to_fail_it(
    training: tuple[StageBench, str],
) -> None:
    bench, key = training
    bench.installation.cancellation.run(bench.run, "jane cancelled it")
    bench.build(EndedRuns).run()

    assert not bench.stepping.waiting(key)
    assert bench.airflow.asked == [("GET", _ALL_RUNS), ("GET", f"{_RUNS}/{NAME}")]
    assert (bench.submission.state, bench.submission.reason) == (SubmissionState.CANCELLED, "jane cancelled it")


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
def test_an_answer_by_command_line_ends_the_stage_though_airflow_does_not_ask(
    verdict: Verdict, asking: StageBench
) -> None:
    asking.installation.reviews.give(asking.run, Said("bob", verdict, Door.CLI, "as seen"))
    asking.build(ReviewFollower).run()

    assert asking.airflow.asked == [("PATCH", f"{_RUNS}/{NAME}/taskInstances/review/-1/hitlDetails")]
    stage = asking.build(ReviewStage)
    assert not stage.waiting(asking.run)
    if verdict is Verdict.APPROVE:
        assert stage.finish(asking.run) == Reviewed("1", "bob", "cli")
    else:
        with pytest.raises(GateFailedError, match="bob rejected version 1: as seen"):
            stage.finish(asking.run)
        assert asking.submission.state is SubmissionState.FAILED
    asking.build(ReviewFollower).run()
    assert len(asking.airflow.asked) == 1, "the stage has ended, and Airflow is not asked again"


def test_a_reviewer_answers_it_in_mlflow(asking: StageBench) -> None:
    asking.installation.reviews.give(asking.run, Said("bob", Verdict.APPROVE, Door.MLFLOW))

    assert asking.build(ReviewStage).finish(asking.run) == Reviewed("1", "bob", "mlflow")
    assert asking.installation.mlflow.aliases(MODEL)[CHALLENGER] == "1"


def test_an_alias_that_was_set_past_the_gate_answers_nothing(asking: StageBench) -> None:
    """Nobody knows by whom."""
    asking.installation.mlflow.set_alias(MODEL, CHALLENGER, "1")
    asking.build(ReviewFollower).run()

    assert asking.row(Review).state is ReviewState.OPEN
    assert asking.build(ReviewStage).waiting(asking.run)
    assert CHALLENGER not in asking.installation.mlflow.aliases(MODEL)


def test_cancelling_it_while_a_person_is_asked_ends_the_stage(asking: StageBench) -> None:
    asking.installation.cancellation.run(asking.run, "jane cancelled it")
    asking.build(EndedRuns).run()

    stage = asking.build(ReviewStage)
    assert not stage.waiting(asking.run)
    with pytest.raises(GateFailedError, match="before anybody answered: jane cancelled it"):
        stage.finish(asking.run)
    assert asking.submission.state is SubmissionState.CANCELLED


def test_why_says_what_it_waits_for(asking: StageBench) -> None:
    reason = explain(asking.submission, asking.rows(StageRecord), asking.row(Review), None)
    assert f"waits for a person of team default to review version 1: jinsu review show {asking.run}" in reason
