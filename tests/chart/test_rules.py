"""The rules that judge the chart can say no: each sees the fault that it is there for, and no fault where there is none."""

import json
from typing import Any

import pytest
from tests.chart import chart_rules, rbac, schemas
from tests.chart.helm import LATEST
from tests.chart.network import Peer, allowed
from tests.chart.objects import pods
from tests.chart.references import Release, dangling, hooks_too_early
from tests.chart.restricted import violations

Document = dict[str, Any]

LABELS = {"app.kubernetes.io/name": "jinsu", "app.kubernetes.io/instance": "x", "app.kubernetes.io/component": "api"}
CONTAINER = {
    "name": "api",
    "image": "images.example/jinsu/platform:1.0",
    "imagePullPolicy": "IfNotPresent",
    "ports": [{"name": "http", "containerPort": 8080}],
    "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
    "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
}
SPEC = {
    "serviceAccountName": "api",
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [CONTAINER],
    "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}],
}


def at(tree: Any, path: str, value: Any) -> Any:
    """A copy with one place changed; None takes it away."""
    changed = json.loads(json.dumps(tree))
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    place = changed
    for step in way:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return changed


def deployment(spec: Document = SPEC, name: str = "api", kind: str = "Deployment") -> Document:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "jinsu", "labels": LABELS},
        "spec": {
            "selector": {"matchLabels": dict(LABELS)},
            "template": {"metadata": {"labels": dict(LABELS)}, "spec": spec},
        },
    }


ACCOUNT = {"kind": "ServiceAccount", "metadata": {"name": "api", "namespace": "jinsu"}}
SERVICE = {
    "kind": "Service",
    "metadata": {"name": "api", "namespace": "jinsu", "labels": LABELS},
    "spec": {"selector": LABELS, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
}


# --- Pod Security ---


def test_a_restricted_pod_violates_nothing() -> None:
    assert violations(SPEC) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("hostNetwork", True, "hostNetwork"),
        ("hostPID", True, "hostPID"),
        ("hostIPC", True, "hostIPC"),
        ("volumes/0", {"name": "x", "hostPath": {"path": "/"}}, "volume x is a hostPath"),
        ("volumes/0", {"name": "x", "nfs": {}}, "volume x is a nfs"),
        ("securityContext/runAsNonRoot", None, "may run as root"),
        ("securityContext/runAsUser", 0, "runs as user 0"),
        ("securityContext/seccompProfile", None, "no seccomp profile"),
        ("securityContext/sysctls", [{"name": "kernel.msgmax", "value": "1"}], "sets kernel.msgmax"),
        ("securityContext/windowsOptions", {"hostProcess": True}, "process of the host"),
        ("containers/0/securityContext/seccompProfile", {"type": "Unconfined"}, "no seccomp profile"),
        ("containers/0/securityContext/runAsNonRoot", False, "may run as root"),
        ("containers/0/securityContext/privileged", True, "is privileged"),
        ("containers/0/securityContext/allowPrivilegeEscalation", None, "may gain privileges"),
        ("containers/0/securityContext/capabilities", None, "keeps capabilities"),
        ("containers/0/securityContext/capabilities/add", ["SYS_ADMIN"], "adds capability SYS_ADMIN"),
        ("containers/0/securityContext/procMount", "Unmasked", "the host's /proc"),
        ("containers/0/securityContext/seLinuxOptions", {"type": "spc_t"}, "chooses its SELinux label"),
        ("containers/0/securityContext/appArmorProfile", {"type": "Unconfined"}, "unconfined by AppArmor"),
        ("containers/0/ports/0/hostPort", 80, "the host's port 80"),
        ("containers/0/livenessProbe/httpGet/host", "10.0.0.1", "asks another host"),
        ("initContainers", [{"name": "first", "securityContext": {}}], "first may gain privileges"),
    ],
)
def test_what_is_not_restricted_is_seen(path: str, value: Any, said: str) -> None:
    assert any(said in sentence for sentence in violations(at(SPEC, path, value)))


