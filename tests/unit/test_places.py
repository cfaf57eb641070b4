"""Places among the runs that work: who counts, who gets one, and what a run that waits is told."""

from collections.abc import Callable

import pytest
from tests.support.stage_bench import StageBench

from jinsu.controller.dispatch import Dispatcher
from jinsu.lifecycle.canary import Canary
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.release.advance import Phase
from jinsu.runs.places import limits_of
from jinsu.runs.reviews import Said
from jinsu.runs.stages import StageName
from jinsu.settings import Settings
from jinsu.state.states import Door, ReviewState, SubmissionState, Verdict
from jinsu.state.tables import Review, Submission

BenchAfter = Callable[[StageName | None], StageBench]


def submitted(bench: StageBench, number: int, submitter: str = "ann", first: int = 0) -> list[str]:
    """So many runs of a person, one after the other."""
    runs = [bench.submit(submitter, f"{submitter}-{place}") for place in range(number)]
    for place, run in enumerate(runs):
        bench.change(Submission, run, created=float(first + place))
    return runs


def give(bench: StageBench) -> None:
    bench.build(Dispatcher).run()


def placed(bench: StageBench) -> set[str]:
    return {row.id for row in bench.rows(Submission) if row.placed is not None and row.ended is None}


def ask(bench: StageBench, run: str) -> None:
    """The run waits for a reviewer."""
    with bench.records.begin() as session:
        session.add(Review(submission=run, model="toy", version="1", state=ReviewState.OPEN, asked=0.0))


def limited(bench: StageBench, **limits: int) -> StageBench:
    return bench.copy_to(bench.home.with_name("limited"), **limits)


def said(bench: StageBench, run: str) -> str:
    return str(bench.installation.places.in_words(bench.row(Submission, run)))


@pytest.mark.parametrize(("slots", "given", "in_all"), [(1, 0, 16), (2, 0, 16), (64, 0, 128), (64, 5, 5)])
def test_as_many_runs_work_as_keep_the_training_slots_busy(
    bench_after: BenchAfter, slots: int, given: int, in_all: int
) -> None:
    settings = Settings(
        **{**vars(bench_after(None).installation.settings), "training_slots": slots, "runs_at_once": given}
    )
    limits = limits_of(settings)
    assert (limits.in_all, limits.per_team, limits.per_person) == (in_all, 100, 20)


def test_forty_runs_that_wait_for_a_reviewer_let_a_new_one_through(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    for run in submitted(bench, 40):
        give(bench)
        ask(bench, run)
    assert len(bench.airflow.runs) == 41  # with the bench's own

    new = bench.submit("eve", "new")
    give(bench)
    assert new in bench.airflow.runs


def test_a_run_in_canary_holds_no_place_and_one_that_is_to_be_promoted_does(bench_after: BenchAfter) -> None:
    bench = limited(bench_after(StageName.REVIEW), runs_at_once=1)
    give(bench)
    bench.build(Canary).start(bench.run)
    for phase in (Phase.DEPLOYING, Phase.STEPPING, Phase.HALTED):
        bench.set_rollout(phase)
        other = bench.another_run(None, key=phase)
        give(bench)
        assert other in placed(bench)
        bench.installation.journal.end(other, SubmissionState.CANCELLED, "make room")

    bench.set_rollout(Phase.PROMOTING)
    other = bench.another_run(None, key="late")
    give(bench)
    assert other not in placed(bench)


def test_an_approved_run_goes_on_however_many_work(bench_after: BenchAfter) -> None:
    bench = limited(bench_after(StageName.REGISTER), runs_at_once=1)
    give(bench)
    bench.build(ReviewStage).ask(bench.run)
    other = bench.another_run(None)
    give(bench)
    bench.installation.reviews.give(bench.run, Said("bob", Verdict.APPROVE, Door.CLI))

    third = bench.another_run(None, key="third")
    give(bench)
    assert placed(bench) == {bench.run, other}
    assert said(bench, third) == "It waits for a place: 2 runs are at work, as many as may; no runs are before it."


def test_a_run_from_the_form_gets_its_place_like_any_other(bench_after: BenchAfter) -> None:
    bench = limited(bench_after(None), runs_at_once=1)
    bench.change(Submission, bench.run, dag_run="manual__1", state=SubmissionState.RUNNING)
    places = bench.installation.places
    assert not places.has(bench.run)
    give(bench)
    assert places.has(bench.run)
    assert bench.airflow.runs == {}, "Airflow has it already"


def test_a_run_that_was_cancelled_before_it_had_a_place_waits_no_longer(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    bench.installation.cancellation.run(bench.run, "by mistake")
    assert bench.installation.places.has(bench.run)
    give(bench)
    assert placed(bench) == set()


def test_a_run_says_how_many_are_before_it(bench_after: BenchAfter) -> None:
    bench = limited(bench_after(None), runs_at_once=2)
    bench.installation.cancellation.run(bench.run, "not this one")
    runs = submitted(bench, 5)
    give(bench)

    assert placed(bench) == set(runs[:2])
    assert said(bench, runs[2]) == "It waits for a place: 2 runs are at work, as many as may; no runs are before it."
    assert said(bench, runs[4]) == "It waits for a place: 2 runs are at work, as many as may; 2 runs are before it."
    (eve,) = submitted(bench, 1, "eve", first=100)
    assert said(bench, runs[2]) == "It waits for a place: 2 runs are at work, as many as may; 1 run is before it."
    assert said(bench, eve) == "It waits for a place: 2 runs are at work, as many as may; no runs are before it."


def test_a_run_says_that_its_person_or_its_team_has_as_many_as_it_may(bench_after: BenchAfter) -> None:
    bench = limited(bench_after(None), runs_per_person=2)
    bench.installation.cancellation.run(bench.run, "not this one")
    runs = submitted(bench, 3)
    give(bench)
    assert said(bench, runs[2]) == "It waits because ann has 2 runs at work, the most that one person may have."

    other = bench.copy_to(bench.home.with_name("teams"), runs_per_team=2)
    assert said(other, runs[2]) == "It waits because team default has 2 runs at work; a team may have 2."


# --- Training slots ---


def test_a_run_whose_data_is_ready_says_which_slot_it_waits_for(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)  # of two training slots
    queue = bench.installation.training_queue
    first = bench.another_run(
        StageName.VALIDATE_DATA, key="first", train__trials=[{"lr": 0.1 * n} for n in range(1, 4)]
    )
    second = bench.another_run(StageName.VALIDATE_DATA, key="second", train__params={"lr": 0.7})
    for place, run in enumerate((bench.run, first, second)):
        bench.change(Submission, run, created=float(place))
    assert queue.in_words(bench.row(Submission, second)) == "", "slots are free; Airflow starts it within a second"

    bench.start_training(bench.run, 0)
    bench.start_training(first, 0)
    said = queue.in_words(bench.row(Submission, second))
    assert said == "It waits for one of 2 training slots; 2 trainings are before it."
    assert queue.in_words(bench.row(Submission, first)) == "", "its first trial trains"

    bench.installation.journal.end(first, SubmissionState.FAILED, "train: exit code 1")
    assert queue.in_words(bench.row(Submission, second)) == ""
