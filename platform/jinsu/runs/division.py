"""The step that divides the rows of a dataset version as a problem's split says: for a run, or for a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinsu.confined.tasks import DATASET, REMEMBERED, SALT, Sample, Split, confined_step
from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.runs.dataset_inputs import dataset_inputs
from jinsu.runs.splits import KnownSplit, Splits
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Limits, StepSpec

_SPLIT_EDITION, _SAMPLE_EDITION = "split-3", "sample-1"


@dataclass(frozen=True)
class Division:
    """Both steps know the split's secret and the remembered keys, so that a sample shows no row that a run holds out."""

    datasets: DatasetStore
    splits: Splits
    steps: StepFolders
    platform_limits: Limits

    def split(self, problem: str, known: KnownSplit, version: DatasetVersion, labels: Mapping[str, str]) -> StepSpec:
        """The step that divides all rows."""
        return self._step(_split(known), problem, known, version, _SPLIT_EDITION, labels)

    def sample(
        self, problem: str, known: KnownSplit, version: DatasetVersion, labels: Mapping[str, str], rows: int
    ) -> StepSpec:
        """The step that finds the first `rows` rows that a training would get."""
        split = _split(known)
        details = Sample(split.plan, split.split, split.target, split.features, rows)
        return self._step(details, problem, known, version, _SAMPLE_EDITION, labels, {"rows": rows})

    def _step(
        self,
        details: Split,
        problem: str,
        known: KnownSplit,
        version: DatasetVersion,
        edition: str,
        labels: Mapping[str, str],
        more: Mapping[str, Any] | None = None,
    ) -> StepSpec:
        inputs = (
            *dataset_inputs(self.datasets, self.steps, version, DATASET),
            *self.splits.remembered(problem, REMEMBERED, known.held),
        )
        return confined_step(
            details,
            inputs,
            self.platform_limits,
            edition,
            labels,
            secrets={SALT: known.salt.hex()},
            known_as={"split": known.digest, "target": details.target, "features": details.features, **(more or {})},
        )


def _split(known: KnownSplit) -> Split:
    """What decides on which side a row is."""
    spec = known.spec
    return Split(known.plan, spec.split.model_dump(mode="json", exclude_defaults=True), spec.target, spec.features)
