"""Runs over HTTP: code in, submissions recorded, runs shown, followed and cancelled."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.answers import JSON, accepted, archive, refused
from tests.support.api_client import ApiClient
from tests.support.people import TEAMS
from tests.support.stage_bench import SPEC, StageBench, points

from jinsu.api import models
from jinsu.controller.dispatch import Dispatcher
from jinsu.errors import TransientError
from jinsu.evaluation.score import Score
from jinsu.packaging.findings import Latency, Parity
from jinsu.runs.stages import (
    Admitted,
    Evaluated,
    Packaged,
    Promoted,
    Registered,
    Reviewed,
    RolledOut,
    StageName,
    StageOutput,
    Trained,
    Validated,
    stage_of,
)
from jinsu.state.states import AuditEvent, StageState, SubmissionState
from jinsu.state.tables import AuditEntry, Submission
from jinsu.steps.status import Phase as StepPhase

ApiAfter = Callable[[StageName | None], tuple[StageBench, ApiClient]]

# --- Answers ---

SCORE = Score(0.9, 0.85, 0.95, 48)
OUTPUTS: tuple[StageOutput, ...] = (
    Admitted("points@7e8c714c79048e56", 3),
    Validated("a" * 64, 6, 240, "validations/page.html"),
    Trained("b" * 64, 12.25, 2**40, {"loss": 0.5}),
    Trained("b" * 64, 1.0, 1, {"loss": math.inf, "gain": -math.inf}),
    Packaged("c" * 64, 1, Parity(16, 1e-4, 0.0, 1e-7, 0.0), Latency(200, 0.5, 1.25, 100.0)),
    Evaluated("d" * 64, "1", "accuracy", SCORE, SCORE, 48),
    Evaluated("d" * 64, None, "accuracy", SCORE, None, 48),
    Registered("2", "c" * 64),
    Reviewed("2", "bob", "mlflow"),
    RolledOut("2", "", "all steps passed"),
    Promoted("2"),
    Promoted("2", "1"),
)


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: type(output).__name__)
def test_the_output_of_each_stage_arrives_in_its_own_type(
    bench: StageBench, api: ApiClient, output: StageOutput
) -> None:
    """Several have the same fields, so only the stage's name tells them apart."""
    bench.installation.journal.record(stage_of(type(output)), bench.run, lambda: output)
    (stage,) = accepted(api.get(f"/v1/runs/{bench.run}"), models.Run).stages

    assert stage.output == output
    assert type(stage.output) is type(output)
    assert models.Stage.model_validate_json(stage.model_dump_json()) == stage


