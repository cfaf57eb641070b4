"""Who can reach whom, read from the NetworkPolicies. In a test cluster without such a network nothing else says so."""

import functools
import json
from typing import Any

import pytest
from tests.chart import platform_objects
from tests.chart.helm import ROOT, fails, render
from tests.chart.network import Peer, allowed
from tests.chart.objects import LASTING, Document, matches, namespace_of, of_kind, pods
from tests.chart.references import behind
from tests.chart.value_sets import BARE, CLOUD, DEFAULT, EVERYTHING, OIDC, OUTSIDE, TEAMS, VALUE_SETS, Values

HOME = "jinsu"
DNS = Peer("kube-system", {"k8s-app": "kube-dns"})
INTERNET = Peer(ip="93.184.216.34")
METADATA = Peer(ip="169.254.169.254")
NODE = Peer(ip="10.0.0.11")
STRANGER = Peer("elsewhere", {"app.kubernetes.io/name": "jinsu-step", "app.kubernetes.io/component": "api"})
# The address that a pod would have where a network matches pods with an `ipBlock`.
_POD = "10.244.0.9"

_OTHER_SPACES = {"kube-system", "elsewhere", "ingress-nginx", "airflow"}
GUARDED = {name: values for name, values in VALUE_SETS.items() if values != BARE}
each_set = pytest.mark.parametrize("values", GUARDED.values(), ids=GUARDED)