def test_an_annotation_that_lifts_apparmor_is_seen() -> None:
    assert violations(SPEC, {"container.apparmor.security.beta.kubernetes.io/api": "unconfined"})


# --- The rules of this chart ---


def test_a_proper_pod_breaks_no_house_rule() -> None:
    assert chart_rules.pod_faults(pods([deployment()])[0], ()) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("serviceAccountName", None, "no serviceAccountName"),
        ("automountServiceAccountToken", None, "left to the cluster"),
        ("automountServiceAccountToken", True, "holds a token"),
        ("enableServiceLinks", None, "enableServiceLinks"),
        ("volumes/0/emptyDir", {}, "can fill the node"),
        ("containers/0/securityContext/readOnlyRootFilesystem", None, "can write to its image"),
        ("containers/0/imagePullPolicy", None, "no imagePullPolicy"),
        ("containers/0/image", "images.example:5000/jinsu", "whatever image is the latest"),
        ("containers/0/image", "jinsu:latest", "whatever image is the latest"),
        ("containers/0/resources/requests/memory", None, "requests no memory"),
        ("containers/0/resources/limits", None, "no limit of memory"),
        ("containers/0/resources/limits/memory", "1000Mi", "requests more memory"),
        ("containers/0/env", [{"name": "DB_PASSWORD", "value": "x"}], "plain sight"),
        ("containers/0/ports/0/name", None, "without a proper name"),
        ("containers/0/readinessProbe", None, "no readinessProbe"),
    ],
)
def test_a_broken_house_rule_is_seen(path: str, value: Any, said: str) -> None:
    assert any(
        said in sentence for sentence in chart_rules.pod_faults(pods([deployment(at(SPEC, path, value))])[0], ())
    )


def test_those_who_talk_to_kubernetes_may_hold_a_token() -> None:
    assert chart_rules.pod_faults(pods([deployment(at(SPEC, "automountServiceAccountToken", True))])[0], {"api"}) == []


def test_a_selector_may_not_hold_what_changes() -> None:
    changing = deployment()
    for labels in (changing["spec"]["selector"]["matchLabels"], changing["spec"]["template"]["metadata"]["labels"]):
        labels["helm.sh/chart"] = "jinsu-1.0"
    (said,) = chart_rules.pod_faults(pods([changing])[0], ())
    assert "helm.sh/chart, which changes" in said
    assert (
        "does not select"
        in chart_rules.pod_faults(pods([at(deployment(), "spec/selector/matchLabels/x", "y")])[0], ())[0]
    )


def test_missing_labels_and_a_hook_that_stays_are_seen() -> None:
    hook = {"kind": "Job", "metadata": {"name": "x", "annotations": {"helm.sh/hook": "pre-install"}}}
    said = " ".join(chart_rules.object_faults(hook))
    assert "app.kubernetes.io/name" in said
    assert "helm.sh/chart" in said
    assert "hook that stays" in said


# --- Roles ---


@pytest.mark.parametrize(
    "rule",
    [
        {"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["*"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods/*"], "verbs": ["get"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"], "resourceNames": ["x"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings"], "verbs": ["create"]},
    ],
)
def test_a_role_that_allows_too_much_is_seen(rule: Document) -> None:
    assert rbac.excesses({"rules": [rule]})


def test_a_modest_role_is_left_alone() -> None:
    jobs = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "list", "delete"]}
    own = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["jinsu-store"]}
    assert rbac.excesses({"rules": [jobs, own]}) == []


# --- References ---


