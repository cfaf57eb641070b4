"""A model server as Kubernetes objects: a Deployment and a Service a version. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from jinsu.gateway.backend import Backend
from jinsu.placement.kubernetes import Servers, confined, pod_security
from jinsu.serving.key import KEY_VARIABLE

Document = dict[str, Any]

PORT = 8080
BACKEND = "jinsu.dev/backend"
COMPONENT = "model-server"


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
            "ports": [{"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def deployment(backend: Backend, run_key: str, servers: Servers, owner_uid: str) -> Document:
    """The Deployment that runs one version from the package of this run key.

    owner_uid: of the ConfigMap with whose removal the Deployment goes.
    """
    labels = _labels(backend, servers)
    pod = _pod(backend.model, backend.version, run_key, servers)
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
            "template": {"metadata": {"labels": labels}, "spec": pod},
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


def _pod(model: str, version: str, run_key: str, servers: Servers) -> Document:
    fetched = {"name": "package", "mountPath": "/package"}
    authority = [{"name": "ca", "mountPath": "/etc/jinsu-ca", "readOnly": True}] if servers.ca_config_map else []
    identity = servers.store_identity
    resources = servers.resources or {
        "requests": {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "64Mi"},
        "limits": {"memory": "1Gi", "ephemeral-storage": "4Gi"},
    }
    return {
        "serviceAccountName": servers.account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": pod_security(),
        "nodeSelector": dict(servers.node_selector),
        "tolerations": list(servers.tolerations),
        **({"priorityClassName": servers.priority_class} if servers.priority_class else {}),
        **({"imagePullSecrets": [{"name": name} for name in servers.pull_secrets]} if servers.pull_secrets else {}),
        "initContainers": [
            {
                **_container("fetch", servers),
                "command": ["python", "-m", "jinsu.serving.fetch", run_key, "/package"],
                "env": [
                    {"name": "JINSU_STORE", "value": json.dumps(dict(servers.store), sort_keys=True)},
                    *(identity.environment() if identity else []),
                ],
                "envFrom": [{"secretRef": {"name": servers.store_secret}}] if servers.store_secret else [],
                "resources": resources,
                "volumeMounts": [
                    fetched,
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
                    *authority,
                    *([dict(identity.MOUNT)] if identity else []),
                ],
            }
        ],
        "containers": [
            {
                **_container("server", servers),
                "command": [
                    "python",
                    "-m",
                    "jinsu.serving.server",
                    "/package/out",
                    "--name",
                    model,
                    "--version",
                    version,
                ],
                "args": ["--host", "0.0.0.0", "--port", str(PORT)],  # noqa: S104  # a pod's address, guarded by the key
                "env": [
                    {
                        "name": KEY_VARIABLE,
                        "valueFrom": {"secretKeyRef": {"name": servers.key_secret, "key": KEY_VARIABLE}},
                    },
                    {"name": "OMP_NUM_THREADS", "value": "1"},
                ],
                "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
                "resources": resources,
                "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 2},
                "startupProbe": {
                    "httpGet": {"path": "/health", "port": "http"},
                    "periodSeconds": 1,
                    "failureThreshold": 120,
                },
                "livenessProbe": {
                    "httpGet": {"path": "/health", "port": "http"},
                    "periodSeconds": 10,
                    "failureThreshold": 6,
                },
                # It is taken out of the Service first; what is on its way to it still arrives.
                "lifecycle": {"preStop": {"exec": {"command": ["python", "-c", "import time; time.sleep(4)"]}}},
                "volumeMounts": [{**fetched, "readOnly": True}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
            }
        ],
        "volumes": [
            {"name": "package", "emptyDir": {"sizeLimit": "4Gi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
            *([{"name": "ca", "configMap": {"name": servers.ca_config_map}}] if servers.ca_config_map else []),
            *([identity.volume()] if identity else []),
        ],
    }


def _container(name: str, servers: Servers) -> Document:
    return {
        "name": name,
        "image": servers.image,
        "imagePullPolicy": servers.pull_policy,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": confined(),
    }
