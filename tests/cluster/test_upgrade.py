"""The chart over what version 0.1 left: its migration Job runs in the cluster, and people ask the API that follows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from tests.cluster import former_database
from tests.cluster.former_database import former_database as former_databases
from tests.cluster.installation import ADMIN, NAMESPACE, Installation, installed, values
from tests.support.former_version import former_tokens

SECRET = "keys-of-before"
# What the chart of version 0.1 drew, beside the database's password; it knows nothing of this version's keys.
KEYS = ("JINSU_AIRFLOW_PASSWORD", "JINSU_MLFLOW_PASSWORD", "JINSU_REVIEWER_PASSWORD", "JINSU_AIRFLOW_SECRET",
        "JINSU_MLFLOW_SECRET", "JINSU_GATEWAY_KEY", "JINSU_SERVER_KEY", "JINSU_ADMIN_TOKEN",
        "JINSU_ENDPOINT_KEY_DEFAULT")  # fmt: skip
FERNET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture(scope="module")
def chosen(image: Callable[[str], str]) -> dict[str, Any]:
    """Only what asks the migrated databases has to run: Airflow is elsewhere, where nobody answers, and the object store is
    new, so that no model server finds its files."""
    external = {"host": former_database.HOST, "user": former_database.USER}
    return {
        **values(image),
        "airflow": {"enabled": False, "url": "http://airflow.invalid:8080"},
        "database": {"bundled": {"enabled": False}, "external": external},
        "secrets": {"existingSecret": SECRET},
        "teams": [{"name": "default"}, {"name": "shopping", "policy": {"review": {"approvers": 2}}}],
        "kubeflow": {"enabled": False},
    }


@pytest.fixture(scope="module")
def upgraded(
    api: client.ApiClient, kubeconfig: Path, chosen: dict[str, Any], image: Callable[[str], str]
) -> Iterator[Installation]:
    core = client.CoreV1Api(api)
    with former_databases(core, kubeconfig, image("platform")) as password:
        drawn = {key: f"{key.lower()}-{'0' * 64}" for key in KEYS}
        secret = {**drawn, "JINSU_FERNET_KEY": FERNET, "JINSU_DATABASE_PASSWORD": password}

        def keep_secret() -> None:
            core.create_namespaced_secret(NAMESPACE, {"metadata": {"name": SECRET}, "stringData": secret})

        with installed(api, kubeconfig, chosen, before=keep_secret, secret=SECRET, models=False) as it:
            it.tokens |= former_tokens()
            yield it


def test_every_run_is_there_for_those_who_saw_it(upgraded: Installation) -> None:
    runs = upgraded.api_as("anna").get("/runs", params={"limit": 100}).json()
    assert len(runs) == 16
    assert {run["state"] for run in runs} >= {"succeeded", "failed", "cancelled"}
    shown = upgraded.api_as("anna").get("/runs/digits-bb7a155e6b").json()
    assert (shown["submitter"], shown["problem"], shown["state"]) == ("anna", "digits", "succeeded")


def test_the_ledger_is_a_whole_chain(upgraded: Installation) -> None:
    found = upgraded.api_as("root").get("/ledger").json()
    assert (found["entries"], found["faults"]) == (11, [])
    digits = [(entry["event"], entry["version"], entry["actor"]) for entry in upgraded.ledger("digits")]
    assert digits == [("promoted", "2", "reviewer"), ("promoted", "1", "rita")]


def test_tokens_of_before_open_what_their_people_may(upgraded: Installation) -> None:
    found = {name: upgraded.api_as(name).get("/me").json() for name in former_tokens()}
    both = ("default", "shopping")
    assert {name: (one["admin"], one["teams"]) for name, one in found.items()} == {
        "root": (True, dict.fromkeys(both, "owner")),
        "reviewer": (False, dict.fromkeys(both, "reviewer")),
        "rita": (False, dict.fromkeys(both, "reviewer")),
        "anna": (False, dict.fromkeys(both, "researcher")),
    }
    assert upgraded.api_as(ADMIN).get("/me").json()["admin"]


def test_champions_are_those_of_before_in_mlflow_too(upgraded: Installation) -> None:
    champions = {one["model"]: one["champion"] for one in upgraded.api_as("root").get("/models").json()}
    assert champions == {"basket": "1", "by_hand": "2", "digits": "2", "points": "1", "strayed": "1"}
    asked = {"name": "digits", "alias": "champion"}
    alias = upgraded.mlflow("anna").get("/api/2.0/mlflow/registered-models/alias", params=asked)
    assert alias.json()["model_version"]["version"] == "2", alias.text


def test_the_chart_s_policies_are_put_over_teams_that_had_none(upgraded: Installation) -> None:
    shown = upgraded.api.get("/teams/shopping/policy").json()
    assert (shown["by"], shown["document"]) == ("jinsu", {"review": {"approvers": 2}})


def test_a_second_migration_changes_nothing(upgraded: Installation, chosen: dict[str, Any]) -> None:
    """Helm runs it before every upgrade, while the processes of before still answer."""
    before = [upgraded.api_as("root").get(path).json() for path in ("/ledger", "/users", "/teams/shopping/policy")]
    upgraded.upgrade(chosen)
    after = [upgraded.api_as("root").get(path).json() for path in ("/ledger", "/users", "/teams/shopping/policy")]
    assert after == before
