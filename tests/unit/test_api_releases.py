"""Reviews, rollouts, champions and the ledger over HTTP."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from tests.support.answers import accepted, refused
from tests.support.api_client import ApiClient
from tests.support.stage_bench import StageBench

from jinsu.api import models
from jinsu.lifecycle.canary import Canary
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.release.advance import Phase
from jinsu.runs.stages import StageName
from jinsu.state.states import AuditEvent, LedgerEvent, ReviewState, StageState, Verdict
from jinsu.state.tables import AuditEntry, Review, Rollout, StageRecord

ApiAfter = Callable[[StageName | None], tuple[StageBench, ApiClient]]
STATES = {
    Verdict.APPROVE: ReviewState.APPROVED,
    Verdict.REJECT: ReviewState.REJECTED,
    Verdict.ASK_CHANGES: ReviewState.CHANGES_ASKED,
}

# --- Reviews ---


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_reviewer_answers(api_after: ApiAfter, verdict: Verdict) -> None:
    bench, api = api_after(StageName.REGISTER)
    bench.build(ReviewStage).ask(bench.run)
    (question,) = accepted(api.get("/v1/reviews", "bob"), list[models.OpenReview])
    assert (question.run, question.version, question.metric, question.value, question.gain) == (
        bench.run, "1", "accuracy", 1.0, None,
    )  # fmt: skip
    assert "Evidence" in question.links

    body = {"verdict": verdict, "reason": "because"}
    answered = accepted(api.post(f"/v1/reviews/{bench.run}", "bob", json=body), models.Answered)
    assert (answered.state, answered.stands) == (STATES[verdict], f"{STATES[verdict]} by bob via cli")
    assert bench.row(Review).reviewer == "bob"
    assert accepted(api.get("/v1/reviews"), list[models.OpenReview]) == []
    other = {"verdict": "reject" if verdict is Verdict.APPROVE else "approve"}
    refused(api.post(f"/v1/reviews/{bench.run}", "carl", json=other), 409, "by bob already")


def test_a_reviewer_answers_for_no_run_of_their_own(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.REGISTER)
    bench.run = bench.another_run(StageName.REGISTER, submitter="bob")
    bench.build(ReviewStage).ask(bench.run)
    refused(
        api.post(f"/v1/reviews/{bench.run}", "bob", json={"verdict": "approve"}), 403, "another person must review it"
    )
    assert api.post(f"/v1/reviews/{bench.run}", "carl", json={"verdict": "approve"}).status_code == 200


def test_a_reviewer_sees_all_about_a_candidate(api_after: ApiAfter) -> None:
    """The second version, by eve, whose parameters differ from the champion's."""
    bench, api = api_after(StageName.PROMOTE)
    bench.put_policy(review={"approvers": 2})
    run = bench.another_run(StageName.REGISTER, submitter="eve", train__params={"lr": 3.0})
    refused(api.get(f"/v1/reviews/{run}", "bob"), 404, f"run {run} asks for no review yet")
    bench.build(ReviewStage).ask(run)
    page = accepted(api.get(f"/v1/reviews/{run}", "bob"), models.ReviewPage)

    assert (page.model, page.version, page.team, page.submitter, page.state) == ("toy", "2", "default", "eve", "open")
    assert (page.champion, page.champion_run, page.needed, page.stands) == ("1", bench.run, 2, "0 of 2 approvals")
    assert ("train.params.lr", "0.1", "3.0") in [(item.what, item.before, item.after) for item in page.differences]
    assert ("release.review.approvers", "2") in [(rule.line, rule.value) for rule in page.rules]
    assert [command.split()[:4] for command in page.may] == [
        ["jinsu", "review", verb, run] for verb in ("approve", "reject", "ask-changes")
    ]
    assert page.looks == 2
    assert "Evidence" in page.links
    nothing = accepted(api.get(f"/v1/reviews/{run}", "eve"), models.ReviewPage).may
    assert nothing == ["nothing: eve is a researcher of team default; this needs a reviewer of that team."]

    accepted(api.post(f"/v1/reviews/{run}", "bob", json={"verdict": "approve", "reason": "fair"}), models.Answered)
    page = accepted(api.get(f"/v1/reviews/{run}", "carl"), models.ReviewPage)
    assert (page.state, page.stands) == ("open", "1 of 2 approvals: bob")
    assert [(item.person, item.verdict, item.via, item.reason) for item in page.opinions] == [
        ("bob", Verdict.APPROVE, "cli", "fair")
    ]
    answered = accepted(api.post(f"/v1/reviews/{run}", "carl", json={"verdict": "approve"}), models.Answered)
    assert (answered.state, answered.stands) == ("approved", "approved by bob, carl via cli")
    page = accepted(api.get(f"/v1/reviews/{run}", "carl"), models.ReviewPage)
    assert page.may == ["nothing: it is approved already"]


