"""One question about a candidate, three doors through which it is answered, as many approvers as its rules ask for."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.stage_bench import StageBench

from jinsu.errors import ConflictError, ForbiddenError, NotFoundError, TransientError
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.registry.mlflow import CHALLENGER
from jinsu.runs.reviews import Reviews, Said
from jinsu.runs.stages import ORDER, StageName
from jinsu.state.states import Door, ReviewState, Verdict
from jinsu.state.tables import Opinion, Review

BenchAfter = Callable[[StageName | None], StageBench]
YES = Said("bob", Verdict.APPROVE, Door.CLI, "looks right")
NO = Said("carl", Verdict.REJECT, Door.AIRFLOW, "too slow")
CHANGES = Said("olga", Verdict.ASK_CHANGES, Door.MLFLOW, "say which shops")
STATES = {YES: ReviewState.APPROVED, NO: ReviewState.REJECTED, CHANGES: ReviewState.CHANGES_ASKED}


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


def shown_in_mlflow(bench: StageBench) -> str:
    return bench.mlflow.models["toy"].versions["1"].tags["jinsu.review"]


def test_a_question_is_opened_once(bench: StageBench, reviews: Reviews) -> None:
    asked = bench.row(Review).asked
    assert reviews.ask(bench.run, "1").asked == asked

    (review,) = reviews.open()
    assert (review.submission, review.model, review.version) == (bench.run, "toy", "1")
    assert (review.state, review.reviewer, review.answered) == (ReviewState.OPEN, None, None)
    assert (review.needed, review.self_approval) == (1, False)
    assert review.due == pytest.approx(asked + 3 * 86400)
    assert aliases(bench) == {}


def test_open_questions_are_listed_oldest_first(bench: StageBench, reviews: Reviews) -> None:
    first = bench.run
    older = bench.submit("ann", "older", name="older")
    reviews.ask(older, "1")
    bench.change(Review, older, asked=0.0)

    assert [review.submission for review in reviews.open()] == [older, first]
    reviews.give(first, YES)
    assert [review.submission for review in reviews.open()] == [older]


def test_a_version_leads_to_its_run(bench: StageBench, reviews: Reviews) -> None:
    assert reviews.run_of("toy", "1") == bench.run
    with pytest.raises(NotFoundError, match="toy version 9 asks for no review"):
        reviews.run_of("toy", "9")


def test_an_approval_sets_the_alias_and_says_who_gave_it(bench: StageBench, reviews: Reviews) -> None:
    assert reviews.give(bench.run, YES).state is ReviewState.APPROVED

    assert answered(bench) == (ReviewState.APPROVED, "bob", Door.CLI, "looks right")
    assert bench.row(Review).answered is not None
    assert aliases(bench) == {CHALLENGER: "1"}
    assert shown_in_mlflow(bench) == "approved by bob via cli"


@pytest.mark.parametrize(
    ("said", "shown"), [(NO, "rejected by carl via airflow"), (CHANGES, "changes asked by olga via mlflow")]
)
def test_a_refusal_sets_no_alias(bench: StageBench, reviews: Reviews, said: Said, shown: str) -> None:
    reviews.give(bench.run, said)

    assert answered(bench) == (STATES[said], said.person, said.via, said.reason)
    assert aliases(bench) == {}
    assert shown_in_mlflow(bench) == shown


@pytest.mark.parametrize("first", [YES, NO, CHANGES], ids=lambda said: str(said.verdict))
@pytest.mark.parametrize("second", [YES, NO, CHANGES], ids=lambda said: str(said.verdict))
def test_the_first_decision_stays(bench: StageBench, reviews: Reviews, first: Said, second: Said) -> None:
    reviews.give(bench.run, first)
    facts = bench.facts()

    if first is second:
        reviews.give(bench.run, second)
    else:
        with pytest.raises(ConflictError, match=f"was {STATES[first]} by {first.person} already"):
            reviews.give(bench.run, second)

    assert bench.facts() == facts


@pytest.mark.parametrize("door", Door)
def test_the_same_word_by_another_door_changes_nothing(bench: StageBench, reviews: Reviews, door: Door) -> None:
    reviews.give(bench.run, YES)
    facts = bench.facts()

    reviews.give(bench.run, Said("carl", Verdict.APPROVE, door, "I think so too"))

    assert bench.facts() == facts


def test_an_answer_that_mlflow_did_not_hear_may_be_given_again(bench: StageBench, reviews: Reviews) -> None:
    bench.mlflow.down = True
    with pytest.raises(TransientError):
        reviews.give(bench.run, YES)
    assert bench.row(Review).state is ReviewState.APPROVED

    bench.mlflow.down = False
    reviews.give(bench.run, YES)
    assert aliases(bench) == {CHALLENGER: "1"}


def test_the_alias_of_an_answer_that_is_repeated_after_the_end_stays_gone(bench_after: BenchAfter) -> None:
    """The rollout is over; whoever reads `challenger` in MLflow would believe that another one has begun."""
    bench = bench_after(StageName.PROMOTE)
    bench.installation.reviews.give(bench.run, YES)

    assert aliases(bench) == {"champion": "1"}


def test_an_approval_that_is_repeated_after_a_revocation_sets_no_alias(bench: StageBench, reviews: Reviews) -> None:
    """A revoked version would be shown as the challenger, and by its tag as approved."""
    reviews.give(bench.run, YES)
    bench.installation.revocations.revoke("toy", "1", "carl", "leaks addresses")
    with pytest.raises(ConflictError, match="carl revoked version 1: leaks addresses"):
        reviews.give(bench.run, YES)

    assert aliases(bench) == {}
    assert shown_in_mlflow(bench) == "revoked by carl: leaks addresses"


def test_a_question_about_a_revoked_version_is_answered_with_the_revocation(
    bench: StageBench, reviews: Reviews
) -> None:
    """It would stay open for ever, since nobody may approve the version any more."""
    bench.installation.revocations.revoke("toy", "1", "carl", "leaks addresses")
    assert answered(bench) == (ReviewState.REJECTED, "carl", Door.CLI, "leaks addresses")
    with pytest.raises(ConflictError, match="carl revoked version 1: leaks addresses"):
        reviews.give(bench.run, YES)
    bench.build(ReviewStage).ask(bench.run)
    assert aliases(bench) == {}


def test_a_run_that_asks_nothing_takes_no_answer(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.EVALUATE)
    with pytest.raises(NotFoundError, match="asks for no review now; see: jinsu review list"):
        bench.installation.reviews.give(bench.run, YES)
    with pytest.raises(NotFoundError, match="does not exist"):
        bench.installation.reviews.give("toy-0", YES)


def test_a_reason_is_recorded_clean(bench: StageBench, reviews: Reviews) -> None:
    reviews.give(bench.run, Said("bob", Verdict.REJECT, Door.AIRFLOW, "no\0\x1b[2J"))
    assert answered(bench)[3] == "no��[2J"
    assert bench.row(Opinion, bench.run, "bob").reason == "no��[2J"


# --- Who may answer ---

OUTSIDERS = {
    "eve": "eve is a researcher of team default; this needs a reviewer of that team",
    "tess": "tess is not in team default",
    "theo": "theo is not in team default",
    "root": "root is not in team default",
    "nobody": "'nobody' has no account here",
    "reviewer": "'reviewer' has no account here",
    "Bob": "'Bob' has no account here",
    "bob ": "'bob ' has no account here",
    "": "'' has no account here",
}
"""Who may not answer, and why: another role, another team, an administrator, names that are no person's."""


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("door", [Door.CLI, Door.AIRFLOW, Door.MLFLOW])
@pytest.mark.parametrize("name", OUTSIDERS)
def test_nobody_but_a_reviewer_of_the_team_answers_by_any_door(
    bench: StageBench, reviews: Reviews, name: str, door: Door, verdict: Verdict
) -> None:
    """0.1 let every account that held a reviewer's token answer for every team."""
    facts = bench.facts()
    with pytest.raises(ForbiddenError, match=OUTSIDERS[name]):
        reviews.give(bench.run, Said(name, verdict, door, "because"))

    assert bench.facts() == facts
    assert bench.rows(Opinion) == []


