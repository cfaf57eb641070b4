"""The chart and the code agree: settings, commands, variables, and what the platform may do is what it does."""

import ast
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from tests.chart import platform_objects
from tests.chart.helm import ROOT, render
from tests.chart.objects import of_kind, pods
from tests.chart.value_sets import DEFAULT, EVERYTHING, OTHER_AIRFLOW, TEAMS, VALUE_SETS, Values

from jinsu.clients.kubernetes import Kind
from jinsu.cluster.__main__ import PARTS
from jinsu.cluster.database_roles import PASSWORD_VARIABLE, ROLES
from jinsu.settings import GroupRole, Oidc, Retention, Settings, parse
from jinsu.spec.load import policy_from

each_set = pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)


@each_set
def test_the_code_reads_the_settings_that_the_chart_writes(values: Values) -> None:
    settings = platform_objects.parsed_settings(render(values))
    assert settings.kubernetes
    assert settings.object_store
    assert settings.home == "/jinsu/home"


def test_the_release_s_own_secrets_fill_every_gap_in_the_settings() -> None:
    documents = render(DEFAULT)
    settings = parse(platform_objects.settings_document(documents), platform_objects.secret_variables(documents))
    assert settings.database_url.startswith("postgresql+psycopg://jinsu:")
    assert "$" not in repr(vars(settings))


def test_every_drawn_secret_is_used() -> None:
    documents = render(DEFAULT)
    places = [
        *(ROOT / "platform" / "jinsu").rglob("*.py"),
        *(ROOT / "helm" / "jinsu" / "templates").glob("_settings.tpl"),
    ]
    texts = "\n".join(path.read_text() for path in places)
    idle = [
        key
        for key in platform_objects.secret_variables(documents)
        if key not in texts and not key.startswith(("JINSU_ENDPOINT_KEY_", f"{PASSWORD_VARIABLE}_"))
    ]
    assert not idle


def test_teams_gpus_and_priorities_arrive_in_the_settings() -> None:
    steps = platform_objects.parsed_settings(render(TEAMS)).kubernetes.steps
    assert steps.namespaces == {"vision": "jinsu-vision", "speech": "speech-lab"}
    everything = platform_objects.parsed_settings(render(EVERYTHING))
    steps = everything.kubernetes.steps
    assert steps.queues == {"default": "default-queue"}
    assert set(steps.priority_classes) == {"low", "normal", "high"}
    assert steps.gpus[""].resource == "nvidia.com/gpu"
    assert everything.teams_approving_themselves == ("default",)
    assert platform_objects.parsed_settings(render(OTHER_AIRFLOW)).airflow_url == "https://airflow.example.com"


def test_limits_and_retention_arrive_in_the_settings() -> None:
    settings = platform_objects.parsed_settings(
        render(
            {
                "runs": {"atOnce": 7, "perTeam": 6, "perPerson": 5},
                "steps": {"memory": "512Mi", "hours": 0.5},
                "objectStore": {"cache": "3Gi"},
                "retention": {"failedRuns": 0, "unnamed": 1.5, "datasetVersions": 90, "oldVersions": 365, "oldVersionsKept": 3},
            }
        )
    )
    assert (settings.runs_at_once, settings.runs_per_team, settings.runs_per_person) == (7, 6, 5)
    assert (settings.step_memory, settings.step_hours) == (512 * 2**20, 0.5)
    assert settings.object_cache_bytes == 3 * 2**30
    assert settings.retention == Retention(None, 1.5, 90, 365, 3)


def test_limits_and_retention_have_the_same_defaults_in_the_chart_and_in_the_code() -> None:
    document = platform_objects.settings_document(render())
    names = ("runs_at_once", "runs_per_team", "runs_per_person", "step_memory", "step_hours", "object_cache_bytes")
    assert {name: document[name] for name in names} == {name: getattr(Settings, name) for name in names}
    assert Retention(**document["retention"]) == Retention()


def test_the_identity_provider_arrives_in_the_settings() -> None:
    settings = platform_objects.parsed_settings(render(EVERYTHING))
    assert settings.oidc == Oidc(
        issuer="https://login.example.com:8443/realms/company",
        client_id="jinsu",
        client_secret="value-of-JINSU_OIDC_CLIENT_SECRET",
        groups={"ML Shopping": GroupRole("shopping", "researcher")},
        admins=("platform-engineers",),
    )
    assert not settings.local_accounts
    assert platform_objects.parsed_settings(render({**EVERYTHING, "localAccounts": True})).local_accounts


