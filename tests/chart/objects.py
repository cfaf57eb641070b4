"""Plain questions about rendered manifests. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")
# What stays, and so has pods for a Service, a disruption budget and an autoscaler.
LASTING = ("Deployment", "StatefulSet", "DaemonSet")
# Kinds of the whole cluster: a namespace in them means nothing.
CLUSTER_WIDE = (
    "Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass", "ClusterQueue", "ResourceFlavor",
    "StorageClass", "CustomResourceDefinition", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
)  # fmt: skip


@dataclass(frozen=True)
class Pod:
    """A pod as its owner describes it."""

    name: str
    namespace: str
    template: Document
    owner: Document

    @property
    def spec(self) -> Document:
        return dict(self.template["spec"])

    @property
    def labels(self) -> dict[str, str]:
        return (self.template.get("metadata") or {}).get("labels") or {}

    @property
    def annotations(self) -> dict[str, str]:
        return (self.template.get("metadata") or {}).get("annotations") or {}

    @property
    def containers(self) -> list[Document]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def serving(self) -> list[Document]:
        """Containers that stay: the main ones, and those of the sidecar kind among the first ones."""
        sidecars = [one for one in self.spec.get("initContainers", []) if one.get("restartPolicy") == "Always"]
        return [*sidecars, *self.spec["containers"]]

    @property
    def ports(self) -> dict[str, int]:
        """Container ports by name."""
        return {port["name"]: port["containerPort"] for one in self.serving for port in one.get("ports", [])}


def name_of(document: Document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def of_kind(documents: Sequence[Document], *kinds: str) -> list[Document]:
    return [document for document in documents if document["kind"] in kinds]


def namespace_of(document: Document, release: str = "jinsu") -> str:
    """Where Helm puts it."""
    if document["kind"] in CLUSTER_WIDE:
        return ""
    return str(document["metadata"].get("namespace") or release)


def hook_of(document: Document) -> str:
    return str(document["metadata"].get("annotations", {}).get("helm.sh/hook", ""))


def pods(documents: Sequence[Document]) -> list[Pod]:
    return [
        Pod(name_of(document), namespace_of(document), _template(document), document)
        for document in of_kind(documents, *WORKLOADS)
    ]


def leaves(tree: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no collection, and where it stands."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{place}.{key}" if place else str(key))
    elif isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from leaves(item, f"{place}[{number}]")
    else:
        yield place, tree


def matches(selector: Document | None, labels: dict[str, str]) -> bool:
    """A label selector as Kubernetes reads it; an empty one takes everything, none takes nothing."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    fits = all(labels.get(key) == value for key, value in wanted.items())
    return fits and all(_fits(rule, labels) for rule in selector.get("matchExpressions") or [])


def _fits(rule: Document, labels: dict[str, str]) -> bool:
    key, values = rule["key"], rule.get("values") or []
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[rule["operator"]]


def _template(document: Document) -> Document:
    if document["kind"] == "Pod":
        return document
    if document["kind"] == "CronJob":
        return dict(document["spec"]["jobTemplate"]["spec"]["template"])
    return dict(document["spec"]["template"])
