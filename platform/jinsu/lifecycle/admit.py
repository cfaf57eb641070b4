"""admit: the first task. Finds the submission that the command line made, or makes one from the form."""

from __future__ import annotations

from typing import Any

from jinsu.errors import BadInputError
from jinsu.installation import Platform
from jinsu.lifecycle.train import trials
from jinsu.runs.admission import Request, admit
from jinsu.state.tables import Submission


def run(platform: Platform, params: dict[str, Any], dag_run: str, user: str) -> tuple[str, list[int]]:
    """Returns the submission's id and its trials."""
    identity = params.get("submission") or _from_form(platform, params, dag_run, user)
    row, spec = platform.submission(identity)
    with platform.task(identity, "admit") as output:
        tags = {
            "jinsu.submitter": row.submitter,
            "jinsu.dataset": row.dataset,
            "jinsu.code": row.code_digest,
            "mlflow.user": row.submitter,
        }
        experiment, mlflow_run = platform.mlflow.ensure_run(row.model, identity, tags)
        platform.mlflow.log(mlflow_run, params=flatten(row.spec["train"]["params"]))
        with platform.database.begin() as session:
            kept = session.get(Submission, identity, with_for_update=True)
            assert kept is not None
            kept.experiment, kept.mlflow_run, kept.dag_run = experiment, mlflow_run, dag_run
            kept.state = "running" if kept.ended is None else kept.state
        output.update(dataset=row.dataset, trials=len(trials(spec)))
    return identity, trials(spec)


def flatten(params: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items()}


def _from_form(platform: Platform, params: dict[str, Any], dag_run: str, user: str) -> str:
    """The same door as the command line: a known code snapshot, with what the form changes."""
    catalog = platform.catalog.read()
    model = params.get("model") or ""
    if model not in catalog["models"]:
        raise BadInputError(f"model: {model!r} is not known; known: {', '.join(sorted(catalog['models']))}.")
    overrides: dict[str, Any] = {}
    if params.get("dataset"):
        overrides["data.dataset"] = params["dataset"]
    for name, value in (params.get("train_params") or {}).items():
        overrides[f"train.params.{name}"] = value
    request = Request(user, catalog["models"][model], f"airflow:{dag_run}"[:128], overrides, dag_run)
    row, _ = admit(platform, request)
    return row.id
