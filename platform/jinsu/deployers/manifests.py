"""A model server as Kubernetes objects: a Deployment and a Service a version. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinsu.deployers.server_command import SERVER_MEMORY, inference_memory, server_arguments
from jinsu.gateway.backend import Backend
from jinsu.packaging.contents import SealedPackage
from jinsu.packaging.providers import GPU_HOST_MEMORY
from jinsu.placement.kubernetes import Servers
from jinsu.placement.pods import (
    LITTLE_DISK,
    Document,
    container,
    empty_volume,
    pod,
    store_access,
    store_volumes,
    temporary_folder,
    variables,
)
from jinsu.sdk.step_files import StepFiles
from jinsu.serving.key import KEY_VARIABLE
from jinsu.spec.quantities import parse_bytes
from jinsu.steps.pod_layout import STORE_VARIABLE

PORT = 8080
GRPC_PORT = 8081
BACKEND = "jinsu.dev/backend"
COMPONENT = "model-server"
_PACKAGE = {"name": "package", "mountPath": "/package"}
_PACKAGE_SIZE = "4Gi"
_PYTHON_SIZE = "16Gi"
"""Of a python model's archives, and of what they unpack to."""
_TMP = "tmp"
_LEAST_MEMORY = 128 * 2**20


def name_of(backend: str) -> str:
    """Name of the objects of the backend of this name. A model may be called what no object may; then a digest keeps
    names apart."""
    plain = re.sub(r"[^a-z0-9-]+", "-", backend.lower()).strip("-")
    if plain == backend and len(plain) <= 50:
        return f"model-{plain}"
    return f"model-{plain[:40].strip('-')}-{hashlib.sha256(backend.encode()).hexdigest()[:8]}"


def _labels(backend: Backend, servers: Servers) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "jinsu",
        "app.kubernetes.io/instance": servers.release,
        "app.kubernetes.io/component": COMPONENT,
        "app.kubernetes.io/managed-by": "jinsu",
        "jinsu.dev/model-server": name_of(backend.name),
    }


def selector(servers: Servers) -> str:
    """Chooses every model server of this installation."""
    return f"app.kubernetes.io/component={COMPONENT},app.kubernetes.io/instance={servers.release}"


def service(backend: Backend, servers: Servers, owner_uid: str) -> Document:
    """The Service that leads to the pods of one version.

    owner_uid: of the ConfigMap with whose removal the Service goes.
    """
    labels = _labels(backend, servers)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(backend, servers, owner_uid),
        "spec": {
            "selector": {"jinsu.dev/model-server": labels["jinsu.dev/model-server"]},
            "ports": [
                {"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP"},
                {
                    "name": "grpc",
                    "port": GRPC_PORT,
                    "targetPort": "grpc",
                    "protocol": "TCP",
                    "appProtocol": "kubernetes.io/h2c",
                },
            ],
        },
    }


def deployment(backend: Backend, package: SealedPackage, servers: Servers, owner_uid: str) -> Document:
    """The Deployment that runs one version from this package.

    owner_uid: of the ConfigMap with whose removal the Deployment goes.
    """
    labels = _labels(backend, servers)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(backend, servers, owner_uid),
        "spec": {
            "replicas": servers.replicas,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": {"jinsu.dev/model-server": labels["jinsu.dev/model-server"]}},
            # A new pod answers before an old one goes.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": labels}, "spec": _pod(backend, package, servers)},
        },
    }


def _metadata(backend: Backend, servers: Servers, owner_uid: str) -> Document:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": servers.owner, "uid": owner_uid}
    return {
        "name": name_of(backend.name),
        "labels": _labels(backend, servers),
        "annotations": {BACKEND: backend.name},
        "ownerReferences": [owner],
    }


def _pod(backend: Backend, package: SealedPackage, servers: Servers) -> Document:
    return pod(
        servers,
        init_containers=[_fetch(package, servers)],
        containers=[_server(backend, package, servers)],
        volumes=[
            empty_volume(_PACKAGE["name"], _disk(package)),
            empty_volume(_TMP, _PYTHON_SIZE if package.image else "1Gi"),
            *store_volumes(servers),
        ],
        account=servers.account,
        priority_class=servers.priority_class,
        gpu=servers.gpu if package.gpu else None,
    )


