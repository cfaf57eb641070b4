"""The parts that the pods of steps and of model servers share. Pure.

Who a pod runs as, where it is placed, what a container may write, and how a container of ours reaches the object store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jinsu.placement.kubernetes import Gpu, Identity

Document = dict[str, Any]

LITTLE_DISK = "64Mi"
"""The request of a container for disk: what it surely writes, so that a node's disk is not reserved for nothing."""

_USER = 10001  # every image of ours has this user
_CA_VOLUME = "ca"
_CA_MOUNT = {"name": _CA_VOLUME, "mountPath": "/etc/jinsu-ca", "readOnly": True}


class PodSettings(Protocol):
    """What the chart's values say about a pod, whatever runs in it."""

    @property
    def node_selector(self) -> Mapping[str, str]: ...
    @property
    def tolerations(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def pull_secrets(self) -> Sequence[str]: ...
    @property
    def pull_policy(self) -> str: ...
    @property
    def ca_config_map(self) -> str: ...


class StoreSettings(PodSettings, Protocol):
    """How the platform's own pods reach the object store: with keys from a Secret, or with a role."""

    @property
    def store_secret(self) -> str | None: ...
    @property
    def store_identity(self) -> Identity | None: ...


@dataclass(frozen=True)
class StoreAccess:
    """What gives a container the object store: the keys, or the token of a role, and a private authority's certificate."""

    environment: list[Document]
    sources: list[Document]
    mounts: list[Document]


def pod(
    settings: PodSettings,
    *,
    init_containers: Sequence[Document],
    containers: Sequence[Document],
    volumes: Sequence[Mapping[str, Any]],
    account: str | None = None,
    priority_class: str | None = None,
    gpu: Gpu | None = None,
) -> Document:
    """A pod that meets Pod Security *restricted* and has no token of Kubernetes."""
    return {
        **({"serviceAccountName": account} if account else {}),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "nodeSelector": {**settings.node_selector, **(gpu.node_selector if gpu else {})},
        "tolerations": [*settings.tolerations, *(gpu.tolerations if gpu else ())],
        **({"priorityClassName": priority_class} if priority_class else {}),
        **({"imagePullSecrets": [{"name": name} for name in settings.pull_secrets]} if settings.pull_secrets else {}),
        "initContainers": list(init_containers),
        "containers": list(containers),
        "volumes": list(volumes),
    }


def container(settings: PodSettings, name: str, image: str, command: Sequence[str]) -> Document:
    """A container that has no privilege and writes to its volumes only."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": settings.pull_policy,
        "command": list(command),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def variables(values: Mapping[str, str]) -> list[Document]:
    """Environment variables as Kubernetes writes them."""
    return [{"name": name, "value": value} for name, value in values.items()]


def store_access(settings: StoreSettings) -> StoreAccess:
    """For the platform's own pods only: no pod of a step gets any of it."""
    identity = settings.store_identity
    return StoreAccess(
        environment=variables(identity.environment()) if identity else [],
        sources=[{"secretRef": {"name": settings.store_secret}}] if settings.store_secret else [],
        mounts=[*authority_mounts(settings), *([dict(identity.MOUNT)] if identity else [])],
    )


def store_volumes(settings: StoreSettings) -> list[Document]:
    """The volumes behind the mounts of `store_access`."""
    return [*authority_volumes(settings), *([settings.store_identity.volume()] if settings.store_identity else [])]


def authority_mounts(settings: PodSettings) -> list[Document]:
    """Where a container finds the certificate of the store's private authority; none without one."""
    return [dict(_CA_MOUNT)] if settings.ca_config_map else []


def authority_volumes(settings: PodSettings) -> list[Document]:
    """The volume behind `authority_mounts`."""
    return [{"name": _CA_VOLUME, "configMap": {"name": settings.ca_config_map}}] if settings.ca_config_map else []


def empty_volume(name: str, size: str | None = None) -> Document:
    """A folder that begins empty and goes with the pod; `size` is its limit."""
    return {"name": name, "emptyDir": {"sizeLimit": size} if size else {}}


def temporary_folder(volume: str) -> Document:
    """The mount of `/tmp`."""
    return {"name": volume, "mountPath": "/tmp"}  # noqa: S108
