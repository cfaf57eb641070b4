"""settings.json: what a chart renders becomes what a process knows, with every secret in its place and none in the file."""

import json
import stat
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url
from tests.chart.helm import HelmError, render
from tests.chart.value_sets import VALUE_SETS

from jinsu.errors import BadInputError
from jinsu.installation import Installation
from jinsu.placement.kubernetes import Gpu
from jinsu.servers import airflow, mlflow
from jinsu.settings import ROLES, Account, GroupRole, Oidc, Settings, Where, parse
from jinsu.state.states import Role

SECRETS = {
    name: f"value-of-{name}"
    for name in (
        "JINSU_DATABASE_PASSWORD", "JINSU_MLFLOW_PASSWORD",
        "JINSU_AIRFLOW_SECRET", "JINSU_MLFLOW_SECRET", "JINSU_FERNET_KEY", "JINSU_GATEWAY_KEY",
    )
}  # fmt: skip
ODD = "p@ss/w:rd?#%40 $HOME é"
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=40)


def rendered(values: str = "default") -> dict[str, Any]:
    (found,) = [
        item["data"]["settings.json"]
        for item in render(VALUE_SETS[values])
        if item["kind"] == "ConfigMap" and item["metadata"]["name"].endswith("-settings")
    ]
    return dict(json.loads(found))


def read(values: str = "default", **secrets: str) -> Settings:
    return parse(rendered(values), {**SECRETS, "JINSU_OIDC_CLIENT_SECRET": "value-of-the-client", **secrets})


@pytest.mark.parametrize("values", VALUE_SETS)
def test_what_the_chart_renders_is_what_a_process_reads(values: str) -> None:
    found = read(values)
    assert found.kubernetes is not None
    assert found.object_store is not None
    assert found.kubernetes.gateway_key == "value-of-JINSU_GATEWAY_KEY"
    assert found.mlflow.password == "value-of-JINSU_MLFLOW_PASSWORD"
    assert all("${" not in text for text in texts(asdict(found)))


@pytest.mark.parametrize("values", VALUE_SETS)
def test_the_chart_writes_no_secret_into_the_settings(values: str) -> None:
    document = rendered(values)
    assert document["mlflow"]["password"].startswith("${")
    for name in ("airflow_secret", "mlflow_secret", "fernet_key"):
        assert document[name].startswith("${")
    assert document["object_store"].keys().isdisjoint({"access_key", "secret_key"})


def texts(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        return [text for value in tree.values() for text in texts(value)]
    if isinstance(tree, list | tuple):
        return [text for value in tree for text in texts(value)]
    return [tree] if isinstance(tree, str) else []


def test_default_values_say_what_they_should() -> None:
    found = read()
    cluster = found.kubernetes
    assert cluster is not None
    assert cluster.steps.namespaces == {"default": "jinsu-default"}
    assert cluster.steps.gpus == {
        "": Gpu("nvidia.com/gpu", {}, ({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},))
    }
    priority_classes = {
        item["metadata"]["name"] for item in render(VALUE_SETS["default"]) if item["kind"] == "PriorityClass"
    }
    assert set(cluster.steps.priority_classes) == {"low", "normal", "high"}
    assert set(cluster.steps.priority_classes.values()) == priority_classes
    assert cluster.servers.store_secret == "jinsu-store"
    assert cluster.steps.broker == "http://jinsu-broker.jinsu.svc:8081"
    assert cluster.steps.platform_namespace == "jinsu"
    assert cluster.servers.key_secret == "jinsu"
    assert (found.bind, found.training_slots, found.max_gpus) == ("0.0.0.0", 64, 8)
    assert isinstance(cluster.steps.tolerations, tuple)
    assert isinstance(found.teams_approving_themselves, tuple)
    assert found.notifications


def test_values_of_others_reach_the_settings() -> None:
    found = read("everything")
    assert found.kubernetes is not None
    assert found.kubernetes.steps.queues == {"default": "default-queue"}
    assert found.kubernetes.steps.pull_secrets == ("pull-key",)
    assert found.kubernetes.servers.priority_class == "servers"
    assert found.teams_approving_themselves == ("default",)
    assert found.address("api") == "https://jinsu.example.com"
    assert found.address("mlflow") == "https://mlflow.example.com"


def test_an_outside_store_and_database_reach_the_settings() -> None:
    found = read("outside")
    assert not found.notifications
    assert found.object_store is not None
    assert (found.object_store.bucket, found.object_store.endpoint) == ("models", "https://s3.example.com")
    assert found.object_store.ca_file == "/etc/jinsu-ca/ca.crt"
    assert found.artifacts == "s3://models/jinsu/mlflow"
    assert make_url(found.database_url).query == {"sslmode": "verify-full"}
    assert make_url(found.database_url).host == "db.example.com"


def test_an_identity_provider_reaches_the_settings() -> None:
    found = read("oidc")
    assert found.oidc == Oidc(
        "https://id.example.com:8443/realms/ml",
        "jinsu",
        "value-of-the-client",
        groups={"ml-shopping": GroupRole("shopping", "reviewer")},
        admins=("platform",),
    )
    assert not found.local_accounts
    assert rendered("oidc")["oidc"]["client_secret"] == "${JINSU_OIDC_CLIENT_SECRET:-}"
    assert "value-of" not in repr(found)
    assert read().oidc is None
    assert read().local_accounts


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"public": {"api": "https://j.example.com"}, "oidc": {"issuer": "https://id.example.com"}}, "clientId"),
        ({"oidc": {"groups": {"g": {"team": "t", "role": "admin"}}}}, "role"),
    ],
)
def test_the_chart_refuses_half_an_identity_provider(values: dict[str, Any], words: str) -> None:
    with pytest.raises(HelmError, match=words):
        render(values)


