"""Every stage has a deadline, but for one that waits for a person; the controller counts, and ends the run."""

from collections.abc import Callable

import pytest
from tests.support.stage_bench import StageBench

from jinsu.controller.deadlines import PACE_SECONDS, StageDeadlines
from jinsu.controller.ended_runs import EndedRuns
from jinsu.errors import JinsuError, TransientError
from jinsu.lifecycle.canary import Canary
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.release.advance import Phase
from jinsu.runs.deadlines import deadline_of, too_long
from jinsu.runs.journal import rules_of, spec_of
from jinsu.runs.stages import ORDER, StageName
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import Rollout, StageRecord, Submission
from jinsu.steps.status import Phase as StepPhase

BenchAfter = Callable[[StageName | None], StageBench]
DAY = 86400.0


class Clock:
    """A clock that the test sets, before a controller whose passes look at it."""

    def __init__(self, bench: StageBench) -> None:
        self.now = 1000.0
        self.reconciler = bench.build(StageDeadlines, clock=lambda: self.now)
        self.reconciler.run()

    def passes(self, number: int, seconds: float = PACE_SECONDS) -> None:
        for _ in range(number):
            self.now += seconds
            self.reconciler.run()


def nearly(bench: StageBench, stage: StageName, run: str = "") -> None:
    """The stage has used up its time but for half a pass."""
    row = bench.row(Submission, run or bench.run)
    most = deadline_of(stage, spec_of(row), rules_of(row))
    assert most is not None
    bench.change(StageRecord, run or bench.run, stage, 0, spent=most - PACE_SECONDS / 2)


@pytest.mark.parametrize("stage", ORDER)
def test_every_stage_has_a_deadline_unless_a_person_ends_it(bench_after: BenchAfter, stage: StageName) -> None:
    row = bench_after(None).submission
    most = deadline_of(stage, spec_of(row), rules_of(row))
    assert (most is None) == (stage is StageName.REVIEW)
    assert most is None or 600 <= most <= 30 * DAY


def test_a_training_has_its_own_limit_and_the_time_in_queues(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    short, long = (bench.another_run(None, key=str(hours), train__resources={"hours": hours}) for hours in (1, 200))
    of = [
        deadline_of(StageName.TRAIN, spec_of(row), rules_of(row))
        for row in (bench.row(Submission, run) for run in (short, long))
    ]
    assert of == [2 * 3600 + 7 * DAY, 400 * 3600 + 7 * DAY]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1800, "30 minutes"), (3600, "1 h"), (5400, "1.5 h"), (7 * DAY + 7200, "7.1 days"), (14 * DAY, "14 days")],
)
def test_the_sentence_says_how_long_it_was(seconds: float, said: str) -> None:
    assert too_long(StageName.EVALUATE, seconds).startswith(f"evaluate: it was not done after {said} at work, the most")


