"""What the chart installs for Kubeflow is what the pods of the compiled pipeline name, and no more."""

import base64
import json
from typing import Any

import pytest
from tests.chart import platform_objects
from tests.chart.helm import ROOT, render
from tests.chart.kubeflow_pods import INSTALLATION, stage_containers, stage_pods, the
from tests.chart.network import Peer, allowed
from tests.chart.objects import of_kind, pods
from tests.chart.references import Release, dangling
from tests.chart.value_sets import DEFAULT, KUBEFLOW, OUTSIDE, ROLE, Values

from jinsu.settings import parse

Document = dict[str, Any]

HERE = KUBEFLOW["kubeflow"]["namespace"]
SWITCHED_ON = {"kubeflow": {"enabled": True, "namespace": HERE}}
KEYS = {
    "JINSU_DATABASE_PASSWORD",
    "JINSU_MLFLOW_PASSWORD",
    "JINSU_STEP_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
}


def secret_values(documents: list[Document]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in the(documents, "Secret")["data"].items()}


def settings_document(documents: list[Document]) -> Document:
    return dict(json.loads(the(documents, "ConfigMap")["data"]["settings.json"]))


def test_without_the_value_nothing_is_made_for_kubeflow() -> None:
    assert not [one for one in render(DEFAULT) if one["metadata"]["name"] == INSTALLATION]


@pytest.mark.parametrize("values", [KUBEFLOW, {**ROLE, **SWITCHED_ON, "secrets": {}}], ids=["keys", "role"])
def test_every_pod_of_the_pipeline_finds_what_it_names(values: Values) -> None:
    documents = render(values)
    made = stage_pods(documents)
    given = {"pull-key", "kubeflow-edit", "pipeline-runner"}
    assert len(made) == 9
    assert dangling(Release([*documents, *made], given)) == []


def test_the_settings_need_exactly_the_variables_that_the_pods_have() -> None:
    documents = render(KUBEFLOW)
    settings = parse(settings_document(documents), secret_values(documents))
    assert settings.database_url.startswith("postgresql+psycopg://jinsu_scheduler:")  # it does what a stage does
    assert settings.mlflow.password == secret_values(documents)["JINSU_MLFLOW_PASSWORD"]
    assert "${" not in repr(vars(settings))
    given = {variable.name for one in stage_containers() for variable in one.secrets}
    assert given == set(secret_values(documents)) == KEYS


def test_the_settings_name_no_secret_that_a_stage_does_not_use() -> None:
    text = the(render(KUBEFLOW), "ConfigMap")["data"]["settings.json"]
    assert {name for name in platform_objects.secret_variables(render(KUBEFLOW)) if f"${{{name}:-}}" in text} == {
        "JINSU_DATABASE_PASSWORD",
        "JINSU_MLFLOW_PASSWORD",
        "JINSU_STEP_KEY",
    }


def test_but_for_secrets_the_settings_are_the_platform_s() -> None:
    documents = render(KUBEFLOW)
    own, platform = settings_document(documents), platform_objects.settings_document(documents)
    differing = {key for key in platform if own[key] != platform[key]}
    assert differing == {"database_url", "airflow_database_url", "mlflow_database_url",
                         "mlflow_auth_database_url", "airflow_secret", "mlflow_secret", "fernet_key", "split_secret",
                         "review_webhook", "kubernetes"}  # fmt: skip
    assert {**own["kubernetes"], "gateway_key": platform["kubernetes"]["gateway_key"]} == platform["kubernetes"]


def test_every_address_in_the_settings_is_found_from_another_namespace() -> None:
    settings = settings_document(render(KUBEFLOW))
    for key in ("api_url", "mlflow_url", "airflow_url", "endpoint_url", "database_url"):
        assert ".jinsu.svc:" in settings[key], key
    assert ".jinsu.svc:" in settings["object_store"]["endpoint"]


def test_the_settings_lie_where_the_pods_look_for_them() -> None:
    settings = settings_document(render(KUBEFLOW))
    for one in stage_containers():
        assert one.config_maps == {one.environment["JINSU_HOME"]: INSTALLATION}
        assert list(one.folders) == [settings["home"]]


def test_the_secret_holds_the_platform_s_own_values() -> None:
    documents = render(KUBEFLOW)
    (platform,) = [one for one in of_kind(documents, "Secret") if one["metadata"]["name"] == "jinsu"]
    (store,) = [one for one in of_kind(documents, "Secret")
                if one["metadata"]["name"] == "jinsu-store" and one["metadata"]["namespace"] == "jinsu"]  # fmt: skip
    everything = {**platform["data"], **store["data"]}
    everything["JINSU_DATABASE_PASSWORD"] = everything["JINSU_DATABASE_PASSWORD_SCHEDULER"]
    assert the(documents, "Secret")["data"] == {key: everything[key] for key in KEYS}


def test_who_brings_secrets_brings_that_of_kubeflow_too() -> None:
    documents = render({**OUTSIDE, **SWITCHED_ON})
    assert not of_kind(documents, "Secret")
    page = (ROOT / "docs" / "kubeflow.md").read_text()
    assert not [key for key in KEYS if f"`{key}`" not in page]


def test_the_account_may_do_what_the_platform_s_may_and_what_kubeflow_gives_to_pipelines() -> None:
    bindings = of_kind(render(KUBEFLOW), "RoleBinding")

    def of(namespace: str, account: str) -> set[tuple[str, str, str]]:
        return {
            (one["metadata"]["namespace"], one["roleRef"]["kind"], one["roleRef"]["name"])
            for one in bindings
            if {"kind": "ServiceAccount", "name": account, "namespace": namespace} in one["subjects"]
        }

    own = of(HERE, INSTALLATION)
    assert own == of("jinsu", "jinsu-platform") | {(HERE, "ClusterRole", "kubeflow-edit")}
    assert ("jinsu", "Role", "jinsu-catalog") in own
    account = the(render(KUBEFLOW), "ServiceAccount")
    assert account["imagePullSecrets"] == [{"name": "pull-key"}]
    assert account["metadata"]["annotations"] == {"example.com/role": "jinsu"}


# --- Networks ---


def lets(source: Peer, component: str, port: int) -> bool:
    documents = render(KUBEFLOW)
    (target,) = [one for one in pods(documents) if one.labels["app.kubernetes.io/component"] == component]
    spaces = {name: {"kubernetes.io/metadata.name": name} for name in ("jinsu", HERE, "elsewhere")}
    policies = of_kind(documents, "NetworkPolicy")
    return allowed(policies, spaces, source, Peer(target.namespace, target.labels, None, target.ports), port)


REACHED = {"database": 5432, "store": 9000, "mlflow": 5000}


@pytest.mark.parametrize(("component", "port"), REACHED.items(), ids=REACHED)
def test_a_stage_reaches_what_it_needs(component: str, port: int) -> None:
    for one in stage_containers():
        assert lets(Peer(HERE, one.labels), component, port)


@pytest.mark.parametrize("component", ["database", "store"])
def test_other_pods_beside_the_stages_stay_outside(component: str) -> None:
    labels = stage_containers()[0].labels
    assert not lets(Peer(HERE, {"app.kubernetes.io/name": "notebook"}), component, REACHED[component])
    assert not lets(Peer("elsewhere", labels), component, REACHED[component])


@pytest.mark.parametrize(("component", "port"), [("controller", 18000), ("scheduler", 8793), ("gateway", 9902)])
def test_a_stage_reaches_nothing_else_that_is_closed(component: str, port: int) -> None:
    assert not lets(Peer(HERE, stage_containers()[0].labels), component, port)
