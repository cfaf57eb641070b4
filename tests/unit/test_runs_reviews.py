"""One question about a candidate, three doors through which it is answered, one answer."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.stage_bench import StageBench

from jinsu.errors import ConflictError, ForbiddenError, NotFoundError, TransientError
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.registry.mlflow import CHALLENGER
from jinsu.runs.reviews import Answer, Reviews, may_answer
from jinsu.runs.stages import StageName
from jinsu.state.states import Door, ReviewState
from jinsu.state.tables import Review, Submission

BenchAfter = Callable[[StageName | None], StageBench]
YES, NO = Answer(True, "bob", Door.CLI, "looks right"), Answer(False, "eve", Door.AIRFLOW, "too slow")


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """Version 1 of `toy`, by ann, waits for a reviewer."""
    found = bench_after(StageName.REGISTER)
    found.build(ReviewStage).ask(found.run)
    return found


@pytest.fixture
def reviews(bench: StageBench) -> Reviews:
    return bench.installation.reviews


def aliases(bench: StageBench) -> dict[str, str]:
    return bench.mlflow.models["toy"].aliases


def answered(bench: StageBench) -> tuple[Any, ...]:
    row = bench.row(Review)
    return row.state, row.reviewer, row.via, row.reason


def test_a_question_is_opened_once(bench: StageBench, reviews: Reviews) -> None:
    asked = bench.row(Review).asked
    assert reviews.ask(bench.run, "toy", "1").asked == asked

    (review,) = reviews.open()
    assert (review.submission, review.model, review.version) == (bench.run, "toy", "1")
    assert (review.state, review.reviewer, review.answered) == (ReviewState.OPEN, None, None)
    assert aliases(bench) == {}


def test_open_questions_are_listed_oldest_first(bench: StageBench, reviews: Reviews) -> None:
    first = bench.run
    older = bench.submit("ann", "older", name="older")
    reviews.ask(older, "older", "1")
    bench.change(Review, older, asked=0.0)

    assert [review.submission for review in reviews.open()] == [older, first]
    reviews.answer(first, YES)
    assert [review.submission for review in reviews.open()] == [older]


def test_an_approval_sets_the_alias_and_says_who_gave_it(bench: StageBench, reviews: Reviews) -> None:
    review = reviews.answer(bench.run, YES)

    assert review.state is ReviewState.APPROVED
    assert answered(bench) == (ReviewState.APPROVED, "bob", Door.CLI, "looks right")
    assert bench.row(Review).answered is not None
    assert aliases(bench) == {CHALLENGER: "1"}
    assert bench.mlflow.models["toy"].versions["1"].tags["jinsu.review"] == "approved by bob via cli"


def test_a_rejection_sets_no_alias(bench: StageBench, reviews: Reviews) -> None:
    reviews.answer(bench.run, NO)

    assert answered(bench) == (ReviewState.REJECTED, "eve", Door.AIRFLOW, "too slow")
    assert aliases(bench) == {}
    assert bench.mlflow.models["toy"].versions["1"].tags["jinsu.review"] == "rejected by eve via airflow"


@pytest.mark.parametrize(("first", "second"), [(YES, NO), (NO, YES)])
def test_the_first_answer_stays(bench: StageBench, reviews: Reviews, first: Answer, second: Answer) -> None:
    reviews.answer(bench.run, first)
    facts = bench.facts()

    with pytest.raises(ConflictError, match=f"was {first.state} by {first.reviewer} already"):
        reviews.answer(bench.run, second)

    assert bench.facts() == facts


@pytest.mark.parametrize("door", Door)
def test_the_same_answer_by_another_door_changes_nothing(bench: StageBench, reviews: Reviews, door: Door) -> None:
    reviews.answer(bench.run, YES)
    facts = bench.facts()

    reviews.answer(bench.run, Answer(True, "eve", door, "I think so too"))

    assert bench.facts() == facts


def test_an_answer_that_mlflow_did_not_hear_may_be_given_again(bench: StageBench, reviews: Reviews) -> None:
    bench.mlflow.down = True
    with pytest.raises(TransientError):
        reviews.answer(bench.run, YES)
    assert bench.row(Review).state is ReviewState.APPROVED

    bench.mlflow.down = False
    reviews.answer(bench.run, YES)
    assert aliases(bench) == {CHALLENGER: "1"}


def test_the_alias_of_an_answer_that_is_repeated_after_the_end_stays_gone(bench_after: BenchAfter) -> None:
    """The rollout is over; whoever reads `challenger` in MLflow would believe that another one has begun."""
    bench = bench_after(StageName.PROMOTE)
    bench.installation.reviews.answer(bench.run, YES)

    assert aliases(bench) == {"champion": "1"}


def test_a_run_that_asks_nothing_takes_no_answer(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.EVALUATE)
    with pytest.raises(NotFoundError, match="asks for no review now; see: jinsu review list"):
        bench.installation.reviews.answer(bench.run, YES)
    with pytest.raises(NotFoundError, match="does not exist"):
        bench.installation.reviews.answer("toy-0", YES)


# --- Who may answer ---


@pytest.mark.parametrize("approved", [True, False])
def test_a_submitter_answers_for_no_run_of_their_own(bench: StageBench, reviews: Reviews, approved: bool) -> None:
    with pytest.raises(ForbiddenError, match=f"ann submitted run {bench.run}; another person must review it"):
        reviews.answer(bench.run, Answer(approved, "ann", Door.CLI))

    assert bench.row(Review).state is ReviewState.OPEN
    assert aliases(bench) == {}


def test_a_team_may_allow_it(bench_after: Callable[..., StageBench]) -> None:
    bench = bench_after(StageName.REGISTER, teams_approving_themselves=("default",))
    bench.build(ReviewStage).ask(bench.run)
    bench.installation.reviews.answer(bench.run, Answer(True, "ann", Door.CLI))

    assert aliases(bench) == {CHALLENGER: "1"}


@pytest.mark.parametrize(
    ("reviewer", "teams", "may"),
    [
        ("bob", (), True),
        ("ann", (), False),
        ("ann", ("shopping",), True),
        ("ann", ("search", "shopping"), True),
        ("ann", ("search",), False),
        ("Ann", (), True),  # names are compared as they are
    ],
)
def test_who_may_answer(reviewer: str, teams: tuple[str, ...], may: bool) -> None:
    assert may_answer(Submission(submitter="ann", team="shopping"), reviewer, teams) is may


def test_a_reason_is_recorded_clean(bench: StageBench, reviews: Reviews) -> None:
    reviews.answer(bench.run, Answer(False, "bob", Door.AIRFLOW, "no\0\x1b[2J"))
    assert answered(bench)[3] == "no��[2J"
