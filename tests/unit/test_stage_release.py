"""review, canary and promote: from a registered version to the champion."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.stage_bench import StageBench

from jinsu.errors import ConflictError, GateFailedError, JinsuError, NotFoundError, TransientError
from jinsu.lifecycle.canary import Canary, policy_of
from jinsu.lifecycle.promote import Promote
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.registry.mlflow import CHALLENGER, CHAMPION
from jinsu.release.advance import TERMINAL, Phase, Policy
from jinsu.release.gates import GatePolicy
from jinsu.runs.journal import rules_of
from jinsu.runs.reviews import Said
from jinsu.runs.rollouts import PROMOTABLE
from jinsu.runs.stages import Promoted, Reviewed, RolledOut, StageName
from jinsu.state.states import Door, LedgerEvent, ReviewState, StageState, SubmissionState, Verdict
from jinsu.state.tables import LedgerEntry, Review, Rollout, Submission

BenchAfter = Callable[[StageName | None], StageBench]


def aliases(bench: StageBench) -> dict[str, str]:
    return bench.mlflow.models["toy"].aliases


# --- review ---


@pytest.fixture
def registered(bench_after: BenchAfter) -> StageBench:
    return bench_after(StageName.REGISTER)


def review_of(bench: StageBench) -> Any:
    return bench.build(ReviewStage)


def test_a_question_waits_until_a_person_answers(registered: StageBench) -> None:
    stage = review_of(registered)
    assert stage.waiting(registered.run)  # nobody has asked
    for _ in range(2):
        assert stage.ask(registered.run).state is ReviewState.OPEN
    assert stage.waiting(registered.run)
    with pytest.raises(NotFoundError, match="is not reviewed yet"):
        stage.finish(registered.run)
    assert registered.stage(StageName.REVIEW).detail == "waiting for a person"
    assert registered.submission.ended is None

    stage.reviews.give(registered.run, Said("bob", Verdict.APPROVE, Door.CLI))

    assert not stage.waiting(registered.run)
    assert stage.finish(registered.run) == Reviewed("1", "bob", "cli")
    assert registered.stage(StageName.REVIEW).state is StageState.DONE


def unreviewed_run(bench: StageBench, last: StageName) -> str:
    """A run whose rules ask for no approver: its team's policy allows that, and its spec says it."""
    bench.put_policy(review={"approvers": 0})
    return bench.another_run(last, release__review={"approvers": 0}, train__params={"lr": 3.0})


def test_rules_that_ask_for_no_approver_answer_the_question(registered: StageBench) -> None:
    registered.run = unreviewed_run(registered, StageName.REGISTER)
    stage = review_of(registered)
    for _ in range(2):
        assert stage.ask(registered.run).state is ReviewState.APPROVED

    assert stage.finish(registered.run) == Reviewed("2", "nobody", "spec")
    assert registered.row(Review, registered.run).reason == "the rules ask for no approver (model.yaml)"
    assert aliases(registered) == {CHALLENGER: "2"}


def test_the_rules_answer_again_when_the_stage_was_killed_before_the_alias(registered: StageBench) -> None:
    registered.run = unreviewed_run(registered, StageName.REGISTER)
    registered.mlflow.down = True
    with pytest.raises(TransientError):
        review_of(registered).ask(registered.run)
    registered.mlflow.down = False
    review_of(registered).ask(registered.run)

    assert registered.row(Review, registered.run).state is ReviewState.APPROVED
    assert aliases(registered) == {CHALLENGER: "2"}


@pytest.mark.parametrize("reason", ["too slow", ""])
def test_a_rejection_ends_the_run_with_its_reason(registered: StageBench, reason: str) -> None:
    stage = review_of(registered)
    stage.ask(registered.run)
    stage.reviews.give(registered.run, Said("bob", Verdict.REJECT, Door.MLFLOW, reason))
    with pytest.raises(GateFailedError):
        stage.finish(registered.run)

    row = registered.submission
    assert row.state is SubmissionState.FAILED
    assert row.reason == f"review: bob rejected version 1: {reason or 'no reason given'}"


@pytest.mark.parametrize("reason", ["say which shops", ""])
def test_an_ask_for_changes_ends_the_run_with_its_reason(registered: StageBench, reason: str) -> None:
    stage = review_of(registered)
    stage.ask(registered.run)
    stage.reviews.give(registered.run, Said("carl", Verdict.ASK_CHANGES, Door.CLI, reason))
    assert not stage.waiting(registered.run)
    with pytest.raises(GateFailedError):
        stage.finish(registered.run)

    row = registered.submission
    said = reason or "no reason given"
    assert row.state is SubmissionState.FAILED
    assert row.reason == f"review: carl asked for changes to version 1: {said}; submit again."