def test_a_training_that_logged_nan_can_be_shown(bench: StageBench, api: ApiClient) -> None:
    trained = Trained("b" * 64, 1.0, 1, {"loss": math.nan})
    bench.installation.journal.record(StageName.TRAIN, bench.run, lambda: trained)
    answer = api.get(f"/v1/runs/{bench.run}")

    json.loads(answer.content, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    (stage,) = accepted(answer, models.Run).stages
    assert math.isnan(stage.output.metrics["loss"])


@pytest.mark.parametrize("stage", [None, *StageName])
def test_a_run_can_be_shown_wherever_it_is(api_after: ApiAfter, stage: StageName | None) -> None:
    bench, api = api_after(stage)
    run = accepted(api.get(f"/v1/runs/{bench.run}"), models.Run)

    assert (run.id, run.model, run.team, run.problem, run.submitter) == (bench.run, "toy", "default", "toy", "ann")
    assert ("evaluate.min", "0.7", "problem toy, version 1") in [
        (rule.line, rule.value, rule.document) for rule in run.rules
    ]
    assert [found.name for found in run.stages] == list(StageName)[: list(StageName).index(stage) + 1 if stage else 0]
    assert all(found.state is StageState.DONE for found in run.stages)
    assert (run.rollout is not None) == (stage in (StageName.CANARY, StageName.PROMOTE))
    assert run.why
    assert models.Run.model_validate_json(run.model_dump_json()) == run


def test_a_run_that_trains_says_where_its_process_is(api_after: ApiAfter, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, api = api_after(StageName.VALIDATE_DATA)
    key = bench.start_training(bench.run, 0)
    status = bench.launcher.attempts[key].status
    bench.launcher.attempts[key].status = type(status)(StepPhase.QUEUED, "no node has a free GPU")
    assert accepted(api.get(f"/v1/runs/{bench.run}"), models.Run).why == "train is queued: no node has a free GPU"

    def unreachable(run_key: str) -> None:
        raise TransientError("Kubernetes does not answer")

    monkeypatch.setattr(bench.launcher, "status", unreachable)
    assert "train has been running" in accepted(api.get(f"/v1/runs/{bench.run}"), models.Run).why


def test_a_run_that_waits_says_where_it_stands(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.VALIDATE_DATA)
    runs = [bench.another_run(None, key=f"more-{number}") for number in range(18)]
    for place, run in enumerate(runs):
        bench.change(Submission, run, created=float(place))
    bench.change(Submission, bench.run, placed=1.0)
    bench.build(Dispatcher).run()

    def why(run: str) -> str:
        return accepted(api.get(f"/v1/runs/{run}"), models.Run).why

    assert why(runs[-1]) == "It waits for a place: 16 runs are at work, as many as may; 2 runs are before it."
    for trial in range(2):  # both training slots
        bench.installation.journal.note(runs[trial], StageName.TRAIN, "training", run_key="k" * 64)
    assert why(bench.run) == "It waits for one of 2 training slots; no trainings are before it."


def test_runs_are_listed_newest_first_with_their_furthest_stage(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.PACKAGE)
    other = bench.another_run(None, submitter="eve")
    listed = accepted(api.get("/v1/runs"), list[models.RunSummary])

    assert [(run.id, run.stage, run.submitter) for run in listed] == [(other, "", "eve"), (bench.run, "package", "ann")]
    assert [run.id for run in accepted(api.get("/v1/runs?limit=1"), list[models.RunSummary])] == [other]


def test_a_run_that_does_not_exist_is_named(api: ApiClient) -> None:
    for path in ("/v1/runs/toy-0", "/v1/runs/toy-0/logs"):
        refused(api.get(path), 404, "run 'toy-0' does not exist")
    refused(api.post("/v1/runs/toy-0/cancel", json={}), 404, "does not exist")


# --- Submitting ---


def test_code_is_put_checked_and_submitted_once(bench: StageBench, api: ApiClient, tmp_path: Path) -> None:
    data = archive(tmp_path / "code")
    code = {accepted(api.post("/v1/code", content=data), models.Code).digest for _ in range(2)}
    assert len(code) == 1
    (digest,) = code
    checked = accepted(api.post("/v1/check", json={"code_digest": digest}), models.Checked)
    assert (checked.model, checked.rows) == ("toy", points().num_rows)
    assert len(bench.rows(Submission)) == 1

    body = {"code_digest": digest, "idempotency_key": "k", "overrides": {"train.params.lr": 0.5}}
    first = accepted(api.post("/v1/submissions", json=body), models.Accepted)
    again = accepted(api.post("/v1/submissions", json=body), models.Accepted)

    assert (first.new, again.new) == (True, False)
    assert first.id == again.id
    assert first.dataset == checked.dataset
    assert bench.row(Submission, first.id).submitter == "ann"


def test_a_submission_is_made_in_the_name_of_the_token(bench: StageBench, api: ApiClient) -> None:
    body = {"code_digest": bench.submission.code_digest, "idempotency_key": "k"}
    members = TEAMS["default"]
    runs = {who: accepted(api.post("/v1/submissions", who, json=body), models.Accepted).id for who in members}

    assert {who: bench.row(Submission, run).submitter for who, run in runs.items()} == {who: who for who in members}
    refused(api.post("/v1/submissions", "root", json=body), 409, "'toy' is taken by another team")  # in no team
    refused(api.post("/v1/submissions", json={**body, "submitter": "eve"}), 422, "submitter")


def test_code_that_is_none_or_too_much_is_refused(bench_after: Callable[..., StageBench], tmp_path: Path) -> None:
    bench = bench_after(None, max_code_bytes=1000)
    api = ApiClient(bench.installation)
    refused(api.post("/v1/code", content=b"not an archive"), 422, "not a readable tar.gz archive")
    refused(api.post("/v1/code", content=b"x" * 1001), 413, "larger than 1000 bytes packed; put data into a dataset")
    refused(api.post("/v1/code", content=archive(tmp_path / "big", big="x" * 5000)), 422, "unpacked; send code only")


def test_a_spec_that_cannot_run_is_refused_before_anything_is_recorded(bench: StageBench, api: ApiClient) -> None:
    digest = bench.code(SPEC.replace("points", "nowhere").replace("name: toy", "name: other"))
    refused(api.post("/v1/check", json={"code_digest": digest}), 404, "dataset 'nowhere' does not exist")
    body = {"code_digest": digest, "idempotency_key": "k"}
    refused(api.post("/v1/submissions", json=body), 404, "dataset 'nowhere' does not exist")
    overrides = {"problem.dataset": "points", "train.params.x\ud800": "\ud800"}
    content = json.dumps({**body, "overrides": overrides})
    refused(api.post("/v1/submissions", content=content, headers=JSON), 422)
    assert len(bench.rows(Submission)) == 1


# --- Cancelling and logs ---


def test_a_run_is_cancelled_by_its_submitter_an_owner_or_an_administrator(bench: StageBench, api: ApiClient) -> None:
    for who in ("eve", "bob"):
        sentence = f"{who} did not submit run {bench.run}; ann or an owner of team default may cancel it."
        refused(api.post(f"/v1/runs/{bench.run}/cancel", who, json={}), 403, sentence)
    assert bench.submission.ended is None

    run = accepted(api.post(f"/v1/runs/{bench.run}/cancel", json={"reason": "wrong\0 dataset"}), models.Run)
    assert (run.state, run.why) == (SubmissionState.CANCELLED, "It was cancelled: wrong� dataset.")
    refused(api.post(f"/v1/runs/{bench.run}/cancel", json={}), 409, f"run {bench.run} has cancelled already")
    assert overrides(bench) == []
    for who in ("olga", "root"):
        other = bench.another_run(None, key=f"for {who}")
        run = accepted(api.post(f"/v1/runs/{other}/cancel", who, json={}), models.Run)
        assert run.reason == f"cancelled by {who}"


def overrides(bench: StageBench) -> list[tuple[str, str, str]]:
    """What the audit log says of administrators who did what is a team's own."""
    rows = [row for row in bench.rows(AuditEntry) if row.event is AuditEvent.OVERRIDDEN]
    return [(row.actor, row.subject, row.detail) for row in rows]


def test_an_administrator_who_cancels_another_teams_run_is_in_the_audit_log(bench: StageBench, api: ApiClient) -> None:
    accepted(api.post(f"/v1/runs/{bench.run}/cancel", "root", json={"reason": "it fills the disk"}), models.Run)
    assert overrides(bench) == [("root", f"run {bench.run} of team default", "cancelled")]
    seen = accepted(api.get("/v1/audit", "root"), list[models.AuditEntry])
    assert (seen[0].actor, seen[0].event) == ("root", AuditEvent.OVERRIDDEN)


def test_a_cancellation_that_is_too_late_is_no_override(bench: StageBench, api: ApiClient) -> None:
    accepted(api.post(f"/v1/runs/{bench.run}/cancel", json={}), models.Run)
    refused(api.post(f"/v1/runs/{bench.run}/cancel", "root", json={}), 409, "has cancelled already")
    assert overrides(bench) == []


def test_a_log_is_read_piece_by_piece(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.VALIDATE_DATA)
    path = f"/v1/runs/{bench.run}/logs"
    refused(api.get(path), 404, "has not begun to train; see: jinsu why")
    key = bench.start_training(bench.run, 0)
    bench.launcher.write(key, "epoch 1: é\n")

    log = accepted(api.get(path), models.Log)
    assert log == models.Log(text="epoch 1: é\n", next=12, ended=False)
    assert accepted(api.get(f"{path}?offset=12"), models.Log).text == ""
    bench.finish_training(key)
    bench.end_training(bench.run, 0, key)
    assert accepted(api.get(f"{path}?offset=12"), models.Log) == models.Log(text="trained\n", next=20, ended=True)
    refused(api.get(f"{path}?trial=1"), 404, "has not begun to train")


def test_a_log_of_a_training_that_is_tried_again_has_not_ended(api_after: ApiAfter) -> None:
    bench, api = api_after(StageName.VALIDATE_DATA)
    key = bench.start_training(bench.run, 0)
    bench.launcher.fail(key, "the node was lost", interrupted=True)
    with pytest.raises(TransientError):
        bench.end_training(bench.run, 0, key)

    assert not accepted(api.get(f"/v1/runs/{bench.run}/logs"), models.Log).ended