class Network:
    """One release, and every pod that it has or will have, by component."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents
        self.policies = of_kind(documents, "NetworkPolicy")
        whole = pods([*documents, *platform_objects.created_objects(documents)])
        self.peers = {name_in(pod.labels): Peer(pod.namespace, pod.labels, _POD, pod.ports) for pod in whole}
        # Each namespace is labelled with its name by Kubernetes itself, from 1.21 on.
        self.spaces: dict[str, dict[str, str]] = {
            name: {"kubernetes.io/metadata.name": name}
            for name in {peer.namespace for peer in self.peers.values()} | _OTHER_SPACES
        }
        for one in of_kind(documents, "Namespace"):
            self.spaces[one["metadata"]["name"]] |= one["metadata"]["labels"]

    def lets(self, source: Peer | str, target: Peer | str, port: int, protocol: str = "TCP") -> bool:
        source, target = (self.peers[end] if isinstance(end, str) else end for end in (source, target))
        return allowed(self.policies, self.spaces, source, target, port, protocol)

    def surely(self, source: Peer | str, target: Peer | str, port: int) -> bool:
        """Even where no network matches pods with an `ipBlock`."""
        ends = [self.peers[end] if isinstance(end, str) else end for end in (source, target)]
        bare = [Peer(end.namespace, end.labels, None, end.ports) if end.namespace else end for end in ends]
        return allowed(self.policies, self.spaces, *bare, port)


def name_in(labels: dict[str, str]) -> str:
    if labels["app.kubernetes.io/name"] == "jinsu-step":
        return f"step of {labels.get('jinsu.dev/team', 'the platform')}"
    return labels["app.kubernetes.io/component"]


@functools.cache
def built(values: str, version: str = "1.37.0") -> Network:
    return Network(render(json.loads(values), kube=version))


def network(values: Values) -> Network:
    return built(json.dumps(values))


# --- By default nothing ---


@each_set
def test_in_every_namespace_of_the_chart_nothing_comes_in_and_nothing_goes_out(values: Values) -> None:
    net = network(values)
    foreign = {"", values.get("kubeflow", {}).get("namespace")}  # Kubeflow's namespace is not the chart's
    spaces = {peer.namespace for peer in net.peers.values()} | {namespace_of(one) for one in net.documents} - foreign
    for space in spaces:
        newcomer = Peer(space, {"app": "newcomer"}, _POD)
        assert not any(net.lets(other, newcomer, 8080) for other in (*net.peers, STRANGER)), space
        targets = (INTERNET, METADATA, NODE, STRANGER, *(peer for peer in net.peers.values()))
        assert not any(net.lets(newcomer, target, port) for target in targets for port in (80, 443, 5432, 8080)), space


@each_set
def test_every_pod_can_look_names_up(values: Values) -> None:
    net = network(values)
    for peer in net.peers:
        assert net.lets(peer, DNS, 53, "UDP"), peer
        assert net.lets(peer, DNS, 53), peer


def test_without_policies_nothing_is_guarded_and_the_rules_of_this_file_would_say_so() -> None:
    net = network(BARE)
    assert not net.policies
    assert net.lets("step of default", INTERNET, 443)


# --- What must work ---

_PLATFORM = ("api", "controller", "mlflow", "airflow", "scheduler", "dag-processor", "triggerer", "migrate")
_NEEDED = [
    *((part, "database", 5432) for part in _PLATFORM),
    *((part, "store", 9000) for part in ("api", "controller", "mlflow", "scheduler", "triggerer", "model-server")),
    *(
        (step, *door)
        for step in ("step of default", "step of the platform")
        for door in (("store", 9000), ("broker", 8081))
    ),
    ("broker", "store", 9000),
    *((part, "mlflow", 5000) for part in ("api", "controller", "scheduler", "triggerer", "test")),
    *((part, "airflow", 8080) for part in ("api", "controller", "scheduler", "triggerer", "test")),
    ("scheduler", "api", 8080),
    ("gateway", "controller", 18000),
    ("gateway", "model-server", 8080),
    ("gateway", "model-server", 8081),
    ("controller", "model-server", 8080),
    ("controller", "gateway", 9902),
    ("airflow", "scheduler", 8793),
    ("airflow", "triggerer", 8794),
    ("test", "api", 8080),
    ("test", "gateway", 8080),
]


@pytest.mark.parametrize(("source", "target", "port"), _NEEDED, ids=[f"{a} to {b}" for a, b, _ in _NEEDED])
@pytest.mark.parametrize("values", [DEFAULT, EVERYTHING], ids=["default", "everything"])
def test_the_parts_reach_each_other(values: Values, source: str, target: str, port: int) -> None:
    assert network(values).surely(source, target, port)


@pytest.mark.parametrize("source", ["api", "controller", "scheduler", "triggerer"])
@each_set
def test_those_who_hold_a_token_reach_the_kubernetes_api(values: Values, source: str) -> None:
    net = network(values)
    named = values.get("networkPolicy", {}).get("apiServerCidrs")
    if source in net.peers:
        assert net.lets(source, Peer(ip="192.0.2.10") if named else NODE, 6443)
        assert net.lets(source, Peer(ip="192.0.2.10" if named else "10.96.0.1"), 443)


@pytest.mark.parametrize("source", ["api", "controller", "scheduler", "triggerer"])
def test_the_address_of_the_kubernetes_api_is_all_that_they_reach_outside(source: str) -> None:
    """Where nothing asks the cluster for it, the chart names private addresses, and the page says so."""
    for port in (443, 6443):
        assert not any(network(EVERYTHING).lets(source, end, port) for end in (INTERNET, NODE, METADATA, STRANGER))
        assert not any(network(DEFAULT).lets(source, end, port) for end in (INTERNET, METADATA))
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    assert "`networkPolicy.apiServerCidrs`" in page


@pytest.mark.parametrize("values", [OUTSIDE, CLOUD], ids=["outside", "cloud"])
def test_what_is_outside_is_reached(values: Values) -> None:
    net = network(values)
    assert all(net.lets(part, Peer(ip="192.0.2.7"), 5432) for part in _PLATFORM)
    for part in ("api", "mlflow", "scheduler", "model-server", "broker", "step of default", "step of the platform"):
        assert net.lets(part, Peer(ip="192.0.2.8"), 443), part


def test_an_airflow_elsewhere_is_reached_and_reaches_the_platform() -> None:
    net = network(VALUE_SETS["other Airflow"])
    for part in ("api", "controller"):
        assert net.lets(part, Peer(ip="192.0.2.9"), 443), part
    for part, port in (("api", 8080), ("mlflow", 5000)):
        assert net.lets(Peer("airflow", {"component": "worker"}), part, port), part
        assert not net.lets(STRANGER, part, port), part


CONTROLLER_OF_THE_INGRESS = Peer("ingress-nginx", {"app.kubernetes.io/name": "ingress-nginx"})
_DOORS = {"api": 8080, "airflow": 8080, "mlflow": 5000}


@pytest.mark.parametrize(("part", "port"), _DOORS.items(), ids=_DOORS)
@each_set
def test_nobody_but_the_parts_and_the_ingress_reaches_the_doors_of_people(values: Values, part: str, port: int) -> None:
    net = network(values)
    if part in net.peers:
        assert not net.lets(STRANGER, part, port)
        assert not net.lets(INTERNET, part, port)
        assert not net.lets("step of default" if "step of default" in net.peers else "step of vision", part, port)
        assert net.lets(CONTROLLER_OF_THE_INGRESS, part, port) == values.get("ingress", {}).get("enabled", False)


def test_an_ingress_needs_to_know_its_controller() -> None:
    said = fails({"ingress": {"enabled": True, "hosts": {"api": "jinsu.example.com"}}})
    assert "ingress.controller" in said
    assert "kubectl get ingressclass" in said


def test_models_answer_whoever_has_a_key_unless_the_values_name_clients() -> None:
    assert all(network(DEFAULT).lets(end, "gateway", 8080) for end in (STRANGER, INTERNET))
    shop = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]
    net = network({"networkPolicy": {"endpointClients": shop}})
    assert net.lets(Peer("kube-system"), "gateway", 8080)
    assert not any(net.lets(end, "gateway", 8080) for end in (STRANGER, INTERNET))


CHAT, LOGIN = Peer(ip="198.51.100.7"), Peer(ip="192.0.2.9")


def test_the_api_alone_asks_the_identity_provider() -> None:
    net = network(EVERYTHING)
    assert {part for part in net.peers if net.lets(part, LOGIN, 8443)} == {"api"}
    assert not net.lets("api", CHAT, 8443)
    anywhere = network({**EVERYTHING, "oidc": {**EVERYTHING["oidc"], "cidrs": []}})
    assert anywhere.lets("api", CHAT, 8443)
    assert not anywhere.lets("api", METADATA, 8443)
    assert not network(DEFAULT).lets("api", LOGIN, 8443)


def test_the_controller_alone_sends_reminders() -> None:
    net = network(EVERYTHING)
    assert {part for part in net.peers if net.lets(part, CHAT, 8065)} == {"controller"}
    assert not net.lets("controller", METADATA, 8065)
    assert not network(DEFAULT).lets("controller", CHAT, 8065)


def test_a_secret_address_for_reminders_is_reached_where_the_values_say() -> None:
    assert not network(DEFAULT).lets("controller", CHAT, 443)
    net = network({"reviews": {"cidrs": ["198.51.100.0/24"], "port": 8443}})
    assert {part for part in net.peers if net.lets(part, CHAT, 8443)} == {"controller"}
    assert not net.lets("controller", INTERNET, 8443)


@each_set
def test_every_port_of_a_service_lets_somebody_in(values: Values) -> None:
    net = network(values)
    closed = []
    for service in of_kind([*net.documents, *platform_objects.created_objects(net.documents)], "Service"):
        for pod in behind(service, [*net.documents, *platform_objects.created_objects(net.documents)]):
            for port in service["spec"]["ports"]:
                number = pod.ports.get(port["targetPort"], port["targetPort"])
                if not any(net.surely(other, name_in(pod.labels), number) for other in (*net.peers, STRANGER)):
                    closed.append(f"{service['metadata']['name']}:{port['name']}")
    assert not closed


@each_set
def test_every_policy_is_about_somebody(values: Values) -> None:
    net = network(values)
    idle = [
        policy["metadata"]["name"]
        for policy in net.policies
        if policy["spec"]["podSelector"]
        and "-egress-" not in policy["metadata"]["name"]  # about pods that a team's policy labels
        and not any(peer.namespace == namespace_of(policy) and chosen(policy, peer) for peer in net.peers.values())
    ]
    assert not idle


def chosen(policy: Document, peer: Peer) -> bool:
    return matches(policy["spec"]["podSelector"], dict(peer.labels))


# --- What must not ---


STEP_DOORS = {"store": [9000], "broker": [8081]}
OUTER = {"the internet": INTERNET, "the node's metadata": METADATA, "a node": NODE, "a stranger": STRANGER}


def open_ports(values: Values, source: str) -> dict[str, list[int]]:
    """Which ports a part reaches, but for those of DNS: of other parts, and of whatever is not ours."""
    net = network(values)
    own = {port for peer in net.peers.values() for port in peer.ports.values()}
    numbers = sorted(own | {22, 80, 443, 5432, 6443, 9000, 9901, 10250})
    ends = {**{name: peer for name, peer in net.peers.items() if name != source}, **OUTER}
    reached = {name: [port for port in numbers if net.lets(source, end, port)] for name, end in ends.items()}
    return {name: ports for name, ports in reached.items() if ports}


@pytest.mark.parametrize("name", ["default", "everything", "other Airflow"])
@pytest.mark.parametrize("step", ["step of default", "step of the platform"])
def test_a_step_reaches_the_object_store_its_broker_and_nothing_else(name: str, step: str) -> None:
    assert open_ports(VALUE_SETS[name], step) == STEP_DOORS


def test_the_broker_reaches_the_object_store_and_nothing_else() -> None:
    assert open_ports(DEFAULT, "broker") == {"store": [9000]}


@each_set
def test_only_steps_reach_the_broker(values: Values) -> None:
    net = network(values)
    assert {part for part in net.peers if net.lets(part, "broker", 8081)} == {
        part for part in net.peers if part.startswith("step of")
    }
    assert not net.lets(STRANGER, "broker", 8081)


def test_a_training_reaches_no_training_of_another_team() -> None:
    assert open_ports(TEAMS, "step of vision") == open_ports(TEAMS, "step of speech") == STEP_DOORS


@pytest.mark.parametrize("values", [OUTSIDE, CLOUD], ids=["outside", "cloud"])
@pytest.mark.parametrize("part", ["step of default", "step of the platform", "model-server", "broker"])
def test_with_a_store_outside_it_alone_is_reached(values: Values, part: str) -> None:
    assert open_ports(values, part) == ({"broker": [8081]} if part.startswith("step of") else {})
    net = network(values)
    assert [port for port in (22, 80, 443, 6443, 9000) if net.lets(part, Peer(ip="192.0.2.8"), port)] == [443]


def test_a_store_outside_must_be_named_by_its_addresses() -> None:
    """Else a training would reach the port of the store everywhere: 443 of the world."""
    external = {key: value for key, value in OUTSIDE["objectStore"]["external"].items() if key != "cidrs"}
    nameless = {**OUTSIDE, "objectStore": {**OUTSIDE["objectStore"], "external": external}}
    said = fails(nameless)
    assert "objectStore.external.cidrs" in said
    assert "getent ahosts s3.example.com" in said
    assert not fails({**nameless, "networkPolicy": {"enabled": False}})


def test_a_store_of_the_cluster_may_be_named_by_its_pods() -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}]
    external = {"endpoint": "http://minio.elsewhere.svc:9000", "existingSecret": "store-keys", "peers": peers}
    values: Values = {"objectStore": {"bundled": {"enabled": False}, "external": external}}
    assert open_ports(values, "step of default") == {"a stranger": [9000], "broker": [8081]}


# --- What a policy allows a training ---

PYPI = Peer(ip="198.51.100.20")


def test_a_training_reaches_what_its_label_names_and_no_other_training_does() -> None:
    net = network(EVERYTHING)
    plain = net.peers["step of shopping"]
    allowed_one = Peer(plain.namespace, {**plain.labels, "jinsu.dev/egress-pypi": "true"}, _POD, plain.ports)
    assert [port for port in (22, 80, 443, 6443) if net.lets(allowed_one, PYPI, port)] == [443]
    assert not any(net.lets(allowed_one, end, 443) for end in (INTERNET, METADATA, NODE, STRANGER))
    for labels in ({}, {"jinsu.dev/egress-pypi": "false"}, {"jinsu.dev/egress-other": "true"}):
        assert not net.lets(Peer(plain.namespace, {**plain.labels, **labels}, _POD, plain.ports), PYPI, 443)


def test_the_identity_provider_is_asked_by_the_api_alone() -> None:
    net = network(OIDC)
    assert {part for part in net.peers if net.lets(part, INTERNET, 8443)} == {"api"}
    assert not network(DEFAULT).lets("api", INTERNET, 8443)


def test_a_model_server_reaches_the_object_store_and_nothing_else() -> None:
    assert open_ports(DEFAULT, "model-server") == {"store": [9000]}


def test_the_gateway_reaches_model_servers_and_the_controller_and_nothing_else() -> None:
    assert open_ports(EVERYTHING, "gateway") == {"controller": [18000], "model-server": [8080, 8081]}


@pytest.mark.parametrize("part", ["database", "store"])
def test_what_keeps_data_asks_nobody(part: str) -> None:
    assert open_ports(DEFAULT, part) == {}


@pytest.mark.parametrize("part", ["database", "store", "model-server", "controller", "scheduler"])
@each_set
def test_a_stranger_does_not_come_in(values: Values, part: str) -> None:
    net = network(values)
    if part in net.peers:
        assert not any(net.lets(STRANGER, part, port) for port in (5432, 8080, 8793, 9000, 18000))


def test_only_those_who_must_reach_the_database() -> None:
    net = network(EVERYTHING)
    reaching = {part for part in net.peers if part != "database" and net.lets(part, "database", 5432)}
    assert reaching == set(_PLATFORM)


@each_set
def test_nobody_asks_the_cloud_who_it_is(values: Values) -> None:
    """A pod that reaches a node's metadata may become the node."""
    net = network(values)
    able = [part for part in net.peers if net.lets(part, METADATA, 80)]
    assert not able