def test_a_group_gives_a_role_that_there_is() -> None:
    oidc = {"issuer": "https://id.example.com", "client_id": "j", "groups": {"g": {"team": "t", "role": "admin"}}}
    with pytest.raises(BadInputError, match=r"oidc\.groups\.g: 'admin' is not one of researcher, reviewer, owner"):
        parse({**MINIMAL, "oidc": oidc}, {})
    assert list(ROLES) == [role.value for role in Role]


def test_where_an_installation_is() -> None:
    assert read().where is Where.KUBERNETES
    assert read().on_kubernetes == read().kubernetes
    on_machine = parse(MINIMAL, {})
    assert on_machine.where is Where.MACHINE
    with pytest.raises(BadInputError, match="no section 'kubernetes'; on one machine use: jinsu up"):
        _ = on_machine.on_kubernetes


# --- Placeholders ---


@given(PASSWORDS)
def test_any_password_arrives_whole(password: str) -> None:
    document = {
        **MINIMAL,
        "database_url": "postgresql+psycopg://jinsu:${SECRET}@db:5432/jinsu?a=b",
        "fernet_key": "${SECRET}",
    }
    found = parse(document, {"SECRET": password})
    url = urlsplit(found.database_url)
    assert unquote(url.password or "") == password
    assert make_url(found.database_url).password == password
    assert (url.hostname, url.port, url.path, url.query) == ("db", 5432, "/jinsu", "a=b")
    assert found.fernet_key == password


MINIMAL: dict[str, Any] = {
    "home": "/h", "runtime": "/r", "database_url": "d", "api_url": "a", "endpoint_url": "e", "airflow_url": "f",
    "mlflow_url": "m", "envoy_admin_url": "", "xds_port": 1, "airflow": {"name": "a", "password": "p"},
    "mlflow": {"name": "a", "password": "p"}, "mlflow_reviewer": {"name": "a", "password": "p"},
    "airflow_database_url": "d", "mlflow_database_url": "d", "supervisor_password": "", "airflow_secret": "s",
    "mlflow_secret": "s", "fernet_key": "k", "teams_approving_themselves": [],
}  # fmt: skip


def test_settings_of_the_version_before_are_read_and_new_ones_hold_no_shared_account() -> None:
    assert parse(MINIMAL, {}).mlflow_reviewer == Account("a", "p")
    newer = {name: value for name, value in MINIMAL.items() if name != "mlflow_reviewer"}
    assert parse(newer, {}).mlflow_reviewer.password == ""


