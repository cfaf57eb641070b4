"""Model servers as Deployments."""

from __future__ import annotations

import time

from jinsu.clients.kubernetes import Kind, Kube
from jinsu.deployers.manifests import BACKEND, GRPC_PORT, PORT, deployment, name_of, selector, service
from jinsu.errors import TransientError
from jinsu.gateway.backend import Backend
from jinsu.packaging.contents import SealedPackage
from jinsu.placement.kubernetes import Servers

_FRESH_SECONDS = 10.0


class KubernetesDeployer:
    """A Deployment and a Service a version. What a person deletes by hand is there again within ten seconds.

    Envoy is given the Service's own address: it lives as long as the Service, and no name has to be looked up.
    """

    def __init__(self, kube: Kube, namespace: str, servers: Servers) -> None:
        self._kube, self._namespace, self._servers = kube, namespace, servers
        self._ensured: dict[str, tuple[Backend, float]] = {}
        self._owner = ""

    def deploy(self, model: str, version: str, package: SealedPackage) -> Backend:
        named = Backend(model, version)
        ensured = self._ensured.get(named.name)
        if ensured is not None and time.monotonic() - ensured[1] < _FRESH_SECONDS:
            return ensured[0]
        owner = self._owner_uid()
        self._kube.ensure(Kind.DEPLOYMENT, self._namespace, deployment(named, package, self._servers, owner))
        front = self._kube.ensure(Kind.SERVICE, self._namespace, service(named, self._servers, owner))
        address = front["spec"]["clusterIP"]
        backend = named.at(f"{address}:{PORT}", f"{address}:{GRPC_PORT}")
        self._ensured[named.name] = (backend, time.monotonic())
        return backend

    def retire(self, backend: Backend) -> None:
        self._ensured.pop(backend.name, None)
        self.remove(backend.name)

    def remove(self, name: str) -> None:
        """Removes the objects of the backend of this name: the Service first, so that no request arrives while the
        pods end."""
        for kind in (Kind.SERVICE, Kind.DEPLOYMENT):
            self._kube.delete(kind, self._namespace, name_of(name))

    def deployed(self) -> set[str]:
        deployments = self._kube.list(Kind.DEPLOYMENT, self._namespace, labels=selector(self._servers))
        return {
            item["metadata"]["annotations"][BACKEND]
            for item in deployments
            if not item["metadata"].get("deletionTimestamp")
        }

    def _owner_uid(self) -> str:
        if not self._owner:
            owner = self._kube.get(Kind.CONFIG_MAP, self._namespace, self._servers.owner)
            if owner is None:
                raise TransientError(f"ConfigMap {self._servers.owner} is missing; it comes with the chart.")
            self._owner = str(owner["metadata"]["uid"])
        return self._owner
