"""What a run waits for, in one sentence, for every state that it may be in; and links, which all lead somewhere."""

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from tests.support.stage_bench import StageBench

from jinsu.lifecycle.canary import Canary
from jinsu.lifecycle.promote import Promote
from jinsu.release.advance import Phase, Policy, State
from jinsu.release.gates import GatePolicy
from jinsu.runs.links import signature
from jinsu.runs.stages import ORDER, StageName
from jinsu.runs.why import Line, explain, queued_for, training
from jinsu.state.states import ReviewState, StageState, SubmissionState
from jinsu.state.tables import Review, Rollout, StageRecord, Submission
from jinsu.steps.status import Phase as StepPhase
from jinsu.steps.status import StepStatus

BenchAfter = Callable[[StageName | None], StageBench]
NOW = 1_000_060.0
POLICY = Policy((5, 50), 60.0, 600.0, GatePolicy(10, 0.02, 2.0, 100.0))


def run(state: SubmissionState = SubmissionState.RUNNING, reason: str = "", **more: Any) -> Submission:
    ended = 1.0 if state.ended else None
    return Submission(
        **{
            "id": "toy-1",
            "model": "toy",
            "team": "default",
            "dag_run": "toy-1",
            "placed": 1.0,
            "state": state,
            "reason": reason,
            "ended": ended,
            **more,
        }
    )


def stage(name: StageName, state: StageState = StageState.RUNNING, detail: str = "", trial: int = 0) -> StageRecord:
    key = "k" * 64 if name is StageName.TRAIN else None
    return StageRecord(
        submission="toy-1", name=name, trial=trial, state=state, detail=detail, started=NOW - 60, run_key=key
    )


def rollout(phase: Phase, reason: str = "", **state: Any) -> Rollout:
    whole = asdict(State("2", "1", phase=phase, reason=reason, **state))
    return Rollout(submission="toy-1", model="toy", challenger="2", phase=phase, policy=asdict(POLICY), state=whole)


def why(
    row: Submission, *stages: StageRecord, review: Review | None = None, rollout: Rollout | None = None,
    step: StepStatus | None = None,
) -> str:  # fmt: skip
    said = explain(row, stages, review, rollout, step, NOW)
    assert re.fullmatch(r"[A-Za-z].*\S", said)
    assert "\n" not in said
    return said


REVIEW = Review(submission="toy-1", model="toy", version="2", state=ReviewState.OPEN, needed=1)


# --- Runs ---


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [
        (SubmissionState.SUCCEEDED, "version 2 is the champion", "It succeeded: version 2 is the champion."),
        (SubmissionState.FAILED, "train: out of memory.", "It failed in train: out of memory."),
        (SubmissionState.CANCELLED, "wrong dataset", "It was cancelled: wrong dataset."),
    ],
)
def test_a_run_that_has_ended_says_how_whatever_its_stages_say(state: SubmissionState, reason: str, said: str) -> None:
    busy = stage(StageName.TRAIN), stage(StageName.CANARY)
    assert why(run(state, reason)) == said
    assert why(run(state, reason), *busy, review=REVIEW, rollout=rollout(Phase.STEPPING)) == said


def test_a_run_that_has_not_begun_says_what_it_waits_for() -> None:
    assert why(run(SubmissionState.ACCEPTED, dag_run=None)) == "It is accepted and waits for Airflow to take it."
    assert why(run(SubmissionState.QUEUED)) == "It waits for a free place in Airflow's queue."


@pytest.mark.parametrize("name", ORDER)
def test_a_stage_at_work_says_for_how_long(name: StageName) -> None:
    assert why(run(), stage(name)) == f"{name} has been running for 60 s."


@pytest.mark.parametrize("name", ORDER)
def test_a_stage_that_is_tried_again_says_why(name: StageName) -> None:
    said = why(run(), stage(name, StageState.WAITING, "MLflow does not answer"))
    assert said == f"{name} met a passing problem and is tried again: MLflow does not answer"


@pytest.mark.parametrize("name", ORDER[:-1])
def test_between_two_stages_the_next_one_starts(name: StageName) -> None:
    assert why(run(), stage(name, StageState.DONE)) == f"{name} is done; the next stage starts."


@pytest.mark.parametrize("name", ORDER)
def test_a_stage_that_failed_says_so_before_its_run_does(name: StageName) -> None:
    """The process was killed between the two records."""
    assert why(run(), stage(name, StageState.FAILED, "not good enough")) == f"{name} failed: not good enough"


