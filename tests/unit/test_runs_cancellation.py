"""A cancelled run ends everywhere, takes nothing of another run with it, and begins nothing any more."""

from collections.abc import Callable

import pytest
from tests.support.crash_points import Killed
from tests.support.stage_bench import StageBench

from jinsu.errors import ConflictError, JinsuError, TransientError
from jinsu.lifecycle.canary import Canary
from jinsu.lifecycle.promote import Promote
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.release.advance import Phase
from jinsu.runs.reviews import Said
from jinsu.runs.stages import StageName
from jinsu.state.states import Door, ReviewState, StageState, SubmissionState, Verdict
from jinsu.state.tables import Review, Rollout, StageRecord
from jinsu.steps.status import Phase as StepPhase

BenchAfter = Callable[[StageName | None], StageBench]
REASON = "cancelled by ann"


def cancel(bench: StageBench, run: str = "") -> None:
    bench.installation.cancellation.run(run or bench.run, REASON)


def training(bench: StageBench, run: str = "", trial: int = 0) -> str:
    """The run key of a training that has begun."""
    return str(bench.start_training(run or bench.run, trial))


def state_of(bench: StageBench, key: str) -> tuple[StepPhase, str]:
    status = bench.launcher.status(key)
    return status.phase, status.message


def but_mlflow(bench: StageBench) -> dict[str, object]:
    """All facts but how MLflow shows the run, which is worth one try and no more."""
    return {name: fact for name, fact in bench.facts().items() if name != "mlflow runs"}


# --- Everything of it ends ---


