"""What the chart makes, for several ways to install it and for the first and the last Kubernetes that it promises."""

import base64
import functools
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.chart import chart_rules, platform_objects, rbac, restricted
from tests.chart.helm import (
    CHART,
    LATEST,
    ROOT,
    HelmError,
    default_values,
    fails,
    lint,
    notes,
    render,
    render_anew,
    render_text,
)
from tests.chart.objects import (
    CLUSTER_WIDE,
    LASTING,
    Document,
    Pod,
    hook_of,
    leaves,
    name_of,
    namespace_of,
    of_kind,
    pods,
)
from tests.chart.references import Release, dangling, hooks_too_early, key_of, protected
from tests.chart.schemas import FOREIGN, faults
from tests.chart.value_sets import BARE, CLOUD, DEFAULT, EVERYTHING, OUTSIDE, ROLE, TEAMS, VALUE_SETS, Values

from jinsu.placement.kubernetes import Servers

OLDEST = "1.20.0"
VERSIONS = (OLDEST, "1.21.0", "1.25.0", "1.31.0", "1.36.0", LATEST)
# Components that ask Kubernetes' API: they start steps, or run model servers. Nobody else holds a token.
TALKERS = frozenset({"api", "controller", "scheduler", "triggerer", "test-training"})
# What the whole cluster would have to trust the chart with. It needs nothing of the kind.
CLUSTER_ROLES: frozenset[str] = frozenset()
_DIGEST = "sha256:" + "a" * 64
_WORDS_OF_A_TEMPLATE_GONE_WRONG = ("<no value>", "%!", "map[", "<nil>", "0x", "e+0")

each_set = pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
each_version = pytest.mark.parametrize("version", VERSIONS)


def one_a_line(sentences: list[str]) -> str:
    """Each sentence once, one a line."""
    return "\n".join(["", *dict.fromkeys(sentences)])


def about(documents: list[Document], rule: Any) -> list[str]:
    """What a rule says of each object or pod, with its name."""
    return [f"{one.name if isinstance(one, Pod) else name_of(one)}: {said}" for one in documents for said in rule(one)]


def with_what_it_makes(values: Values) -> list[Document]:
    """What the chart makes, at an installation and at an upgrade, and what the platform will make with it."""
    documents = render(values)
    known = {key_of(document) for document in documents}
    later = [document for document in render(values, upgrade=True) if key_of(document) not in known]
    return [*documents, *later, *platform_objects.created_objects(documents)]


# --- Kubernetes takes them ---


@each_set
@each_version
def test_kubernetes_knows_every_field(values: Values, version: str) -> None:
    """ServiceMonitor and Kueue's kinds are left out (schemas.FOREIGN): their schemas come with their operators."""
    documents = [*render(values, kube=version), *render(values, kube=version, upgrade=True)]
    found = [sentence for document in documents for sentence in faults(document, version)]
    assert not found, one_a_line(found)


@each_version
def test_each_version_is_asked_in_its_best_api(version: str) -> None:
    """An API that is deprecated today is gone tomorrow: nothing is asked for in a beta that has a successor."""
    minor = int(version.split(".")[1])
    expected = {
        "PodDisruptionBudget": "policy/v1" if minor >= 21 else "policy/v1beta1",
        "HorizontalPodAutoscaler": "autoscaling/v2" if minor >= 23 else "autoscaling/v2beta2",
        "CronJob": "batch/v1" if minor >= 21 else "batch/v1beta1",
        "Ingress": "networking.k8s.io/v1",
        "NetworkPolicy": "networking.k8s.io/v1",
    }
    found = [
        f"{name_of(document)}: {document['apiVersion']}, not {expected[document['kind']]}"
        for document in render(EVERYTHING, kube=version)
        if document["apiVersion"] != expected.get(document["kind"], document["apiVersion"])
    ]
    assert not found, one_a_line(found)


def test_an_older_kubernetes_is_refused() -> None:
    with pytest.raises(HelmError, match=r"kubeVersion"):
        render(kube="1.19.16")