def test_the_furthest_stage_speaks() -> None:
    done = [stage(name, StageState.DONE) for name in ORDER[:5]]
    assert why(run(), *done[::-1], stage(StageName.REGISTER)).startswith("register has been running")
    assert why(run(), *done) == "evaluate is done; the next stage starts."


def test_of_trials_one_that_is_at_work_speaks() -> None:
    trials = [stage(StageName.TRAIN, StageState.DONE, trial=trial) for trial in (0, 2)]
    assert why(run(), *trials, stage(StageName.TRAIN, trial=1)).startswith("train has been running")


# --- Queues ---


def test_a_run_stands_in_the_queue_for_places_until_it_has_one() -> None:
    admitted = stage(StageName.ADMIT, StageState.DONE)
    waiting = run(SubmissionState.ACCEPTED, dag_run=None, placed=None)
    assert queued_for(waiting, []) is Line.PLACE
    assert queued_for(run(placed=None), [admitted]) is Line.PLACE, "a person started it from Airflow's form"
    assert queued_for(run(placed=None), [stage(StageName.ADMIT)]) is None
    assert queued_for(run(placed=None), [admitted, stage(StageName.TRAIN)]) is None, "another engine executes it"
    assert queued_for(run(), [admitted]) is None
    assert queued_for(run(SubmissionState.CANCELLED, "by mistake", placed=None), []) is None


def test_a_run_whose_data_is_ready_stands_in_the_queue_for_training_slots() -> None:
    ready = [stage(StageName.ADMIT, StageState.DONE), stage(StageName.VALIDATE_DATA, StageState.DONE)]
    assert queued_for(run(), ready) is Line.TRAINING
    assert queued_for(run(), [*ready[:1], stage(StageName.VALIDATE_DATA)]) is None
    assert queued_for(run(), [*ready, stage(StageName.TRAIN)]) is None


def test_where_a_run_stands_is_said_before_anything_else_but_its_end() -> None:
    said = "It waits for one of 2 training slots; 3 trainings are before it."
    assert explain(run(), [stage(StageName.ADMIT, StageState.DONE)], None, None, queue=said) == said
    ended = run(SubmissionState.CANCELLED, "by mistake")
    assert explain(ended, [], None, None, queue=said) == "It was cancelled: by mistake."


# --- Training ---


@pytest.mark.parametrize("phase", StepPhase)
def test_a_training_says_what_its_launcher_says(phase: StepPhase) -> None:
    waiting = phase in (StepPhase.QUEUED, StepPhase.STARTING, StepPhase.RUNNING)
    said = why(run(), stage(StageName.TRAIN), step=StepStatus(phase, "no node has a free GPU"))
    assert said == (f"train is {phase}: no node has a free GPU" if waiting else "train has been running for 60 s.")
    assert why(run(), stage(StageName.TRAIN), step=StepStatus(phase)) == "train has been running for 60 s."


@pytest.mark.parametrize("state", StageState)
def test_the_launcher_is_asked_only_about_a_training_that_is_not_done(state: StageState) -> None:
    assert training([stage(StageName.TRAIN, state)]) == (None if state is StageState.DONE else "k" * 64)
    assert training([stage(StageName.TRAIN, StageState.DONE), stage(StageName.PACKAGE, state)]) is None
    assert training([]) is None


# --- Review and rollout ---


def test_a_question_says_how_it_is_answered() -> None:
    said = why(run(), stage(StageName.REVIEW), review=REVIEW)
    for door in (
        "a person of team default to review version 2",
        "jinsu review show toy-1",
        "alias 'challenger' in MLflow",
        "Airflow's Required Actions",
    ):
        assert door in said


def test_a_question_that_needs_two_people_says_so() -> None:
    asked = Review(submission="toy-1", model="toy", version="2", state=ReviewState.OPEN, needed=2)
    assert why(run(), stage(StageName.REVIEW), review=asked).startswith("It waits for 2 people of team default")


def test_a_review_whose_question_is_not_open_yet_says_for_how_long() -> None:
    assert why(run(), stage(StageName.REVIEW)) == "review has been running for 60 s."


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("reason", ["", "traffic: 3 of 10 answers seen"])
def test_every_phase_of_a_rollout_has_its_sentence(phase: Phase, reason: str) -> None:
    said = why(run(), stage(StageName.CANARY), rollout=rollout(phase, reason))
    assert (reason or "the gates are passing") in said
    if phase is Phase.HALTED:
        assert said.endswith("To try again: jinsu rollout resume toy")
    elif phase is Phase.STEPPING:
        assert said.startswith("Its version 2 answers ")
    else:
        assert said.startswith(f"Its version 2 is {phase}")


