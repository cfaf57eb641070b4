"""Objects that retention removes, as a run sees them.

A run writes down which objects it needs, and then looks whether one of them is being removed. Retention writes down what it
removes, and then looks whether a run needs it. So one of the two notices the other, whatever the order.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import select

from jinsu.errors import TransientError
from jinsu.runs.stages import StageName
from jinsu.state.database import Database
from jinsu.state.tables import Removal, StageRecord, Submission

EXPIRES_SECONDS = 600.0
"""After which an object that retention wrote down, but did not remove, stays: that process was killed."""


def objects_of(row: Submission, keys: Iterable[str]) -> frozenset[str]:
    """Names of the objects that a run needs. keys: run keys of its steps."""
    dataset, _, version = row.dataset.partition("@")
    return frozenset(
        (f"code/{row.code_digest}.tar.gz", f"datasets/{dataset}/{version}", *(f"steps/{key}" for key in keys))
    )


def stage_keys(record: StageRecord) -> frozenset[str]:
    """Run keys of the steps that a stage has named so far."""
    output = record.output or {}
    # A training's `environment` is a text for people; the step is what `validate_data` names.
    names = ("run_key",) if record.name == StageName.TRAIN else ("run_key", "docs", "lock", "environment")
    named = (record.run_key, *(output.get(name) for name in names))
    return frozenset(str(key) for key in named if key)


def removed_since(database: Database, names: Iterable[str], since: float) -> str | None:
    """Which of the objects is being removed, or was since that moment (seconds since the epoch); None when none is."""
    going = Removal.done.is_(False) & (Removal.at >= time.time() - EXPIRES_SECONDS)
    query = select(Removal.name).where(Removal.name.in_(sorted(names)), going | (Removal.at >= since))
    with database.begin() as session:
        return session.scalar(query.limit(1))


def refuse_removed(database: Database, keys: Iterable[str], since: float) -> None:
    """Raises TransientError when a step is being removed, or was removed since that moment: it is done again."""
    name = removed_since(database, (f"steps/{key}" for key in keys), since)
    if name is not None:
        raise TransientError(f"{name[:18]}… was just removed by retention; it is made anew.", 2.0)