def test_what_everything_switches_on_is_there() -> None:
    """Else the other tests would read less than they promise."""
    kinds = {document["kind"] for document in render(EVERYTHING)}
    wanted = {"Ingress", "ServiceMonitor", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget",
              "ResourceQuota", "LimitRange", "Namespace", "Role", "RoleBinding", "Secret"}  # fmt: skip
    assert kinds >= wanted, wanted - kinds
    assert not {one["kind"] for one in render(BARE)} & {"NetworkPolicy", "PodDisruptionBudget", "PriorityClass"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"database": {"bundled": {"enabled": False}}}, "database.external.host"),
        ({"airflow": {"enabled": False}}, "airflow.url"),
        ({"ingress": {"enabled": True}}, "ingress.hosts"),
        ({"teams": []}, "teams"),
        ({"kubeflow": {"enabled": True, "namespace": "jinsu"}}, "kubeflow.namespace"),
        ({"teams": [{"name": "a"}, {"name": "a"}]}, "teams"),
        ({"teams": [{"name": "A team"}]}, "teams"),
        ({"images": {"platform": {"digest": "abc"}}}, "digest"),
        ({"oidc": {"issuer": "https://login.example.com"}}, "oidc.clientId"),
        ({"oidc": {"groups": {"ml": {"team": "a", "role": "boss"}}}}, "oidc.groups.ml.role"),
        ({"localAccounts": False}, "localAccounts"),
        ({"teams": [{"name": "a", "policy": {"review": {"approver": 2}}}]}, "teams.0.policy.review"),
        ({"teams": [{"name": "a", "policy": {}}], "teamsApprovingThemselves": ["a"]}, "review.self_approval"),
        ({"training": {"priorityClasses": {"high": 10}}}, "high"),
    ],
    ids=str,
)
def test_values_that_cannot_work_are_refused_by_name(values: Values, said: str) -> None:
    assert said in fails(values).replace("/", ".")


def test_a_team_needs_no_more_than_a_name() -> None:
    """Helm replaces lists whole: what values.yaml says of its team says nothing of others."""
    documents = render({"teams": [{"name": "vision"}]})
    own = {one["kind"] for one in documents if namespace_of(one) == "jinsu-vision"}
    assert own >= {"ResourceQuota", "LimitRange", "Role", "RoleBinding", "NetworkPolicy"}
    assert [one["metadata"]["name"] for one in of_kind(documents, "Namespace")] == ["jinsu-vision"]


def test_kinds_that_a_cluster_may_lack_are_only_made_when_asked_for() -> None:
    assert not {document["kind"] for document in render()} & FOREIGN


@each_set
def test_nothing_is_made_twice(values: Values) -> None:
    twice = [key for key, number in Counter(map(key_of, render(values))).items() if number > 1]
    assert not twice


@each_set
def test_whatever_a_manifest_names_is_there(values: Values) -> None:
    given = {str(value) for _, value in leaves(values)}
    for upgrade in (False, True):
        release = Release([*render(values, upgrade=upgrade), *platform_objects.created_objects(render(values))], given)
        assert not dangling(release), one_a_line(dangling(release))
        assert not hooks_too_early(release), one_a_line(hooks_too_early(release))


def test_what_runs_before_an_upgrade_reads_the_settings_of_that_upgrade() -> None:
    """Helm runs such a hook while the cluster still has the last release's ConfigMaps."""
    documents = render(upgrade=True)
    old = {
        one["metadata"]["name"]
        for one in of_kind(documents, "ConfigMap")
        if "settings.json" in (one.get("data") or {}) and "pre-upgrade" not in hook_of(one)
    }
    found = [
        f"{pod.name} reads {volume['configMap']['name']}"
        for pod in pods(documents)
        if "pre-upgrade" in hook_of(pod.owner)
        for volume in pod.spec["volumes"]
        if volume.get("configMap", {}).get("name") in old
    ]
    assert not found, one_a_line(found)


@each_set
def test_no_template_has_gone_wrong(values: Values) -> None:
    text = render_text(values)
    found = [word for word in _WORDS_OF_A_TEMPLATE_GONE_WRONG if re.search(rf"(?<![\w+/=-]){re.escape(word)}", text)]
    assert not found


def test_names_fit_however_long_the_release_is_called() -> None:
    documents = render(release="r" * 53, namespace="n" * 40)
    limits = {"StatefulSet": 52, "CronJob": 52}
    long = [name_of(one) for one in documents if len(one["metadata"]["name"]) > limits.get(one["kind"], 63)]
    assert not long
    labels = [value for one in documents for _, value in (one["metadata"].get("labels") or {}).items()]
    assert all(len(value) <= 63 for value in labels)
    assert not dangling(Release(documents))


def test_two_installations_share_nothing() -> None:
    """Two of one name in two namespaces, and two names in two namespaces."""
    first = {key_of(one) for one in render(release="jinsu", namespace="one")}
    for release in ("jinsu", "other"):
        second = {key_of(one) for one in render(release=release, namespace="two")}
        assert not first & second


