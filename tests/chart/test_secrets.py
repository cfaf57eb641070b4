"""Which secrets each pod can see: those of the table in docs/kubernetes.md, and no others."""

import re
from collections import defaultdict

import pytest
from tests.chart import platform_objects
from tests.chart.helm import ROOT, render
from tests.chart.objects import Document, Pod, of_kind, pods
from tests.chart.value_sets import DEFAULT, OIDC, ROLE, VALUE_SETS, Values

from jinsu.settings import parse

_HEADING = "## Which process has which secret"
_STORE = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
_TOKEN = "a token of its service account for the object store"

each_set = pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)


def table() -> dict[str, set[str]]:
    """The page's table: secrets by process. `{client}` in a name stands for each client of the gateway."""
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    text = page.split(_HEADING)[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {
        name: set(re.findall(r"`([A-Z_{}a-z]+)`", secrets))
        for names, secrets, *_ in rows[1:]
        for name in re.findall(r"`([a-z-]+)`", names)
    }


def seen(pod: Pod, secrets: list[Document]) -> dict[str, set[str]]:
    """What the containers of a pod can read, by container: keys of Secrets, and tokens of its account."""
    keys = {one["metadata"]["name"]: set(one["data"]) for one in secrets}
    found: dict[str, set[str]] = defaultdict(set)
    for container in pod.containers:
        mine = found[container["name"]]
        for entry in container.get("env") or []:
            if reference := (entry.get("valueFrom") or {}).get("secretKeyRef"):
                mine.add(reference["key"])
        for source in container.get("envFrom") or []:
            if reference := source.get("secretRef"):
                mine |= keys.get(reference["name"], {f"all of Secret {reference['name']}"})
        mounted = {mount["name"] for mount in container.get("volumeMounts") or []}
        for volume in pod.spec.get("volumes") or []:
            if volume["name"] in mounted and "secret" in volume:
                mine |= keys.get(volume["secret"]["secretName"], {f"all of Secret {volume['secret']['secretName']}"})
            if volume["name"] in mounted and "projected" in volume:
                mine.add(_TOKEN)
    return found


def own_pods(values: Values) -> list[Pod]:
    """At an installation and at an upgrade."""
    return pods([*render(values), *render(values, upgrade=True)])


def general(key: str, name: str) -> str:
    """As the page's table writes a key of which there are several."""
    key = re.sub(r"^JINSU_ENDPOINT_KEY_.*", "JINSU_ENDPOINT_KEY_{name}", key)
    several = name in ("wait", "migrate")
    return re.sub(r"(?<=_PASSWORD)_[A-Z_]+$", "_{role}", key) if several and "DATABASE" in key else key


def name_of(pod: Pod, container: str) -> str:
    """The row of the table. Every init container `wait` has the same secrets, whatever its pod is."""
    return "wait" if container == "wait" else pod.labels["app.kubernetes.io/component"]


@each_set
def test_each_process_sees_the_secrets_of_the_page_s_table_and_no_others(values: Values) -> None:
    known, secrets = table(), of_kind(render(values), "Secret")
    found = []
    for pod in own_pods(values):
        for container, keys in seen(pod, secrets).items():
            allowed = known[name_of(pod, container)]
            keys = {general(key, name_of(pod, container)) for key in keys}
            if not values.get("database", {}).get("roles") and "secrets" in values:
                allowed = allowed | {"JINSU_DATABASE_PASSWORD"}
            if allowed >= _STORE:
                keys = keys - {_TOKEN}
            found += [f"{pod.name} {container}: {key}" for key in sorted(keys - allowed)]
    assert not found, "\n".join(found)


def test_every_secret_of_the_table_is_seen_by_its_process() -> None:
    """Else the table would promise less than it could."""
    keys: dict[str, set[str]] = defaultdict(set)
    for values in (DEFAULT, OIDC):
        secrets = of_kind(render(values), "Secret")
        for pod in own_pods(values):
            for container, found in seen(pod, secrets).items():
                keys[name_of(pod, container)] |= {general(key, name_of(pod, container)) for key in found}
    assert {name: found for name, found in keys.items() if found} == {
        name: wanted for name, wanted in table().items() if wanted
    }


@each_set
def test_a_training_s_script_sees_no_secret(values: Values) -> None:
    created = pods(platform_objects.created_objects(render(values)))
    for pod in created:
        if pod.labels["app.kubernetes.io/name"] == "jinsu-step":
            found = seen(pod, of_kind(render(values), "Secret"))
            (script,) = found.keys() & {"train", "work"}
            assert not found[script], pod.name


@each_set
def test_no_process_gets_a_whole_secret(values: Values) -> None:
    """A key that is added to a Secret by hand reaches the process that uses it, and no other."""
    for pod in own_pods(values):
        for container in pod.containers:
            assert not container.get("envFrom"), f"{pod.name} {container['name']}"


def test_with_a_role_only_those_who_use_the_store_have_its_token() -> None:
    holders = {
        name_of(pod, container) for pod in own_pods(ROLE) for container, keys in seen(pod, []).items() if _TOKEN in keys
    }
    assert holders == {name for name, keys in table().items() if keys >= _STORE} - {"store"}


def test_splits_follow_from_a_key_of_their_own() -> None:
    """Airflow's processes have the fernet key; the held-out rows must not follow from what they have."""
    (secret,) = [one for one in of_kind(render(), "Secret") if one["metadata"]["name"] == "jinsu"]
    assert secret["data"]["JINSU_SPLIT_SECRET"] != secret["data"]["JINSU_FERNET_KEY"]
    assert "JINSU_SPLIT_SECRET" not in table()["airflow"] | table()["triggerer"] | table()["dag-processor"]


def test_a_process_reads_the_settings_with_the_secrets_that_it_has() -> None:
    """What it has no secret for is empty."""
    for values in VALUE_SETS.values():
        document = platform_objects.settings_document(render(values))
        for name, keys in table().items():
            settings = parse(document, dict.fromkeys(keys, "s3cret"))
            assert settings.fernet_key == ("s3cret" if "JINSU_FERNET_KEY" in keys else ""), name
            assert settings.mlflow.password == ("s3cret" if "JINSU_MLFLOW_PASSWORD" in keys else ""), name
