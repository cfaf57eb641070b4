"""admit: finds the submission that the command line made, or makes one from Airflow's form; opens its MLflow run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinsu.errors import BadInputError
from jinsu.registry.mlflow import Mlflow
from jinsu.runs.admission import Admission, Request
from jinsu.runs.catalog import Catalog
from jinsu.runs.journal import Journal, spec_of
from jinsu.runs.stages import Admitted, StageName
from jinsu.spec.model import ModelSpec
from jinsu.state.database import Database
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Submission


@dataclass(frozen=True)
class Form:
    """What starts a run: the id of a submission, or a known model with what its submitter changes.

    dag_run: the run's name in the engine that executes the stages. user: who pressed the button.
    """

    dag_run: str
    user: str
    submission: str = ""
    model: str = ""
    dataset: str = ""
    train_params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Admit:
    """Pins the dataset, checks spec, code and resources, and opens the MLflow run."""

    database: Database
    journal: Journal
    admission: Admission
    catalog: Catalog
    mlflow: Mlflow

    def run(self, form: Form) -> tuple[str, Admitted]:
        """The submission's id, and how many trials it has."""
        run = form.submission or self._from_form(form)
        row = self.journal.submission(run)
        return run, self.journal.record(StageName.ADMIT, run, lambda: self._admit(row, form.dag_run))

    def _admit(self, row: Submission, dag_run: str) -> Admitted:
        tags = {
            "jinsu.submitter": row.submitter,
            "jinsu.dataset": row.dataset,
            "jinsu.code": row.code_digest,
            "mlflow.user": row.submitter,
        }
        experiment, mlflow_run = self.mlflow.ensure_run(row.model, row.id, tags)
        params = {name: str(value) for name, value in row.spec["train"]["params"].items()}
        self.mlflow.log(mlflow_run, params=params)
        with self.database.begin() as session:
            kept = session.get(Submission, row.id, with_for_update=True)
            assert kept is not None
            kept.experiment, kept.mlflow_run, kept.dag_run = experiment, mlflow_run, dag_run
            kept.state = SubmissionState.RUNNING if kept.ended is None else kept.state
        return Admitted(row.dataset, len(trials(spec_of(row))))

    def _from_form(self, form: Form) -> str:
        models = self.catalog.read().models
        if form.model not in models:
            raise BadInputError(f"model: {form.model!r} is not known; known: {', '.join(sorted(models))}.")
        overrides = {f"train.params.{name}": value for name, value in form.train_params.items()}
        if form.dataset:
            overrides["data.dataset"] = form.dataset
        key = f"airflow:{form.dag_run}"[:128]
        row, _ = self.admission.admit(Request(form.user, models[form.model], key, overrides, form.dag_run))
        return row.id


def trials(spec: ModelSpec) -> range:
    """Numbers of the processes that the stage `train` starts: 0 alone when the spec names no trials."""
    return range(max(1, len(spec.train.trials)))
