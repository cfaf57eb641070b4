"""A container of a Kubeflow pipeline as a pod, with what Kubeflow's own engine adds to it. Pure.

The engine runs a container under its launcher, which collects the output files when the container has ended. Here the
container is an init container, and the one after it prints the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.support.kubeflow_pipeline import OUTPUTS, Container

Document = dict[str, Any]

STAGE, COLLECT = "main", "outputs"
_PRINT = (
    "import json, pathlib, sys; print(json.dumps({p.name: p.read_text() for p in pathlib.Path(sys.argv[1]).iterdir()}))"
)
# As Kubeflow's compiler sets them for every container of a pipeline.
_CONFINED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(one: Container, name: str, namespace: str, account: str) -> Document:
    """The pod of one attempt. account: the service account that the run was started with."""
    mounts = [{"name": volume["name"], "mountPath": path} for path, volume in _volumes(one).items()]
    stage = {
        "name": STAGE,
        "image": one.image,
        "imagePullPolicy": one.pull_policy,
        "command": list(one.command),
        "env": [*_plain(one.environment), *_secret(one)],
        "resources": {"requests": dict(one.requests), "limits": dict(one.limits)},
        "volumeMounts": mounts,
        "securityContext": _CONFINED,
    }
    collect = {
        "name": COLLECT,
        "image": one.image,
        "imagePullPolicy": one.pull_policy,
        "command": ["python", "-c", _PRINT, OUTPUTS],
        "volumeMounts": [mount for mount in mounts if mount["mountPath"] == OUTPUTS],
        "securityContext": _CONFINED,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(one.labels),
            "annotations": {"task": one.task},
        },
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": account,
            "initContainers": [stage],
            "containers": [collect],
            "volumes": list(_volumes(one).values()),
        },
    }


def written(log: str) -> Mapping[str, str]:
    """The output files by name, from what the container `outputs` printed."""
    return dict(json.loads(log))


def _volumes(one: Container) -> dict[str, Document]:
    """Volumes by where they are mounted; Kubeflow calls that of a ConfigMap as the ConfigMap itself."""
    return {
        **{path: {"name": name, "configMap": {"name": name}} for path, name in one.config_maps.items()},
        **{
            path: {"name": path.strip("/").replace("/", "-"), "emptyDir": {"sizeLimit": size} if size else {}}
            for path, size in one.folders.items()
        },
        OUTPUTS: {"name": "outputs", "emptyDir": {}},
    }


def _plain(environment: Mapping[str, str]) -> list[Document]:
    return [{"name": name, "value": value} for name, value in environment.items()]


def _secret(one: Container) -> list[Document]:
    return [
        {
            "name": item.name,
            "valueFrom": {"secretKeyRef": {"name": item.secret, "key": item.key, "optional": item.optional}},
        }
        for item in one.secrets
    ]
