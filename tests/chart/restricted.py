"""The profile `restricted` of the Pod Security Standards, and nothing looser. Pure: a pod's spec gives sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_syncookies",
    }
)  # fmt: skip
_SELINUX = (None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


def violations(spec: Document, annotations: Document | None = None) -> list[str]:
    """Everything in which this pod is not restricted."""
    return [
        *_of_host(spec),
        *_of_volumes(spec),
        *_of_settings(spec.get("securityContext") or {}, "the pod"),
        *_of_annotations(annotations or {}),
        *(sentence for container in _containers(spec) for sentence in _of_container(container, spec)),
    ]


def _containers(spec: Document) -> Iterator[Document]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(kind) or []


def _of_host(spec: Document) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield f"{name} is set"


def _of_volumes(spec: Document) -> Iterator[str]:
    for volume in spec.get("volumes") or []:
        for kind in volume.keys() - {"name"} - _VOLUMES:
            yield f"volume {volume['name']} is a {kind}"


def _of_annotations(annotations: Document) -> Iterator[str]:
    for key, value in annotations.items():
        if key.startswith(_APPARMOR) and not str(value).startswith(("runtime/default", "localhost/")):
            yield f"AppArmor is {value}"


def _of_container(container: Document, spec: Document) -> Iterator[str]:
    name, own = container["name"], container.get("securityContext") or {}
    pod = spec.get("securityContext") or {}
    yield from _of_settings(own, name)
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may gain privileges"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield f"{name} may run as root"
    if (own.get("seccompProfile") or pod.get("seccompProfile") or {}).get("type") != "RuntimeDefault":
        yield f"{name} has no seccomp profile RuntimeDefault"
    yield from _of_capabilities(own.get("capabilities") or {}, name)
    for port in container.get("ports") or []:
        if port.get("hostPort"):
            yield f"{name} has the host's port {port['hostPort']}"
    yield from _of_probes(container)


def _of_settings(settings: Document, name: str) -> Iterator[str]:
    if settings.get("privileged"):
        yield f"{name} is privileged"
    if settings.get("runAsUser") == 0:
        yield f"{name} runs as user 0"
    if settings.get("procMount", "Default") != "Default":
        yield f"{name} sees the host's /proc"
    if (settings.get("windowsOptions") or {}).get("hostProcess"):
        yield f"{name} is a process of the host"
    if (settings.get("appArmorProfile") or {}).get("type") == "Unconfined":
        yield f"{name} is unconfined by AppArmor"
    yield from _of_selinux(settings.get("seLinuxOptions") or {}, name)
    for sysctl in settings.get("sysctls") or []:
        if sysctl["name"] not in _SYSCTLS:
            yield f"{name} sets {sysctl['name']}"


def _of_selinux(options: Document, name: str) -> Iterator[str]:
    if options.get("type") not in _SELINUX or options.get("user") or options.get("role"):
        yield f"{name} chooses its SELinux label"


def _of_capabilities(capabilities: Document, name: str) -> Iterator[str]:
    if "ALL" not in (capabilities.get("drop") or []):
        yield f"{name} keeps capabilities"
    for added in set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
        yield f"{name} adds capability {added}"


def _of_probes(container: Document) -> Iterator[str]:
    hooks = list((container.get("lifecycle") or {}).values())
    for probe in (*hooks, *(container.get(kind) or {} for kind in ("livenessProbe", "readinessProbe", "startupProbe"))):
        for kind in ("httpGet", "tcpSocket"):
            if (probe.get(kind) or {}).get("host"):
                yield f"a probe of {container['name']} asks another host"