def test_a_question_that_was_closed_says_that_the_run_ended(registered: StageBench) -> None:
    stage = review_of(registered)
    stage.ask(registered.run)
    registered.installation.cancellation.run(registered.run, "cancelled by ann")
    with pytest.raises(GateFailedError, match="the run ended before anybody answered: cancelled by ann"):
        stage.finish(registered.run)

    assert registered.submission.state is SubmissionState.CANCELLED


def test_a_whole_pass_waits_for_the_answer(registered: StageBench, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = review_of(registered)
    said = Said("bob", Verdict.APPROVE, Door.CLI)
    monkeypatch.setattr("jinsu.lifecycle.review.time.sleep", lambda _: stage.reviews.give(registered.run, said))
    assert stage.run(registered.run).reviewer == "bob"


def test_the_question_says_what_a_reviewer_needs(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.PROMOTE)
    run = bench.another_run(StageName.REGISTER, submitter="eve", train__params={"lr": 3.0})
    text = review_of(bench).question(run, {"Evidence": "https://mlflow.example.com/e", "Endpoint": "x"})

    parts = text.split("\n\n")
    assert parts[0] == "Model **toy** version 2, submitted by **eve** of team default"
    assert parts[1].startswith("accuracy **1.0000 (")
    assert parts[2:4] == [
        "against champion 1: **+0.0000 (+0.0000 to +0.0000)**",
        "[Evidence](https://mlflow.example.com/e)",
    ]
    assert "| spec | train\\.params\\.lr | 0\\.1 | 3\\.0 |" in text
    assert "Rules of problem toy, version 1:" in text
    first = review_of(bench).question(bench.run, {})
    assert "against" not in first
    assert "There is no champion yet" in first


def test_nothing_is_asked_about_a_version_that_is_not_there(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.EVALUATE)
    with pytest.raises(NotFoundError, match="stage register has not ended"):
        review_of(bench).ask(bench.run)


# --- canary ---


@pytest.fixture
def reviewed(bench_after: BenchAfter) -> StageBench:
    return bench_after(StageName.REVIEW)


def test_a_rollout_is_asked_for_once(reviewed: StageBench) -> None:
    reviewed.serve("0")
    for _ in range(2):
        reviewed.build(Canary).start(reviewed.run)

    (row,) = reviewed.rows(Rollout)
    assert (row.model, row.challenger, row.state["champion"], row.phase) == ("toy", "1", "0", Phase.DEPLOYING)
    assert reviewed.stage(StageName.CANARY).detail == "waiting for the release controller"


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_of_a_rollout(reviewed: StageBench, phase: Phase) -> None:
    stage = reviewed.build(Canary)
    stage.start(reviewed.run)
    reviewed.set_rollout(phase, "errors: 9.0% of 50")

    assert stage.waiting(reviewed.run) == (phase not in TERMINAL and phase not in PROMOTABLE)
    if phase in PROMOTABLE:
        assert stage.finish(reviewed.run) == RolledOut("1", "", "errors: 9.0% of 50")
        assert reviewed.submission.ended is None
        assert aliases(reviewed) == {CHALLENGER: "1"}
    elif phase in TERMINAL:
        with pytest.raises(GateFailedError, match=rf"version 1 was {phase}: errors: 9\.0% of 50"):
            stage.finish(reviewed.run)
        assert reviewed.submission.state is SubmissionState.FAILED
        assert aliases(reviewed) == {}  # a challenger that was taken back is none
    else:
        with pytest.raises(TransientError, match=f"the rollout is {phase}"):
            stage.finish(reviewed.run)
        assert reviewed.submission.ended is None


def test_the_alias_of_a_newer_challenger_stays(reviewed: StageBench) -> None:
    reviewed.build(Canary).start(reviewed.run)
    reviewed.another_run(StageName.REVIEW, train__params={"lr": 3.0})
    reviewed.set_rollout(Phase.SUPERSEDED, "version 2 took its place")
    with pytest.raises(GateFailedError):
        reviewed.build(Canary).finish(reviewed.run)

    assert aliases(reviewed) == {CHALLENGER: "2"}


def test_an_outage_of_mlflow_ends_no_rollout(reviewed: StageBench) -> None:
    reviewed.build(Canary).start(reviewed.run)
    reviewed.set_rollout(Phase.REVERTED, "too slow")
    reviewed.mlflow.down = True
    with pytest.raises(TransientError):
        reviewed.build(Canary).finish(reviewed.run)
    assert reviewed.stage(StageName.CANARY).state is StageState.WAITING

    reviewed.mlflow.down = False
    with pytest.raises(GateFailedError, match="too slow"):
        reviewed.build(Canary).finish(reviewed.run)


def test_a_rollout_that_was_never_asked_for_is_named(reviewed: StageBench) -> None:
    for ask in (reviewed.build(Canary).finish, reviewed.build(Canary).state, reviewed.build(Promote).run):
        with pytest.raises(NotFoundError, match="has no rollout; the stage canary has not begun"):
            ask(reviewed.run)


def test_a_whole_pass_waits_for_the_controller(reviewed: StageBench, monkeypatch: pytest.MonkeyPatch) -> None:
    phases = iter([Phase.STEPPING, Phase.HALTED, Phase.PROMOTING])
    monkeypatch.setattr("jinsu.lifecycle.canary.time.sleep", lambda _: reviewed.set_rollout(next(phases)))

    assert reviewed.build(Canary).run(reviewed.run).version == "1"
    assert list(phases) == []


def test_the_policy_is_that_of_the_rules(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    canary = {"steps": [5, 25], "every": "2m", "min_requests": 7, "max_error_increase": 0.1, "max_latency_ratio": 3.0}
    row = bench.row(Submission, bench.another_run(None, release__canary={**canary, "deadline": "1h"}))

    assert policy_of(rules_of(row)) == Policy((5, 25), 120.0, 3600.0, GatePolicy(7, 0.1, 3.0, 1000.0))


# --- promote ---


@pytest.fixture
def rolled_out(bench_after: BenchAfter) -> StageBench:
    return bench_after(StageName.CANARY)


@pytest.mark.parametrize("phase", PROMOTABLE)
def test_the_challenger_becomes_the_champion(rolled_out: StageBench, phase: Phase) -> None:
    """The controller may have seen the alias before the stage has recorded it."""
    rolled_out.set_rollout(phase, "all steps passed")
    for _ in range(3):
        assert rolled_out.build(Promote).run(rolled_out.run) == Promoted("1", None)

    assert aliases(rolled_out) == {CHAMPION: "1"}
    row = rolled_out.submission
    assert (row.state, row.reason) == (SubmissionState.SUCCEEDED, "version 1 is the champion")
    (entry,) = rolled_out.rows(LedgerEntry)
    assert (entry.event, entry.version, entry.previous) == (LedgerEvent.PROMOTED, "1", None)
    assert (entry.actor, entry.submission, entry.detail) == ("bob", row.id, "all steps passed")
    assert entry.evidence == f"run {row.mlflow_run}/evidence.html"
    assert rolled_out.mlflow.artifact(row.mlflow_run, "evidence.html")


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in PROMOTABLE])
def test_a_challenger_that_was_taken_back_meanwhile_is_not_promoted(rolled_out: StageBench, phase: Phase) -> None:
    rolled_out.set_rollout(phase, "too slow")
    with pytest.raises(GateFailedError, match=f"version 1 was {phase} before promotion: too slow"):
        rolled_out.build(Promote).run(rolled_out.run)

    assert aliases(rolled_out) == {CHALLENGER: "1"}
    assert rolled_out.rows(LedgerEntry) == []
    assert rolled_out.submission.state is SubmissionState.FAILED


