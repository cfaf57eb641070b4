"""Whether a version may serve, asked at every door: of versions that nobody approved, none gets through any."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.api_client import ApiClient
from tests.support.stage_bench import StageBench

from jinsu.controller.champions import ChampionFollower
from jinsu.errors import ConflictError, ForbiddenError, GateFailedError, JinsuError, NotFoundError
from jinsu.lifecycle.canary import Canary, policy_of
from jinsu.lifecycle.promote import Promote
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.registry.mlflow import CHAMPION
from jinsu.release.advance import Phase
from jinsu.release.standing import Facts, counted, standing
from jinsu.runs.champions import UNKNOWN
from jinsu.runs.journal import rules_of
from jinsu.runs.reviews import Said
from jinsu.runs.stages import StageName
from jinsu.state.states import AuditEvent, Door, LedgerEvent, StageState, SubmissionState, Verdict
from jinsu.state.tables import AuditEntry, Endpoint, LedgerEntry, Rollout, StageRecord, Submission

BenchAfter = Callable[[StageName | None], StageBench]

# --- The predicate ---

names = st.sets(st.sampled_from(["ann", "bob", "carl", "olga"]))


@given(approvals=names, needed=st.integers(0, 5), self_approval=st.booleans())
def test_enough_people_other_than_the_submitter_approve(approvals: set[str], needed: int, self_approval: bool) -> None:
    found = standing(Facts("2", "ann", frozenset(approvals), needed, self_approval))
    counting = approvals if self_approval else approvals - {"ann"}
    assert found.may_serve == (len(counting) >= needed)
    assert counted(approvals, "ann", self_approval) == counting


@given(
    approvals=names,
    needed=st.none() | st.integers(0, 5),
    self_approval=st.booleans(),
    refused=st.sampled_from(["", "carl rejected it"]),
    served=st.booleans(),
)
def test_what_was_revoked_never_serves(
    approvals: set[str], needed: int | None, self_approval: bool, refused: str, served: bool
) -> None:
    facts = Facts("2", "ann", frozenset(approvals), needed, self_approval, refused, "bob revoked version 2: x", served)
    found = standing(facts)
    assert (found.may_serve, found.reason) == (False, "bob revoked version 2: x")


@given(approvals=names, needed=st.integers(0, 5), self_approval=st.booleans())
def test_a_refusal_outweighs_every_approval(approvals: set[str], needed: int, self_approval: bool) -> None:
    facts = Facts("2", "ann", frozenset(approvals), needed, self_approval, refused="carl rejected version 2: slow")
    assert standing(facts).reason == "carl rejected version 2: slow"
    assert not standing(facts).may_serve


def test_what_nobody_was_asked_about_does_not_serve_even_when_no_approver_is_needed() -> None:
    assert not standing(Facts("2", "ann", frozenset({"bob"}))).may_serve


def test_what_served_before_may_serve_again() -> None:
    assert standing(Facts("2", "ann", served=True)).may_serve


# --- Versions that may not serve ---


def no_question(bench: StageBench, run: str) -> str:
    return "version 2 was never shown to a reviewer"


def open_question(bench: StageBench, run: str) -> str:
    bench.build(ReviewStage).ask(run)
    return "version 2 has 0 of 2 approvals"


def half_approved(bench: StageBench, run: str) -> str:
    open_question(bench, run)
    say(bench, run, Verdict.APPROVE)
    return "version 2 has 1 of 2 approvals"


def rejected(bench: StageBench, run: str) -> str:
    half_approved(bench, run)
    say(bench, run, Verdict.REJECT, "carl")
    return "carl rejected version 2: because"


def changes_asked(bench: StageBench, run: str) -> str:
    half_approved(bench, run)
    say(bench, run, Verdict.ASK_CHANGES, "carl")
    return "carl asked for changes to version 2: because"


def revoked(bench: StageBench, run: str) -> str:
    half_approved(bench, run)
    say(bench, run, Verdict.APPROVE, "carl")
    bench.installation.revocations.revoke("toy", "2", "bob", "because")
    return "bob revoked version 2: because"


def unanswered(bench: StageBench, run: str) -> str:
    half_approved(bench, run)
    bench.installation.cancellation.run(run, "by mistake")
    return "the run of version 2 ended before anybody answered"


def say(bench: StageBench, run: str, verdict: Verdict, who: str = "bob") -> None:
    bench.installation.reviews.give(run, Said(who, verdict, Door.CLI, "because"))


STATES = [no_question, open_question, half_approved, rejected, changes_asked, revoked, unanswered]


@pytest.fixture(params=STATES, ids=lambda state: state.__name__)
def refused(request: pytest.FixtureRequest, bench_after: BenchAfter) -> tuple[StageBench, str, str]:
    """Version 1 serves; version 2 is registered, and may not. With its run, and the sentence that says why."""
    bench = bench_after(StageName.PROMOTE)
    bench.put_policy(review={"approvers": 2})
    run = bench.another_run(StageName.REGISTER, train__params={"lr": 3.0})
    sentence = request.param(bench, run)
    # Somebody marked the stage as successful in Airflow, so that the next one comes.
    bench.installation.journal.note(run, StageName.REVIEW)
    bench.change(StageRecord, run, StageName.REVIEW, 0, state=StageState.DONE)
    return bench, run, sentence


def unchanged(bench: StageBench) -> None:
    """Version 1 serves, and nothing says otherwise."""
    assert bench.mlflow.models["toy"].aliases[CHAMPION] == "1"
    assert bench.row(Endpoint, "toy").champion == "1"
    moves = [event for event, *_ in bench.ledger() if event is not LedgerEvent.REVOKED]
    assert moves == [LedgerEvent.PROMOTED]


def test_it_starts_no_canary(refused: tuple[StageBench, str, str]) -> None:
    """0.1's canary never read the review."""
    bench, run, sentence = refused
    was_cancelled = bench.row(Submission, run).state is SubmissionState.CANCELLED
    with pytest.raises(ConflictError if was_cancelled else GateFailedError) as problem:
        bench.build(Canary).start(run)

    assert ("was cancelled" if was_cancelled else sentence) in str(problem.value)
    assert bench.row(Rollout, run) is None
    if not was_cancelled:
        assert bench.stage(StageName.CANARY, run=run).state is StageState.FAILED
        assert bench.row(Submission, run).state is SubmissionState.FAILED
    unchanged(bench)


