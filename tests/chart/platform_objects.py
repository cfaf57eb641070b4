"""What the platform itself will make in a cluster with the settings that the chart gives it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from tests.chart.objects import Document, of_kind

from jinsu.deployers import manifests
from jinsu.gateway.backend import Backend
from jinsu.launchers.job import job
from jinsu.packaging.contents import SealedPackage
from jinsu.settings import Settings, parse
from jinsu.steps.spec import Limits, StepSpec

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
    """A training of each team, and a model server with its Service."""
    settings = parsed_settings(documents)
    assert settings.kubernetes
    assert settings.object_store
    created = []
    for team, namespace in settings.kubernetes.steps.namespaces.items():
        image = settings.kubernetes.steps.trainer_image
        step = StepSpec("train", image, (), {}, _LIMITS, (), "objects/k", "k" * 64, {"team": team, "model": "digits"})
        created.append(job(step, settings.kubernetes.steps, settings.object_store, "a" * 12, namespace))
    servers, server = settings.kubernetes.servers, Backend("digits", "1")
    created += [
        manifests.deployment(server, SealedPackage("k" * 64), servers, "uid"),
        manifests.service(server, servers, "uid"),
    ]
    for document in created:
        document["metadata"].setdefault("namespace", settings.kubernetes.namespace)
    return created