def test_a_stage_past_its_deadline_ends_its_run_and_its_processes(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    key = bench.start_training(bench.run, 0)
    bench.installation.airflow.trigger(bench.run, {}, team="default", user="ann")
    clock = Clock(bench)
    clock.passes(3)
    assert bench.submission.ended is None
    assert bench.stage(StageName.TRAIN).spent == pytest.approx(3 * PACE_SECONDS)

    nearly(bench, StageName.TRAIN)
    clock.passes(1)
    row = bench.submission
    assert row.state is SubmissionState.FAILED
    assert row.reason.startswith("train: it was not done after 7.1 days at work")
    assert bench.launcher.status(key).phase is StepPhase.CANCELLED
    assert bench.stage(StageName.TRAIN).state is StageState.FAILED

    bench.change(Submission, bench.run, ended=row.ended - 60)
    bench.build(EndedRuns).run()
    assert bench.airflow.runs[bench.run].state == "failed"


@pytest.mark.parametrize("state", [StageState.RUNNING, StageState.WAITING])
def test_a_stage_that_is_tried_again_and_again_has_the_same_deadline(
    bench_after: BenchAfter, state: StageState
) -> None:
    bench = bench_after(StageName.EVALUATE)
    bench.installation.journal.note(bench.run, StageName.REGISTER)
    bench.change(StageRecord, bench.run, StageName.REGISTER, 0, state=state)
    nearly(bench, StageName.REGISTER)
    Clock(bench).passes(1)
    assert bench.submission.reason.startswith("register: it was not done after 1 h")


@pytest.mark.parametrize("state", [StageState.DONE, StageState.FAILED])
def test_a_stage_that_has_ended_is_not_late(bench_after: BenchAfter, state: StageState) -> None:
    bench = bench_after(StageName.PACKAGE)
    bench.change(StageRecord, bench.run, StageName.PACKAGE, 0, state=state, spent=100 * DAY)
    Clock(bench).passes(2)
    assert bench.submission.ended is None


def test_a_person_has_as_long_as_they_need(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REGISTER)
    bench.build(ReviewStage).ask(bench.run)
    Clock(bench).passes(3)
    assert bench.stage(StageName.REVIEW).spent == 0
    bench.change(StageRecord, bench.run, StageName.REVIEW, 0, spent=1000 * DAY)
    Clock(bench).passes(1)
    assert bench.submission.ended is None


def test_a_rollout_that_waits_for_a_decision_uses_up_no_time(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REVIEW)
    bench.build(Canary).start(bench.run)
    bench.set_rollout(Phase.HALTED)
    clock = Clock(bench)
    clock.passes(3)
    assert bench.stage(StageName.CANARY).spent == 0

    bench.set_rollout(Phase.STEPPING)
    nearly(bench, StageName.CANARY)
    clock.passes(1)
    assert bench.submission.state is SubmissionState.FAILED
    assert bench.row(Rollout).command.startswith("abort:canary: it was not done after")


def test_what_the_controller_did_not_see_is_not_counted(bench_after: BenchAfter) -> None:
    """A platform that is down, a laptop that sleeps, and a clock that somebody sets use up nobody's time."""
    bench = bench_after(StageName.VALIDATE_DATA)
    bench.start_training(bench.run, 0)
    bench.change(StageRecord, bench.run, StageName.TRAIN, 0, started=0.0)
    clock = Clock(bench)
    clock.passes(1, seconds=30 * DAY)
    assert bench.stage(StageName.TRAIN).spent <= 4 * PACE_SECONDS
    Clock(bench)
    assert bench.stage(StageName.TRAIN).spent <= 4 * PACE_SECONDS


def test_a_stage_that_is_done_again_has_its_whole_time(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    bench.change(StageRecord, bench.run, StageName.VALIDATE_DATA, 0, spent=100.0)
    bench.installation.journal.note(bench.run, StageName.VALIDATE_DATA)
    assert bench.stage(StageName.VALIDATE_DATA).spent == 0
    bench.change(StageRecord, bench.run, StageName.VALIDATE_DATA, 0, spent=100.0)
    bench.installation.journal.note(bench.run, StageName.VALIDATE_DATA, "another try")
    assert bench.stage(StageName.VALIDATE_DATA).spent == 100


def test_a_run_whose_records_cannot_be_read_holds_up_no_other(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    other = bench.another_run(StageName.VALIDATE_DATA, train__params={"lr": 0.5})
    for run in (bench.run, other):
        bench.start_training(run, 0)
        nearly(bench, StageName.TRAIN, run)
    clock = Clock(bench)
    first, last = sorted((bench.run, other))
    bench.change(Submission, first, spec={"name": "?"})
    with pytest.raises(JinsuError):
        clock.passes(1)
    assert bench.row(Submission, last).state is SubmissionState.FAILED


def test_a_launcher_that_does_not_answer_holds_up_no_other(
    bench_after: BenchAfter, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    other = bench.another_run(StageName.VALIDATE_DATA, train__params={"lr": 0.5})
    for run in (bench.run, other):
        bench.start_training(run, 0)
        nearly(bench, StageName.TRAIN, run)

    def unreachable(run_key: str, reason: str) -> None:
        raise TransientError("Kubernetes does not answer")

    monkeypatch.setattr(bench.launcher, "cancel", unreachable)
    clock = Clock(bench)
    with pytest.raises(JinsuError, match="Kubernetes does not answer"):
        clock.passes(1)
    assert {bench.row(Submission, run).state for run in (bench.run, other)} == {SubmissionState.FAILED}
