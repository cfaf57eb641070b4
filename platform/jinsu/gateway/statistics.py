"""What the Envoys have counted of each backend, as `Counters`."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

from jinsu.release.gates import Counters

_COUNTERS = "upstream_rq_time|upstream_rq_xx|upstream_rq_[1-5]xx|upstream_cx_connect_fail"


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
        names = "|".join(sorted(backends))
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


class Tally:
    """Adds up what all Envoys counted.

    An Envoy that leaves takes nothing away, and one that began anew counts from zero: a sum that went down would pass for
    a restart, and all of it for new evidence.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], Counters] = {}
        self._total: dict[str, Counters] = {}

    def add(self, readings: Mapping[str, Mapping[str, Counters]]) -> dict[str, Counters]:
        """Takes one reading of each Envoy, by its address; returns the sums so far of the backends in it, by name."""
        for address, counted in readings.items():
            for name, counters in counted.items():
                new = counters.since(self._last.get((address, name), Counters()))
                self._total[name] = self._total.get(name, Counters()) + new
                self._last[(address, name)] = counters
        return {name: self._total[name] for counted in readings.values() for name in counted}


def parse_envoy(text: str) -> dict[str, Counters]:
    """Counters by backend, from Envoy's statistics in the text format of Prometheus. Pure.

    An answer other than 2xx is an error, and so is a server that cannot be reached: Envoy sends those requests to the
    other version, and they would otherwise leave no trace.
    """
    requests: dict[str, int] = {}
    errors: dict[str, int] = {}
    latency: dict[str, dict[float, int]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            backend, value = sample.labels.get("envoy_cluster_name", ""), int(sample.value)
            if sample.name.startswith("envoy_cluster_upstream_rq_xx"):
                requests[backend] = requests.get(backend, 0) + value
                if sample.labels["envoy_response_code_class"] != "2":
                    errors[backend] = errors.get(backend, 0) + value
            elif sample.name.startswith("envoy_cluster_upstream_cx_connect_fail"):
                requests[backend] = requests.get(backend, 0) + value
                errors[backend] = errors.get(backend, 0) + value
            elif sample.name == "envoy_cluster_upstream_rq_time_bucket":
                latency.setdefault(backend, {})[float(sample.labels["le"])] = value
    return {
        backend: Counters(count, errors.get(backend, 0), 0, latency.get(backend, {}))
        for backend, count in requests.items()
    }