# --- Pods ---


@each_set
def test_every_pod_is_restricted(values: Values) -> None:
    found = about(pods(with_what_it_makes(values)), lambda pod: restricted.violations(pod.spec, pod.annotations))
    assert not found, one_a_line(found)


@each_set
def test_every_pod_keeps_the_rules_of_the_house(values: Values) -> None:
    found = about(pods(render(values)), lambda pod: chart_rules.pod_faults(pod, TALKERS))
    assert not found, one_a_line(found)


@each_set
def test_every_object_says_what_it_belongs_to(values: Values) -> None:
    found = about(of_the_chart(values), chart_rules.object_faults)
    assert not found, one_a_line(found)


def of_the_chart(values: Values) -> list[Document]:
    return [*render(values), *render(values, upgrade=True)]


@each_set
def test_a_token_is_held_by_those_with_a_role_and_by_nobody_else(values: Values) -> None:
    documents = render(values)
    with_role = {
        (subject["namespace"], subject["name"])
        for binding in of_kind(documents, "RoleBinding", "ClusterRoleBinding")
        for subject in binding["subjects"]
    }
    found = [
        f"{pod.name}: {'holds a token and has no role' if pod.spec.get('automountServiceAccountToken') else 'has a role and no token'}"
        for pod in pods(documents)
        if pod.spec.get("automountServiceAccountToken")
        != ((pod.namespace, pod.spec["serviceAccountName"]) in with_role)
    ]
    assert not found, one_a_line(found)
    tokens = {
        namespace_of(account): account.get("automountServiceAccountToken")
        for account in of_kind(documents, "ServiceAccount")
    }
    # Kubeflow, which makes the pods there, leaves the token to the account.
    elsewhere = values.get("kubeflow", {}).get("namespace")
    assert tokens == {namespace: namespace == elsewhere for namespace in tokens}


@each_set
def test_no_role_allows_too_much(values: Values) -> None:
    documents = render(values)
    found = about(of_kind(documents, "Role", "ClusterRole"), rbac.excesses)
    assert not found, one_a_line(found)
    wide = {one["metadata"]["name"] for one in of_kind(documents, "ClusterRole", "ClusterRoleBinding")}
    assert wide <= CLUSTER_ROLES, wide - CLUSTER_ROLES


def test_every_image_can_be_pinned_and_comes_from_the_registry() -> None:
    pinned = {**EVERYTHING, "images": {**EVERYTHING["images"], **digests(default_values()["images"])}}
    images = list(images_of(with_what_it_makes(pinned)))
    loose = [f"{place}: {image}" for place, image in images if not image.endswith(f"@{_DIGEST}")]
    elsewhere = [f"{place}: {image}" for place, image in images if not image.startswith("images.example.com/ml/")]
    assert len(images) > 10
    assert not loose + elsewhere, one_a_line(loose + elsewhere)


def digests(images: Document) -> Document:
    return {name: {"digest": _DIGEST} for name, image in images.items() if isinstance(image, dict)}


def images_of(documents: list[Document]) -> Iterator[tuple[str, str]]:
    for pod in pods(documents):
        for container in pod.containers:
            yield f"{pod.name} {container['name']}", container["image"]
    for place, value in leaves(platform_objects.settings_document(documents)):
        # An installation whose model servers have no GPU names no image for such servers.
        if place.rpartition(".")[2].endswith("image") and (value or place != "kubernetes.servers.gpu_image"):
            yield place, value


def test_without_a_tag_an_image_is_that_of_the_chart_s_version() -> None:
    version = re.search(r'(?m)^appVersion: "?([^"\n]+)', (CHART / "Chart.yaml").read_text())
    assert version
    assert all(image.endswith(f":{version[1]}") for _, image in images_of(render()))
    assert f'__version__ = "{version[1]}"' in (ROOT / "platform" / "jinsu" / "__init__.py").read_text()


def test_an_object_store_outside_needs_its_keys_or_a_role() -> None:
    assert "objectStore.external.existingSecret" in fails({"objectStore": {"bundled": {"enabled": False}}})
    text = json.dumps(render(ROLE))
    assert '"store-keys"' not in text
    assert '"AWS_SECRET_ACCESS_KEY"' not in text


