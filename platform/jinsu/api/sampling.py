"""Which rows a sample may show: those that a training of the same code would get."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from jinsu.codec import decode, encode
from jinsu.data.split import Plan
from jinsu.identity.people import Person
from jinsu.runs.admission import Admission
from jinsu.runs.problems import split_salt
from jinsu.runs.splits import Splits


@dataclass(frozen=True)
class Question:
    """What the process that reads the rows must know.

    dataset: the pinned version. plan: the problem's split; None for a problem that no run has fixed yet: then the rows fix
    a plan as the first run would, of `split`, `target` and `features`. salt: hexadecimal.
    """

    dataset: str
    problem: str
    plan: Plan | None
    salt: str = field(repr=False)
    split: dict[str, object]
    target: str
    features: list[str] | None


@dataclass(frozen=True)
class Sampling:
    """Works out what a sample of the rows of a submission may hold."""

    admission: Admission
    splits: Splits
    split_secret: str

    def question(self, who: Person, code_digest: str, team: str) -> bytes:
        """A `Question` as JSON. It holds the problem's secret, so it goes to the process by its input alone.

        Raises what admission raises for the same code.
        """
        plan = self.admission.check(who, code_digest, {}, team)
        known = self.splits.known(plan.rules.problem)
        if known is None:  # the problem comes into being with the first submission
            fixed, salt = None, bytes.fromhex(split_salt(self.split_secret, plan.version.name))
        else:
            fixed, salt = known
        question = Question(
            dataset=plan.version.reference,
            problem=plan.rules.problem,
            plan=None if fixed is None else fixed.plan,
            salt=salt.hex(),
            split=plan.rules.split.model_dump(mode="json", exclude_defaults=True),
            target=plan.rules.target,
            features=plan.problem.features,
        )
        return json.dumps(encode(question)).encode()


def question_from(text: bytes) -> Question:
    """The question that `Sampling.question` wrote."""
    return decode(Question, json.loads(text))
