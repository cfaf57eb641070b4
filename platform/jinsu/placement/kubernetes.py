"""How steps and model servers are placed in one Kubernetes: plain data, from the chart's values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Gpu:
    """One type of GPU: the resource of its device plugin (MIG and time slices have their own), and the nodes that have it."""

    resource: str = "nvidia.com/gpu"
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Identity:
    """A role of the object store that a service account may take, instead of keys (AWS calls it IRSA).

    The token is made for that purpose alone and given to the platform's own pods; no pod of a step sees it.
    endpoint: where roles are taken; empty for AWS.
    """

    role: str
    audience: str = "sts.amazonaws.com"
    endpoint: str = ""
    region: str = ""

    MOUNT: ClassVar[Mapping[str, Any]] = {
        "name": "store-identity",
        "mountPath": "/var/run/jinsu-store",
        "readOnly": True,
    }

    def environment(self) -> dict[str, str]:
        """The variables that every AWS SDK reads."""
        values = {
            "AWS_ROLE_ARN": self.role,
            "AWS_WEB_IDENTITY_TOKEN_FILE": f"{self.MOUNT['mountPath']}/token",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_STS": self.endpoint,
        }
        return {name: value for name, value in values.items() if value}

    def volume(self) -> dict[str, Any]:
        """The volume that holds the token."""
        token = {"audience": self.audience, "expirationSeconds": 3600, "path": "token"}
        return {"name": self.MOUNT["name"], "projected": {"sources": [{"serviceAccountToken": token}]}}


@dataclass(frozen=True)
class Cluster:
    """How steps run in one Kubernetes; from the chart's values.

    namespaces, queues: by team. gpus: by `train.resources.gpu_type`, "" for any GPU. trainer_image: what a script runs in
    unless its spec names another. runtime_image: of the containers `stage` and `upload`. platform_namespace, platform_image:
    where and in what the platform's own programs run as steps. broker: the URL at which pods of steps ask for their part of
    the object store. lost_seconds: for how long a node may not answer before the attempt on it is given up.
    """

    namespaces: Mapping[str, str]
    trainer_image: str
    runtime_image: str
    release: str = "jinsu"
    platform_namespace: str = ""
    platform_image: str = ""
    broker: str = ""
    lost_seconds: float = 600.0
    gpus: Mapping[str, Gpu] = field(default_factory=lambda: {"": Gpu()})
    priority_classes: Mapping[str, str] = field(default_factory=dict)
    queues: Mapping[str, str] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    volumes: tuple[Mapping[str, Any], ...] = ()
    mounts: tuple[Mapping[str, Any], ...] = ()
    pull_secrets: tuple[str, ...] = ()
    pull_policy: str = "IfNotPresent"
    ephemeral_storage: str = "20Gi"
    ca_config_map: str = ""
    ttl_seconds: int = 3600

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> Cluster:
        values = dict(document)
        if "gpus" in values:
            values["gpus"] = {name: _gpu(gpu) for name, gpu in values["gpus"].items()}
        for name in ("tolerations", "volumes", "mounts", "pull_secrets"):
            values[name] = tuple(values.get(name) or ())
        return Cluster(**values)


@dataclass(frozen=True)
class Servers:
    """How model servers run in one Kubernetes; from the chart's values.

    owner: the ConfigMap that owns them, so that they go with the chart. store: the settings of the object store, without keys.
    gpu_image: in which ONNX models answer, and are checked before, that need a GPU; "" where there is none. gpu: which GPU servers get.
    """

    image: str
    release: str
    owner: str
    store_secret: str
    key_secret: str
    store: Mapping[str, Any]
    account: str = "default"
    store_identity: Identity | None = None
    ca_config_map: str = ""
    replicas: int = 1
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    resources: Mapping[str, Any] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    priority_class: str = ""
    gpu_image: str = ""
    gpu: Gpu = field(default_factory=Gpu)

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> Servers:
        listed = {name: tuple(document.get(name) or ()) for name in ("pull_secrets", "tolerations")}
        gpu = _gpu(document["gpu"]) if document.get("gpu") else Gpu()
        return Servers(**{**document, **listed, "store_identity": _identity(document), "gpu": gpu})


def _gpu(document: Mapping[str, Any]) -> Gpu:
    return Gpu(**{**document, "tolerations": tuple(document.get("tolerations", ()))})


def _identity(document: Mapping[str, Any]) -> Identity | None:
    values = document.get("store_identity")
    return Identity(**values) if values else None
