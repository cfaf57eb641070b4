"""The catalog of an installation on Kubernetes: a ConfigMap, which Airflow's pods mount."""

from __future__ import annotations

import json

from jinsu.clients.kubernetes import Kind, Kube
from jinsu.codec import encode
from jinsu.errors import ConflictError, TransientError
from jinsu.runs.catalog import FILE_NAME, Catalog, Change, Known, known_from

_TRIES = 10


class KubernetesCatalog(Catalog):
    """Changes are made against the version that was read, and again when another process was first."""

    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        self._kube, self._namespace, self._name = kube, namespace, name

    def read(self) -> Known:
        return self._read_version()[0]

    def _read_version(self) -> tuple[Known, str]:
        config_map = self._kube.get(Kind.CONFIG_MAP, self._namespace, self._name)
        if config_map is None:
            raise TransientError(f"ConfigMap {self._name} is missing; it comes with the chart. It is tried again.")
        document = json.loads((config_map.get("data") or {}).get(FILE_NAME) or "{}")
        return known_from(document), str(config_map["metadata"]["resourceVersion"])

    def _change(self, change: Change) -> None:
        for _ in range(_TRIES):
            known, version = self._read_version()
            text = json.dumps(encode(change(known)), indent=1)
            body = {"metadata": {"resourceVersion": version}, "data": {FILE_NAME: text}}
            try:
                self._kube.merge(Kind.CONFIG_MAP, self._namespace, self._name, body)
                return
            except ConflictError:
                continue  # another process changed it meanwhile
        raise TransientError(f"ConfigMap {self._name} changes too often; it is tried again.")
