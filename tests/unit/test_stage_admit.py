"""admit: finds or makes the submission, pins what it runs on, and opens its MLflow run."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.stage_bench import SPEC, StageBench

from jinsu.errors import BadInputError, ForbiddenError, NotFoundError, TransientError
from jinsu.lifecycle.admit import Admit, Form, trials
from jinsu.runs.journal import spec_of
from jinsu.runs.offers import Offers
from jinsu.runs.stages import Admitted, StageName
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import Submission

BenchAfter = Callable[[StageName | None], StageBench]


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """One accepted run of ann, of team `default`, whose trigger form offers its code."""
    found = bench_after(None)
    found.build(Offers).refresh()
    return found


def admit(bench: StageBench, form: Form) -> tuple[str, Admitted]:
    run, admitted = bench.build(Admit).run(form)
    return str(run), admitted


# --- A submission of the command line ---


def test_a_submission_is_admitted(bench: StageBench) -> None:
    run, admitted = admit(bench, Form("dag-run-1", "airflow", submission=bench.run))

    row = bench.submission
    assert (run, admitted) == (bench.run, Admitted(row.dataset, 1))
    assert (row.state, row.dag_run) == (SubmissionState.RUNNING, "dag-run-1")
    assert bench.stage(StageName.ADMIT).state is StageState.DONE
    (mlflow_run,) = bench.mlflow.runs.values()
    assert (row.mlflow_run, row.experiment) == (mlflow_run.id, bench.mlflow.experiments["toy"])
    assert mlflow_run.params == {"lr": "0.1"}
    assert mlflow_run.tags.items() >= {
        "jinsu.submission": bench.run, "jinsu.submitter": "ann", "mlflow.user": "ann",
        "jinsu.dataset": row.dataset, "jinsu.code": row.code_digest,
    }.items()  # fmt: skip


@pytest.mark.parametrize(("listed", "count"), [([], 1), ([{"lr": 0.1}], 1), ([{"lr": 0.1}, {"lr": 0.2}], 2)])
def test_it_says_how_many_processes_will_train(bench: StageBench, listed: list[Any], count: int) -> None:
    run = bench.submit(key="trials", train__trials=listed)

    assert admit(bench, Form(run, "ann", submission=run))[1].trials == count
    assert trials(spec_of(bench.submission)) == range(count)


def test_a_run_that_does_not_exist_is_refused(bench: StageBench) -> None:
    with pytest.raises(NotFoundError, match="run 'toy-0' does not exist"):
        admit(bench, Form("x", "ann", submission="toy-0"))


def test_an_outage_of_mlflow_is_waited_for(bench: StageBench) -> None:
    bench.mlflow.down = True
    for _ in range(2):
        with pytest.raises(TransientError):
            admit(bench, Form(bench.run, "ann", submission=bench.run))
    assert bench.stage(StageName.ADMIT).state is StageState.WAITING

    bench.mlflow.down = False
    admit(bench, Form(bench.run, "ann", submission=bench.run))
    assert len(bench.mlflow.runs) == 1


def test_a_lost_answer_makes_no_second_mlflow_run(bench: StageBench) -> None:
    bench.mlflow.lose_answer_to = "runs/create"
    with pytest.raises(TransientError):
        admit(bench, Form(bench.run, "ann", submission=bench.run))
    admit(bench, Form(bench.run, "ann", submission=bench.run))

    assert len(bench.mlflow.runs) == 1


def test_a_run_that_was_cancelled_meanwhile_stays_cancelled(bench: StageBench) -> None:
    bench.installation.cancellation.run(bench.run, "by mistake")
    admit(bench, Form(bench.run, "ann", submission=bench.run))

    assert (bench.submission.state, bench.submission.reason) == (SubmissionState.CANCELLED, "by mistake")
    assert bench.submission.dag_run == bench.run  # so that the DAG run is found and ended


@pytest.mark.parametrize(("user", "team"), [("tom", "toys"), ("eve", "default"), ("olga", "default"), ("ann", "toys")])
def test_a_run_of_another_person_is_not_taken_over_through_the_form(bench: StageBench, user: str, team: str) -> None:
    """Its hidden field names a submission, and any may be filled in."""
    with pytest.raises(ForbiddenError, match=f"run {bench.run} is not {user}'s in team {team}; leave the field empty"):
        admit(bench, Form("mine", user, team, submission=bench.run))

    assert bench.submission.dag_run is None
    assert bench.mlflow.runs == {}


def test_a_run_that_has_begun_is_not_carried_by_a_second_dag_run(bench: StageBench) -> None:
    admit(bench, Form(bench.run, "ann", "default", submission=bench.run))
    with pytest.raises(ForbiddenError, match=f"has begun already, as {bench.run}; leave the field empty"):
        admit(bench, Form("manual__2026-01-01", "ann", "default", submission=bench.run))

    admit(bench, Form(bench.run, "ann", "default", submission=bench.run))  # Airflow tries a task again
    assert bench.submission.dag_run == bench.run


# --- Airflow's form ---


def test_a_form_makes_a_submission_of_the_person_who_pressed_the_button(bench: StageBench) -> None:
    overrides = {"train.params": {"lr": 0.5, "epochs": 3}}
    form = Form("manual__2026-01-01", "eve", "default", code=bench.submission.code_digest, overrides=overrides)
    run, admitted = admit(bench, form)

    row = bench.row(Submission, run)
    assert run != bench.run
    assert (row.submitter, row.team, row.dag_run) == ("eve", "default", "manual__2026-01-01")
    assert spec_of(row).train.params == {"lr": 0.5, "epochs": 3}
    assert admitted == Admitted(bench.submission.dataset, 1)


def test_a_model_stands_for_its_latest_code(bench: StageBench) -> None:
    newer = bench.code(script="print(1)")
    bench.change(Submission, bench.submit("eve", "newer", newer), created=bench.submission.created + 60)
    bench.build(Offers).refresh()

    run, _ = admit(bench, Form("manual__2026-01-01", "ann", model="toy"))
    assert bench.row(Submission, run).code_digest == newer


def test_one_press_of_the_button_is_one_run(bench: StageBench) -> None:
    form = Form("manual__2026-01-01", "eve", model="toy")
    runs = {admit(bench, form)[0] for _ in range(3)}
    another, _ = admit(bench, Form("manual__2026-01-02", "eve", model="toy"))

    assert len(runs) == 1
    assert another not in runs
    assert len(bench.rows(Submission)) == 3


def test_long_names_of_runs_that_differ_at_their_end_are_different_runs(bench: StageBench) -> None:
    runs = {admit(bench, Form("manual__" + "x" * 150 + end, "eve", model="toy"))[0] for end in ("1", "2", "2")}
    assert len(runs) == 2


def test_an_unknown_model_is_refused_with_those_that_are_known(bench: StageBench) -> None:
    bench.submit("eve", "another", bench.code(SPEC.replace("name: toy", "name: another")))
    bench.build(Offers).refresh()
    with pytest.raises(
        BadInputError, match="model 'toys' is not known to the teams of eve; known models: another, toy"
    ):
        admit(bench, Form("x", "eve", model="toys"))
    assert len(bench.rows(Submission)) == 2


@pytest.mark.parametrize("user", ["nobody", "", "airflow", "root'; --"])
def test_somebody_without_an_account_starts_nothing(bench: StageBench, user: str) -> None:
    with pytest.raises(ForbiddenError, match="has no account here"):
        admit(bench, Form("x", user, "default", model="toy"))
    assert len(bench.rows(Submission)) == 1


@pytest.mark.parametrize("user", ["tom", "theo", "root"])
def test_the_code_of_another_team_is_not_run(bench: StageBench, user: str) -> None:
    """Neither by its name nor by its digest, whatever the role elsewhere."""
    for chosen in ({"model": "toy"}, {"code": bench.submission.code_digest}):
        with pytest.raises(BadInputError, match="is not known to the teams of"):
            admit(bench, Form("x", user, "default", **chosen))
    assert len(bench.rows(Submission)) == 1


def test_the_problem_of_the_form_takes_the_place_of_the_code_s_own(bench: StageBench) -> None:
    """Only an owner turns a model to another problem."""
    other = bench.submit("olga", "other", bench.code(SPEC.replace("name: toy", "name: other")))
    with pytest.raises(ForbiddenError, match="only an owner of team default may turn it to 'other'"):
        admit(bench, Form("x", "eve", model="toy", problem="other"))

    run, _ = admit(bench, Form("x", "olga", model="toy", problem="other"))
    assert bench.row(Submission, run).problem == bench.row(Submission, other).problem == "other"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"overrides": {"train.params.bad name": 1}}, "parameter names are letters"),
        ({"overrides": {"train.params.lr": [1, 2]}}, "train.params.lr"),
        ({"overrides": {"train.params.lr": float("nan")}}, "train.params.lr"),
        ({"overrides": {"train.params.lr.x": 1}}, "train.params.lr.x"),
        ({"overrides": {"train.resources.gpu": 3}}, "this platform has 0"),
        ({"overrides": {"release.review.approvers": 0}}, "looser than policy of team default, version 0 allows"),
        ({"overrides": {"evaluate.min": 0.1}}, "looser than problem toy, version 1 allows"),
        ({"overrides": {"problem.min": 0.1}}, "only an owner of team default changes how models are judged"),
        ({"problem": "nowhere"}, "problem 'nowhere' does not exist"),
        ({"problem": "../../etc"}, "problem: '../../etc' is not allowed"),
    ],
)
def test_a_form_is_checked_like_any_submission(bench: StageBench, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises((BadInputError, NotFoundError, ForbiddenError)) as caught:
        admit(bench, Form("x", "eve", model="toy", **more))
    assert sentence in str(caught.value)
    assert len(bench.rows(Submission)) == 1


def test_text_of_a_form_is_never_evaluated(bench: StageBench) -> None:
    note = "{{ 7*7 }} $(id) `id` ${HOME}"
    run, _ = admit(bench, Form("x", "eve", model="toy", overrides={"train.params.note": note}))

    assert spec_of(bench.row(Submission, run)).train.params["note"] == note
    assert bench.mlflow.runs[bench.row(Submission, run).mlflow_run].params["note"] == note