def test_what_the_values_leave_out_is_what_the_code_does_without() -> None:
    """Such as the names of claims: a default stands in one place only, or is the same in both."""
    chosen = {"oidc": {"issuer": "https://login.example.com", "clientId": "jinsu"}}
    settings = parse(platform_objects.settings_document(render(chosen)), dict.fromkeys(secrets_needed(chosen), "x"))
    assert settings.oidc == Oidc("https://login.example.com", "jinsu")
    settings = platform_objects.parsed_settings(render())
    assert (settings.oidc, settings.local_accounts, settings.policies) == (None, True, {})


def secrets_needed(values: Values) -> set[str]:
    """Keys of the platform's Secret without which a pod does not start."""
    return {
        reference["key"]
        for pod in pods(render(values))
        for container in pod.containers
        for entry in container.get("env", [])
        if (reference := entry.get("valueFrom", {}).get("secretKeyRef")) and not reference.get("optional")
        if reference["key"].startswith("JINSU_")
    }


def test_the_chart_and_the_migration_know_the_same_accounts_of_the_database() -> None:
    (migration,) = [pod for pod in pods(render()) if "migrate" in pod.name]
    keys = {entry["name"] for entry in migration.containers[0]["env"]}
    assert {key for key in keys if key.startswith(f"{PASSWORD_VARIABLE}_")} == {
        f"{PASSWORD_VARIABLE}_{name.upper()}" for name in ROLES
    }
    users = {
        entry["value"]
        for pod in pods(render())
        for container in pod.containers
        for entry in container.get("env", [])
        if entry["name"] == "JINSU_DATABASE_USER"
    }
    assert users == {f"jinsu_{name}" for name in ROLES}


def test_a_secret_of_the_release_before_is_enough_for_what_it_had() -> None:
    """It has no key of this release's features, and one that nothing asks for any more."""
    before = {"JINSU_DATABASE_PASSWORD", "JINSU_AIRFLOW_PASSWORD", "JINSU_MLFLOW_PASSWORD", "JINSU_REVIEWER_PASSWORD",
              "JINSU_AIRFLOW_SECRET", "JINSU_MLFLOW_SECRET", "JINSU_GATEWAY_KEY", "JINSU_SERVER_KEY", "JINSU_ADMIN_TOKEN",
              "JINSU_FERNET_KEY", "JINSU_ENDPOINT_KEY_DEFAULT"}  # fmt: skip
    for values in VALUE_SETS.values():
        if values.get("database", {}).get("roles"):
            continue  # which asks for more of them
        needed = secrets_needed(values)
        # A Secret that the chart makes has new keys, and for one of one's own it looks whether this is there.
        new = {"JINSU_SPLIT_SECRET", "JINSU_STEP_KEY"}
        assert {key for key in needed if not key.startswith(f"{PASSWORD_VARIABLE}_")} <= before | new
        assert "secrets" not in values or needed <= before | new
        settings = parse(platform_objects.settings_document(render(values)), dict.fromkeys(before, "x"))
        assert settings.oidc is None or settings.oidc.client_secret == ""
        assert settings.review_webhook in ("", "http://chat.example.com:8065/hooks/reviews")


def test_the_address_for_reminders_may_be_a_secret() -> None:
    documents = render()
    secrets = {
        **platform_objects.secret_variables(documents),
        "JINSU_REVIEW_WEBHOOK": "https://chat.example.com/s3cret",
    }
    assert (
        parse(platform_objects.settings_document(documents), secrets).review_webhook
        == "https://chat.example.com/s3cret"
    )


def test_policies_of_teams_arrive_as_policies() -> None:
    settings = platform_objects.parsed_settings(render(EVERYTHING))
    assert settings.policies.keys() == {"shopping"}
    policy = policy_from(settings.policies["shopping"])
    assert (policy.review.approvers, policy.canary.min_requests) == (2, 1000000)
    assert platform_objects.parsed_settings(render({"teams": [{"name": "a", "policy": {}}]})).policies == {"a": {}}


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (DEFAULT, {"api": "http://127.0.0.1:7700", "airflow": "http://127.0.0.1:7702", "mlflow": "http://127.0.0.1:7703",
                   "endpoint": "http://127.0.0.1:7701"}),
        (EVERYTHING, {"api": "https://jinsu.example.com", "airflow": "https://airflow.example.com",
                      "mlflow": "https://mlflow.example.com", "endpoint": "https://models.example.com"}),
        ({"ingress": {"enabled": True, "hosts": {"api": "jinsu.example.com"}, "controller": [{"podSelector": {}}]},
          "public": {"mlflow": "https://m.example.com/"}},
         {"api": "http://jinsu.example.com", "airflow": "http://127.0.0.1:7702", "mlflow": "https://m.example.com",
          "endpoint": "http://127.0.0.1:7701"}),
        (OTHER_AIRFLOW, {"airflow": "https://airflow.example.com"}),
    ],
    ids=["forwarded ports", "everything", "an Ingress for the API alone", "another Airflow"],
)  # fmt: skip
def test_people_are_sent_to_addresses_that_they_can_open(values: Values, found: dict[str, str]) -> None:
    settings = platform_objects.parsed_settings(render(values))
    assert {part: settings.address(part) for part in found} == found


