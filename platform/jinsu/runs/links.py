"""Addresses that people open: the run, its data docs, its evidence, its endpoint."""

from __future__ import annotations

import hashlib
import hmac

from jinsu.installation import Platform
from jinsu.state.tables import Submission, Task


def links_of(platform: Platform, submission: str) -> dict[str, str]:
    """Every link that leads somewhere by now, by its title."""
    settings = platform.settings
    with platform.database.begin() as session:
        row = session.get(Submission, submission)
        validation = session.get(Task, (submission, "validate_data", 0))
        registered = session.get(Task, (submission, "register", 0))
    if row is None:
        return {}
    found = {"Endpoint": f"{settings.address('endpoint')}/models/{row.model}/invocations"}
    if row.mlflow_run:
        run = f"{settings.address('mlflow')}/#/experiments/{row.experiment}/runs/{row.mlflow_run}"
        found["MLflow run"] = run
        if registered is not None and registered.output:
            found["Evidence"] = f"{run}/artifactPath/evidence.html"
    if validation is not None and validation.output.get("page"):
        key = validation.output["run_key"]
        found["Data docs"] = (
            f"{settings.address('api')}/v1/docs/{key}/{signature(settings.airflow_secret, key)}/{validation.output['page']}"
        )
    return found


def signature(secret: str, key: str) -> str:
    """Makes a link to a page of its own unguessable: a browser that follows it carries no token."""
    return hmac.new(secret.encode(), f"docs:{key}".encode(), hashlib.sha256).hexdigest()[:32]
