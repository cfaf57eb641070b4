"""Reconcilers: each compares two records and repairs the difference, one pass after another, and no run holds up others."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.crash_points import Killed
from tests.support.fake_airflow import DagRun
from tests.support.stage_bench import StageBench

from jinsu.clients.dag_ids import dag_of
from jinsu.controller.champions import ChampionFollower
from jinsu.controller.dispatch import Dispatcher
from jinsu.controller.ended_runs import EndedRuns
from jinsu.controller.metrics import MetricUploader
from jinsu.errors import ConflictError, JinsuError, StepFailedError, TransientError
from jinsu.lifecycle.canary import Canary
from jinsu.registry.mlflow import CHAMPION
from jinsu.runs.reviews import Said
from jinsu.runs.stages import StageName, Trained
from jinsu.state.states import AuditEvent, Door, LedgerEvent, StageState, SubmissionState, Verdict
from jinsu.state.tables import AuditEntry, Candidate, Endpoint, Rollout, StageRecord, Submission
from jinsu.steps.status import Phase as StepPhase

BenchAfter = Callable[[StageName | None], StageBench]


def another_model(bench: StageBench, name: str, last: StageName | None = None) -> str:
    """A run of another model that has done the stages up to `last`."""
    return bench.another_run(last, key=name, name=name)


def registered(bench: StageBench, model: str, run: str) -> str:
    """A candidate of the model, in MLflow and in the record of candidates."""
    mlflow = bench.installation.mlflow
    _, mlflow_run = mlflow.ensure_run(model, run, {})
    mlflow.ensure_model(model, {})
    version = mlflow.create_version(model, f"runs:/{mlflow_run}/model", mlflow_run, {}, "")
    with bench.records.begin() as session:
        session.add(Candidate(submission=run, package="p" * 64, model=model, version=version, ready=True))
    return version


def approved(bench: StageBench, model: str, key: str = "") -> None:
    """A candidate of the model that bob approved, and to which somebody gave the alias `champion` past the gate."""
    run = bench.another_run(None, key=key or model, name=model)
    version = registered(bench, model, run)
    bench.installation.reviews.ask(run, version)
    bench.installation.reviews.give(run, Said("bob", Verdict.APPROVE, Door.CLI))
    bench.installation.mlflow.set_alias(model, CHAMPION, version)


# --- Dispatching runs ---


def test_an_accepted_run_is_triggered_in_airflow(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    bench.build(Dispatcher).run()

    triggered = bench.airflow.runs[bench.run]
    assert (triggered.conf, triggered.dag, triggered.user) == ({"submission": bench.run}, dag_of("default"), "ann")
    assert (bench.submission.dag_run, bench.submission.state) == (bench.run, SubmissionState.QUEUED)


def test_a_run_is_triggered_in_the_dag_of_its_team(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    bench.change(Submission, bench.run, team="toys", submitter="tom")
    bench.build(Dispatcher).run()

    assert (bench.airflow.runs[bench.run].dag, bench.airflow.runs[bench.run].user) == (dag_of("toys"), "tom")


def test_a_run_is_triggered_once_wherever_the_controller_was_killed(bench_after: BenchAfter) -> None:
    template = bench_after(None)
    whole = template.copy_to(template.home.with_name("whole"))
    whole.build(Dispatcher).run()
    for place in range(1, whole.crash.passed + 1):
        bench = template.copy_to(template.home.with_name("killed"))
        bench.crash.begin_anew(place)
        with pytest.raises(Killed):
            bench.build(Dispatcher).run()
        bench.crash.begin_anew()
        bench.build(Dispatcher).run()
        assert list(bench.airflow.runs) == [bench.run]
        assert bench.submission.state is SubmissionState.QUEUED


def test_an_outage_of_airflow_loses_no_run(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    bench.airflow.down = True
    with pytest.raises(TransientError):
        bench.build(Dispatcher).run()
    assert bench.submission.state is SubmissionState.ACCEPTED

    bench.airflow.down = False
    bench.build(Dispatcher).run()
    assert bench.submission.state is SubmissionState.QUEUED


def test_runs_are_triggered_in_the_order_of_their_submission(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    runs = [bench.run, *(another_model(bench, f"toy-{number}") for number in range(25))]
    for place, run in enumerate(reversed(runs)):
        bench.change(Submission, run, created=float(place))

    more = bench.build(Dispatcher).run()

    assert list(bench.airflow.runs) == runs[::-1][:16], "as many as may work at once"
    assert not more, "what waits for a place, waits for another run to end"
    dates = [run.date for run in bench.airflow.runs.values()]
    assert dates == sorted(dates), "Airflow gives the slots of a pool in this order"

    bench.installation.cancellation.run(runs[-1], "by mistake")
    bench.build(Dispatcher).run()
    assert list(bench.airflow.runs) == runs[::-1][:17]


def test_a_cancelled_run_is_not_triggered(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    bench.installation.cancellation.run(bench.run, "by mistake")
    bench.build(Dispatcher).run()

    assert bench.airflow.runs == {}


def test_a_run_that_is_cancelled_while_it_is_triggered_stays_cancelled(bench_after: BenchAfter) -> None:
    bench = bench_after(None)

    def meanwhile(method: str, path: str) -> int:
        bench.airflow.refuse = lambda method, path: 0
        bench.installation.cancellation.run(bench.run, "by mistake")
        return 0

    bench.airflow.refuse = meanwhile
    bench.build(Dispatcher).run()

    assert bench.submission.state is SubmissionState.CANCELLED
    assert bench.submission.dag_run == bench.run  # so that the DAG run is ended too
    bench.build(EndedRuns).run()
    assert bench.airflow.runs[bench.run].state == "failed"


def test_a_run_that_airflow_refuses_ends_and_holds_up_no_other(bench_after: BenchAfter) -> None:
    """Twenty of them once stood before everybody else's for ever."""
    bench = bench_after(None)
    other = another_model(bench, "other")
    bench.change(Submission, bench.run, created=0.0)
    with bench.records.begin() as session:
        odd = Submission(**{**columns(bench.submission), "id": "a name", "idempotency_key": "odd", "created": -1.0})
        session.add(odd)

    with pytest.raises(JinsuError, match="does not match regex pattern"):
        bench.build(Dispatcher).run()

    assert list(bench.airflow.runs) == [bench.run, other]
    refused = bench.row(Submission, "a name")
    assert refused.state is SubmissionState.FAILED
    assert refused.reason.startswith("Airflow: it did not take the run: Airflow refused POST")
    assert not bench.build(Dispatcher).run()


