"""admit: finds the submission that the command line made, or makes one from Airflow's form; opens its MLflow run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinsu.errors import BadInputError, ForbiddenError
from jinsu.identity.people import Person, find
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
    """What starts a run: the id of a submission, or code that the platform has with what its submitter changes.

    dag_run: the run's name in the engine that executes the stages. user: who pressed the button. team: for whom, when the
    model is new and the user is in several teams. code: digest of a code snapshot; model: its latest code instead.
    problem: the problem in place of the code's own. overrides: parts of model.yaml, such as `{"train.params.lr": 0.1}`.
    """

    dag_run: str
    user: str
    team: str = ""
    submission: str = ""
    code: str = ""
    model: str = ""
    problem: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)


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
        _refuse_foreign(row, form)
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
        with self.database.begin() as session:
            person = find(session, form.user)
        if person is None:
            raise ForbiddenError(f"{form.user!r} has no account here; an administrator adds people: jinsu user add")
        overrides = {**form.overrides, **({"problem": form.problem} if form.problem else {})}
        key = f"airflow:{hashlib.sha256(f'{form.team}:{form.dag_run}'.encode()).hexdigest()}"
        request = Request(person, self._code(form, person), key, overrides, form.dag_run, form.team)
        row, _ = self.admission.admit(request)
        return row.id

    def _code(self, form: Form, person: Person) -> str:
        """Digest of the chosen code, among those that the form's team, or any of the person's, has submitted, and the
        examples."""
        teams = [form.team] if form.team else sorted(person.teams)
        known = [code for team in teams if team in person.teams for code in self.catalog.read().codes(team)]
        chosen = next((code for code in known if form.code == code.digest or form.model == code.model), None)
        if chosen is None:
            names = ", ".join(sorted({code.model for code in known})) or "none yet"
            wanted = f"code {form.code[:8]}" if form.code else f"model {form.model!r}"
            whose = f"team {form.team}" if form.team in person.teams else f"the teams of {person.name}"
            raise BadInputError(f"{wanted} is not known to {whose}; known models: {names}.")
        return chosen.digest


def _refuse_foreign(row: Submission, form: Form) -> None:
    """Raises ForbiddenError when a person has the engine start the run of another person or team, or one that runs already.

    Airflow lets a person fill in any submission; the platform triggers each run itself, in its submitter's name. form.team
    is "" in an engine that lets in nobody but the platform.
    """
    if form.team and (row.team, row.submitter) != (form.team, form.user):
        raise ForbiddenError(
            f"submission: run {row.id} is not {form.user}'s in team {form.team}; leave the field empty."
        )
    if form.team and row.dag_run not in (None, form.dag_run):
        raise ForbiddenError(f"submission: run {row.id} has begun already, as {row.dag_run}; leave the field empty.")


def trials(spec: ModelSpec) -> range:
    """Numbers of the processes that the stage `train` starts: 0 alone when the spec names no trials."""
    return range(max(1, len(spec.train.trials)))