def test_whoever_runs_with_a_role_has_a_token_for_it_and_its_account_is_there() -> None:
    documents = render(ROLE)
    holders = [pod for pod in pods(documents) if "store-identity" in {one["name"] for one in pod.spec["volumes"]}]
    assert {pod.labels["app.kubernetes.io/component"] for pod in holders} >= {
        "api",
        "controller",
        "scheduler",
        "mlflow",
    }
    for pod in holders:
        (volume,) = [one for one in pod.spec["volumes"] if one["name"] == "store-identity"]
        (source,) = volume["projected"]["sources"]
        assert source["serviceAccountToken"]["audience"] == "sts.amazonaws.com", pod.name
        for container in pod.spec["containers"]:
            entries = {entry["name"]: entry.get("value") for entry in container["env"]}
            (mount,) = [one for one in container["volumeMounts"] if one["name"] == "store-identity"]
            assert entries["AWS_WEB_IDENTITY_TOKEN_FILE"] == f"{mount['mountPath']}/token", pod.name
            assert entries["AWS_ROLE_ARN"] == "arn:aws:iam::123456789012:role/jinsu", pod.name
    settings = platform_objects.parsed_settings(documents)
    assert settings.kubernetes
    assert settings.kubernetes.servers.store_identity


# --- Before an installation ---


def test_a_volume_is_tried_before_an_installation_and_only_then() -> None:
    def tried(values: Values, **flags: bool) -> list[str]:
        claims = of_kind(render(values, **flags), "PersistentVolumeClaim")
        assert all("pre-install" in hook_of(one) for one in claims)
        return [one["spec"].get("storageClassName", "") for one in claims]

    assert tried(DEFAULT) == [""]
    assert tried(DEFAULT, upgrade=True) == tried(OUTSIDE) == tried(BARE) == []
    assert tried({"preflight": {"enabled": False}}) == []
    two: Values = {"database": {"bundled": {"persistence": {"storageClass": "fast"}}}}
    assert sorted(tried(two)) == ["", "fast"]
    (job,) = [one for one in of_kind(render(), "Job") if "pre-install" in hook_of(one)]
    assert job["metadata"]["annotations"]["helm.sh/hook-output-log-policy"] == "hook-failed"
    (database,) = [one for one in of_kind(render(), "StatefulSet") if one["metadata"]["name"].endswith("-database")]
    same = ("securityContext", "nodeSelector", "tolerations", "imagePullSecrets")
    tries, runs = job["spec"]["template"]["spec"], database["spec"]["template"]["spec"]
    assert [tries.get(name) for name in same] == [runs.get(name) for name in same], "it would try something else"


# --- Disruption ---


@each_set
def test_several_pods_of_a_kind_are_not_all_taken_at_once(values: Values) -> None:
    documents = render(values)
    budgets = of_kind(documents, "PodDisruptionBudget")
    guarded = {pod.name for budget in budgets for pod in protected(budget, documents)}
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in of_kind(documents, "HorizontalPodAutoscaler")}
    several = {
        pod.name
        for pod in pods(documents)
        if pod.owner["kind"] in LASTING
        and (pod.owner["spec"].get("replicas", 1) > 1 or pod.owner["metadata"]["name"] in scaled)
    }
    assert several <= guarded or values == BARE, several - guarded


def test_the_pods_of_a_model_are_not_all_taken_at_once_where_it_has_several() -> None:
    documents = [*render(EVERYTHING), *platform_objects.created_objects(render(EVERYTHING))]
    budgets = of_kind(documents, "PodDisruptionBudget")
    assert "Deployment/model-digits-v1" in {pod.name for budget in budgets for pod in protected(budget, documents)}
    assert not any("model-server" in name_of(budget) for budget in of_kind(render(), "PodDisruptionBudget"))
    for replicas in (1, 2):
        made = platform_objects.created_objects(render({"modelServers": {"replicas": replicas}}))
        (server,) = of_kind(made, "Deployment")
        assert server["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


@each_set
def test_no_budget_keeps_a_node_from_being_drained(values: Values) -> None:
    documents = render(values)
    least = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"].get("minReplicas", 1)
        for one in of_kind(documents, "HorizontalPodAutoscaler")
    }
    found = []
    for budget in of_kind(documents, "PodDisruptionBudget"):
        for pod in protected(budget, documents):
            running = pod.owner["spec"].get("replicas", least.get(pod.owner["metadata"]["name"], 1))
            if not leaves_one(budget["spec"], running):
                found.append(f"{name_of(budget)}: of {running} pods of {pod.name} none may go")
    assert not found, one_a_line(found)