def test_a_secret_that_names_another_is_not_filled_in_twice() -> None:
    found = parse({**MINIMAL, "fernet_key": "${A}"}, {"A": "${B}", "B": "no"})
    assert found.fernet_key == "${B}"


@pytest.mark.parametrize("text", ["$HOME", "${home}", "${}", "$ {A}", "{{ A }}", "${A"])
def test_only_a_placeholder_is_one(text: str) -> None:
    assert parse({**MINIMAL, "fernet_key": text}, {}).fernet_key == text


def test_a_missing_variable_is_named() -> None:
    document = {**MINIMAL, "fernet_key": "${JINSU_FERNET_KEY}", "mlflow_secret": "${JINSU_MLFLOW_SECRET}"}
    with pytest.raises(BadInputError) as caught:
        parse(document, {"JINSU_MLFLOW_SECRET": "s3cret"})
    assert "JINSU_FERNET_KEY" in str(caught.value)
    assert "Secret" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_process_without_a_secret_reads_the_chart_s_settings_and_has_an_empty_one() -> None:
    """The chart gives each process the secrets that it uses."""
    found = parse(rendered(), {"JINSU_DATABASE_PASSWORD": "s3cret"})
    assert make_url(found.database_url).password == "s3cret"
    assert (found.fernet_key, found.airflow_secret, found.mlflow.password, found.split_secret) == ("", "", "", "")


def test_splits_follow_from_their_own_secret_or_else_from_the_one_before_it() -> None:
    assert Installation(parse({**MINIMAL, "split_secret": "own"}, {})).split_secret == "own"
    assert Installation(parse(MINIMAL, {})).split_secret == "k"


def test_nothing_secret_is_shown() -> None:
    shown = repr(read())
    assert "value-of" not in shown


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    found = replace(read("oidc"), home=str(tmp_path))
    found.write()
    path = tmp_path / "settings.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert parse(json.loads(path.read_text()), {}) == found


# --- What the servers of others make of it ---


def test_mlflow_reads_its_own_file_whatever_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.server.auth.config import read_auth_config

    found = read("outside", JINSU_DATABASE_PASSWORD=ODD)
    path = tmp_path / "auth.ini"
    path.write_text(mlflow.authentication(found), encoding="utf-8")
    monkeypatch.setenv("MLFLOW_AUTH_CONFIG_PATH", str(path))
    assert make_url(read_auth_config().database_uri).password == ODD


def test_airflow_can_connect_to_a_database_that_wants_tls() -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    url = airflow.environment(read("outside"), Path("/dags"))["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"]
    _, arguments = create_async_engine(url).dialect.create_connect_args(make_url(url))
    known = {"host", "port", "user", "password", "database", "ssl"}  # of asyncpg.connect
    assert set(arguments) <= known


def test_mlflow_answers_by_the_name_that_other_namespaces_call_it_and_by_the_short_one() -> None:
    """The short one is that of pods whose settings are older, until an upgrade has replaced them."""
    settings = read()
    hosts = mlflow.environment(settings)["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert urlsplit(settings.mlflow_url).netloc == "jinsu-mlflow.jinsu.svc:5000"
    assert {"jinsu-mlflow.jinsu.svc:5000", "jinsu-mlflow:5000"} <= set(hosts)
    assert "mlflow.example.com" in mlflow.environment(
        replace(settings, public={"mlflow": "https://mlflow.example.com"})
    )["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")


def test_a_secret_that_may_be_missing_is_empty_without_its_variable() -> None:
    document = {**rendered(), "review_webhook": "${JINSU_REVIEW_WEBHOOK:-}"}
    assert parse(document, SECRETS).review_webhook == ""
    assert (
        parse(document, {**SECRETS, "JINSU_REVIEW_WEBHOOK": "https://chat.test/a b"}).review_webhook
        == "https://chat.test/a b"
    )
    with pytest.raises(BadInputError, match="JINSU_REVIEW_WEBHOOK is not set"):
        parse({**document, "review_webhook": "${JINSU_REVIEW_WEBHOOK}"}, SECRETS)
