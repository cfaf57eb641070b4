"""What this chart asks of its own manifests beyond Kubernetes' standards. Pure: a manifest gives sentences."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from tests.chart.objects import LASTING, Pod, hook_of

Document = dict[str, Any]

_STANDARD = ("name", "instance", "version", "managed-by")
_SECRETIVE = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE|CREDENTIAL|FERNET|(API|ACCESS|SIGNING)_?KEY", re.I)
# They name a secret's place, not a secret.
_PLACES = re.compile(r"_(FILE|NAME|PATH|URL|HEADER|CMD|COMMAND|SECONDS|BACKEND)$", re.I)
_PORT = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")
_UNITS = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def object_faults(document: Document) -> list[str]:
    """What every object has."""
    metadata = document["metadata"]
    labels = metadata.get("labels") or {}
    missing = [f"app.kubernetes.io/{name}" for name in _STANDARD if not labels.get(f"app.kubernetes.io/{name}")]
    found = [
        f"it has no label {name}" for name in [*missing, *([] if labels.get("helm.sh/chart") else ["helm.sh/chart"])]
    ]
    if hook_of(document) and "before-hook-creation" not in metadata["annotations"].get(
        "helm.sh/hook-delete-policy", ""
    ):
        found.append("a hook that stays makes the next upgrade fail (helm.sh/hook-delete-policy: before-hook-creation)")
    for place in ("name", "namespace"):
        if len(str(metadata.get(place, ""))) > 63:
            found.append(f"its {place} is longer than 63 characters")
    return found


def pod_faults(pod: Pod, talkers: Collection[str]) -> list[str]:
    """What every pod has. `talkers` are the components that may ask Kubernetes' API."""
    component = pod.labels.get("app.kubernetes.io/component", "")
    return [
        *_of_identity(pod, component in talkers),
        *_of_labels(pod, component),
        *_of_empty_dirs(pod),
        *(sentence for container in pod.containers for sentence in _of_container(container)),
        *(sentence for container in pod.serving for sentence in _of_probes(container, pod)),
    ]


def amount(quantity: str | int | float) -> float:
    """A quantity as a number."""
    found = re.fullmatch(r"([\d.]+)([A-Za-z]*)", str(quantity))
    assert found, quantity
    return float(found[1]) * _UNITS[found[2]]


def _of_identity(pod: Pod, talks: bool) -> Iterator[str]:
    if not pod.spec.get("serviceAccountName"):
        yield "it has no serviceAccountName"
    token = pod.spec.get("automountServiceAccountToken")
    if token is None:
        yield "automountServiceAccountToken is left to the cluster"
    elif token and not talks:
        yield "it holds a token of Kubernetes' API and is not among those that talk to it"
    if pod.spec.get("enableServiceLinks") is not False:
        # A Service `jinsu-api` would put JINSU_API_PORT=tcp://… among the settings.
        yield "enableServiceLinks is not false: the names of Services become variables that Jinsu may read as settings"


def _of_labels(pod: Pod, component: str) -> Iterator[str]:
    for name in ("name", "instance"):
        if not pod.labels.get(f"app.kubernetes.io/{name}"):
            yield f"its pods have no label app.kubernetes.io/{name}"
    if not component:
        yield "its pods have no label app.kubernetes.io/component"
    if pod.owner["kind"] not in LASTING:
        return
    selector = pod.owner["spec"]["selector"]["matchLabels"]
    if not selector.items() <= pod.labels.items():
        yield "it does not select its own pods"
    for changing in ("app.kubernetes.io/version", "helm.sh/chart"):
        if changing in selector:
            yield f"its selector has {changing}, which changes, and a selector may not"


def _of_empty_dirs(pod: Pod) -> Iterator[str]:
    for volume in pod.spec.get("volumes") or []:
        if "emptyDir" not in volume or (volume["emptyDir"] or {}).get("sizeLimit"):
            continue
        users = [one for one in pod.containers if volume["name"] in {m["name"] for m in one.get("volumeMounts") or []}]
        if not all("ephemeral-storage" in _resources(one, "limits") for one in users):
            yield f"emptyDir {volume['name']} can fill the node (sizeLimit, or a limit of ephemeral-storage)"


def _of_container(container: Document) -> Iterator[str]:
    name = container["name"]
    if (container.get("securityContext") or {}).get("readOnlyRootFilesystem") is not True:
        yield f"{name} can write to its image (readOnlyRootFilesystem)"
    if not container.get("imagePullPolicy"):
        yield f"{name} has no imagePullPolicy"
    yield from _of_image(container["image"], name)
    yield from _of_resources(container)
    yield from _of_variables(container)
    for port in container.get("ports") or []:
        if not _PORT.fullmatch(port.get("name", "")):
            yield f"{name} has a port without a proper name: {port}"


def _of_image(image: str, name: str) -> Iterator[str]:
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    if tag == "latest" or (not tag and "@sha256:" not in image):
        yield f"{name} runs whatever image is the latest: {image}"


def _of_resources(container: Document) -> Iterator[str]:
    name, requests, limits = container["name"], _resources(container, "requests"), _resources(container, "limits")
    for kind in ("cpu", "memory"):
        if kind not in requests:
            yield f"{name} requests no {kind}"
    if "memory" not in limits:
        yield f"{name} has no limit of memory"
    for kind in requests.keys() & limits.keys():
        if amount(requests[kind]) > amount(limits[kind]):
            yield f"{name} requests more {kind} than it may have"


def _of_variables(container: Document) -> Iterator[str]:
    for variable in container.get("env") or []:
        name = variable["name"]
        if variable.get("value") and _SECRETIVE.search(name) and not _PLACES.search(name):
            yield f"{container['name']} has the value of {name} in plain sight"


def _of_probes(container: Document, pod: Pod) -> Iterator[str]:
    if pod.owner["kind"] not in LASTING or not container.get("ports"):
        return
    for probe in ("livenessProbe", "readinessProbe"):
        if not container.get(probe):
            yield f"{container['name']} listens and has no {probe}"


def _resources(container: Document, kind: str) -> Document:
    return (container.get("resources") or {}).get(kind) or {}
