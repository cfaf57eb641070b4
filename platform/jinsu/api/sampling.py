"""Which rows a sample may show: those that a training of the same code would get."""

from __future__ import annotations

from dataclasses import dataclass

from jinsu.identity.people import Person
from jinsu.runs.admission import Admission
from jinsu.runs.division import Division
from jinsu.runs.problems import split_salt
from jinsu.runs.splits import KnownSplit, Splits
from jinsu.steps.spec import StepSpec


@dataclass(frozen=True)
class Sampling:
    """Works out what a sample of the rows of a submission may hold."""

    admission: Admission
    splits: Splits
    division: Division
    split_secret: str

    def step(self, who: Person, code_digest: str, team: str, rows: int) -> StepSpec:
        """The step that finds the first `rows` rows. Raises what admission raises for the same code."""
        plan = self.admission.check(who, code_digest, {}, team)
        known = self.splits.known(plan.rules.problem)
        if known is None:  # the problem comes into being with the first submission
            salt = bytes.fromhex(split_salt(self.split_secret, plan.version.name))
            known = KnownSplit(plan.problem, None, salt, None, {})
        labels = {"team": plan.rules.team}
        return self.division.sample(plan.rules.problem, known, plan.version, labels, rows)
