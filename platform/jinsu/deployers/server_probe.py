"""The questions of the controller to a model server: is it ready, and how often were its answers not finite?"""

from __future__ import annotations

from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from jinsu.gateway.backend import Backend
from jinsu.serving.key import KEY_HEADER


def read_non_finite(metrics: str) -> int:
    """How often the model server refused to send NaN or infinity, from its metrics in the text format of Prometheus."""
    for family in text_string_to_metric_families(metrics):
        if family.name == "jinsu_non_finite":
            return int(sum(sample.value for sample in family.samples if sample.name.endswith("_total")))
    return 0


class ServerProbe:
    """Asks over a Unix socket or over the network, wherever the model server listens.

    Every question has a new connection: an old one may lead to a pod that is leaving, or, when it was opened before the
    network knew the Service, to another program. key: what model servers on a network ask for.
    """

    def __init__(self, key: str = "") -> None:
        self._headers = {KEY_HEADER: key} if key else {}
        self._clients: dict[str, httpx.Client] = {}

    def _client(self, backend: Backend) -> httpx.Client:
        if backend.address not in self._clients:
            path = backend.address if backend.address.startswith("/") else None
            transport = httpx.HTTPTransport(uds=path, limits=httpx.Limits(max_keepalive_connections=0))
            url = "http://model" if path else f"http://{backend.address}"
            self._clients[backend.address] = httpx.Client(
                transport=transport, base_url=url, headers={} if path else self._headers, timeout=2.0
            )
        return self._clients[backend.address]

    def ready(self, backend: Backend) -> bool:
        """Whether a server of this model and version answers there."""
        try:
            answer = self._client(backend).get("/health")
            document: Mapping[str, object] = answer.json() if answer.is_success else {}
        except (httpx.HTTPError, ValueError):
            return False
        return document.get("version") == backend.version and document.get("name") == backend.model

    def answers(self, backend: Backend) -> bool:
        """Whether anything answers there, be it that the server is not ready."""
        try:
            self._client(backend).get("/health")
        except httpx.HTTPError:
            return False
        return True

    def non_finite(self, backend: Backend) -> int | None:
        """How many answers were not finite since the server began; None when it does not answer."""
        try:
            answer = self._client(backend).get("/metrics")
            answer.raise_for_status()
            return read_non_finite(answer.text)
        except (httpx.HTTPError, ValueError):
            return None
