"""The splits of problems: each one's plan, its secret, and the keys that are held out for ever.

The secret stays in the database, the remembered keys among the objects. Neither leaves the platform. Rows are divided by a
confined step; what it found is kept here if nothing else was kept meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from jinsu.codec import decode, encode
from jinsu.data.plan import Plan
from jinsu.errors import NotFoundError
from jinsu.objects.mirror import Mirror
from jinsu.runs.problems import latest_spec
from jinsu.spec.problem import ProblemSpec
from jinsu.state.database import Database
from jinsu.state.tables import ProblemSplit
from jinsu.steps.spec import Input


@dataclass(frozen=True)
class KnownSplit:
    """What is known of a problem's split.

    plan: None before the first validation. held: sha256 of the keys that are held out for ever, or None before it. made: run
    keys of the steps that divided dataset versions, by the version's digest; none of them misses a key of `held`.
    """

    spec: ProblemSpec
    plan: Plan | None
    salt: bytes = field(repr=False)
    held: str | None
    made: Mapping[str, str]

    @property
    def digest(self) -> str:
        """sha256 of the plan, or of what the first validation will decide it from, and the secret: it does not tell the secret."""
        decides: object = (
            self.spec.model_dump(mode="json", include={"split", "target", "features"})
            if self.plan is None
            else encode(self.plan)
        )
        return hashlib.sha256(repr(decides).encode() + b"\0" + self.salt).hexdigest()


@dataclass(frozen=True)
class Splits:
    """Reads splits, and keeps what a step found."""

    database: Database
    objects: Mirror

    def known(self, problem: str) -> KnownSplit | None:
        """The split of a problem; None for an unknown problem."""
        with self.database.begin() as session:
            row = session.get(ProblemSplit, problem)
            return None if row is None else _known(row, latest_spec(session, problem))

    def of(self, problem: str) -> KnownSplit:
        """As `known`. Raises NotFoundError for an unknown problem."""
        known = self.known(problem)
        if known is None:
            raise NotFoundError(f"problem {problem!r} does not exist; see: jinsu problem list")
        return known

    def remembered(self, problem: str, name: str, held: str | None) -> tuple[Input, ...]:
        """The keys that are held out for ever as a step's input `name`; none before the first validation."""
        return () if held is None else (Input(name, _name(problem, held), held),)

    def keep(self, problem: str, before: KnownSplit, plan: Plan, keys: bytes, dataset: str, run_key: str) -> bool:
        """Keeps the plan, and the keys that a step left, if the split is still as the step knew it; returns whether it is.

        keys: the content of the step's file, which holds all keys of `before` too. dataset: digest of the version that the
        step `run_key` divided.
        """
        held = hashlib.sha256(keys).hexdigest()
        if held != before.held:
            self.objects.keep_file(_name(problem, held), keys)
        with self.database.begin() as session:
            row = session.get_one(ProblemSplit, problem, with_for_update=True)
            if row.made.get(dataset) == run_key:
                return True
            known = _known(row, before.spec)
            if known.held != before.held or known.plan != before.plan:
                return False
            row.plan = encode(plan)
            row.made = {**(row.made if held == row.held else {}), dataset: run_key}
            row.held = held
        return True


def _known(row: ProblemSplit, spec: ProblemSpec) -> KnownSplit:
    plan = None if row.plan is None else decode(Plan, row.plan)
    return KnownSplit(spec, plan, bytes.fromhex(row.salt), row.held, row.made)


def _name(problem: str, digest: str) -> str:
    return f"splits/{problem}/{digest}.npy"