def test_the_second_champion_names_the_first(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.PROMOTE)
    bench.serve("1")
    bench.another_run(StageName.PROMOTE, submitter="eve", train__params={"lr": 3.0})

    assert bench.ledger()[1] == (LedgerEvent.PROMOTED, "2", "1", "bob")


def test_a_promotion_that_no_person_approved_says_so(rolled_out: StageBench) -> None:
    unreviewed_run(rolled_out, StageName.PROMOTE)
    assert rolled_out.ledger() == [(LedgerEvent.PROMOTED, "2", None, "nobody")]


def test_the_alias_of_another_challenger_stays(rolled_out: StageBench) -> None:
    rolled_out.another_run(StageName.REVIEW, train__params={"lr": 3.0})
    rolled_out.build(Promote).run(rolled_out.run)

    assert aliases(rolled_out) == {CHAMPION: "1", CHALLENGER: "2"}


@pytest.mark.parametrize("path", ["registered-models/alias", "registered-models/get"])
def test_a_lost_answer_promotes_once(rolled_out: StageBench, path: str) -> None:
    rolled_out.mlflow.lose_answer_to = path
    with pytest.raises(TransientError):
        rolled_out.build(Promote).run(rolled_out.run)
    assert rolled_out.submission.ended is None
    rolled_out.build(Promote).run(rolled_out.run)

    assert aliases(rolled_out) == {CHAMPION: "1"}
    assert len(rolled_out.ledger()) == 1
    assert rolled_out.submission.state is SubmissionState.SUCCEEDED


def test_a_cancelled_run_is_refused_before_anything_moves(rolled_out: StageBench) -> None:
    rolled_out.installation.cancellation.run(rolled_out.run, "cancelled by ann")
    rolled_out.mlflow.asked.clear()
    with pytest.raises(ConflictError):
        rolled_out.build(Promote).run(rolled_out.run)
    with pytest.raises(JinsuError):
        rolled_out.build(Canary).start(rolled_out.run)

    assert [path for method, path in rolled_out.mlflow.asked if method != "GET"] == []
