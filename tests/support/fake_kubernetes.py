"""Kubernetes in memory, as far as a launcher asks it: names are taken once, and a pod on a lost node never goes."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinsu.clients.kubernetes import Kind
from jinsu.errors import ConflictError

Document = dict[str, Any]


def stamp(ago: float = 0.0) -> str:
    """A time as Kubernetes writes it, so many seconds ago."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))


class FakeKubernetes:
    """The verbs of `Kube`. before: called with the verb and the kind before each request; it may raise.

    lost: the nodes do not answer, so nothing that runs is ever removed.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[Kind, str, str], Document] = {}
        self.before: Callable[[str, Kind], None] = lambda verb, kind: None
        self.lost = False
        self._uids = itertools.count()

    def get(self, kind: Kind, namespace: str, name: str) -> Document | None:
        self.before("get", kind)
        return self.objects.get((kind, namespace, name))

    def list(self, kind: Kind, namespace: str, labels: str = "", fields: str = "") -> list[Document]:
        self.before("list", kind)
        wanted = dict(item.split("=") for item in labels.split(",")) if labels else {}
        return [
            document
            for (one, place, _), document in tuple(self.objects.items())
            if (one, place) == (kind, namespace) and wanted.items() <= document["metadata"]["labels"].items()
        ]

    def create(self, kind: Kind, namespace: str, body: Mapping[str, Any]) -> Document:
        self.before("create", kind)
        place = (kind, namespace, body["metadata"]["name"])
        if place in self.objects:
            raise ConflictError(f"{place} exists")
        metadata = {**body["metadata"], "uid": f"uid-{next(self._uids)}", "creationTimestamp": stamp()}
        self.objects[place] = {**body, "metadata": metadata, "status": {}}
        return self.objects[place]

    def delete(self, kind: Kind, namespace: str, name: str, grace: int | None = None) -> None:
        self.before("delete", kind)
        document = self.objects.get((kind, namespace, name))
        if document is None:
            return
        owned = [
            place
            for place, other in tuple(self.objects.items())
            if name in [owner["name"] for owner in other["metadata"].get("ownerReferences", [])]
        ]
        if self.lost:
            for place in (*owned, (kind, namespace, name)):
                self.objects[place]["metadata"].setdefault("deletionTimestamp", stamp())
            return
        for place in (*owned, (kind, namespace, name)):
            self.objects.pop(place, None)

    def run_pod(self, job: Document, phase: str = "Running") -> Document:
        """What the Job's controller and a node make of it."""
        namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
        states = [{"name": one, "image": "i", "state": {"running": {}}} for one in ("work", "upload")]
        pod = {
            "metadata": {
                "name": f"{name}-abcde",
                "namespace": namespace,
                "labels": job["spec"]["template"]["metadata"]["labels"],
                "creationTimestamp": stamp(),
                "ownerReferences": [{"name": name}],
            },
            "status": {"phase": phase, "containerStatuses": states},
        }
        self.objects[Kind.POD, namespace, pod["metadata"]["name"]] = pod
        return pod

    def jobs(self) -> Sequence[Document]:
        return [document for (kind, _, _), document in self.objects.items() if kind is Kind.JOB]

    def secrets(self) -> Sequence[Document]:
        return [document for (kind, _, _), document in self.objects.items() if kind is Kind.SECRET]