def test_pods_of_another_release_in_the_namespace_stay_outside() -> None:
    net = network(DEFAULT)
    other = {**net.peers["api"].labels, "app.kubernetes.io/instance": "other"}
    assert not net.lets(Peer(HOME, other, _POD), "database", 5432)


# --- The first Kubernetes ---


def test_without_the_label_that_kubernetes_adds_from_1_21_trainings_still_reach_the_store() -> None:
    """The chart's own namespaces carry it; for the release's, the page says how to add it."""
    documents = render(kube="1.20.0")
    labels: dict[str, Any] = {
        one["metadata"]["name"]: one["metadata"]["labels"] for one in of_kind(documents, "Namespace")
    }
    net = Network(documents)
    net.spaces = {**{name: {} for name in net.spaces}, **labels, HOME: {"kubernetes.io/metadata.name": HOME}}
    assert net.surely("step of default", "store", 9000)


def test_lasting_pods_are_all_known_here() -> None:
    """A new component gets its place in this file."""
    parts = {name_in(pod.labels) for pod in pods(render(EVERYTHING)) if pod.owner["kind"] in LASTING}
    named = {end for source, target, _ in _NEEDED for end in (source, target)}
    assert parts <= named, parts - named


def test_a_store_outside_may_be_named_by_its_addresses() -> None:
    external = {"existingSecret": "store-keys", "cidrs": ["192.0.2.0/24"]}
    values: Values = {"objectStore": {"bundled": {"enabled": False}, "external": external}}
    policies = [one for one in render(values) if one["metadata"]["name"].endswith("external-store")]

    assert len(policies) == 2
    for policy in policies:
        assert [rule["to"] for rule in policy["spec"]["egress"]] == [[{"ipBlock": {"cidr": "192.0.2.0/24"}}]]
