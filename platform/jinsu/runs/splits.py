"""The splits of problems: each one's plan, its secret, and the keys that are held out for ever.

The secret stays in the database, the remembered keys among the objects. Neither leaves the platform.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jinsu.codec import decode, encode
from jinsu.data.split import Plan, fix, held_keys, holdout_mask, without_salt
from jinsu.errors import NotFoundError
from jinsu.files import write_atomic_bytes
from jinsu.objects.mirror import Mirror
from jinsu.runs.problems import latest_spec
from jinsu.spec.problem import ProblemSpec
from jinsu.state.database import Database
from jinsu.state.tables import ProblemSplit

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class FixedSplit:
    """A problem's split as its first validation fixed it. remembered: sorted keys that are held out for ever, uint64."""

    problem: str
    plan: Plan
    salt: bytes = field(repr=False)
    remembered: np.ndarray | None

    @property
    def digest(self) -> str:
        """sha256 of plan and secret: names the split without telling the secret."""
        return hashlib.sha256(repr(encode(self.plan)).encode() + b"\0" + self.salt).hexdigest()


@dataclass(frozen=True)
class Splits:
    """Fixes, reads and extends splits."""

    database: Database
    objects: Mirror

    def fixed(self, problem: str) -> FixedSplit | None:
        """The split of a problem; None before its first validation. Raises NotFoundError for an unknown problem."""
        known = self.known(problem)
        if known is None:
            raise NotFoundError(f"problem {problem!r} does not exist; see: jinsu problem list")
        return known[0]

    def known(self, problem: str) -> tuple[FixedSplit | None, bytes] | None:
        """The split of a problem, None before its first validation, and its secret; None for an unknown problem."""
        with self.database.begin() as session:
            row = session.get(ProblemSplit, problem)
        if row is None:
            return None
        return None if row.plan is None else self._read(row), bytes.fromhex(row.salt)

    def fix(self, problem: str, table: pa.Table) -> FixedSplit:
        """The split of a problem; the first call fixes it from these rows. Raises as `jinsu.data.split.fix`."""
        with self.database.begin() as session:
            row = session.get_one(ProblemSplit, problem, with_for_update=True)
            if row.plan is None:
                row.plan = encode(plan_for(latest_spec(session, problem), table, bytes.fromhex(row.salt)))
        return self._read(row)

    def hold_out(self, fixed: FixedSplit, table: pa.Table) -> np.ndarray:
        """Which rows are held out, one boolean a row; their keys are kept for all later versions of the dataset.

        Another version may be validated at the same time; what that one holds out first is held out here too. Raises as
        `jinsu.data.split.holdout_mask`.
        """
        while True:
            mask = holdout_mask(table, fixed.plan, fixed.salt, fixed.remembered)
            every, unseen = self._remember(fixed, held_keys(table, mask, fixed.plan, fixed.salt))
            if not unseen:
                return mask
            fixed = replace(fixed, remembered=every)

    def _remember(self, fixed: FixedSplit, found: np.ndarray) -> tuple[np.ndarray, bool]:
        """Adds keys; returns all of them, and whether there are some that were in neither `fixed` nor `found`."""
        import numpy as np

        known = found if fixed.remembered is None else np.union1d(fixed.remembered, found)
        with self.database.begin() as session:
            row = session.get_one(ProblemSplit, fixed.problem, with_for_update=True)
            before = self._keys(row)
            every = known if before is None else np.union1d(before, known)
            if before is None or len(every) > len(before):
                row.held = self._write(fixed.problem, every)
        return every, len(every) > len(known)

    def _read(self, row: ProblemSplit) -> FixedSplit:
        return FixedSplit(row.problem, decode(Plan, row.plan), bytes.fromhex(row.salt), self._keys(row))

    def _keys(self, row: ProblemSplit) -> np.ndarray | None:
        import numpy as np

        if row.held is None:
            return None
        content = self.objects.read(_name(row.problem, row.held))
        if content is None:
            raise NotFoundError(
                f"problem {row.problem}: the keys that are held out are gone from the store; restore {_name(row.problem, row.held)}."
            )
        keys: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
        return keys

    def _write(self, problem: str, keys: np.ndarray) -> str:
        import numpy as np

        stream = io.BytesIO()
        np.save(stream, keys, allow_pickle=False)
        digest = hashlib.sha256(stream.getvalue()).hexdigest()
        name = _name(problem, digest)
        write_atomic_bytes(self.objects.root / name, stream.getvalue())
        self.objects.publish(name)
        return digest


def plan_for(spec: ProblemSpec, table: pa.Table, salt: bytes) -> Plan:
    """The plan that these rows would fix. Without a secret it is that of version 0.1. Pure."""
    if not salt:
        return without_salt(table.column_names, spec.split)
    return fix(table, spec.split, spec.target, spec.features, salt)


def _name(problem: str, digest: str) -> str:
    return f"splits/{problem}/{digest}.npy"
