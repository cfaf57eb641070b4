"""Which rows a sample may show: those that a training of the same code would get."""

from __future__ import annotations

from dataclasses import dataclass

from jinsu.confined.tasks import DATASET, REMEMBERED, SALT, Sample, confined_step
from jinsu.data.datasets import DatasetStore
from jinsu.identity.people import Person
from jinsu.runs.admission import Admission
from jinsu.runs.dataset_inputs import dataset_inputs
from jinsu.runs.problems import split_salt
from jinsu.runs.splits import KnownSplit, Splits
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Limits, StepSpec


@dataclass(frozen=True)
class Sampling:
    """Works out what a sample of the rows of a submission may hold."""

    admission: Admission
    datasets: DatasetStore
    splits: Splits
    steps: StepFolders
    split_secret: str
    platform_limits: Limits

    def step(self, who: Person, code_digest: str, team: str, rows: int) -> StepSpec:
        """The step that finds the first `rows` rows. Raises what admission raises for the same code."""
        plan = self.admission.check(who, code_digest, {}, team)
        known = self.splits.known(plan.rules.problem)
        if known is None:  # the problem comes into being with the first submission
            salt = bytes.fromhex(split_salt(self.split_secret, plan.version.name))
            known = KnownSplit(plan.problem, None, salt, None, {})
        problem = known.spec
        details = Sample(
            known.plan,
            problem.split.model_dump(mode="json", exclude_defaults=True),
            problem.target,
            problem.features,
            rows,
        )
        inputs = (
            *dataset_inputs(self.datasets, self.steps, plan.version, DATASET),
            *self.splits.remembered(plan.rules.problem, REMEMBERED, known.held),
        )
        return confined_step(
            details,
            inputs,
            self.platform_limits,
            "sample-1",
            {"team": plan.rules.team},
            secrets={SALT: known.salt.hex()},
            known_as={"rows": rows, "split": known.digest, "target": problem.target, "features": problem.features},
        )