@pytest.mark.parametrize("verdict", Verdict)
def test_somebody_who_left_answers_no_more(bench: StageBench, reviews: Reviews, verdict: Verdict) -> None:
    bench.remove_person("bob")
    with pytest.raises(ForbiddenError, match="'bob' has no account here"):
        reviews.give(bench.run, Said("bob", verdict, Door.AIRFLOW))
    assert bench.rows(Opinion) == []


def test_somebody_who_is_a_reviewer_no_longer_answers_no_more(bench: StageBench, reviews: Reviews) -> None:
    bench.set_role("bob", "default", None)
    bench.set_role("carl", "default", "researcher")
    for name in ("bob", "carl"):
        with pytest.raises(ForbiddenError):
            reviews.give(bench.run, Said(name, Verdict.APPROVE, Door.CLI))
    assert bench.row(Review).state is ReviewState.OPEN


def test_a_submitter_approves_no_run_of_their_own(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REGISTER)
    run = bench.another_run(StageName.REGISTER, submitter="bob")
    bench.build(ReviewStage).ask(run)
    with pytest.raises(ForbiddenError, match=f"bob submitted run {run}; another person must review it"):
        bench.installation.reviews.give(run, YES)

    assert bench.row(Review, run).state is ReviewState.OPEN
    assert aliases(bench) == {}


@pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.ASK_CHANGES])
def test_a_submitter_who_is_a_reviewer_may_refuse_an_own_run(bench_after: BenchAfter, verdict: Verdict) -> None:
    bench = bench_after(StageName.REGISTER)
    run = bench.another_run(StageName.REGISTER, submitter="bob")
    bench.build(ReviewStage).ask(run)
    bench.installation.reviews.give(run, Said("bob", verdict, Door.CLI, "wrong file"))

    assert bench.row(Review, run).state not in (ReviewState.OPEN, ReviewState.APPROVED)


# --- What the policy of the day says ---


def asked_under(bench_after: BenchAfter, submitter: str = "ann", **review: Any) -> StageBench:
    """The question about a candidate that was submitted under this section `review` of the team's policy."""
    bench = bench_after(StageName.REGISTER)
    bench.put_policy(review=review)
    bench.run = bench.another_run(StageName.REGISTER, submitter=submitter, train__params={"lr": 3.0})
    bench.build(ReviewStage).ask(bench.run)
    return bench


def approve(bench: StageBench, *names: str) -> ReviewState:
    for name in names:
        found = bench.installation.reviews.give(bench.run, Said(name, Verdict.APPROVE, Door.CLI))
    return found.state


def test_a_policy_may_let_submitters_approve(bench_after: BenchAfter) -> None:
    bench = asked_under(bench_after, "bob", self_approval=True)
    assert approve(bench, "bob") is ReviewState.APPROVED
    assert aliases(bench) == {CHALLENGER: "2"}


def test_it_makes_no_researcher_a_reviewer(bench_after: BenchAfter) -> None:
    """Otherwise every researcher would approve an own model."""
    bench = asked_under(bench_after, "ann", self_approval=True)
    with pytest.raises(ForbiddenError, match="this needs a reviewer"):
        approve(bench, "ann")


def test_a_policy_that_changes_after_the_question_does_not_change_it(bench_after: BenchAfter) -> None:
    """Whoever could turn the policy would open a gate that is closed already."""
    bench = asked_under(bench_after, "bob", approvers=2)
    bench.put_policy(review={"approvers": 0, "self_approval": True})
    bench.build(ReviewStage).ask(bench.run)
    with pytest.raises(ForbiddenError, match="another person must review it"):
        approve(bench, "bob")
    assert approve(bench, "carl") is ReviewState.OPEN
    assert approve(bench, "olga") is ReviewState.APPROVED


def test_a_stricter_policy_does_not_change_an_open_question(bench_after: BenchAfter) -> None:
    bench = asked_under(bench_after, approvers=1)
    bench.put_policy(review={"approvers": 5})
    assert approve(bench, "bob") is ReviewState.APPROVED


def test_the_policy_counts_that_was_in_force_when_the_run_was_submitted(bench_after: BenchAfter) -> None:
    """Between the submission and the question, days may pass: the rules are those that the submitter was told."""
    bench = bench_after(StageName.REGISTER)
    bench.put_policy(review={"approvers": 5})
    assert bench.build(ReviewStage).ask(bench.run).needed == 1