def test_its_training_ends(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    key = training(bench)

    cancel(bench)

    assert state_of(bench, key) == (StepPhase.CANCELLED, REASON)
    assert (bench.submission.state, bench.submission.reason) == (SubmissionState.CANCELLED, REASON)
    row = bench.stage(StageName.TRAIN)
    assert (row.state, row.detail) == (StageState.FAILED, REASON)
    assert row.ended is not None


def test_every_trial_ends(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    run = bench.submit(key="trials", train__trials=[{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.3}])
    for stage in (StageName.ADMIT, StageName.VALIDATE_DATA):
        bench.carry_out(stage)
    keys = [training(bench, run, trial) for trial in range(3)]
    bench.finish_training(keys[1])
    bench.end_training(run, 1, keys[1])

    cancel(bench)

    phases = [bench.launcher.status(key).phase for key in keys]
    assert phases == [StepPhase.CANCELLED, StepPhase.DONE, StepPhase.CANCELLED]
    assert bench.stage(StageName.TRAIN, 1).state is StageState.DONE


def test_its_review_closes(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REGISTER)
    bench.build(ReviewStage).ask(bench.run)

    cancel(bench)

    review = bench.row(Review)
    assert (review.state, review.reason, review.reviewer) == (ReviewState.CANCELLED, REASON, None)
    assert bench.installation.reviews.open() == []
    assert bench.stage(StageName.REVIEW).state is StageState.FAILED


def test_an_answer_that_was_given_stays(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REVIEW)
    cancel(bench)

    assert bench.row(Review).state is ReviewState.APPROVED
    assert bench.stage(StageName.REVIEW).state is StageState.DONE


def test_its_rollout_is_aborted(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REVIEW)
    bench.build(Canary).start(bench.run)

    cancel(bench)

    assert bench.row(Rollout).command == f"abort:{REASON}"


def test_a_run_that_has_done_nothing_yet_ends(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    cancel(bench)

    assert bench.submission.state is SubmissionState.CANCELLED
    assert bench.rows(StageRecord) == []


def test_a_training_that_waits_for_another_try_ends(bench_after: BenchAfter) -> None:
    """Its record says that it waits, although the process may be alive again."""
    bench = bench_after(StageName.VALIDATE_DATA)
    key = training(bench)
    with pytest.raises(TransientError):
        bench.end_training(bench.run, 0, key)  # it is still running
    assert bench.stage(StageName.TRAIN).state is StageState.WAITING

    cancel(bench)

    assert state_of(bench, key) == (StepPhase.CANCELLED, REASON)


def test_a_cancellation_that_is_repeated_changes_nothing(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REGISTER)
    bench.build(ReviewStage).ask(bench.run)
    cancel(bench)
    facts = bench.facts()

    bench.installation.cancellation.run(bench.run, "for another reason")

    assert bench.facts() == facts


@pytest.mark.parametrize("after", [StageName.VALIDATE_DATA, StageName.REGISTER, StageName.REVIEW])
def test_a_cancellation_that_was_killed_anywhere_is_completed_by_the_next(
    bench_after: BenchAfter, after: StageName
) -> None:
    begin: dict[StageName, Callable[[StageBench], object]] = {
        StageName.VALIDATE_DATA: training,
        StageName.REGISTER: lambda bench: bench.build(ReviewStage).ask(bench.run),
        StageName.REVIEW: lambda bench: bench.build(Canary).start(bench.run),
    }
    template = bench_after(after)
    begin[after](template)
    whole = template.copy_to(template.home.with_name("whole"))
    cancel(whole)
    places = whole.crash.passed
    for place in range(1, places + 1):
        bench = template.copy_to(template.home.with_name("killed"))
        bench.crash.begin_anew(place)
        with pytest.raises(Killed):
            cancel(bench)
        bench.crash.begin_anew()
        cancel(bench)
        assert but_mlflow(bench) == but_mlflow(whole), f"killed at {place}"


def test_a_launcher_that_does_not_answer_holds_up_neither_review_nor_rollout(
    bench_after: BenchAfter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person cannot cancel a second time; what is left is done by the controller."""
    bench = bench_after(StageName.REVIEW)
    bench.build(Canary).start(bench.run)
    bench.change(StageRecord, bench.run, StageName.TRAIN, 0, state=StageState.RUNNING)

    def unreachable(run_key: str, reason: str) -> None:
        raise TransientError("Kubernetes does not answer")

    monkeypatch.setattr(bench.launcher, "cancel", unreachable)
    with pytest.raises(TransientError):
        cancel(bench)

    assert bench.row(Rollout).command == f"abort:{REASON}"
    assert bench.stage(StageName.TRAIN).state is StageState.RUNNING  # so that whoever repairs sees what is left


# --- Nothing else ends ---


@pytest.mark.parametrize("state", [StageState.RUNNING, StageState.WAITING])
def test_a_training_that_another_open_run_shares_goes_on(bench_after: BenchAfter, state: StageState) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    other = bench.another_run(StageName.VALIDATE_DATA)
    key = training(bench)
    assert training(bench, other) == key
    bench.change(StageRecord, other, StageName.TRAIN, 0, state=state)

    cancel(bench)

    assert bench.launcher.status(key).phase is StepPhase.RUNNING
    assert bench.stage(StageName.TRAIN, run=other).state is state


def test_the_last_of_those_who_share_a_training_ends_it(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    other = bench.another_run(StageName.VALIDATE_DATA)
    key = training(bench)
    training(bench, other)

    cancel(bench)
    cancel(bench, other)

    assert bench.launcher.status(key).phase is StepPhase.CANCELLED


def test_a_run_that_ended_long_ago_keeps_no_training_alive(bench_after: BenchAfter) -> None:
    """Airflow ended its task, so its record never came to an end."""
    bench = bench_after(StageName.VALIDATE_DATA)
    other = bench.another_run(StageName.VALIDATE_DATA)
    key = training(bench)
    training(bench, other)
    bench.installation.journal.end(other, SubmissionState.FAILED, "ended in Airflow")

    cancel(bench)

    assert bench.launcher.status(key).phase is StepPhase.CANCELLED


def test_a_training_of_another_run_goes_on(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    other = bench.another_run(StageName.VALIDATE_DATA, train__params={"lr": 0.5})
    training(bench)
    key = training(bench, other)

    cancel(bench)

    assert bench.launcher.status(key).phase is StepPhase.RUNNING


def test_a_run_that_has_ended_stays_as_it_ended(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.PROMOTE)
    cancel(bench)

    assert bench.submission.state is SubmissionState.SUCCEEDED
    assert bench.mlflow.models["toy"].aliases == {"champion": "1"}


# --- Nothing of it begins any more ---


def test_no_training_begins(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    cancel(bench)

    with pytest.raises(ConflictError, match="was cancelled: cancelled by ann"):
        training(bench)

    assert bench.launcher.starts == []


@pytest.mark.parametrize("shared", [False, True])
def test_a_training_that_was_beginning_when_the_run_was_cancelled_ends(bench_after: BenchAfter, shared: bool) -> None:
    """The cancellation looked for processes a moment before there was one."""
    bench = bench_after(StageName.VALIDATE_DATA)
    other = bench.another_run(StageName.VALIDATE_DATA)

    def meanwhile() -> None:
        if shared:
            training(bench, other)
        cancel(bench)

    bench.launcher.before_start = meanwhile
    with pytest.raises(ConflictError, match="was cancelled"):
        training(bench)

    (key,) = bench.launcher.starts
    assert bench.launcher.status(key).phase is (StepPhase.RUNNING if shared else StepPhase.CANCELLED)


def test_no_question_is_asked(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REGISTER)
    cancel(bench)

    with pytest.raises(ConflictError, match="was cancelled"):
        bench.build(ReviewStage).ask(bench.run)

    assert bench.installation.reviews.open() == []


def test_no_answer_is_taken(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REGISTER)
    bench.build(ReviewStage).ask(bench.run)
    cancel(bench)

    for verdict in Verdict:
        with pytest.raises(ConflictError, match="was cancelled already: cancelled by ann"):
            bench.installation.reviews.give(bench.run, Said("bob", verdict, Door.CLI))

    assert bench.mlflow.models["toy"].aliases == {}


def test_no_rollout_begins(bench_after: BenchAfter) -> None:
    """It would be carried out by the controller up to all of the traffic, since nobody else looks at it."""
    bench = bench_after(StageName.REVIEW)
    cancel(bench)

    with pytest.raises(ConflictError, match="was cancelled"):
        bench.build(Canary).start(bench.run)

    assert bench.rows(Rollout) == []


def test_no_champion_is_made(bench_after: BenchAfter) -> None:
    """The controller has not seen the command to abort yet."""
    bench = bench_after(StageName.CANARY)
    cancel(bench)
    assert bench.row(Rollout).phase is Phase.PROMOTING

    with pytest.raises(JinsuError, match="was cancelled"):
        bench.build(Promote).run(bench.run)

    assert "champion" not in bench.mlflow.models["toy"].aliases
    assert bench.ledger() == []
    assert bench.submission.state is SubmissionState.CANCELLED


def test_a_failed_run_may_be_taken_up_again(bench_after: BenchAfter) -> None:
    """A person clears the tasks of a failed run in Airflow; only a cancellation is final."""
    bench = bench_after(StageName.VALIDATE_DATA)
    bench.installation.journal.end(bench.run, SubmissionState.FAILED, "train: out of memory")

    assert bench.launcher.status(training(bench)).phase is StepPhase.RUNNING
