"""The names that Airflow's trigger form offers, in one small document that a DAG can read without asking anybody."""

from __future__ import annotations

import fcntl
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinsu.clients.kubernetes import Kind, Kube
from jinsu.errors import ConflictError, TransientError
from jinsu.files import write_atomic

Known = dict[str, Any]
Change = Callable[[Known], Known]
FILE_NAME = "catalog.json"
_TRIES = 10


class Catalog(ABC):
    """Models with the digest of their latest code, and datasets."""

    @abstractmethod
    def read(self) -> Known:
        """`{"models": {name: digest}, "datasets": [name, ...]}`"""

    @abstractmethod
    def _change(self, change: Change) -> None:
        """Replaces the document by `change(document)`; nobody else's change is lost."""

    def remember_model(self, model: str, code_digest: str, *, replace: bool = True) -> None:
        """The latest code of a model; without `replace`, only of one that is not known yet."""
        known = self.read()["models"]
        if known.get(model) != code_digest and (replace or model not in known):
            self._change(lambda now: {**now, "models": {**now["models"], model: code_digest}})

    def remember_dataset(self, name: str) -> None:
        if name not in self.read()["datasets"]:
            self._change(lambda now: {**now, "datasets": sorted({*now["datasets"], name})})


class FileCatalog(Catalog):
    """On one machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Known:
        try:
            known: Known = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"models": {}, "datasets": []}
        return known

    def create(self) -> None:
        """Has the file there, empty at first."""
        self._change(lambda known: known)

    def _change(self, change: Change) -> None:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            write_atomic(self._path, json.dumps(change(self.read()), indent=1))


class ConfigMapCatalog(Catalog):
    """In a cluster: a ConfigMap, which Airflow's pods mount."""

    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        self._kube, self._namespace, self._name = kube, namespace, name

    def read(self) -> Known:
        return self._look()[0]

    def _look(self) -> tuple[Known, str]:
        found = self._kube.get(Kind.CONFIG_MAP, self._namespace, self._name)
        if found is None:
            raise TransientError(f"ConfigMap {self._name} is missing; it comes with the chart. It is tried again.")
        known = json.loads((found.get("data") or {}).get(FILE_NAME) or "{}")
        return {"models": {}, "datasets": [], **known}, str(found["metadata"]["resourceVersion"])

    def _change(self, change: Change) -> None:
        for _ in range(_TRIES):
            known, version = self._look()
            body = {"metadata": {"resourceVersion": version}, "data": {FILE_NAME: json.dumps(change(known), indent=1)}}
            try:
                self._kube.merge(Kind.CONFIG_MAP, self._namespace, self._name, body)
                return
            except ConflictError:
                continue  # somebody else changed it meanwhile
        raise TransientError(f"ConfigMap {self._name} changes too often; it is tried again.")
