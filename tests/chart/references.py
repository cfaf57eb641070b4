"""Whether everything that one manifest names is there: in the same release, or by a name that the values give. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chart.objects import (
    CLUSTER_WIDE,
    Pod,
    hook_of,
    matches,
    name_of,
    namespace_of,
    of_kind,
    pods,
)

Document = dict[str, Any]
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Release:
    """What was rendered, and the names of objects that the values say are there already."""

    documents: Sequence[Document]
    given: Collection[str] = ()

    def find(self, kind: str, namespace: str, name: str) -> Document | None:
        wanted = (kind, "" if kind in CLUSTER_WIDE else namespace, name)
        return next((one for one in self.documents if key_of(one) == wanted), None)

    def has(self, kind: str, namespace: str, name: str) -> bool:
        return name in self.given or self.find(kind, namespace, name) is not None


def key_of(document: Document) -> Key:
    return document["kind"], namespace_of(document), document["metadata"]["name"]


def dangling(release: Release) -> list[str]:
    """Sentences about what leads nowhere."""
    return [
        *(sentence for pod in pods(release.documents) for sentence in _of_pod(pod, release)),
        *_of_services(release),
        *_of_bindings(release),
        *_of_scalers(release),
        *_of_budgets(release),
        *_of_ingresses(release),
        *_of_monitors(release),
    ]


def hooks_too_early(release: Release) -> list[str]:
    """A pod that runs before the installation may name only what is there before it."""
    found = []
    for pod in pods(release.documents):
        if "pre-install" not in hook_of(pod.owner):
            continue
        for kind, name in _named(pod):
            other = release.find(kind, pod.namespace, name)
            if other is not None and not _earlier(other, pod.owner):
                found.append(f"{pod.name} runs before the installation, and {kind} {name} comes after it")
    return found


def _earlier(one: Document, other: Document) -> bool:
    return "pre-install" in hook_of(one) and _weight(one) <= _weight(other)


def _weight(document: Document) -> int:
    return int(document["metadata"]["annotations"].get("helm.sh/hook-weight", 0))


# --- Pods ---


def _named(pod: Pod) -> Iterator[tuple[str, str]]:
    """Objects that a pod cannot start without."""
    if name := pod.spec.get("serviceAccountName"):
        yield "ServiceAccount", name
    for source in _sources(pod):
        if not source.get("optional"):
            yield source["kind"], source["name"]


def _sources(pod: Pod) -> Iterator[Document]:
    """Each use of a ConfigMap, a Secret or a claim, with the keys that it wants."""
    for container in pod.containers:
        for entry in container.get("envFrom") or []:
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in entry:
                    yield {**entry[field], "kind": kind}
        for variable in container.get("env") or []:
            for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if used := (variable.get("valueFrom") or {}).get(field):
                    yield {**used, "kind": kind, "keys": [used["key"]]}
    for volume in pod.spec.get("volumes") or []:
        yield from _of_volume(volume)


def _of_volume(volume: Document) -> Iterator[Document]:
    if used := volume.get("persistentVolumeClaim"):
        yield {"kind": "PersistentVolumeClaim", "name": used["claimName"]}
    for part in (volume, *((volume.get("projected") or {}).get("sources") or [])):
        for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            if field in part:
                used = part[field]
                keys = [item["key"] for item in used.get("items") or []]
                yield {**used, "kind": kind, "name": used.get("secretName") or used["name"], "keys": keys}


def _of_pod(pod: Pod, release: Release) -> Iterator[str]:
    account = pod.spec.get("serviceAccountName", "default")
    if account != "default" and not release.has("ServiceAccount", pod.namespace, account):
        yield f"{pod.name}: there is no ServiceAccount {account}"
    for source in _sources(pod):
        kind, name = source["kind"], source["name"]
        if source.get("optional") or name in release.given:
            continue
        found = release.find(kind, pod.namespace, name)
        if found is None:
            yield f"{pod.name}: there is no {kind} {name} in namespace {pod.namespace}"
            continue
        for key in set(source.get("keys") or []) - _keys(found):
            yield f"{pod.name}: {kind} {name} has no key {key}"
    yield from _of_mounts(pod)


def _keys(document: Document) -> set[str]:
    return {key for field in ("data", "stringData", "binaryData") for key in document.get(field) or {}}


def _of_mounts(pod: Pod) -> Iterator[str]:
    claims = [one["metadata"]["name"] for one in pod.owner["spec"].get("volumeClaimTemplates") or []]
    volumes = [*(volume["name"] for volume in pod.spec.get("volumes") or []), *claims]
    if len(volumes) != len(set(volumes)):
        yield f"{pod.name}: two volumes have one name"
    used = set()
    for container in pod.containers:
        mounts = container.get("volumeMounts") or []
        used |= {mount["name"] for mount in mounts}
        yield from _twice(f"{pod.name}: {container['name']} mounts", [mount["mountPath"] for mount in mounts])
        yield from _twice(f"{pod.name}: {container['name']} sets", [one["name"] for one in container.get("env") or []])
    for name in sorted(used - set(volumes)):
        yield f"{pod.name}: there is no volume {name}"
    for name in sorted(set(volumes) - used):
        yield f"{pod.name}: nobody mounts the volume {name}"
    for container in pod.containers:
        yield from _of_probe_ports(pod, container)


def _of_probe_ports(pod: Pod, container: Document) -> Iterator[str]:
    known = {port.get("name") for port in container.get("ports") or []}
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        for way in ("httpGet", "tcpSocket"):
            port = ((container.get(kind) or {}).get(way) or {}).get("port")
            if isinstance(port, str) and port not in known:
                yield f"{pod.name}: {kind} of {container['name']} asks port {port}, which it does not have"


def _twice(what: str, names: list[str]) -> Iterator[str]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{what} {name} twice"


# --- What leads to pods ---


def behind(service: Document, documents: Sequence[Document]) -> list[Pod]:
    """The workloads whose pods a Service leads to."""
    selector = service["spec"].get("selector")
    return [
        pod
        for pod in pods(documents)
        if selector and pod.namespace == namespace_of(service) and matches({"matchLabels": selector}, pod.labels)
    ]


def _of_services(release: Release) -> Iterator[str]:
    for service in of_kind(release.documents, "Service"):
        name, found = name_of(service), behind(service, release.documents)
        if not service["spec"].get("selector"):
            continue
        if len(found) != 1:
            yield f"{name}: it leads to {', '.join(pod.name for pod in found) or 'no workload'}"
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            if not port.get("name"):
                yield f"{name}: port {port['port']} has no name"
            for pod in found:
                if target not in pod.ports and target not in pod.ports.values():
                    yield f"{name}: {pod.name} has no port {target}"
    for one in of_kind(release.documents, "StatefulSet"):
        service_name = one["spec"].get("serviceName", "")
        if not release.has("Service", namespace_of(one), service_name):
            yield f"{name_of(one)}: there is no Service {service_name}"


def _of_bindings(release: Release) -> Iterator[str]:
    for binding in of_kind(release.documents, "RoleBinding", "ClusterRoleBinding"):
        name, namespace, role = name_of(binding), namespace_of(binding), binding["roleRef"]
        if not release.has(role["kind"], namespace, role["name"]):
            yield f"{name}: there is no {role['kind']} {role['name']}"
        for subject in binding["subjects"]:
            if subject["kind"] != "ServiceAccount":
                yield f"{name}: its subject is a {subject['kind']}"
            elif not release.has("ServiceAccount", subject.get("namespace", ""), subject["name"]):
                yield f"{name}: there is no ServiceAccount {subject['name']} in {subject.get('namespace')}"
    used = {
        (one["roleRef"]["kind"], one["roleRef"]["name"])
        for one in of_kind(release.documents, "RoleBinding", "ClusterRoleBinding")
    }
    for role in of_kind(release.documents, "Role", "ClusterRole"):
        if (role["kind"], role["metadata"]["name"]) not in used:
            yield f"{name_of(role)}: nobody has it"


def _of_scalers(release: Release) -> Iterator[str]:
    for scaler in of_kind(release.documents, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        found = release.find(target["kind"], namespace_of(scaler), target["name"])
        if found is None:
            yield f"{name_of(scaler)}: there is no {target['kind']} {target['name']}"
        elif "replicas" in found["spec"]:
            yield f"{name_of(scaler)}: {name_of(found)} sets replicas too, and every upgrade would undo the scaling"


def _of_budgets(release: Release) -> Iterator[str]:
    for budget in of_kind(release.documents, "PodDisruptionBudget"):
        if len(protected(budget, release.documents)) != 1:
            yield f"{name_of(budget)}: it protects {len(protected(budget, release.documents))} workloads"


def protected(budget: Document, documents: Sequence[Document]) -> list[Pod]:
    """The workloads whose pods a disruption budget counts."""
    return [
        pod
        for pod in pods(documents)
        if pod.namespace == namespace_of(budget) and matches(budget["spec"].get("selector"), pod.labels)
    ]


def _of_ingresses(release: Release) -> Iterator[str]:
    for ingress in of_kind(release.documents, "Ingress"):
        for rule in ingress["spec"].get("rules") or []:
            for path in rule["http"]["paths"]:
                wanted = path["backend"]["service"]
                found = release.find("Service", namespace_of(ingress), wanted["name"])
                ports = found["spec"]["ports"] if found else []
                names = {port.get(field) for port in ports for field in ("name", "port")}
                if not names & set(wanted["port"].values()):
                    yield f"{name_of(ingress)}: there is no Service {wanted['name']} with port {wanted['port']}"


def _of_monitors(release: Release) -> Iterator[str]:
    for monitor in of_kind(release.documents, "ServiceMonitor"):
        spec = monitor["spec"]
        places = (spec.get("namespaceSelector") or {}).get("matchNames") or [namespace_of(monitor)]
        found = [
            service
            for service in of_kind(release.documents, "Service")
            if namespace_of(service) in places and matches(spec["selector"], service["metadata"].get("labels") or {})
        ]
        ports = {port.get("name") for service in found for port in service["spec"]["ports"]}
        for endpoint in spec["endpoints"]:
            if endpoint["port"] not in ports:
                yield f"{name_of(monitor)}: no Service that it selects has a port {endpoint['port']}"
            key = (endpoint.get("authorization") or {}).get("credentials")
            if key and not release.has("Secret", namespace_of(monitor), key["name"]):
                yield f"{name_of(monitor)}: there is no Secret {key['name']}"