def test_a_team_whose_dag_airflow_has_not_read_holds_up_no_other_team(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    new = [another_model(bench, f"new-{number}") for number in range(5)]
    for run in new:
        bench.change(Submission, run, team="toys", submitter="tom", created=0.0)
    bench.airflow.teams = {"default"}

    with pytest.raises(TransientError, match="has not read the DAG of team toys"):
        bench.build(Dispatcher).run()
    assert list(bench.airflow.runs) == [bench.run]

    bench.airflow.teams = {"default", "toys"}
    bench.build(Dispatcher).run()
    assert set(bench.airflow.runs) == {bench.run, *new}


def columns(row: Any) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


# --- Following champions ---


@pytest.fixture
def promoted(bench_after: BenchAfter) -> StageBench:
    """Version 1 is the champion."""
    return bench_after(StageName.PROMOTE)


def serving(bench: StageBench, model: str = "toy") -> str | None:
    row = bench.row(Endpoint, model)
    return None if row is None else str(row.champion)


def test_the_champion_is_served_and_its_promotion_is_no_move_by_hand(promoted: StageBench) -> None:
    for _ in range(2):
        promoted.build(ChampionFollower).run()

    assert serving(promoted) == "1"
    assert [event for event, *_ in promoted.ledger()] == [LedgerEvent.PROMOTED]


def test_while_nothing_moves_no_lock_is_taken(promoted: StageBench) -> None:
    """Most models stay as they are; a pass over thousands must not hold up their promotions."""
    promoted.crash.begin_anew()
    promoted.build(ChampionFollower).run()
    transactions, requests = 1, 1
    assert promoted.crash.passed == 2 * (transactions + requests)


def test_an_alias_that_is_taken_away_leaves_what_serves(promoted: StageBench) -> None:
    promoted.installation.mlflow.drop_alias("toy", CHAMPION, "1")
    promoted.build(ChampionFollower).run()

    assert serving(promoted) == "1"


@pytest.mark.parametrize("known", ["never", "not ready"])
def test_a_version_of_unknown_origin_serves_nothing_and_holds_up_no_other_model(
    promoted: StageBench, known: str
) -> None:
    """Somebody with MLflow's administrator password uploaded it; it has no evidence and no package."""
    mlflow = promoted.installation.mlflow
    run = promoted.submission.mlflow_run
    stranger = mlflow.create_version("toy", f"runs:/{run}/model", run, {}, "")
    if known == "not ready":
        with promoted.records.begin() as session:
            row = Candidate(submission=another_model(promoted, "unused"), package="p", model="toy", version=stranger)
            session.add(row)
    mlflow.set_alias("toy", CHAMPION, stranger)
    for name in ("abc", "zebra"):  # one comes before it, one after it
        approved(promoted, name)

    for _ in range(2):
        promoted.build(ChampionFollower).run()

    assert (serving(promoted), serving(promoted, "abc"), serving(promoted, "zebra")) == ("1", "1", "1")
    assert promoted.mlflow.models["toy"].aliases[CHAMPION] == "1"
    assert [event for event, *_ in promoted.ledger()] == [LedgerEvent.PROMOTED, *[LedgerEvent.MOVED_BY_HAND] * 2]
    (refused,) = [row for row in promoted.rows(AuditEntry) if row.event is AuditEvent.REFUSED]
    assert (refused.subject, refused.actor) == ("champion of toy", "unknown (alias moved past the gate)")
    assert refused.detail == "model 'toy' has no registered version '2'; see: jinsu ledger show toy"


def test_the_first_champion_of_a_model_cannot_be_made_past_the_gate(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REGISTER)
    bench.installation.mlflow.set_alias("toy", CHAMPION, "1")
    bench.build(ChampionFollower).run()

    assert serving(bench) is None
    assert bench.mlflow.models["toy"].aliases == {}
    assert bench.ledger() == []


def test_a_model_that_mlflow_fails_on_holds_up_no_other(promoted: StageBench) -> None:
    approved(promoted, "abc")
    approved(promoted, "toy", "second")
    asked: list[str] = []

    def refuse_the_first(method: str, path: str) -> int:
        asked.append(path)
        return 500 if len(asked) == 1 else 0

    promoted.mlflow.refuse = refuse_the_first
    with pytest.raises(TransientError):
        promoted.build(ChampionFollower).run()

    assert (serving(promoted), serving(promoted, "abc")) in (("1", "1"), ("2", None))


# --- Ending runs ---


@pytest.fixture
def training(bench_after: BenchAfter) -> StageBench:
    """A run that trains, in Airflow too."""
    bench = bench_after(StageName.VALIDATE_DATA)
    bench.start_training(bench.run, 0)
    bench.installation.airflow.trigger(bench.run, {}, team="default", user="ann")
    return bench


def test_runs_that_go_on_are_left_alone(training: StageBench) -> None:
    facts = training.facts()
    training.build(EndedRuns).run()

    assert training.facts() == facts


@pytest.mark.parametrize(
    ("state", "task", "reason"),
    [
        ("failed", None, "olga marked the run as failed in Airflow"),
        ("failed", "train", "olga marked train as failed in Airflow"),
        ("success", None, "olga marked the run as successful in Airflow, before its version was promoted"),
        ("success", "promote", "olga marked promote as successful in Airflow, before its version was promoted"),
    ],
)
def test_a_run_that_a_person_ended_in_airflow_is_cancelled_in_their_name(
    training: StageBench, state: str, task: str | None, reason: str
) -> None:
    training.airflow.mark(training.run, state, "olga", task)
    for _ in range(2):
        training.build(EndedRuns).run()

    assert training.launcher.status(training.launcher.starts[0]).phase is StepPhase.CANCELLED
    row = training.submission
    assert (row.state, row.reason) == (SubmissionState.CANCELLED, reason)
    assert training.stage(StageName.TRAIN).state is StageState.FAILED


def test_a_run_that_a_person_deleted_in_airflow_is_cancelled_in_their_name(training: StageBench) -> None:
    training.airflow.delete(training.run, "ada")
    training.build(EndedRuns).run()

    row = training.submission
    assert (row.state, row.reason) == (SubmissionState.CANCELLED, "ada deleted it in Airflow")
    assert training.launcher.status(training.launcher.starts[0]).phase is StepPhase.CANCELLED


def test_a_run_that_is_gone_from_airflow_fails(training: StageBench) -> None:
    """Somebody with access to its database removed it; nobody's name is known, so nobody cancelled it."""
    del training.airflow.runs[training.run]
    training.build(EndedRuns).run()

    row = training.submission
    assert row.state is SubmissionState.FAILED
    assert row.reason.startswith("Airflow: its DAG run is gone")
    assert training.launcher.status(training.launcher.starts[0]).phase is StepPhase.CANCELLED


@pytest.mark.parametrize("state", ["failed", "success"])
def test_an_end_that_airflow_no_longer_lists_is_found_too(training: StageBench, state: str) -> None:
    """The controller was away for longer than Airflow's list of ends reaches back; every open run has its turn."""
    runs = [training.run, *(another_model(training, f"toy-{number}", StageName.ADMIT) for number in range(25))]
    for run in runs[1:]:
        training.installation.airflow.trigger(run, {}, team="default", user="ann")
    training.airflow.mark(runs[-1], state, "olga")
    training.airflow.listed = False
    reconciler = training.build(EndedRuns)
    for _ in range(3):
        reconciler.run()

    ended = {run for run in runs if training.row(Submission, run).ended is not None}
    assert ended == {runs[-1]}


def test_a_run_that_airflow_gave_up_on_is_failed_and_says_what_happened(training: StageBench) -> None:
    """Nobody cancelled it: its worker was lost as often as Airflow tries."""
    training.airflow.runs[training.run].failed = [("train", 26)]
    training.airflow.runs[training.run].state = "failed"
    training.build(EndedRuns).run()

    row = training.submission
    assert (row.state, row.reason) == (
        SubmissionState.FAILED,
        "train: its task was killed, or lost its worker, and Airflow gave up on it after 26 of 26 tries; "
        "see its log in Airflow, and submit it again.",
    )
    assert training.launcher.status(training.launcher.starts[0]).phase is StepPhase.CANCELLED


def test_what_a_person_did_before_airflow_gave_up_is_not_the_end(training: StageBench) -> None:
    training.airflow.mark(training.run, "failed", "olga", "train")
    training.airflow.clear(training.run, "olga")
    training.airflow.runs[training.run].state = "failed"
    training.build(EndedRuns).run()

    assert training.submission.state is SubmissionState.FAILED


def test_a_failed_run_of_another_team_that_has_the_same_id_ends_none(training: StageBench) -> None:
    """Whoever triggers a run in Airflow chooses its id: another team could have ended this one."""
    training.change(Submission, training.run, dag_run="chosen-by-hand")
    training.airflow.runs["chosen-by-hand"] = DagRun({}, dag_of("toys"), state="failed")
    training.build(EndedRuns).run()

    assert training.submission.ended is None


def test_every_trial_of_such_a_run_is_cancelled(bench_after: BenchAfter) -> None:
    """The one that began last waits for another try; the others are at work."""
    bench = bench_after(StageName.VALIDATE_DATA)
    run = bench.submit(key="trials", train__trials=[{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.3}])
    for stage in (StageName.ADMIT, StageName.VALIDATE_DATA):
        bench.carry_out(stage)
    keys = [bench.start_training(run, trial) for trial in range(3)]
    bench.launcher.fail(keys[2], "the node was lost", interrupted=True)
    with pytest.raises(TransientError):
        bench.end_training(run, 2, keys[2])
    bench.installation.airflow.trigger(run, {}, team="default", user="ann")
    bench.airflow.mark(run, "failed", "ann")

    bench.build(EndedRuns).run()

    assert {bench.launcher.status(key).phase for key in keys} == {StepPhase.CANCELLED}
    assert bench.submission.state is SubmissionState.CANCELLED


def test_a_run_whose_retries_are_used_up_fails_with_the_last_problem(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.EVALUATE)
    bench.mlflow.down = True
    with pytest.raises(TransientError):
        bench.carry_out(StageName.REGISTER)
    bench.installation.airflow.trigger(bench.run, {}, team="default", user="ann")
    bench.installation.airflow.fail_run(bench.run, team="default")

    bench.build(EndedRuns).run()

    assert bench.submission.state is SubmissionState.FAILED
    assert bench.submission.reason.startswith("register: MLflow (http://mlflow.test) does not answer")


def test_a_run_that_was_killed_between_two_records_of_its_failure_fails_with_its_sentence(training: StageBench) -> None:
    training.change(StageRecord, training.run, StageName.TRAIN, 0, state=StageState.FAILED, detail="out of memory")
    training.installation.airflow.fail_run(training.run, team="default")
    training.build(EndedRuns).run()

    row = training.submission
    assert (row.state, row.reason) == (SubmissionState.FAILED, "train: out of memory")


def test_a_run_that_was_failed_before_its_first_stage_fails(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    bench.build(Dispatcher).run()
    bench.installation.airflow.fail_run(bench.run, team="default")
    bench.build(EndedRuns).run()

    assert bench.submission.state is SubmissionState.FAILED
    assert bench.submission.reason == (
        "its next stage: Airflow ended it, before the stage could say why; see its log in Airflow."
    )


def test_a_rollout_of_a_run_that_was_failed_in_airflow_is_aborted(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REVIEW)
    bench.build(Canary).start(bench.run)
    bench.installation.airflow.trigger(bench.run, {}, team="default", user="ann")
    bench.airflow.mark(bench.run, "failed", "olga")
    bench.build(EndedRuns).run()

    assert bench.row(Rollout).command == "abort:olga marked the run as failed in Airflow"


# --- Runs that failed here ---


@pytest.fixture
def trials(bench_after: BenchAfter) -> StageBench:
    """A run that trains three trials, in Airflow too; the second one's script failed."""
    bench = bench_after(StageName.VALIDATE_DATA)
    run = bench.submit(key="trials", train__trials=[{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.3}])
    for stage in (StageName.ADMIT, StageName.VALIDATE_DATA):
        bench.carry_out(stage)
    keys = [bench.start_training(run, trial) for trial in range(3)]
    bench.installation.airflow.trigger(run, {}, team="default", user="ann")
    bench.airflow.runs[run].state = "running"
    bench.launcher.fail(keys[1], "exit code 1")
    with pytest.raises(StepFailedError):
        bench.end_training(run, 1, keys[1])
    return bench


def test_a_trial_that_failed_leaves_no_other_training(trials: StageBench) -> None:
    trials.build(EndedRuns).run()

    phases = [trials.launcher.status(key).phase for key in trials.launcher.starts]
    assert phases == [StepPhase.CANCELLED, StepPhase.FAILED, StepPhase.CANCELLED]
    assert trials.submission.reason == "train: exit code 1"
    assert trials.stage(StageName.TRAIN, 0).detail == "train: exit code 1"
    assert trials.airflow.runs[trials.run].state == "running", "Airflow has a moment to end it by itself"

    trials.change(Submission, trials.run, ended=time.time() - 60)
    trials.build(EndedRuns).run()
    assert trials.airflow.runs[trials.run].state == "failed", "or trials that wait for a slot would still begin"


def test_a_failed_run_that_a_person_has_done_again_is_open_again(trials: StageBench) -> None:
    trials.build(EndedRuns).run()
    trials.airflow.clear(trials.run, "olga")
    key = trials.start_training(trials.run, 1)
    for _ in range(2):
        trials.build(EndedRuns).run()

    assert (trials.submission.state, trials.submission.ended) == (SubmissionState.RUNNING, None)
    assert trials.launcher.status(key).phase is StepPhase.RUNNING
    assert trials.airflow.runs[trials.run].state == "running"


def test_a_run_that_has_ended_on_both_sides_is_asked_for_once(trials: StageBench) -> None:
    """Hundreds may fail within minutes, more than Airflow's list of ends holds."""
    reconciler = trials.build(EndedRuns)
    trials.airflow.runs[trials.run].state, trials.airflow.listed = "failed", False
    reconciler.run()
    trials.airflow.asked.clear()
    reconciler.run()
    assert trials.airflow.asked == [("GET", "/api/v2/dags/~/dagRuns")]


def test_a_run_that_failed_leaves_no_rollout(bench_after: BenchAfter) -> None:
    """An error of the platform in the last stage, at 100 % of the traffic: no controller would ever take it back."""
    bench = bench_after(StageName.CANARY)
    bench.installation.journal.end(bench.run, SubmissionState.FAILED, "promote: an error in the platform itself")
    bench.build(EndedRuns).run()

    assert bench.row(Rollout).command == "abort:promote: an error in the platform itself"


def test_a_cancelled_run_is_failed_in_airflow(training: StageBench) -> None:
    training.installation.cancellation.run(training.run, "wrong dataset")
    for _ in range(2):
        training.build(EndedRuns).run()

    assert training.airflow.runs[training.run].state == "failed"
    assert [method for method, _ in training.airflow.asked].count("PATCH") == 1
    assert training.submission.reason == "wrong dataset"


def test_a_cancellation_that_the_launcher_did_not_hear_is_repeated(
    training: StageBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training.launcher, "cancel", unreachable)
        with pytest.raises(TransientError):
            training.installation.cancellation.run(training.run, "wrong dataset")
        with pytest.raises(TransientError):
            training.build(EndedRuns).run()
        assert training.launcher.status(training.launcher.starts[0]).phase is StepPhase.RUNNING

    training.build(EndedRuns).run()

    status = training.launcher.status(training.launcher.starts[0])
    assert (status.phase, status.message) == (StepPhase.CANCELLED, "wrong dataset")
    assert training.airflow.runs[training.run].state == "failed"


def unreachable(run_key: str, reason: str) -> None:
    raise TransientError("Kubernetes does not answer")


def test_a_run_that_was_cancelled_long_ago_is_not_asked_for(training: StageBench) -> None:
    training.installation.cancellation.run(training.run, "wrong dataset")
    training.change(Submission, training.run, ended=time.time() - 3600)
    training.build(EndedRuns).run()

    assert training.airflow.runs[training.run].state == "queued"


def test_a_run_that_airflow_fails_on_holds_up_no_other(training: StageBench) -> None:
    other = another_model(training, "other", StageName.ADMIT)
    training.installation.airflow.trigger(other, {}, team="default", user="ann")
    for run in (training.run, other):
        training.installation.cancellation.run(run, "wrong dataset")
    first = min(training.run, other)
    training.airflow.refuse = lambda method, path: 500 if method == "GET" and path.endswith(first) else 0

    with pytest.raises(TransientError):
        training.build(EndedRuns).run()

    assert sorted(run.state for run in training.airflow.runs.values()) == ["failed", "queued"]


def test_while_no_run_concerns_airflow_it_is_asked_nothing(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    bench.build(EndedRuns).run()
    assert bench.airflow.asked == [], "a run that Airflow does not have yet"

    bench.build(Dispatcher).run()
    bench.airflow.asked.clear()
    bench.build(EndedRuns).run()
    assert bench.airflow.asked != []

    bench.change(Submission, bench.run, state=SubmissionState.SUCCEEDED, ended=time.time())
    bench.airflow.asked.clear()
    bench.build(EndedRuns).run()
    assert bench.airflow.asked == []


# --- Uploading metrics ---


def line(name: str, value: float = 0.5, step: Any = 0, at: float = 1.0) -> bytes:
    return json.dumps({"name": name, "value": value, "step": step, "time": at}).encode() + b"\n"


def logged(bench: StageBench, run: str = "") -> dict[str, list[Any]]:
    mlflow_run = bench.row(Submission, run or bench.run).mlflow_run
    return {name: [point[0] for point in points] for name, points in bench.mlflow.runs[mlflow_run].metrics.items()}


def test_what_a_script_logs_reaches_mlflow_while_it_runs(training: StageBench) -> None:
    uploader, (key,) = training.build(MetricUploader), training.launcher.starts
    uploader.run()
    assert logged(training) == {}

    training.launcher.write(key, metrics=line("loss", 0.5) + line("loss", 0.4, 1) + line("loss", 0.3, 2)[:-5])
    uploader.run()
    assert logged(training) == {"loss": [0.5, 0.4]}  # the third line is still being written

    training.launcher.write(key, metrics=line("loss", 0.3, 2)[-5:])
    uploader.run()
    assert logged(training) == {"loss": [0.5, 0.4, 0.3]}


def test_what_was_sent_is_not_sent_again(training: StageBench) -> None:
    uploader, (key,) = training.build(MetricUploader), training.launcher.starts
    training.launcher.write(key, metrics=line("loss"))
    for _ in range(3):
        uploader.run()
    assert len([path for _, path in training.mlflow.asked if path.endswith("log-batch")]) == 1

    training.build(MetricUploader).run()  # the controller was started anew
    assert logged(training) == {"loss": [0.5]}


def test_points_of_other_trials_have_a_prefix(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    run = bench.submit(key="trials", train__trials=[{"lr": 0.1}, {"lr": 0.2}])
    for stage in (StageName.ADMIT, StageName.VALIDATE_DATA):
        bench.carry_out(stage)
    for trial in range(2):
        key = bench.start_training(run, trial)
        bench.launcher.write(key, metrics=line("loss", float(trial)))
    bench.build(MetricUploader).run()

    assert logged(bench, run) == {"loss": [0.0], "trial_1/loss": [1.0]}


def test_the_last_points_come_after_the_end(training: StageBench) -> None:
    (key,) = training.launcher.starts
    training.finish_training(key)
    training.end_training(training.run, 0, key)
    training.build(MetricUploader).run()
    assert logged(training) == {"accuracy": [0.9]}

    training.change(StageRecord, training.run, StageName.TRAIN, 0, ended=time.time() - 60)
    training.mlflow.asked.clear()
    training.build(MetricUploader).run()
    assert training.mlflow.asked == []


def test_an_interrupted_training_goes_on_being_followed(training: StageBench) -> None:
    (key,) = training.launcher.starts
    training.launcher.fail(key, "the node was lost", interrupted=True)
    with pytest.raises(TransientError):
        training.end_training(training.run, 0, key)
    training.start_training(training.run, 0)
    with training.records.begin() as session:
        row = session.get_one(StageRecord, (training.run, StageName.TRAIN, 0))
        row.ended = None if row.ended is None else row.ended - 3600  # an hour later

    training.launcher.write(key, metrics=line("loss"))
    training.build(MetricUploader).run()

    assert logged(training) == {"loss": [0.5]}


ODD_LINES = (
    line("loss (train)"),  # MLflow takes no such name
    line("../etc/passwd"),
    line(""),
    line("x" * 300),
    line("a\0b"),
    line("half \ud800 pair"),
    line("step", step=2**63),
    line("step", step=float("inf")),
    line("step", step=float("nan")),
    line("time", at=-1.0),
    line("time", at=1e300),
    line("time", at=float("nan")),
    b'{"name": "step", "value": 1, "step": 1e400, "time": 0}\n',
    b'{"name": "value", "value": ' + b"9" * 400 + b', "step": 0, "time": 0}\n',
    b"[" * 100_000 + b"\n",
    b"null\n",
    b"\xff\xfe\n",
)


@pytest.mark.parametrize("odd", ODD_LINES, ids=lambda odd: repr(odd[:30]))
def test_a_point_that_mlflow_cannot_take_costs_no_other(training: StageBench, odd: bytes) -> None:
    (key,) = training.launcher.starts
    training.launcher.write(key, metrics=line("loss") + odd + line("gain", float("nan")))
    training.build(MetricUploader).run()

    found = logged(training)
    assert {"loss", "gain"} <= set(found)
    training.finish_training(key, b"")
    trained = training.end_training(training.run, 0, key)
    assert isinstance(trained, Trained)  # nor does it cost the training
    assert trained.metrics["loss"] == 0.5


def test_a_run_that_mlflow_refuses_holds_up_no_other(training: StageBench) -> None:
    """Its MLflow run was deleted by hand."""
    other = another_model(training, "other", StageName.VALIDATE_DATA)
    training.change(Submission, other, code_digest=training.submission.code_digest)
    training.start_training(other, 0)
    (key,) = training.launcher.starts
    training.launcher.write(key, metrics=line("loss"))
    for deleted, alive in ((training.run, other), (other, training.run)):
        records = training.mlflow.runs
        for run in (deleted, alive):
            records[training.row(Submission, run).mlflow_run].metrics.clear()
            records[training.row(Submission, run).mlflow_run].deleted = run == deleted
        with pytest.raises(ConflictError, match="must be in the 'active' state"):
            training.build(MetricUploader).run()
        assert logged(training, alive) == {"loss": [0.5]}