def test_no_caller_asks_for_its_rollout(refused: tuple[StageBench, str, str]) -> None:
    bench, run, sentence = refused
    bench.change(Submission, run, state=SubmissionState.RUNNING)
    policy = policy_of(rules_of(bench.row(Submission, run)))
    with pytest.raises(ForbiddenError, match=sentence):
        bench.installation.rollouts.request(run, "toy", "2", policy)
    assert bench.row(Rollout, run) is None


def test_it_is_not_promoted(refused: tuple[StageBench, str, str]) -> None:
    """Somebody marked the canary as successful too, or wrote the row of a rollout."""
    bench, run, sentence = refused
    bench.change(Submission, run, state=SubmissionState.RUNNING)
    add_promoting_rollout(bench, run)
    with pytest.raises(GateFailedError, match=sentence):
        bench.build(Promote).run(run)

    unchanged(bench)
    assert bench.row(Submission, run).state is not SubmissionState.SUCCEEDED


def add_promoting_rollout(bench: StageBench, run: str) -> None:
    with bench.records.begin() as session:
        own = session.get_one(Rollout, bench.run)
        state = {**own.state, "challenger": "2", "champion": "1", "phase": str(Phase.PROMOTING)}
        columns = {"policy": own.policy, "state": state, "phase": Phase.PROMOTING, "created": 0.0, "updated": 0.0}
        session.add(Rollout(submission=run, model="toy", challenger="2", command="", **columns))


def test_it_is_not_rolled_back_to(refused: tuple[StageBench, str, str]) -> None:
    """In 0.1 every registered version became the champion in this way."""
    bench, _, sentence = refused
    with pytest.raises(ForbiddenError, match=f"toy: {sentence}"):
        bench.installation.champions.roll_back("toy", "2", "bob")
    unchanged(bench)


def test_the_api_does_not_roll_back_to_it(refused: tuple[StageBench, str, str]) -> None:
    bench, _, sentence = refused
    answer = ApiClient(bench.installation).post("/v1/models/toy/champion/2", who="bob")
    assert answer.status_code == 403
    assert sentence in answer.text
    unchanged(bench)


