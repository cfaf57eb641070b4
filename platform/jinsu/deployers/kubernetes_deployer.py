"""Model servers as Deployments."""

from __future__ import annotations

import time
from pathlib import Path

from jinsu.clients.kubernetes import Kind, Kube
from jinsu.deployers.manifests import BACKEND, PORT, deployment, name_of, selector, service
from jinsu.errors import TransientError
from jinsu.gateway.backend import Backend
from jinsu.placement.kubernetes import Servers

_FRESH_SECONDS = 10.0


class KubernetesDeployer:
    """A Deployment and a Service a version. What somebody deletes is there again within ten seconds.

    Envoy is given the Service's own address: it lives as long as the Service, and no name has to be looked up.
    """

    def __init__(self, kube: Kube, namespace: str, servers: Servers) -> None:
        self._kube, self._namespace, self._servers = kube, namespace, servers
        self._known: dict[str, tuple[Backend, float]] = {}
        self._owner = ""

    def deploy(self, model: str, version: str, package: Path) -> Backend:
        cluster = Backend(model, version, "").cluster
        known = self._known.get(cluster)
        if known is not None and time.monotonic() - known[1] < _FRESH_SECONDS:
            return known[0]
        owner = self._owner_uid()
        made = deployment(cluster, package.parent.name, self._servers, owner)
        self._kube.ensure(Kind.DEPLOYMENT, self._namespace, made)
        door = self._kube.ensure(Kind.SERVICE, self._namespace, service(cluster, self._servers, owner))
        backend = Backend(model, version, f"{door['spec']['clusterIP']}:{PORT}")
        self._known[cluster] = (backend, time.monotonic())
        return backend

    def retire(self, backend: Backend) -> None:
        self._known.pop(backend.cluster, None)
        self.remove(backend.cluster)

    def remove(self, cluster: str) -> None:
        """Service first, so that nothing new arrives while the pods end."""
        for kind in (Kind.SERVICE, Kind.DEPLOYMENT):
            self._kube.delete(kind, self._namespace, name_of(cluster))

    def deployed(self) -> set[str]:
        found = self._kube.list(Kind.DEPLOYMENT, self._namespace, labels=selector(self._servers))
        return {
            item["metadata"]["annotations"][BACKEND] for item in found if not item["metadata"].get("deletionTimestamp")
        }

    def _owner_uid(self) -> str:
        if not self._owner:
            owner = self._kube.get(Kind.CONFIG_MAP, self._namespace, self._servers.owner)
            if owner is None:
                raise TransientError(f"ConfigMap {self._servers.owner} is missing; it comes with the chart.")
            self._owner = str(owner["metadata"]["uid"])
        return self._owner
