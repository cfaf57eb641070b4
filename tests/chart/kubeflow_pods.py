"""The pods that Kubeflow makes of components/pipeline.yaml, for what the chart installs in Kubeflow's namespace."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from tests.chart.helm import ROOT
from tests.chart.objects import namespace_of, of_kind
from tests.support.kubeflow_pipeline import Container, Pipeline, containers
from tests.support.kubeflow_pod import pod

Document = dict[str, Any]

PIPELINE = ROOT / "components" / "pipeline.yaml"
INSTALLATION = "jinsu-kubeflow"


@functools.cache
def stage_containers() -> tuple[Container, ...]:
    """One container a stage, started with the pipeline's own defaults."""
    return tuple(containers(Pipeline.read(PIPELINE), model="digits", user="jane"))


def stage_pods(documents: Sequence[Document]) -> list[Document]:
    """One pod a stage, in the namespace of the account that the chart made for it."""
    (account,) = [one for one in of_kind(documents, "ServiceAccount") if one["metadata"]["name"] == INSTALLATION]
    return [
        pod(one, f"stage-{number}", namespace_of(account), INSTALLATION)
        for number, one in enumerate(stage_containers())
    ]


def the(documents: Sequence[Document], kind: str) -> Document:
    """The object of this kind that the chart made for Kubeflow."""
    (found,) = [one for one in of_kind(documents, kind) if one["metadata"]["name"] == INSTALLATION]
    return found
