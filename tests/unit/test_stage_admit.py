"""admit: finds or makes the submission, pins what it runs on, and opens its MLflow run."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.stage_bench import StageBench

from jinsu.errors import BadInputError, NotFoundError, TransientError
from jinsu.lifecycle.admit import Admit, Form, trials
from jinsu.runs.journal import spec_of
from jinsu.runs.stages import Admitted, StageName
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import Submission

BenchAfter = Callable[[StageName | None], StageBench]


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """One accepted run; the trigger form knows the model `toy`."""
    found = bench_after(None)
    found.installation.catalog.remember_model("toy", found.submission.code_digest)
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


# --- Airflow's form ---


def test_a_form_makes_a_submission_of_the_person_who_pressed_the_button(bench: StageBench) -> None:
    dataset = bench.submission.dataset
    form = Form("manual__2026-01-01", "eve", model="toy", dataset=dataset, train_params={"lr": 0.5, "epochs": 3})
    run, admitted = admit(bench, form)

    row = bench.row(Submission, run)
    assert run != bench.run
    assert (row.submitter, row.dag_run, row.dataset) == ("eve", "manual__2026-01-01", dataset)
    assert spec_of(row).train.params == {"lr": 0.5, "epochs": 3}
    assert admitted == Admitted(dataset, 1)


def test_one_press_of_the_button_is_one_run(bench: StageBench) -> None:
    form = Form("manual__2026-01-01", "eve", model="toy")
    runs = {admit(bench, form)[0] for _ in range(3)}
    another, _ = admit(bench, Form("manual__2026-01-02", "eve", model="toy"))

    assert len(runs) == 1
    assert another not in runs
    assert len(bench.rows(Submission)) == 3


def test_an_unknown_model_is_refused_with_those_that_are_known(bench: StageBench) -> None:
    bench.installation.catalog.remember_model("another", bench.submission.code_digest)
    with pytest.raises(BadInputError, match="model: 'toys' is not known; known: another, toy"):
        admit(bench, Form("x", "eve", model="toys"))
    assert len(bench.rows(Submission)) == 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"train_params": {"bad name": 1}}, "parameter names are letters"),
        ({"train_params": {"lr": [1, 2]}}, "train.params.lr"),
        ({"train_params": {"lr": float("nan")}}, "train.params.lr"),
        ({"train_params": {"lr.x": 1}}, "train.params.lr.x"),
        ({"dataset": "nowhere@latest"}, "dataset 'nowhere' does not exist"),
        ({"dataset": "../../etc"}, "data.dataset"),
    ],
)
def test_a_form_is_checked_like_any_submission(bench: StageBench, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises((BadInputError, NotFoundError)) as caught:
        admit(bench, Form("x", "eve", model="toy", **more))
    assert sentence in str(caught.value)
    assert len(bench.rows(Submission)) == 1


def test_text_of_a_form_is_never_evaluated(bench: StageBench) -> None:
    note = "{{ 7*7 }} $(id) `id` ${HOME}"
    run, _ = admit(bench, Form("x", "eve", model="toy", train_params={"note": note}))

    assert spec_of(bench.row(Submission, run)).train.params["note"] == note
    assert bench.mlflow.runs[bench.row(Submission, run).mlflow_run].params["note"] == note