def test_what_names_only_what_is_there_dangles_nowhere() -> None:
    assert dangling(Release([deployment(), ACCOUNT, SERVICE])) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("serviceAccountName", "other", "no ServiceAccount other"),
        ("volumes/0", {"name": "tmp", "configMap": {"name": "settings"}}, "no ConfigMap settings"),
        ("volumes/0", {"name": "tmp", "persistentVolumeClaim": {"claimName": "data"}}, "no PersistentVolumeClaim data"),
        ("volumes/0/name", "other", "no volume tmp"),
        ("volumes/0/name", "other", "nobody mounts the volume other"),
        ("containers/0/envFrom", [{"secretRef": {"name": "keys"}}], "no Secret keys"),
        ("containers/0/env", [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}], "sets A twice"),
        ("containers/0/livenessProbe/httpGet/port", "metrics", "asks port metrics"),
        ("containers/0/ports/0/name", "web", "has no port http"),
    ],
)
def test_a_name_that_leads_nowhere_is_seen(path: str, value: Any, said: str) -> None:
    release = Release([deployment(at(SPEC, path, value)), ACCOUNT, SERVICE])
    assert any(said in sentence for sentence in dangling(release))


def test_a_key_that_a_secret_lacks_is_seen() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "keys", "namespace": "jinsu"}, "stringData": {"a": "1"}}
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "b"}}}]
    release = Release([deployment(at(SPEC, "containers/0/env", env)), ACCOUNT, SERVICE, secret])
    assert dangling(release) == ["Deployment/api: Secret keys has no key b"]


def test_a_name_that_the_values_give_may_be_missing() -> None:
    spec = at(SPEC, "containers/0/envFrom", [{"secretRef": {"name": "keys"}}])
    assert dangling(Release([deployment(spec), ACCOUNT, SERVICE], given={"keys"})) == []


def test_a_service_before_two_workloads_is_seen() -> None:
    release = Release([deployment(), deployment(name="other"), ACCOUNT, SERVICE])
    assert dangling(release) == ["Service/api: it leads to Deployment/api, Deployment/other"]


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "PodDisruptionBudget", "spec": {"selector": {"matchLabels": {"a": "b"}}}},
        {"kind": "HorizontalPodAutoscaler", "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "other"}}},
        {"kind": "ServiceMonitor", "spec": {"selector": {"matchLabels": LABELS}, "endpoints": [{"port": "metrics"}]}},
        {"kind": "RoleBinding", "roleRef": {"kind": "Role", "name": "r"}, "subjects": []},
        {"kind": "Role", "rules": []},
    ],
)
def test_an_object_about_nothing_is_seen(other: Document) -> None:
    placed = {**other, "metadata": {"name": "x", "namespace": "jinsu"}}
    assert len(dangling(Release([deployment(), ACCOUNT, SERVICE, placed]))) == 1


def test_replicas_beside_an_autoscaler_are_seen() -> None:
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "api"}}
    scaler = {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "x", "namespace": "jinsu"}, "spec": target}
    fixed = at(deployment(), "spec/replicas", 2)
    assert dangling(Release([deployment(), ACCOUNT, scaler])) == []
    assert "sets replicas too" in dangling(Release([fixed, ACCOUNT, scaler]))[0]


def test_a_hook_before_its_account_is_seen() -> None:
    before = {"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-weight": "0"}
    job = at(deployment(kind="Job"), "metadata/annotations", before)
    assert hooks_too_early(Release([job, ACCOUNT])) == [
        "Deployment/api runs before the installation, and ServiceAccount api comes after it".replace(
            "Deployment", "Job"
        )
    ]
    assert hooks_too_early(Release([job, at(ACCOUNT, "metadata/annotations", before)])) == []


# --- Networks ---

SPACES = {"jinsu": {"kubernetes.io/metadata.name": "jinsu"}, "team": {"kubernetes.io/metadata.name": "team"}}
API = Peer("jinsu", {"app": "api"}, ports={"http": 8080})
DATABASE = Peer("jinsu", {"app": "db"})
STEP = Peer("team", {"app": "step"})


def policy(namespace: str, labels: Document, **spec: Any) -> Document:
    selector = {"podSelector": {"matchLabels": labels}}
    return {"kind": "NetworkPolicy", "metadata": {"name": "x", "namespace": namespace}, "spec": {**selector, **spec}}


def test_without_a_policy_everything_is_let_through() -> None:
    assert allowed([], SPACES, STEP, DATABASE, 5432)