def test_a_canary_whose_rollout_is_not_asked_for_yet_says_for_how_long() -> None:
    assert why(run(), stage(StageName.CANARY)) == "canary has been running for 60 s."


def test_every_pair_of_states_has_a_sentence() -> None:
    for state in SubmissionState:
        for name in ORDER:
            for at in StageState:
                for phase in (None, *Phase):
                    made = None if phase is None else rollout(phase)
                    why(run(state, "a reason"), stage(name, at, "a detail"), review=REVIEW, rollout=made)


# --- Links ---

REGISTERED = {"MLflow run", "Evidence", "Data docs"}


@pytest.mark.parametrize(
    ("after", "titles"),
    [
        (None, set()),
        (StageName.ADMIT, {"MLflow run"}),
        (StageName.VALIDATE_DATA, {"MLflow run", "Data docs"}),
        (StageName.EVALUATE, {"MLflow run", "Data docs"}),
        (StageName.REGISTER, REGISTERED),
        (StageName.CANARY, REGISTERED),
        (StageName.PROMOTE, {*REGISTERED, "Endpoint"}),
    ],
)
def test_a_link_is_there_once_it_leads_somewhere(
    bench_after: BenchAfter, after: StageName | None, titles: set[str]
) -> None:
    bench = bench_after(after)
    links = bench.installation.links.of(bench.run)

    assert set(links) == titles
    for title, address in links.items():
        lead_somewhere(bench, title, address)


def lead_somewhere(bench: StageBench, title: str, address: str) -> None:
    """What the address names is there."""
    row = bench.submission
    match title:
        case "MLflow run":
            assert address == f"http://mlflow.test/#/experiments/{row.experiment}/runs/{row.mlflow_run}"
            assert bench.mlflow.runs[row.mlflow_run].experiment == row.experiment
        case "Evidence":
            assert b"<html" in bench.mlflow.artifact(row.mlflow_run, address.partition("/artifactPath/")[2])
        case "Data docs":
            key, sign, page = address.removeprefix("http://api.test/v1/docs/").split("/", 2)
            assert sign == signature(bench.installation.settings.airflow_secret, key)
            assert (bench.home / "objects" / "steps" / key / "out" / "data_docs" / page).is_file()
        case "Endpoint":
            assert address == "http://endpoint.test/models/toy/invocations"


def test_the_endpoint_of_a_model_that_serves_is_linked_from_every_run_of_it(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    bench.serve("1")
    assert "Endpoint" in bench.installation.links.of(bench.run)


def test_a_failed_validation_has_its_page_too(bench_after: BenchAfter) -> None:
    """A gate that failed keeps what it has measured."""
    bench = bench_after(StageName.VALIDATE_DATA)
    bench.change(StageRecord, bench.run, StageName.VALIDATE_DATA, 0, state=StageState.FAILED)
    assert "Data docs" in bench.installation.links.of(bench.run)


def test_a_run_that_does_not_exist_has_no_links(bench_after: BenchAfter) -> None:
    assert bench_after(None).installation.links.of("toy-0") == {}


def test_people_are_shown_the_addresses_that_they_can_reach(bench_after: Callable[..., StageBench]) -> None:
    public = {
        "mlflow": "https://mlflow.example.com",
        "api": "https://jinsu.example.com",
        "endpoint": "https://models.example.com",
    }
    bench = bench_after(StageName.PROMOTE, public=public)
    links = bench.installation.links.of(bench.run)

    assert {title: address.split("/")[2] for title, address in links.items()} == {
        "MLflow run": "mlflow.example.com",
        "Evidence": "mlflow.example.com",
        "Data docs": "jinsu.example.com",
        "Endpoint": "models.example.com",
    }


def test_the_address_of_a_page_cannot_be_guessed() -> None:
    keys = ["a" * 64, "b" * 64]
    assert len({signature(secret, key) for secret in ("one", "two") for key in keys}) == 4
    assert all(re.fullmatch("[0-9a-f]{32}", signature("one", key)) for key in keys)


def test_what_the_api_says_of_real_runs_is_what_they_wait_for(bench_after: BenchAfter) -> None:
    """The records that stages leave, and not those that a test made up."""
    bench = bench_after(StageName.REVIEW)
    bench.build(Canary).start(bench.run)
    rows = bench.rows(StageRecord)
    said = explain(bench.submission, rows, bench.row(Review), bench.row(Rollout))
    assert said == "Its version 1 is deploying: the gates are passing."

    bench.set_rollout(Phase.PROMOTING, "all steps passed")
    bench.build(Canary).finish(bench.run)
    bench.build(Promote).run(bench.run)
    assert explain(bench.submission, [], None, None) == "It succeeded: version 1 is the champion."
