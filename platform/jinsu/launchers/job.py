"""A step as a Kubernetes Job: one pod with `stage`, then `train` beside `upload`. Pure.

What a user wrote never gets into the Job: the step travels through the object store, the Job carries its run key. The
container `train` holds no credential and no token; the store's keys, or the token of its role, are given to `stage` and
`upload` alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinsu.errors import BadInputError
from jinsu.objects.s3 import S3Settings
from jinsu.placement.kubernetes import Cluster, Gpu, confined, pod_security
from jinsu.steps.pod_context import STEP_FOLDER, pod_variables
from jinsu.steps.spec import Limits, StepSpec

Document = dict[str, Any]

KEY_LABEL = "jinsu.dev/run-key"
ATTEMPT_LABEL = "jinsu.dev/attempt"
_LABEL = re.compile(r"[^A-Za-z0-9_.-]+")
_MIB = 2**20
_LITTLE = "64Mi"
# Autoscalers leave the node alone while a training runs on it.
_STAY = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}
_CA = {"name": "ca", "mountPath": "/etc/jinsu-ca", "readOnly": True}
_START_SECONDS = 1800
_GRACE_SECONDS = 30


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
    priority = cluster.priority_classes.get(limits.priority)
    return {
        "restartPolicy": "Never",
        **({"serviceAccountName": cluster.store_identity.account} if cluster.store_identity else {}),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # Counts from the pod's start on its node, so that no time in a queue is taken from the training.
        "activeDeadlineSeconds": int(limits.seconds) + _START_SECONDS,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "securityContext": pod_security(),
        "nodeSelector": {**cluster.node_selector, **(gpu.node_selector if gpu else {})},
        "tolerations": [*cluster.tolerations, *(gpu.tolerations if gpu else ())],
        **({"priorityClassName": priority} if priority else {}),
        **({"imagePullSecrets": [{"name": name} for name in cluster.pull_secrets]} if cluster.pull_secrets else {}),
        "initContainers": [_ours("stage", "jinsu.steps.stage", cluster, environment, write=True)],
        "containers": [
            _train(step, cluster, gpu),
            _ours("upload", "jinsu.steps.uploader", cluster, environment, write=False),
        ],
        "volumes": [
            {"name": "step", "emptyDir": {"sizeLimit": cluster.ephemeral_storage}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": str(limits.memory // 2)}},
            *({"name": name, "emptyDir": {}} for name in ("tmp-stage", "tmp-train", "tmp-upload")),
            *([{"name": "ca", "configMap": {"name": cluster.ca_config_map}}] if cluster.ca_config_map else []),
            *([cluster.store_identity.volume()] if cluster.store_identity else []),
            *cluster.volumes,
        ],
    }


def _gpu(limits: Limits, cluster: Cluster) -> Gpu | None:
    if not limits.gpu:
        return None
    kind = limits.gpu_type or ""
    if kind not in cluster.gpus:
        known = ", ".join(sorted(name for name in cluster.gpus if name)) or "none by name"
        raise BadInputError(f"train.resources.gpu_type: {kind!r} is not in this cluster; it has {known}.")
    return cluster.gpus[kind]


def _train(step: StepSpec, cluster: Cluster, gpu: Gpu | None) -> Document:
    limits = step.limits
    amounts = {
        "cpu": f"{max(1, round(limits.cpu * 1000))}m",
        "memory": str(limits.memory),
        "ephemeral-storage": cluster.ephemeral_storage,
        **({gpu.resource: str(limits.gpu)} if gpu else {}),
    }
    return {
        "name": "train",
        "image": step.image,
        "imagePullPolicy": cluster.pull_policy,
        "command": ["python", "-m", "jinsu.steps.runner", STEP_FOLDER],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        # What a step asked for is what it has, and what it is charged for.
        "resources": {
            "requests": {**amounts, "ephemeral-storage": _LITTLE},
            "limits": amounts,
        },
        "securityContext": confined(),
        "volumeMounts": [
            {"name": "step", "mountPath": STEP_FOLDER},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
            {"name": "tmp-train", "mountPath": "/tmp"},  # noqa: S108
            *cluster.mounts,
        ],
    }


def _ours(name: str, module: str, cluster: Cluster, environment: Mapping[str, str], *, write: bool) -> Document:
    keys = [{"secretRef": {"name": cluster.store_secret}}] if cluster.store_secret else []
    identity = cluster.store_identity
    return {
        "name": name,
        "image": cluster.runtime_image,
        "imagePullPolicy": cluster.pull_policy,
        "command": ["python", "-m", module],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "env": [
            *({"name": key, "value": value} for key, value in environment.items()),
            *(identity.environment() if identity else []),
        ],
        "envFrom": keys,
        "resources": {
            "requests": {"cpu": "50m", "memory": str(96 * _MIB), "ephemeral-storage": _LITTLE},
            "limits": {"cpu": "1", "memory": str(384 * _MIB), "ephemeral-storage": cluster.ephemeral_storage},
        },
        "securityContext": confined(),
        "volumeMounts": [
            {"name": "step", "mountPath": STEP_FOLDER, **({} if write else {"readOnly": True})},
            {"name": f"tmp-{name}", "mountPath": "/tmp"},  # noqa: S108
            *([_CA] if cluster.ca_config_map else []),
            *([dict(identity.MOUNT)] if identity else []),
        ],
    }