def _fetch(package: SealedPackage, servers: Servers) -> Document:
    """The container that brings the package from the object store, before the server starts."""
    access = store_access(servers)
    store = {STORE_VARIABLE: json.dumps(dict(servers.store), sort_keys=True)}
    sealed = (package.contents,) if package.contents else ()
    command = ("python", "-m", "jinsu.serving.fetch", package.run_key, _PACKAGE["mountPath"], *sealed)
    return {
        **container(servers, "fetch", servers.image, command),
        "env": [*variables(store), *access.environment],
        "envFrom": access.sources,
        "resources": _resources(servers, package),
        "volumeMounts": [dict(_PACKAGE), temporary_folder(_TMP), *access.mounts],
    }


def _server(backend: Backend, package: SealedPackage, servers: Servers) -> Document:
    """The container of the model server. Nothing of the object store is in it."""
    key = {"name": KEY_VARIABLE, "valueFrom": {"secretKeyRef": {"name": servers.key_secret, "key": KEY_VARIABLE}}}
    folder = StepFiles(Path(_PACKAGE["mountPath"])).out
    arguments = server_arguments(backend, package, _inference_memory(servers, package))
    command = ("python", "-m", "jinsu.serving.server", str(folder), *arguments)
    health = {"httpGet": {"path": "/health", "port": "http"}}
    return {
        **container(servers, "server", _image(package, servers), command),
        # A pod's addresses, guarded by the key.
        "args": ["--host", "0.0.0.0", "--port", str(PORT), "--grpc", f"0.0.0.0:{GRPC_PORT}"],  # noqa: S104
        "env": [key, *variables({"OMP_NUM_THREADS": "1"})],
        "ports": [
            {"name": "http", "containerPort": PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
        ],
        "resources": _with_gpu(_resources(servers, package), package, servers),
        "readinessProbe": {**health, "periodSeconds": 2},
        "startupProbe": {**health, "periodSeconds": 1, "failureThreshold": 120},
        "livenessProbe": {**health, "periodSeconds": 10, "failureThreshold": 6},
        # The pod is taken out of the Service first; requests that are on their way to it still arrive.
        "lifecycle": {"preStop": {"exec": {"command": ["python", "-c", "import time; time.sleep(4)"]}}},
        "volumeMounts": [{**_PACKAGE, "readOnly": True}, temporary_folder(_TMP)],
    }


def _image(package: SealedPackage, servers: Servers) -> str:
    """A python model answers in the image of its training; an ONNX model that needs a GPU where onnxruntime can use one."""
    return package.image or (servers.gpu_image if package.gpu else "") or servers.image


def _with_gpu(resources: Mapping[str, Any], package: SealedPackage, servers: Servers) -> Mapping[str, Any]:
    """The resources of the server's container, whatever they say of CPU and memory. Kubernetes takes a GPU's request from its
    limit."""
    if not package.gpu:
        return resources
    limits = {**resources.get("limits", {}), servers.gpu.resource: str(package.gpu)}
    if memory := limits.get("memory"):
        limits["memory"] = _mebibytes(parse_bytes(memory) + GPU_HOST_MEMORY)
    return {**resources, "limits": limits}


def _resources(servers: Servers, package: SealedPackage) -> Mapping[str, Any]:
    """What the chart's values say, or else what the model took when it was packaged."""
    limit = inference_memory(package) + SERVER_MEMORY
    return servers.resources or {
        "requests": {
            "cpu": "100m",
            "memory": _mebibytes(SERVER_MEMORY + package.memory),
            "ephemeral-storage": LITTLE_DISK,
        },
        "limits": {"memory": _mebibytes(limit), "ephemeral-storage": _disk(package)},
    }


def _disk(package: SealedPackage) -> str:
    return _PYTHON_SIZE if package.image else _PACKAGE_SIZE


def _mebibytes(count: int) -> str:
    return f"{-(-count // 2**20)}Mi"


def _inference_memory(servers: Servers, package: SealedPackage) -> int:
    """Below the limit of the container: a request that needs too much fails, and the kernel kills nothing."""
    wanted = inference_memory(package)
    limit = (servers.resources or {}).get("limits", {}).get("memory")
    return min(wanted, max(parse_bytes(limit) - SERVER_MEMORY, _LEAST_MEMORY)) if limit else wanted
