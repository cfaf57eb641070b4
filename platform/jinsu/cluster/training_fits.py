"""`helm test`: a training of the default size finds a node beside the platform, in every team's namespace."""

from __future__ import annotations

import contextlib
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinsu import settings as configuration
from jinsu.clients.kubernetes import Kind, Kube
from jinsu.errors import JinsuError
from jinsu.launchers.scheduling import why_without_node
from jinsu.placement.kubernetes import Cluster
from jinsu.placement.pods import LITTLE_DISK, Document, container, pod
from jinsu.spec.model import Resources

UPLOAD = {"cpu": "50m", "memory": "96Mi", "ephemeral-storage": LITTLE_DISK}
"""What the container beside a training asks for."""
_PATIENCE = 120.0
_SETTLED = 20.0
"""Seconds after which the scheduler's finding is believed: room may be made for the pod."""
_WHAT_TO_DO = "see *Sizes* in docs/kubernetes.md, or add a node"


@dataclass(frozen=True)
class _Tried:
    """What became of a pod: `why` is empty for one that has a node."""

    team: str
    why: str


def start() -> None:
    """Prints a line for each team, and ends with exit code 1 when a training fits nowhere."""
    cluster, kube = configuration.load().on_kubernetes.steps, Kube()
    tried = [_Tried(team, _why_not(kube, cluster, namespace)) for team, namespace in cluster.namespaces.items()]
    for one in tried:
        print(f"{'NOT OK' if one.why else 'ok':8}{_sentence(one)}", flush=True)
    sys.exit(any(one.why for one in tried))


def _sentence(tried: _Tried) -> str:
    resources = Resources()
    size = (
        f"a training of the default size ({resources.cpu:g} cpu, {resources.memory // 2**30} GiB) of team {tried.team}"
    )
    return f"{size} fits nowhere: {tried.why}; {_WHAT_TO_DO}" if tried.why else f"{size} finds a node"


def _why_not(kube: Kube, cluster: Cluster, namespace: str) -> str:
    """Why no node takes the pod; empty when one does."""
    name = f"jinsu-training-fits-{secrets.token_hex(4)}"
    try:
        with _job(kube, namespace, probe(name, cluster)):
            return _followed(kube, namespace, name)
    except JinsuError as problem:
        return str(problem).rstrip(".")


@contextlib.contextmanager
def _job(kube: Kube, namespace: str, body: Document) -> Iterator[None]:
    kube.create(Kind.JOB, namespace, body)
    try:
        yield
    finally:
        kube.delete(Kind.JOB, namespace, body["metadata"]["name"], grace=0)


def _followed(kube: Kube, namespace: str, name: str) -> str:
    begun, why = time.monotonic(), ""
    while (waited := time.monotonic() - begun) < _PATIENCE:
        pods = kube.list(Kind.POD, namespace, labels=f"job-name={name}")
        refusals = kube.list(Kind.EVENT, namespace, fields=f"involvedObject.name={name},reason=FailedCreate")
        found = why_no_node(pods, refusals)
        if found is None:
            return ""
        why = found or why
        if why and waited > _SETTLED:
            return why
        time.sleep(1.0)
    return why or "its pod is not scheduled, and Kubernetes does not say why"


def why_no_node(pods: list[Document], refusals: list[Document]) -> str | None:
    """None for a pod that has a node; empty while nothing is known. Pure."""
    if not pods:
        return str(refusals[-1]["message"]).rstrip(".") if refusals else ""
    conditions = {one["type"]: one for one in pods[0].get("status", {}).get("conditions", [])}
    scheduled = conditions.get("PodScheduled", {})
    return None if scheduled.get("status") == "True" else why_without_node(scheduled)


def probe(name: str, cluster: Cluster) -> Document:
    """A Job whose pod asks for what a training asks for, does nothing, and takes the place of no other. Pure."""
    resources = Resources()
    train = {
        "cpu": f"{round(resources.cpu * 1000)}m",
        "memory": str(resources.memory),
        "ephemeral-storage": LITTLE_DISK,
    }
    containers = [_idle(cluster, "train", train), _idle(cluster, "upload", UPLOAD)]
    labels = {
        "app.kubernetes.io/name": "jinsu-training-fits",
        "app.kubernetes.io/instance": cluster.release,
        "app.kubernetes.io/component": "test-training",
        "app.kubernetes.io/managed-by": "jinsu",
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": 60,
            "activeDeadlineSeconds": int(2 * _PATIENCE),
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    **pod(
                        cluster,
                        init_containers=[],
                        containers=containers,
                        volumes=[],
                        priority_class=cluster.priority_classes.get("low"),
                    ),
                },
            },
        },
    }


def _idle(cluster: Cluster, name: str, amounts: Mapping[str, str]) -> dict[str, Any]:
    return {
        **container(cluster, name, cluster.runtime_image, ("python", "-c", "")),
        "resources": {"requests": dict(amounts), "limits": {**amounts, "cpu": "1", "ephemeral-storage": "1Gi"}},
    }