def test_no_reviewer_makes_it_champion_in_mlflow(refused: tuple[StageBench, str, str]) -> None:
    bench, _, sentence = refused
    with pytest.raises(ForbiddenError, match=f"toy: {sentence}"):
        bench.installation.champions.move_by_hand("toy", "2", "bob")
    unchanged(bench)


def test_an_alias_that_was_set_past_the_gate_goes_back(refused: tuple[StageBench, str, str]) -> None:
    """In 0.1 the endpoint followed."""
    bench, _, sentence = refused
    bench.installation.mlflow.set_alias("toy", CHAMPION, "2")
    for _ in range(2):
        bench.build(ChampionFollower).run()

    unchanged(bench)
    (noted,) = [row for row in bench.rows(AuditEntry) if row.event is AuditEvent.REFUSED]
    assert (noted.actor, noted.subject) == (UNKNOWN, "champion of toy")
    assert sentence in noted.detail


# --- Versions that may ---


def test_a_version_that_served_before_is_rolled_back_to(bench_after: BenchAfter) -> None:
    """Also when the policy of today asks for more than that of its day, and its reviewers have left."""
    bench = bench_after(StageName.PROMOTE)
    bench.another_run(StageName.PROMOTE, train__params={"lr": 3.0})
    bench.put_policy(review={"approvers": 5})
    bench.remove_person("bob")
    bench.installation.champions.roll_back("toy", "1", "carl")

    assert bench.row(Endpoint, "toy").champion == "1"


def test_a_version_that_served_and_was_revoked_is_not_rolled_back_to(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.PROMOTE)
    bench.another_run(StageName.PROMOTE, train__params={"lr": 3.0})
    bench.installation.revocations.revoke("toy", "1", "carl", "leaks addresses")
    with pytest.raises(ForbiddenError, match="carl revoked version 1: leaks addresses"):
        bench.installation.champions.roll_back("toy", "1", "bob")

    assert bench.row(Endpoint, "toy").champion == "2"


def test_a_challenger_that_was_taken_back_has_not_served(bench_after: BenchAfter) -> None:
    """Its entry in the ledger names it as well, but it was never the champion."""
    bench = bench_after(StageName.PROMOTE)
    bench.another_run(StageName.REGISTER, train__params={"lr": 3.0})
    with bench.records.begin() as session:
        for event in (LedgerEvent.REVERTED, LedgerEvent.HALTED, LedgerEvent.REVOKED):
            values = {"model": "toy", "version": "2", "previous": "1", "actor": "jinsu", "hash": "x", "detail": ""}
            session.add(LedgerEntry(at=1.0, event=event, identity=f"{event}:2", **values))

    assert bench.installation.standings.of("toy", "2").reason == "version 2 was never shown to a reviewer"


def test_a_version_of_another_model_lends_nobody_its_right(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.PROMOTE)
    bench.another_run(StageName.REGISTER, name="other")
    assert bench.installation.standings.of("toy", "1").may_serve
    assert not bench.installation.standings.of("other", "1").may_serve


def test_a_policy_that_asks_for_nobody_lets_a_version_serve_once_it_was_asked(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.PROMOTE)
    bench.put_policy(review={"approvers": 0})
    run = bench.another_run(StageName.REGISTER, train__params={"lr": 3.0}, release__review={"approvers": 0})
    assert not bench.installation.standings.of("toy", "2").may_serve
    bench.build(ReviewStage).ask(run)
    assert bench.installation.standings.of("toy", "2").may_serve


def test_no_model_asks_for_less_than_its_team(bench_after: BenchAfter) -> None:
    """In 0.1 `review: none` was a line of the submitter's."""
    bench = bench_after(StageName.PROMOTE)
    with pytest.raises(JinsuError, match=r"release\.review\.approvers: 0 is looser than policy of team default"):
        bench.another_run(None, release__review={"approvers": 0})


@pytest.mark.parametrize("version", ["9", "", "latest"])
def test_a_version_that_is_not_registered_has_no_standing(bench_after: BenchAfter, version: str) -> None:
    bench = bench_after(StageName.PROMOTE)
    with pytest.raises(NotFoundError, match=f"no registered version '{version}'"):
        bench.installation.standings.require("toy", version)