def leaves_one(spec: Document, running: int) -> bool:
    if "maxUnavailable" in spec:
        return spec["maxUnavailable"] not in (0, "0%")
    wanted = spec["minAvailable"]
    if isinstance(wanted, str):
        return -(-running * int(wanted.removesuffix("%")) // 100) < running
    return int(wanted) < running


# --- Teams ---


def test_every_team_has_a_namespace_a_quota_and_limits() -> None:
    documents = render(TEAMS)
    vision, speech = "jinsu-vision", "speech-lab"
    created = {one["metadata"]["name"]: one["metadata"]["labels"] for one in of_kind(documents, "Namespace")}
    assert set(created) == {vision}
    assert created[vision]["pod-security.kubernetes.io/enforce"] == "restricted"
    for namespace, team in zip((vision, speech), TEAMS["teams"], strict=True):
        own = [one for one in documents if namespace_of(one) == namespace]
        (quota,) = of_kind(own, "ResourceQuota")
        assert team["quota"].items() <= quota["spec"]["hard"].items()
        assert of_kind(own, "LimitRange"), f"{namespace} has no LimitRange"


@each_set
def test_a_training_fits_into_its_namespace(values: Values) -> None:
    """A quota of some resource refuses pods that do not say how much of it they want; limits refuse too much."""
    documents = render(values)
    found = []
    for pod in pods(platform_objects.created_objects(documents)):
        own = [one for one in documents if namespace_of(one) == pod.namespace]
        counted = {key for quota in of_kind(own, "ResourceQuota") for key in quota["spec"]["hard"]}
        most = [limit.get("max", {}) for one in of_kind(own, "LimitRange") for limit in one["spec"]["limits"]]
        for container in pod.containers:
            found += [
                f"{pod.name} {container['name']}: {said}" for said in refused(container["resources"], counted, most)
            ]
    assert not found, one_a_line(found)


def refused(resources: Document, counted: set[str], most: list[Document]) -> Iterator[str]:
    for key in counted:
        side, _, name = key.partition(".")
        if name in ("cpu", "memory", "ephemeral-storage") and name not in resources.get(side, {}):
            yield f"says nothing of {key}, which the quota counts"
    for limits in most:
        for name, limit in limits.items():
            if chart_rules.amount(resources["limits"].get(name, 0)) > chart_rules.amount(limit):
                yield f"wants more {name} than the namespace's {limit}"


# --- People ---


def test_the_notes_name_no_account_that_several_people_would_share() -> None:
    for values in VALUE_SETS.values():
        assert not re.search(r"_PASSWORD|as admin|reviewer account", notes(values))


def test_the_notes_forward_the_ports_that_browsers_are_sent_to() -> None:
    text, public = notes(), platform_objects.settings_document(render())["public"]
    assert public == {
        "api": "http://127.0.0.1:7700",
        "airflow": "http://127.0.0.1:7702",
        "mlflow": "http://127.0.0.1:7703",
        "endpoint": "http://127.0.0.1:7701",
    }
    for part, url in public.items():
        service = {"endpoint": "gateway"}.get(part, part)
        assert re.search(rf"service/jinsu-{service} {url.rpartition(':')[2]}:\d+ +{re.escape(url)}\b", text), part
    assert f"export JINSU_API={public['api']}\n" in text


def test_the_notes_begin_with_a_model_only_where_the_first_administrator_may_submit_it() -> None:
    assert "jinsu submit" in notes()
    assert "jinsu submit" not in notes(TEAMS)


def test_the_notes_say_how_people_are_added() -> None:
    assert "jinsu user add" in notes()
    assert "jinsu team set-role vision" in notes(TEAMS)
    text = notes(EVERYTHING)
    assert "jinsu user add" not in text
    assert "https://jinsu.example.com/login/oidc/callback" in text


# --- Secrets ---


@functools.cache
def drawn() -> set[str]:
    """Every value of the chart's own Secrets, plain and as they are written."""
    written = {
        value
        for secret in of_kind(render(), "Secret")
        for field in ("data", "stringData")
        for value in (secret.get(field) or {}).values()
    }
    return written | {base64.b64decode(value).decode() for value in written}


def test_every_installation_draws_its_own_passwords() -> None:
    first, second = ({key_of(one): one for one in of_kind(render_anew(), "Secret")} for _ in range(2))
    assert first.keys() == second.keys()
    same = [
        f"{name_of(one)}: {key}"
        for where, one in first.items()
        for key in one["data"]
        if one["data"][key] == second[where]["data"][key]
    ]
    assert first
    assert not same, one_a_line(same)


def test_passwords_are_long() -> None:
    short = [
        f"{name_of(secret)}: {key}"
        for secret in of_kind(render(), "Secret")
        for key, value in secret["data"].items()
        if len(base64.b64decode(value)) < 20
    ]
    assert not short, one_a_line(short)


def test_no_password_is_anywhere_but_in_a_secret() -> None:
    text = "\n".join(str(document) for document in render() if document["kind"] != "Secret") + notes()
    assert len(drawn()) > 10
    assert not [value for value in drawn() if value in text]


def test_but_for_passwords_the_chart_always_makes_the_same() -> None:
    first, second = ([one for one in render_anew() if one["kind"] != "Secret"] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("values", [OUTSIDE, CLOUD], ids=["outside", "cloud"])
def test_who_brings_secrets_gets_none(values: Values) -> None:
    assert not of_kind(render(values), "Secret")


def test_a_secret_of_one_s_own_must_have_what_the_page_lists() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    keys = {key for secret in of_kind(render(), "Secret") for key in secret["data"]}
    keys |= set(re.findall(r"\$\{(\w+)", json.dumps(platform_objects.settings_document(render(EVERYTHING)))))
    keys |= set(re.findall(r"\$\{(\w+)", json.dumps(platform_objects.settings_document(render()))))
    silent = sorted(key for key in keys if f"`{key}`" not in page)
    assert not silent, one_a_line(silent)


# --- For people ---


@pytest.mark.parametrize("values", [None, "values-small.yaml"], ids=["default", "small"])
def test_helm_finds_nothing_to_say_about_the_chart(values: str | None) -> None:
    said = lint(*(["--values", str(CHART / values)] if values else []))
    assert "1 chart(s) linted, 0 chart(s) failed" in said
    assert not re.findall(r"\[(?:INFO|WARNING|ERROR)\].*", said)


def test_the_icon_of_the_chart_is_a_picture_that_needs_no_network() -> None:
    (icon,) = re.findall(r"(?m)^icon: data:image/svg\+xml;base64,(\S+)$", (CHART / "Chart.yaml").read_text())
    assert base64.b64decode(icon) == (CHART / "icon.svg").read_bytes()
    ElementTree.fromstring((CHART / "icon.svg").read_text())


@each_set
def test_the_notes_can_be_read(values: Values) -> None:
    text = notes(values)
    assert len(text) > 100
    assert not [word for word in _WORDS_OF_A_TEMPLATE_GONE_WRONG if word in text]


def test_the_chart_has_a_test_to_run() -> None:
    assert any("test" in hook_of(document) for document in render())


def test_defaults_are_for_a_trial_and_need_no_value() -> None:
    assert render(DEFAULT)
    assert {namespace_of(one) for one in render()} - {""} == {"jinsu", "jinsu-default"}
    assert {one["kind"] for one in render() if namespace_of(one) == ""} <= set(CLUSTER_WIDE)


def test_grpc_has_a_port_of_the_gateways_service_that_leads_to_the_same_envoy() -> None:
    """What stands in front of the gateway, such as an Ingress, speaks HTTP/2 to a port that says so, and HTTP/1 to the other."""
    (front,) = [one for one in of_kind(render(), "Service") if name_of(one) == "Service/jinsu-gateway"]
    ports = {port["name"]: port for port in front["spec"]["ports"]}
    assert {port["targetPort"] for port in ports.values()} == {"http"}
    assert {name: port["appProtocol"] for name, port in ports.items()} == {
        "http": "http",
        "grpc": "kubernetes.io/h2c",
    }
    assert len({port["port"] for port in ports.values()}) == 2


def test_the_platform_learns_which_gpu_a_model_server_gets() -> None:
    values = {"image": "images.example.com/gpu:1", "resource": "nvidia.com/gpu.shared", "nodeSelector": {"pool": "gpu"}}
    for given_values, image in (({"modelServers": {"gpu": values}}, "images.example.com/gpu:1"), ({}, "")):
        (written,) = [
            one for one in of_kind(render(given_values), "ConfigMap") if name_of(one).endswith("jinsu-settings")
        ]
        servers = Servers.from_document(json.loads(written["data"]["settings.json"])["kubernetes"]["servers"])
        assert servers.gpu_image == image
        assert servers.gpu.resource == ("nvidia.com/gpu.shared" if image else "nvidia.com/gpu")
        assert servers.gpu.node_selector == ({"pool": "gpu"} if image else {})
        assert [one["key"] for one in servers.gpu.tolerations] == ["nvidia.com/gpu"]
