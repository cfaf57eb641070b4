"""What the chart makes of what it finds in a cluster."""

import base64
from typing import Any

import pytest
from tests.chart.cluster_answers import rendered
from tests.chart.helm import HelmError
from tests.chart.objects import Document, of_kind, pods

DEFAULT_CLASS = {
    "kind": "StorageClass",
    "apiVersion": "storage.k8s.io/v1",
    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
}
SERVICE = {
    "kind": "Service",
    "apiVersion": "v1",
    "metadata": {"name": "kubernetes", "namespace": "default"},
    "spec": {"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00::1"]},
}


def endpoint_slice(service: str, addresses: list[str] | None, port: int) -> Document:
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {"name": service, "namespace": "default", "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4",
        "endpoints": None if addresses is None else [{"addresses": [one]} for one in addresses],
        "ports": [{"name": "https", "port": port}],
    }


def secret(name: str, **values: str) -> Document:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": name, "namespace": "jinsu"}, "data": data}


def kubernetes_api(documents: list[Document]) -> tuple[set[str], set[int]]:
    """The addresses and ports of the policy about Kubernetes' API."""
    (policy,) = [one for one in of_kind(documents, "NetworkPolicy") if one["metadata"]["name"] == "jinsu-kubernetes"]
    (rule,) = policy["spec"]["egress"]
    return {peer["ipBlock"]["cidr"] for peer in rule["to"]}, {port["port"] for port in rule["ports"]}


def test_the_kubernetes_api_is_where_its_slices_say() -> None:
    slices = [
        endpoint_slice("kubernetes", ["192.0.2.77", "192.0.2.78"], 16443),
        endpoint_slice("other", ["192.0.2.99"], 80),
        endpoint_slice("nobody", None, 80),
    ]
    found = kubernetes_api(rendered([DEFAULT_CLASS, SERVICE, *slices], {}))
    assert found == ({"10.96.0.1/32", "fd00::1/128", "192.0.2.77/32", "192.0.2.78/32"}, {443, 6443, 16443})


def test_before_there_were_slices_its_endpoints_say_so() -> None:
    endpoints = {
        "kind": "Endpoints",
        "apiVersion": "v1",
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "subsets": [{"addresses": [{"ip": "192.0.2.2"}], "ports": [{"port": 6443}]}],
    }
    documents = rendered([DEFAULT_CLASS, SERVICE, endpoints], {}, without=["discovery.k8s.io"])
    assert kubernetes_api(documents) == ({"10.96.0.1/32", "fd00::1/128", "192.0.2.2/32"}, {443, 6443})


def test_a_value_is_believed_and_nothing_is_asked() -> None:
    values = {"networkPolicy": {"apiServerCidrs": ["192.0.2.0/24"]}}
    slices = [endpoint_slice("kubernetes", ["198.51.100.1"], 6443)]
    assert kubernetes_api(rendered([DEFAULT_CLASS, SERVICE, *slices], values))[0] == {"192.0.2.0/24"}


def test_a_cluster_without_a_default_class_is_refused_with_a_sentence() -> None:
    plain = {**DEFAULT_CLASS, "metadata": {"name": "slow"}}
    with pytest.raises(HelmError, match=r"no default StorageClass.*kubectl get storageclass"):
        rendered([plain, SERVICE], {})
    named: dict[str, Any] = {"bundled": {"persistence": {"storageClass": "slow"}}}
    assert rendered([plain, SERVICE], {"database": named, "objectStore": named})
    assert rendered([plain, SERVICE], {"preflight": {"enabled": False}})


def test_what_was_drawn_is_drawn_once() -> None:
    first = rendered([DEFAULT_CLASS, SERVICE], {})
    kept = [one for one in of_kind(first, "Secret") if one["metadata"]["namespace"] == "jinsu"]
    again = rendered([DEFAULT_CLASS, SERVICE, *kept], {})
    for one in kept:
        (found,) = [
            other
            for other in of_kind(again, "Secret")
            if (other["metadata"]["name"], other["metadata"]["namespace"]) == (one["metadata"]["name"], "jinsu")
        ]
        assert found["data"] == one["data"]


def test_an_installation_of_before_keeps_its_values_and_gets_what_it_lacks() -> None:
    before = secret("jinsu", JINSU_DATABASE_PASSWORD="of the volume", JINSU_FERNET_KEY="of the splits")
    (found,) = [
        one
        for one in of_kind(rendered([DEFAULT_CLASS, SERVICE, before], {}), "Secret")
        if one["metadata"]["name"] == "jinsu"
    ]
    assert before["data"].items() <= found["data"].items()
    assert found["data"]["JINSU_SPLIT_SECRET"] == before["data"]["JINSU_FERNET_KEY"]
    assert found["data"]["JINSU_DATABASE_PASSWORD_API"] not in before["data"].values()


@pytest.mark.parametrize("keys", [("JINSU_FERNET_KEY",), ("JINSU_FERNET_KEY", "JINSU_SPLIT_SECRET")], ids=len)
def test_splits_follow_from_the_key_that_a_secret_of_one_s_own_has(keys: tuple[str, ...]) -> None:
    """An older one has no key for them, and its splits follow from the fernet key."""
    own = secret("mine", **dict.fromkeys(keys, "value"))
    documents = rendered([DEFAULT_CLASS, SERVICE, own], {"secrets": {"existingSecret": "mine"}})
    (api,) = [pod for pod in pods(documents) if pod.name == "Deployment/jinsu-api"]
    (variable,) = [one for one in api.spec["containers"][0]["env"] if one["name"] == "JINSU_SPLIT_SECRET"]
    assert variable["valueFrom"]["secretKeyRef"]["key"] == keys[-1]
