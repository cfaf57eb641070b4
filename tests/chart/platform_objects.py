"""What the platform itself will make in a cluster with the settings that the chart gives it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace

from tests.chart.objects import Document, of_kind

from jinsu.deployers import manifests
from jinsu.gateway.backend import Backend
from jinsu.launchers.job import job, secret
from jinsu.packaging.contents import SealedPackage
from jinsu.placement.kubernetes import Cluster
from jinsu.settings import Settings, parse
from jinsu.steps.record import Attempt
from jinsu.steps.spec import Limits, StepKind, StepSpec

# A researcher's own numbers; a GPU because it takes most of the way.
_LIMITS = Limits(memory=4 * 2**30, seconds=600.0, cpu=2.0, gpu=1)


class AnyVariable(dict[str, str]):
    """An environment in which every variable has a value."""

    def get(self, key: str, default: object = None) -> str:  # type: ignore[override]
        return f"value-of-{key}"


def secret_variables(documents: Sequence[Document]) -> dict[str, str]:
    """What the release's own Secrets put into an environment."""
    return {
        key: base64.b64decode(value).decode()
        for secret in of_kind(documents, "Secret")
        for key, value in (secret.get("data") or {}).items()
    }


def settings_document(documents: Sequence[Document]) -> Document:
    (found,) = (
        one["data"]["settings.json"]
        for one in of_kind(documents, "ConfigMap")
        if one["metadata"]["name"].endswith("-settings")
    )
    return dict(json.loads(found))


def parsed_settings(documents: Sequence[Document]) -> Settings:
    return parse(settings_document(documents), AnyVariable())


def created_objects(documents: Sequence[Document]) -> list[Document]:
    """A training of each team, a step of the platform's own, and a model server with its Service."""
    settings = parsed_settings(documents)
    assert settings.kubernetes
    assert settings.object_store
    steps, ca_file = settings.kubernetes.steps, settings.object_store.ca_file
    created = []
    for team, namespace in settings.kubernetes.steps.namespaces.items():
        labels = {"team": team, "model": "digits"}
        step = StepSpec("train", steps.trainer_image, (), {}, _LIMITS, (), "objects/k", "k" * 64, labels)
        created += _attempt(step, steps, namespace, ca_file)
    limits = replace(_LIMITS, gpu=0)
    own = StepSpec("validate", "", (), {}, limits, (), "objects/k", "v" * 64, {}, StepKind.PLATFORM)
    created += _attempt(own, steps, steps.platform_namespace, ca_file)
    servers, server = settings.kubernetes.servers, Backend("digits", "1")
    created += [
        manifests.deployment(server, SealedPackage("k" * 64), servers, "uid"),
        manifests.service(server, servers, "uid"),
    ]
    for document in created:
        document["metadata"].setdefault("namespace", settings.kubernetes.namespace)
    return created


def _attempt(step: StepSpec, steps: Cluster, namespace: str, ca_file: str | None) -> list[Document]:
    """The Job of a step's attempt, and its Secret."""
    attempt = Attempt("a" * 12, namespace)
    made = job(step, steps, attempt, ca_file)
    return [made, secret(step, attempt, {"metadata": {**made["metadata"], "uid": "uid"}}, "key")]