def test_every_command_of_a_pod_exists() -> None:
    missing = []
    for pod in pods([*render(EVERYTHING), *platform_objects.created_objects(render(EVERYTHING))]):
        for container in pod.containers:
            words = [*container.get("command", []), *container.get("args", [])]
            hooks = [
                probe.get("exec", {}).get("command", []) for key, probe in container.items() if key.endswith("Probe")
            ]
            missing += [f"{pod.name} {container['name']}: {said}" for line in (words, *hooks) for said in absent(line)]
    assert not missing, "\n".join(missing)


def absent(words: list[str]) -> list[str]:
    """What of `python -m MODULE PART` there is not."""
    if "-m" not in words:
        return []
    module, *arguments = words[words.index("-m") + 1 :]
    if importlib.util.find_spec(module) is None:
        return [f"there is no module {module}"]
    if module == "jinsu.cluster" and arguments[0] not in PARTS:
        return [f"jinsu.cluster knows no {arguments[0]}"]
    return []


def test_the_code_reads_every_variable_that_a_pod_is_given() -> None:
    """But for those of others, such as Airflow's and AWS'."""
    folders = [ROOT / "platform" / "jinsu", ROOT / "dags", ROOT / "platform" / "images"]
    code = "\n".join(
        path.read_text() for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".sh")
    )
    code += "\n".join(str(platform_objects.settings_document(render(values))) for values in VALUE_SETS.values())
    unread = {
        f"{pod.name}: {variable['name']}"
        for values in VALUE_SETS.values()
        for pod in pods(render(values))
        for container in pod.containers
        for variable in container.get("env", [])
        if variable["name"].startswith("JINSU_")
        and not variable["name"].startswith(f"{PASSWORD_VARIABLE}_")
        and variable["name"] not in code
        and not variable["name"].startswith("JINSU_ENDPOINT_KEY_")
    }
    assert not unread, "\n".join(sorted(unread))


# --- What it does and what it may do ---

_KINDS = {
    kind.name: (kind.value[0].removeprefix("/apis/").removeprefix("/api/").rpartition("/")[0], kind.value[1])
    for kind in Kind
}
# What each method of jinsu.clients.kubernetes.Kube asks for.
_VERBS = {"get": {"get"}, "list": {"list"}, "create": {"create"}, "delete": {"delete"}, "merge": {"patch"},
          "ensure": {"create", "patch"}}  # fmt: skip


def calls(folder: Path) -> set[tuple[str, str, str]]:
    """Group, resource and method of every call of `kube.METHOD(Kind.X, …)` in the code."""
    found = set()
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text())
        loops = {ast.unparse(node.target): node.iter for node in ast.walk(tree) if isinstance(node, ast.For)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                first = ast.unparse(node.args[0])
                text = ast.unparse(loops[first]) if first in loops else first
                if ast.unparse(node.func.value).endswith("kube"):
                    found |= {(*_KINDS[name], node.func.attr) for name in re.findall(r"\bKind\.(\w+)", text)}
    return found


def granted(documents: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for role in of_kind(documents, "Role", "ClusterRole")
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_platform_may_do_what_it_does_and_no_more() -> None:
    done = calls(ROOT / "platform" / "jinsu")
    unknown = {method for _, _, method in done} - _VERBS.keys()
    assert not unknown, f"say what these need of RBAC: {unknown}"
    needed = {(group, resource, verb) for group, resource, method in done for verb in _VERBS[method]}
    assert not needed - granted(render()), f"it does and may not: {sorted(needed - granted(render()))}"
    assert not granted(render()) - needed, f"it may and does not: {sorted(granted(render()) - needed)}"