def test_a_version_is_revoked_by_a_reviewer_with_a_reason(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.PROMOTE)
    run = bench.another_run(StageName.REVIEW, train__params={"lr": 3.0})
    path = "/v1/models/toy/versions/2/revoke"
    refused(api.post(path, "root", json={"reason": "leaks"}), 403, "root is not in team default")
    refused(api.post(path, "bob", json={}), 422, "say why")
    refused(api.post("/v1/models/toy/versions/9/revoke", "bob", json={"reason": "leaks"}), 404, "version '9'")
    refused(api.post("/v1/models/toy/versions/1/revoke", "bob", json={"reason": "leaks"}), 409, "version 1 serves")

    revoked = accepted(api.post(path, "bob", json={"reason": "leaks"}), models.Revoked)
    assert revoked == models.Revoked(model="toy", version="2")
    page = accepted(api.get(f"/v1/reviews/{run}"), models.ReviewPage)
    assert page.standing == "bob revoked version 2: leaks"
    refused(api.post("/v1/models/toy/champion/2", "carl"), 403, "bob revoked version 2: leaks")
    entries = accepted(api.get("/v1/ledger/toy"), list[models.LedgerEntry])
    last = entries[0]
    assert (last.event, last.version, last.actor, last.detail) == (LedgerEvent.REVOKED, "2", "bob", "leaks")


# --- Rollouts, champions, the ledger ---


def test_a_rollout_is_shown_and_steered(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.REVIEW)
    refused(api.post("/v1/rollouts/toy/abort", "bob", json={}), 404, "has no rollout now")
    bench.build(Canary).start(bench.run)
    (rollout,) = accepted(api.get("/v1/rollouts"), list[models.Rollout])
    assert (rollout.run, rollout.challenger, rollout.champion, rollout.phase, rollout.percent) == (
        bench.run, "1", None, Phase.DEPLOYING, 0,
    )  # fmt: skip

    for verb in ("stop", "ABORT", "abort:", ""):
        assert api.post(f"/v1/rollouts/toy/{verb}", "bob", json={}).status_code in (404, 422)
    done = accepted(api.post("/v1/rollouts/toy/abort", "bob", json={}), models.Commanded)
    assert (done.run, done.verb, done.reason) == (bench.run, "abort", "by bob")
    assert bench.row(Rollout).command == "abort:by bob"
    done = accepted(api.post("/v1/rollouts/toy/resume", "bob", json={"reason": "a: b"}), models.Commanded)
    assert bench.row(Rollout).command == "resume:a: b (by bob)"


def test_nothing_serves_before_a_promotion(api_after: ApiAfter) -> None:
    _, api = api_after(StageName.REVIEW)
    assert accepted(api.get("/v1/models"), list[models.Endpoint]) == []
    assert accepted(api.get("/v1/ledger/toy"), list[models.LedgerEntry]) == []