def test_a_policy_closes_the_direction_that_it_names() -> None:
    closed = [policy("jinsu", {}, policyTypes=["Ingress"])]
    assert not allowed(closed, SPACES, STEP, DATABASE, 5432)
    assert allowed(closed, SPACES, DATABASE, STEP, 80)


def test_both_ends_must_agree() -> None:
    rule = {"ports": [{"port": 5432}], "from": [{"podSelector": {"matchLabels": {"app": "api"}}}]}
    opened = [policy("jinsu", {"app": "db"}, policyTypes=["Ingress"], ingress=[rule])]
    assert allowed(opened, SPACES, API, DATABASE, 5432)
    assert not allowed(opened, SPACES, API, DATABASE, 22)
    assert not allowed(opened, SPACES, Peer("team", {"app": "api"}), DATABASE, 5432)
    shut = [*opened, policy("jinsu", {"app": "api"}, policyTypes=["Egress"])]
    assert not allowed(shut, SPACES, API, DATABASE, 5432)


def test_a_namespace_and_a_pod_in_one_entry_must_both_fit() -> None:
    entry = {"namespaceSelector": {"matchLabels": SPACES["team"]}, "podSelector": {"matchLabels": {"app": "step"}}}
    opened = [policy("jinsu", {}, policyTypes=["Ingress"], ingress=[{"from": [entry]}])]
    assert allowed(opened, SPACES, STEP, DATABASE, 1)
    assert not allowed(opened, SPACES, Peer("team", {"app": "x"}), DATABASE, 1)
    assert not allowed(opened, SPACES, Peer("jinsu", {"app": "step"}), DATABASE, 1)


def test_ports_go_by_name_by_range_and_by_protocol() -> None:
    named = [policy("jinsu", {"app": "api"}, policyTypes=["Ingress"], ingress=[{"ports": [{"port": "http"}]}])]
    assert allowed(named, SPACES, STEP, API, 8080)
    assert not allowed(named, SPACES, STEP, API, 80)
    wide = [policy("team", {}, policyTypes=["Egress"], egress=[{"ports": [{"port": 80, "endPort": 90}]}])]
    assert allowed(wide, SPACES, STEP, API, 85)
    assert not allowed(wide, SPACES, STEP, API, 91)
    assert not allowed(wide, SPACES, STEP, API, 85, "UDP")


def test_an_address_may_be_inside_a_block_and_in_its_hole() -> None:
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}
    opened = [policy("team", {}, policyTypes=["Egress"], egress=[{"to": [block]}])]
    assert allowed(opened, SPACES, STEP, Peer(ip="93.184.216.34"), 443)
    assert not allowed(opened, SPACES, STEP, Peer(ip="169.254.169.254"), 80)
    assert not allowed(opened, SPACES, STEP, API, 8080)
    assert allowed(opened, SPACES, STEP, Peer("jinsu", ip="10.244.0.9"), 8080)


# --- Schemas ---

VALID = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "x"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}},
    },
}


@pytest.mark.parametrize("version", ["1.20.0", "1.25.0", LATEST])
def test_a_field_that_kubernetes_does_not_know_is_seen(version: str) -> None:
    assert schemas.faults(VALID, version) == []
    assert schemas.faults(at(VALID, "spec/template/spec/containers/0/ports", "http"), version)
    assert schemas.faults(at(VALID, "spec/template/spec/secure", True), version)
    resources = {"limits": {"memory": "1Gib"}}
    assert schemas.faults(at(VALID, "spec/template/spec/containers/0/resources", resources), version)


def test_an_api_that_a_version_does_not_serve_is_seen() -> None:
    budget = {"kind": "PodDisruptionBudget", "metadata": {"name": "x"}, "spec": {}}
    assert schemas.faults({**budget, "apiVersion": "policy/v1"}, "1.20.0")
    assert schemas.faults({**budget, "apiVersion": "policy/v1beta1"}, "1.20.0") == []
    assert schemas.faults({**budget, "apiVersion": "policy/v1beta1"}, "1.25.0")
    assert schemas.faults({**budget, "apiVersion": "policy/v1"}, "1.25.0") == []
