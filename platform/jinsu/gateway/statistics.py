"""What the Envoys have counted of each backend, as `Counters`."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

from jinsu.gateway.topology import GRPC_SUFFIX
from jinsu.release.counters import Counters

_LOST = ("upstream_cx_connect_fail", "upstream_cx_destroy_remote_with_active_rq")
"""Connections that were refused, and those that a server ended while it owed an answer."""
_COUNTERS = "|".join((r"upstream_rq_time|upstream_rq_xx|upstream_rq_[1-5]xx|grpc\.[0-9]+", *_LOST))
_GRPC_STATUS = re.compile(r"envoy_cluster_grpc_(\d+)(?:_total)?")
_OK = 0
_REFUSED = frozenset({3, 5, 12})
"""gRPC's statuses for what the client did wrong: INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED."""


class Envoys:
    """Every Envoy behind one name: one on a laptop, one for each pod of the gateway on Kubernetes."""

    def __init__(self, url: str, key: str = "") -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(headers=headers, timeout=2.0)

    def read(self, backends: list[str]) -> dict[str, dict[str, Counters]]:
        """Counters of the backends of these names, by the address of each Envoy and by name.

        Raises httpx.HTTPError when one of the Envoys does not answer, or when no Envoy is found.
        """
        names = "|".join(f"{name}({GRPC_SUFFIX})?" for name in sorted(backends))
        query = f"/stats/prometheus?filter={quote(f'^cluster.({names}).({_COUNTERS})$')}"
        counted = {}
        for address in self._addresses():
            answer = self._http.get(f"http://{address}:{self._port}{query}")
            answer.raise_for_status()
            counted[address] = parse_envoy(answer.text)
        return counted

    def _addresses(self) -> list[str]:
        try:
            entries = socket.getaddrinfo(self._host, self._port, socket.AF_INET, socket.SOCK_STREAM)
        except OSError as problem:
            raise httpx.ConnectError(f"{self._host}: {problem}") from problem
        return sorted({str(entry[4][0]) for entry in entries})


def parse_envoy(text: str) -> dict[str, Counters]:
    """Counters by backend, over both protocols, from Envoy's statistics in the text format of Prometheus. Pure.

    An answer other than 2xx is an error, and so is a server that cannot be reached, or that dies of a request: Envoy sends those
    requests to the other version, and they would otherwise leave no trace. An answer over gRPC is a 200 whose own status says
    whether it is an error. One that the server refused for the client's mistake is no evidence at all: neither of an error, nor of
    a version that answers.
    """
    seen: dict[str, _Seen] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            cluster = sample.labels.get("envoy_cluster_name", "")
            seen.setdefault(cluster, _Seen()).note(sample.name, sample.labels, int(sample.value))
    counted: dict[str, Counters] = {}
    for cluster, found in seen.items():
        if found.heard:
            backend = cluster.removesuffix(GRPC_SUFFIX)
            counted[backend] = counted.get(backend, Counters()) + found.counters()
    return counted


@dataclass
class _Seen:
    """What Envoy counted of one of its clusters.

    answers: by class of HTTP status. statuses: by gRPC's status. lost: requests that a server never answered.
    """

    answers: dict[str, int] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    lost: int = 0
    latency: dict[float, int] = field(default_factory=dict)
    heard: bool = False

    def note(self, name: str, labels: Mapping[str, str], value: int) -> None:
        """Takes one line of the statistics."""
        if name.startswith("envoy_cluster_upstream_rq_xx"):
            self.heard = True
            kind = labels["envoy_response_code_class"]
            self.answers[kind] = self.answers.get(kind, 0) + value
        elif (status := _GRPC_STATUS.fullmatch(name)) is not None:
            self.statuses[int(status[1])] = value
        elif name.startswith(tuple(f"envoy_cluster_{lost}" for lost in _LOST)):
            self.heard = True
            self.lost += value
        elif name == "envoy_cluster_upstream_rq_time_bucket":
            self.latency[float(labels["le"])] = value

    def counters(self) -> Counters:
        total, bad = sum(self.answers.values()), sum(n for kind, n in self.answers.items() if kind != "2")
        refused = sum(n for status, n in self.statuses.items() if status in _REFUSED)
        failed = sum(n for status, n in self.statuses.items() if status != _OK and status not in _REFUSED)
        # What Envoy answers itself, such as after the deadline, it counts under a status of HTTP and under one of gRPC.
        return Counters(total - refused + self.lost, max(bad, failed) + self.lost, 0, self.latency)
