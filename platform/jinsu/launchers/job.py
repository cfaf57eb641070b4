"""A step as a Kubernetes Job: one pod with `stage`, then `train` beside `upload`. Pure.

What a user wrote never gets into the Job: the step travels through the object store, the Job carries its run key. The
container `train` holds no credential and no token; the store's keys, or the token of its role, are given to `stage` and
`upload` alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from jinsu.errors import BadInputError
from jinsu.objects.s3 import S3Settings
from jinsu.placement.kubernetes import Cluster, Gpu
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
from jinsu.steps.pod_context import STEP_FOLDER, pod_variables
from jinsu.steps.spec import Limits, StepSpec

KEY_LABEL = "jinsu.dev/run-key"
ATTEMPT_LABEL = "jinsu.dev/attempt"
_LABEL = re.compile(r"[^A-Za-z0-9_.-]+")
# Autoscalers leave the node alone while a training runs on it.
_STAY = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}
_START_SECONDS = 1800


def name_of(run_key: str) -> str:
    """The Job's name; the key decides it, so that a second start meets the first one's Job."""
    return f"step-{run_key[:40]}"


def job(step: StepSpec, cluster: Cluster, store: S3Settings, attempt: str, namespace: str) -> Document:
    """The Job of one attempt."""
    labels = _labels(step, cluster, attempt)
    own = {**labels, **_queue(step, cluster)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name_of(step.run_key), "namespace": namespace, "labels": own},
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": cluster.ttl_seconds,
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": dict(_STAY),
                },
                "spec": _pod(step, cluster, store, attempt, namespace),
            },
        },
    }


def _labels(step: StepSpec, cluster: Cluster, attempt: str) -> dict[str, str]:
    owners = {
        name: _LABEL.sub("-", step.labels[name])[:63] for name in ("team", "model", "submission") if name in step.labels
    }
    return {
        "app.kubernetes.io/name": "jinsu-step",
        "app.kubernetes.io/instance": cluster.release,
        "app.kubernetes.io/component": step.name,
        "app.kubernetes.io/managed-by": "jinsu",
        KEY_LABEL: step.run_key[:63],
        ATTEMPT_LABEL: attempt,
        **{f"jinsu.dev/{name}": value.strip("-_.") for name, value in owners.items()},
    }


def _queue(step: StepSpec, cluster: Cluster) -> dict[str, str]:
    queue = cluster.queues.get(step.labels.get("team", ""))
    return {"kueue.x-k8s.io/queue-name": queue} if queue else {}


def _pod(step: StepSpec, cluster: Cluster, store: S3Settings, attempt: str, namespace: str) -> Document:
    limits = step.limits
    gpu = _gpu(limits, cluster)
    environment = pod_variables(store, step.run_key, attempt, namespace)
    return {
        "restartPolicy": "Never",
        # Counts from the pod's start on its node, so that no time in a queue is taken from the training.
        "activeDeadlineSeconds": int(limits.seconds) + _START_SECONDS,
        **pod(
            cluster,
            init_containers=[_ours("stage", "jinsu.steps.stage", cluster, environment, write=True)],
            containers=[
                _train(step, cluster, gpu),
                _ours("upload", "jinsu.steps.upload", cluster, environment, write=False),
            ],
            volumes=[
                empty_volume("step", cluster.ephemeral_storage),
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": str(limits.memory // 2)}},
                *(empty_volume(f"tmp-{name}") for name in ("stage", "train", "upload")),
                *store_volumes(cluster),
                *cluster.volumes,
            ],
            account=cluster.store_identity.account if cluster.store_identity else None,
            priority_class=cluster.priority_classes.get(limits.priority),
            gpu=gpu,
        ),
    }


def _gpu(limits: Limits, cluster: Cluster) -> Gpu | None:
    if not limits.gpu:
        return None
    kind = limits.gpu_type or ""
    if kind not in cluster.gpus:
        types = ", ".join(sorted(name for name in cluster.gpus if name)) or "none by name"
        raise BadInputError(f"train.resources.gpu_type: {kind!r} is not in this Kubernetes; it has {types}.")
    return cluster.gpus[kind]


def _train(step: StepSpec, cluster: Cluster, gpu: Gpu | None) -> Document:
    """The container of the script. Nothing of the object store is in it."""
    limits = step.limits
    amounts = {
        "cpu": f"{max(1, round(limits.cpu * 1000))}m",
        "memory": str(limits.memory),
        "ephemeral-storage": cluster.ephemeral_storage,
        **({gpu.resource: str(limits.gpu)} if gpu else {}),
    }
    return {
        **container(cluster, "train", step.image, ("python", "-m", "jinsu.steps.runner", STEP_FOLDER)),
        # What a step asked for is what it has, and what it is charged for.
        "resources": {
            "requests": {**amounts, "ephemeral-storage": LITTLE_DISK},
            "limits": amounts,
        },
        "volumeMounts": [
            {"name": "step", "mountPath": STEP_FOLDER},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
            temporary_folder("tmp-train"),
            *cluster.mounts,
        ],
    }


def _ours(name: str, module: str, cluster: Cluster, environment: Mapping[str, str], *, write: bool) -> Document:
    """A container that runs a module of ours and reaches the object store. `write`: whether it writes to the step's folder."""
    access = store_access(cluster)
    return {
        **container(cluster, name, cluster.runtime_image, ("python", "-m", module)),
        "env": [*variables(environment), *access.environment],
        "envFrom": access.sources,
        "resources": {
            "requests": {"cpu": "50m", "memory": "96Mi", "ephemeral-storage": LITTLE_DISK},
            "limits": {"cpu": "1", "memory": "384Mi", "ephemeral-storage": cluster.ephemeral_storage},
        },
        "volumeMounts": [
            {"name": "step", "mountPath": STEP_FOLDER, **({} if write else {"readOnly": True})},
            temporary_folder(f"tmp-{name}"),
            *access.mounts,
        ],
    }
