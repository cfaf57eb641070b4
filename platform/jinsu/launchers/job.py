"""A step as a Kubernetes Job: one pod with `stage`, then `work` beside `upload`, and the Secret of its attempt. Pure.

What a user wrote never gets into the Job: the step travels through the object store, the Job carries its run key. No
container holds a key of the store. `stage` and `upload` have the token of their attempt, from the Secret; the container
`work`, which runs the step's program, has neither a token nor the Secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinsu.errors import BadInputError
from jinsu.placement.kubernetes import Cluster, Gpu
from jinsu.placement.pods import (
    LITTLE_DISK,
    Document,
    authority_mounts,
    authority_volumes,
    container,
    empty_volume,
    pod,
    temporary_folder,
    variables,
)
from jinsu.steps.access_token import Holder, token_of
from jinsu.steps.destinations import PYTHON_INDEX
from jinsu.steps.pod_layout import (
    ACCESS_FOLDER,
    LINE_FOLDER,
    LINE_SOCKET,
    SECRETS_NAME,
    STEP_FOLDER,
    TOKEN_NAME,
    pod_variables,
)
from jinsu.steps.record import Attempt
from jinsu.steps.spec import Limits, StepKind, StepSpec

KEY_LABEL = "jinsu.dev/run-key"
ATTEMPT_LABEL = "jinsu.dev/attempt"
KIND_LABEL = "jinsu.dev/kind"
RUN_LABEL = "jinsu.dev/submission"
"""The run whose step it is; a step that a request to the API waits for has none."""
EGRESS_LABEL = "jinsu.dev/egress-{}"
"""A pod with this label, whose value is "true", may reach what the name stands for; NetworkPolicies select it."""
_LABEL = re.compile(r"[^A-Za-z0-9_.-]+")
_EGRESS = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")
# Autoscalers leave the node alone while a training runs on it.
_STAY = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}
_OWN_KEPT_SECONDS = 30
_START_SECONDS = 1800
_STEP = {"name": "step", "mountPath": STEP_FOLDER}
_LINE = {"name": "line", "mountPath": LINE_FOLDER}


def name_of(run_key: str, number: int = 0) -> str:
    """The Job's name; the key decides it, so that a second start meets the first one's Job.

    number: that of the attempt. It is greater than 0 after an attempt whose pod may still be there.
    """
    name = f"step-{run_key[:40]}"
    return f"{name}-{number + 1}" if number else name


def job(step: StepSpec, cluster: Cluster, attempt: Attempt, ca_file: str | None = None) -> Document:
    """The Job of one attempt. ca_file: certificates of the store's private authority, as the containers see the file.

    Raises BadInputError for a type of GPU that the cluster does not have, and for a name in `egress` that no label may have.
    """
    labels = _labels(step, cluster, attempt)
    own = {**labels, **_queue(step, cluster)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name_of(step.run_key, attempt.number), "namespace": attempt.namespace, "labels": own},
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": _kept_seconds(step, cluster),
            "template": {
                "metadata": {
                    "labels": {**labels, **_egress(step)},
                    "annotations": dict(_STAY),
                },
                "spec": _pod(step, cluster, attempt, ca_file),
            },
        },
    }


def secret(step: StepSpec, attempt: Attempt, owner: Mapping[str, Any], key: str) -> Document:
    """The Secret of one attempt, which goes with its Job: its token, and what only the step's process may know.

    owner: the Job, as Kubernetes has it. key: the secret with which tokens are made.
    """
    texts = {TOKEN_NAME: token_of(key, Holder(step.run_key, attempt.id)), SECRETS_NAME: json.dumps(dict(step.secrets))}
    metadata = owner["metadata"]
    reference = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": secret_name(step.run_key, attempt),
            "namespace": attempt.namespace,
            "labels": {"app.kubernetes.io/name": "jinsu-step", "app.kubernetes.io/managed-by": "jinsu"},
            "ownerReferences": [reference],
        },
        "immutable": True,
        "type": "Opaque",
        "stringData": texts,
    }


def secret_name(run_key: str, attempt: Attempt) -> str:
    """The name of the attempt's Secret; each attempt has one of its own."""
    return f"step-{run_key[:32]}-{attempt.id}"


def _labels(step: StepSpec, cluster: Cluster, attempt: Attempt) -> dict[str, str]:
    owners = {
        name: _LABEL.sub("-", step.labels[name])[:63] for name in ("team", "model", "submission") if name in step.labels
    }
    return {
        "app.kubernetes.io/name": "jinsu-step",
        "app.kubernetes.io/instance": cluster.release,
        "app.kubernetes.io/component": step.name,
        "app.kubernetes.io/managed-by": "jinsu",
        KEY_LABEL: step.run_key[:63],
        ATTEMPT_LABEL: attempt.id,
        KIND_LABEL: str(step.kind),
        **{f"jinsu.dev/{name}": value.strip("-_.") for name, value in owners.items()},
    }


def _egress(step: StepSpec) -> dict[str, str]:
    for name in step.egress:
        if not _EGRESS.fullmatch(name):
            raise BadInputError(f"egress: {name!r} is no name of a destination; use a-z, 0-9 and hyphens, 50 at most.")
    return {EGRESS_LABEL.format(name): "true" for name in step.egress}


def _queue(step: StepSpec, cluster: Cluster) -> dict[str, str]:
    queue = cluster.queues.get(step.labels.get("team", "")) if step.kind is StepKind.TRAINING else None
    return {"kueue.x-k8s.io/queue-name": queue} if queue else {}


