"""What Envoy and the model servers counted, as `Counters`. Parsing is pure; the two readers do the I/O."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

from jinsu.release.gates import Counters

_WANTED = "upstream_rq_time|upstream_rq_xx|upstream_rq_[1-5]xx|upstream_cx_connect_fail"


class Envoys:
    """Every Envoy behind one name: one on a laptop, as many as there are pods in a cluster."""

    def __init__(self, url: str, key: str = "") -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(headers=headers, timeout=2.0)

    def read(self, clusters: list[str]) -> dict[str, dict[str, Counters]]:
        """What each counted of these clusters, by address. Raises httpx.HTTPError when one of them does not tell."""
        names = "|".join(sorted(clusters))
        query = f"/stats/prometheus?filter={quote(f'^cluster.({names}).({_WANTED})$')}"
        found = {}
        for address in self._addresses():
            answer = self._http.get(f"http://{address}:{self._port}{query}")
            answer.raise_for_status()
            found[address] = parse_envoy(answer.text)
        return found

    def _addresses(self) -> list[str]:
        try:
            known = socket.getaddrinfo(self._host, self._port, socket.AF_INET, socket.SOCK_STREAM)
        except OSError as problem:
            raise httpx.ConnectError(f"{self._host}: {problem}") from problem
        return sorted({str(entry[4][0]) for entry in known})


class Tally:
    """Adds up what all Envoys counted. One that leaves takes nothing away, and one that began anew counts from zero:
    a sum that went down would pass for a restart, and all of it for new evidence."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], Counters] = {}
        self._total: dict[str, Counters] = {}

    def add(self, read: Mapping[str, Mapping[str, Counters]]) -> dict[str, Counters]:
        """Takes one reading of each; returns the sums so far, by cluster."""
        for address, counted in read.items():
            for cluster, counters in counted.items():
                new = counters.since(self._last.get((address, cluster), Counters()))
                self._total[cluster] = self._total.get(cluster, Counters()) + new
                self._last[(address, cluster)] = counters
        return {cluster: self._total[cluster] for counted in read.values() for cluster in counted}


def parse_envoy(text: str) -> dict[str, Counters]:
    """Counters of each cluster. An answer other than 2xx is an error, and so is a server that cannot be reached:
    Envoy answers those requests from the other version, and they would otherwise leave no trace."""
    requests: dict[str, int] = {}
    errors: dict[str, int] = {}
    latency: dict[str, dict[float, int]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            cluster, value = sample.labels.get("envoy_cluster_name", ""), int(sample.value)
            if sample.name.startswith("envoy_cluster_upstream_rq_xx"):
                requests[cluster] = requests.get(cluster, 0) + value
                if sample.labels["envoy_response_code_class"] != "2":
                    errors[cluster] = errors.get(cluster, 0) + value
            elif sample.name.startswith("envoy_cluster_upstream_cx_connect_fail"):
                requests[cluster] = requests.get(cluster, 0) + value
                errors[cluster] = errors.get(cluster, 0) + value
            elif sample.name == "envoy_cluster_upstream_rq_time_bucket":
                latency.setdefault(cluster, {})[float(sample.labels["le"])] = value
    return {
        cluster: Counters(count, errors.get(cluster, 0), 0, latency.get(cluster, {}))
        for cluster, count in requests.items()
    }
