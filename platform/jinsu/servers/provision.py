"""What a fresh installation needs from its own servers once they run. Repeating it changes nothing."""

from __future__ import annotations

from pathlib import Path

from jinsu.clients.airflow import Airflow
from jinsu.installation import Platform
from jinsu.runs.snapshots import pack
from jinsu.spec.load import read_spec

_REVIEWER_MAY = (("experiment", "READ"), ("registered_model", "EDIT"), ("registered_model_version", "READ"))


def install(platform: Platform, examples: Path) -> None:
    """The training pool, the reviewer's account, and the examples for the trigger form. Raises TransientError."""
    settings = platform.settings
    Airflow(settings.airflow_url, settings.airflow_secret).ensure_pool("training", settings.training_slots)
    platform.mlflow.ensure_user(settings.mlflow_reviewer)
    for kind, permission in _REVIEWER_MAY:
        platform.mlflow.grant(settings.mlflow_reviewer.name, kind, permission)
    offer_examples(platform, examples)


def offer_examples(platform: Platform, folder: Path) -> None:
    """Puts the code of the examples into the catalog, so that the trigger form knows them from the start."""
    for spec in sorted(folder.glob("*/model.yaml")):
        data, _ = pack(spec.parent, platform.settings.max_code_bytes)
        digest = platform.snapshots.put(data, platform.settings.max_code_bytes)
        platform.catalog.remember_model(read_spec(spec.parent).name, digest, replace=False)