# --- Two approvers ---


@pytest.fixture
def two(bench_after: BenchAfter) -> StageBench:
    """Two people must approve the candidate of ann."""
    return asked_under(bench_after, approvers=2)


@pytest.mark.parametrize("names", [("bob", "carl"), ("carl", "bob"), ("olga", "bob")])
def test_two_different_people_approve_in_any_order(two: StageBench, names: tuple[str, str]) -> None:
    assert approve(two, names[0]) is ReviewState.OPEN
    assert aliases(two) == {}
    tags = two.mlflow.models["toy"].versions["2"].tags
    assert tags["jinsu.review"] == f"1 of 2 approvals: {names[0]}"
    assert approve(two, names[1]) is ReviewState.APPROVED
    assert aliases(two) == {CHALLENGER: "2"}
    assert two.row(Review).reviewer == ", ".join(names)


@pytest.mark.parametrize("door", [Door.CLI, Door.AIRFLOW, Door.MLFLOW])
def test_one_person_counts_once_whatever_the_door(two: StageBench, door: Door) -> None:
    approve(two, "bob")
    for _ in range(2):
        two.installation.reviews.give(two.run, Said("bob", Verdict.APPROVE, door, "once more"))

    assert two.row(Review).state is ReviewState.OPEN
    assert len(two.rows(Opinion)) == 1
    assert not two.installation.standings.of("toy", "2").may_serve


def test_a_submitter_is_not_one_of_two(bench_after: BenchAfter) -> None:
    bench = asked_under(bench_after, "bob", approvers=2)
    with pytest.raises(ForbiddenError):
        approve(bench, "bob")
    assert approve(bench, "carl") is ReviewState.OPEN


def test_a_submitter_is_one_of_two_where_the_policy_says_so(bench_after: BenchAfter) -> None:
    bench = asked_under(bench_after, "bob", approvers=2, self_approval=True)
    assert approve(bench, "bob") is ReviewState.OPEN
    assert approve(bench, "carl") is ReviewState.APPROVED


@pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.ASK_CHANGES])
def test_one_refusal_after_an_approval_decides(two: StageBench, verdict: Verdict) -> None:
    approve(two, "bob")
    review = two.installation.reviews.give(two.run, Said("carl", verdict, Door.CLI, "too slow"))

    assert review.state not in (ReviewState.OPEN, ReviewState.APPROVED)
    assert review.reviewer == "carl"
    with pytest.raises(ConflictError):
        approve(two, "olga")
    assert aliases(two) == {}


def test_a_person_may_change_their_mind_before_the_question_is_decided(two: StageBench) -> None:
    approve(two, "bob")
    review = two.installation.reviews.give(two.run, Said("bob", Verdict.REJECT, Door.CLI, "I looked again"))

    assert (review.state, review.reviewer) == (ReviewState.REJECTED, "bob")
    assert [row.verdict for row in two.rows(Opinion)] == [Verdict.REJECT]


def test_what_somebody_approved_before_they_left_counts(two: StageBench) -> None:
    """It was given under the rules of its day; whoever doubts it refuses, or revokes the version."""
    approve(two, "bob")
    two.remove_person("bob")
    assert approve(two, "carl") is ReviewState.APPROVED
    assert two.row(Review).reviewer == "bob, carl"


def test_the_author_of_code_cannot_approve_it_when_a_colleague_starts_it(
    bench_after: Callable[[StageName | None], StageBench],
) -> None:
    """A reviewer who wrote a model could have somebody else press the button, and then approve."""
    bench = bench_after(None)
    own = bench.code(script="# bob wrote this")
    bench.submit("bob", "first", own)
    run = bench.submit("eve", "again", own)
    for stage in ORDER[: ORDER.index(StageName.REGISTER) + 1]:
        bench.carry_out(stage, run)
    reviews = bench.installation.reviews
    reviews.ask(run, "1")
    with pytest.raises(ForbiddenError, match=r"bob submitted the code of run \S+ first"):
        reviews.give(run, Said("bob", Verdict.APPROVE, Door.CLI))
    assert reviews.give(run, Said("carl", Verdict.APPROVE, Door.CLI)).state is ReviewState.APPROVED