def test_a_champion_is_shown_and_rolled_back(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.PROMOTE)
    (endpoint,) = accepted(api.get("/v1/models"), list[models.Endpoint])
    assert (endpoint.model, endpoint.champion, endpoint.endpoint) == (
        "toy", "1", "http://endpoint.test/models/toy/invocations",
    )  # fmt: skip
    bench.another_run(StageName.PROMOTE, train__params={"lr": 3.0})
    refused(api.post("/v1/models/toy/champion/9", "bob"), 404, "no registered version '9'")

    back = accepted(api.post("/v1/models/toy/champion/1", "bob"), models.RolledBack)
    assert back == models.RolledBack(model="toy", version="1", previous="2")
    entries = accepted(api.get("/v1/ledger/toy"), list[models.LedgerEntry])
    assert [(entry.event, entry.version, entry.actor) for entry in entries] == [
        ("rolled back", "1", "bob"),
        ("promoted", "2", "bob"),
        ("promoted", "1", "bob"),
    ]
    refused(api.get("/v1/ledger/unknown"), 404, "model 'unknown' does not exist")


def test_a_review_whose_evaluation_is_being_repeated_hides_no_other(api_after: ApiAfter) -> None:
    """A person cleared the stage evaluate in Airflow while its question was open."""
    bench, api = api_after(StageName.REGISTER)
    bench.build(ReviewStage).ask(bench.run)
    other = bench.another_run(StageName.REGISTER, submitter="eve")
    bench.build(ReviewStage).ask(other)
    bench.change(StageRecord, bench.run, StageName.EVALUATE, 0, state=StageState.RUNNING)

    shown = accepted(api.get("/v1/reviews", "bob"), list[models.OpenReview])
    assert {review.run for review in shown} == {bench.run, other}


def overrides(bench: StageBench) -> list[tuple[str, str, str]]:
    """What the audit log says of administrators who did what is a team's own."""
    rows = [row for row in bench.rows(AuditEntry) if row.event is AuditEvent.OVERRIDDEN]
    return [(row.actor, row.subject, row.detail) for row in rows]


def test_an_administrator_stops_a_rollout_and_the_audit_log_keeps_it(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.REVIEW)
    refused(api.post("/v1/rollouts/toy/abort", "root", json={}), 404, "has no rollout now")
    assert overrides(bench) == []  # nothing was stopped
    bench.build(Canary).start(bench.run)
    refused(api.post("/v1/rollouts/toy/resume", "root", json={}), 403, "root is not in team default")
    accepted(api.post("/v1/rollouts/toy/abort", "bob", json={}), models.Commanded)
    assert overrides(bench) == []

    done = accepted(api.post("/v1/rollouts/toy/abort", "root", json={"reason": "it harms"}), models.Commanded)
    assert done.reason == "it harms (by root)"
    assert overrides(bench) == [("root", "rollout of toy, team default", "abort")]
    refused(api.post("/v1/models/toy/champion/1", "root"), 403, "root is not in team default")


def test_the_ledger_is_verified_over_http(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.PROMOTE)
    whole = accepted(api.get("/v1/ledger"), models.LedgerState)
    entries = accepted(api.get("/v1/ledger/toy"), list[models.LedgerEntry])
    assert (whole.entries, whole.head, whole.faults) == (len(entries), entries[0].hash, [])
    assert accepted(api.get(f"/v1/ledger?head={whole.head}"), models.LedgerState).faults == []
    (fault,) = accepted(api.get(f"/v1/ledger?head={'0' * 63}1"), models.LedgerState).faults
    assert "the history before it was rewritten" in fault

    with bench.records.begin() as session:  # as somebody edits it who may do everything in the database
        for trigger in session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            session.execute(text(f"DROP TRIGGER {trigger}"))
        session.execute(text("UPDATE ledger SET actor = 'nobody'"))
    (fault,) = accepted(api.get("/v1/ledger"), models.LedgerState).faults
    assert "it was edited" in fault