def _pod(step: StepSpec, cluster: Cluster, attempt: Attempt, ca_file: str | None) -> Document:
    limits = step.limits
    gpu = _gpu(limits, cluster)
    environment = pod_variables(cluster.broker, step.run_key, attempt.id, ca_file)
    own_volumes = cluster.volumes if step.kind is StepKind.TRAINING else ()
    return {
        "restartPolicy": "Never",
        # Counts from the pod's start on its node, so that no time in a queue is taken from the training.
        "activeDeadlineSeconds": int(limits.seconds) + _START_SECONDS,
        **pod(
            cluster,
            init_containers=[_ours("stage", "jinsu.steps.stage", cluster, environment, _STEP)],
            containers=[
                _work(step, cluster, gpu),
                _ours("upload", "jinsu.steps.upload", cluster, environment, {**_STEP, "readOnly": True}, _LINE),
            ],
            volumes=[
                empty_volume("step", cluster.ephemeral_storage),
                empty_volume("line", "1Mi"),
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": str(limits.memory // 2)}},
                *(empty_volume(f"tmp-{name}") for name in ("stage", "work", "upload")),
                _access_volume("stage", step, attempt, (TOKEN_NAME, SECRETS_NAME)),
                _access_volume("upload", step, attempt, (TOKEN_NAME,)),
                *authority_volumes(cluster),
                *own_volumes,
            ],
            priority_class=cluster.priority_classes.get(limits.priority),
            gpu=gpu,
        ),
    }


def _access_volume(container_name: str, step: StepSpec, attempt: Attempt, names: Sequence[str]) -> Document:
    """What the container is given of the attempt's Secret."""
    items = [{"key": name, "path": name} for name in names]
    source = {"secretName": secret_name(step.run_key, attempt), "defaultMode": 0o440, "items": items}
    return {"name": f"access-{container_name}", "secret": source}


def _gpu(limits: Limits, cluster: Cluster) -> Gpu | None:
    if not limits.gpu:
        return None
    kind = limits.gpu_type or ""
    if kind not in cluster.gpus:
        types = ", ".join(sorted(name for name in cluster.gpus if name)) or "none by name"
        raise BadInputError(f"train.resources.gpu_type: {kind!r} is not in this Kubernetes; it has {types}.")
    return cluster.gpus[kind]


def _image(step: StepSpec, cluster: Cluster) -> str:
    """A researcher's program runs in the step's image, a program of the platform in the platform's own.

    The programs that build an environment name the image of the trainings that the environment is for.
    """
    match step.kind:
        case StepKind.TRAINING:
            return step.image
        case StepKind.PLATFORM:
            own = cluster.platform_image or cluster.runtime_image
            return step.image if PYTHON_INDEX in step.egress else own


def _work(step: StepSpec, cluster: Cluster, gpu: Gpu | None) -> Document:
    """The container of the step's program. Nothing of the object store is in it."""
    limits = step.limits
    amounts = {
        "cpu": f"{max(1, round(limits.cpu * 1000))}m",
        "memory": str(limits.memory),
        "ephemeral-storage": cluster.ephemeral_storage,
        **({gpu.resource: str(limits.gpu)} if gpu else {}),
    }
    command = ("python", "-m", "jinsu.steps.runner", STEP_FOLDER, "--line", LINE_SOCKET)
    return {
        **container(cluster, "work", _image(step, cluster), command),
        "resources": {"requests": {**amounts, "ephemeral-storage": LITTLE_DISK, **_reserved(step)}, "limits": amounts},
        "volumeMounts": [
            _STEP,
            _LINE,
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
            temporary_folder("tmp-work"),
            *(cluster.mounts if step.kind is StepKind.TRAINING else ()),
        ],
    }


def _kept_seconds(step: StepSpec, cluster: Cluster) -> int:
    """How long an ended Job stays for people to look at. The platform's own Jobs lie beside its processes: they go soon."""
    return cluster.ttl_seconds if step.kind is StepKind.TRAINING else min(cluster.ttl_seconds, _OWN_KEPT_SECONDS)


def _reserved(step: StepSpec) -> dict[str, str]:
    """What is reserved where it is not the whole limit.

    What a training asked for is what it has, and what it is charged for. A program of the platform runs for seconds; it must
    fit beside everything else on a small node.
    """
    if step.kind is StepKind.TRAINING:
        return {}
    return {"cpu": "100m", "memory": str(min(step.limits.memory, 512 * 2**20))}


def _ours(
    name: str, module: str, cluster: Cluster, environment: Mapping[str, str], *mounts: Mapping[str, Any]
) -> Document:
    """A container that runs a module of ours and asks the broker for its part of the object store."""
    return {
        **container(cluster, name, cluster.runtime_image, ("python", "-m", module)),
        "env": variables(environment),
        "resources": {
            "requests": {"cpu": "50m", "memory": "96Mi", "ephemeral-storage": LITTLE_DISK},
            "limits": {"cpu": "1", "memory": "384Mi", "ephemeral-storage": cluster.ephemeral_storage},
        },
        "volumeMounts": [
            *mounts,
            {"name": f"access-{name}", "mountPath": ACCESS_FOLDER, "readOnly": True},
            temporary_folder(f"tmp-{name}"),
            *authority_mounts(cluster),
        ],
    }
