"""What NetworkPolicies let through, by the book. Pure; a policy enforces nothing here, it is only read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tests.chart.objects import matches, namespace_of

Document = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """One end of a connection: a pod, or with no namespace an address outside.

    Some networks match a pod's address with an `ipBlock` and some do not. Give a pod an address to ask what might be
    let through, none to ask what surely is.
    """

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    ip: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)


def allowed(
    policies: Sequence[Document],
    namespaces: Mapping[str, Mapping[str, str]],
    source: Peer,
    target: Peer,
    port: int,
    protocol: str = "TCP",
) -> bool:
    """Whether `source` may connect to `target`; `namespaces` gives the labels of each."""

    def passes(end: Peer, other: Peer, direction: str) -> bool:
        mine = selecting(policies, end, direction)
        rules = [rule for policy in mine for rule in policy["spec"].get(direction.lower()) or []]
        way = "to" if direction == "Egress" else "from"
        return not mine or any(
            _of_port(rule.get("ports"), port, protocol, target)
            and _of_peer(rule.get(way), other, end.namespace, namespaces)
            for rule in rules
        )

    return passes(source, target, "Egress") and passes(target, source, "Ingress")


def selecting(policies: Sequence[Document], pod: Peer, direction: str) -> list[Document]:
    """The policies that decide about a pod's connections in this direction."""
    return [
        policy
        for policy in policies
        if pod.namespace
        and namespace_of(policy) == pod.namespace
        and direction in _types(policy["spec"])
        and matches(policy["spec"].get("podSelector"), dict(pod.labels))
    ]


def _types(spec: Document) -> Sequence[str]:
    return spec.get("policyTypes") or ("Ingress", *(("Egress",) if spec.get("egress") else ()))


def _of_port(ports: Sequence[Document] | None, port: int, protocol: str, target: Peer) -> bool:
    if not ports:
        return True
    for rule in ports:
        first = rule.get("port")
        if isinstance(first, str):
            first = target.ports.get(first)
        fits = rule.get("port") is None or (first is not None and first <= port <= rule.get("endPort", first))
        if fits and rule.get("protocol", "TCP") == protocol:
            return True
    return False


def _of_peer(
    peers: Sequence[Document] | None, other: Peer, own: str, namespaces: Mapping[str, Mapping[str, str]]
) -> bool:
    return not peers or any(_is(rule, other, own, namespaces) for rule in peers)


def _is(rule: Document, other: Peer, own: str, namespaces: Mapping[str, Mapping[str, str]]) -> bool:
    if block := rule.get("ipBlock"):
        return other.ip is not None and _inside(block, other.ip)
    if not other.namespace:
        return False
    if "namespaceSelector" in rule:
        fits = matches(rule["namespaceSelector"] or {}, dict(namespaces.get(other.namespace, {})))
    else:
        fits = other.namespace == own
    return fits and ("podSelector" not in rule or matches(rule["podSelector"] or {}, dict(other.labels)))


def _inside(block: Document, ip: str) -> bool:
    address = ip_address(ip)
    return address in ip_network(block["cidr"]) and not any(
        address in ip_network(hole) for hole in block.get("except") or []
    )
