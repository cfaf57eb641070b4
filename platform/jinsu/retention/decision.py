"""What may go, and why. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jinsu.settings import Retention

_DAY = 86400.0
YOUNG_SECONDS = _DAY
"""What is younger never goes, whatever the rules are: its run may not have named it yet."""


@dataclass(frozen=True)
class Version:
    """A registered version of a model. serving: whether it is a champion or a challenger, or waits for a review."""

    model: str
    number: str
    serving: bool


@dataclass(frozen=True)
class Run:
    """What one run needs. ended: in seconds since the epoch, None while it is open. objects: names of all that it needs."""

    id: str
    state: str
    ended: float | None
    objects: frozenset[str]
    version: Version | None = None


@dataclass(frozen=True)
class Object:
    """A stored object. size: in bytes. modified: in seconds since the epoch. newest: whether it is a dataset's newest version.

    needs: the object that holds a dataset version's content; "" for an object that holds all of itself.
    """

    name: str
    size: int
    modified: float
    newest: bool = False
    needs: str = ""


@dataclass(frozen=True)
class Facts:
    """All that a decision rests on. offered: names of objects that the trigger form offers."""

    runs: Sequence[Run]
    objects: Sequence[Object]
    offered: frozenset[str]


@dataclass(frozen=True)
class Unneeded:
    """An object that may go. size: in bytes."""

    name: str
    size: int
    why: str


@dataclass(frozen=True)
class Decision:
    """What may go: objects, and versions that can serve no longer without them."""

    objects: Sequence[Unneeded]
    versions: Sequence[Version]


def decide(rules: Retention, facts: Facts, now: float) -> Decision:
    """What the rules allow to remove, the largest objects first."""
    old = _old_versions(rules, facts.runs, now)
    kept = [run for run in facts.runs if run.version not in old and _is_kept(rules, run, now)]
    needed: set[str] = set().union(facts.offered, *(run.objects for run in kept))
    ended = _last_runs(run for run in facts.runs if run not in kept)
    found = []
    for item in sorted(facts.objects, key=lambda item: not item.needs):
        if item.name in needed or item.newest or now - item.modified < YOUNG_SECONDS:
            why = ""
        else:
            why = _why(rules, item, ended.get(item.name), now)
        if why:
            found.append(Unneeded(item.name, item.size, why))
        else:
            needed.add(item.needs)
    return Decision(
        sorted(found, key=lambda item: -item.size),
        [run.version for run in facts.runs if run.version is not None and run.version in old],
    )


def _is_kept(rules: Retention, run: Run, now: float) -> bool:
    if run.ended is None or run.version is not None:
        return True
    return not _over(run.ended, rules.failed_runs, now)


def _old_versions(rules: Retention, runs: Iterable[Run], now: float) -> set[Version | None]:
    by_model: dict[str, list[Run]] = {}
    for run in runs:
        if run.version is not None:
            by_model.setdefault(run.version.model, []).append(run)
    old: set[Version | None] = set()
    for registered in by_model.values():
        newest_first = sorted(registered, key=lambda run: -int(run.version.number if run.version else 0))
        for run in newest_first[max(1, rules.old_versions_kept) :]:
            idle = run.version is not None and not run.version.serving and run.ended is not None
            if idle and _over(run.ended or now, rules.old_versions, now):
                old.add(run.version)
    return old


def _last_runs(runs: Iterable[Run]) -> dict[str, Run]:
    """By object, the run that named it and ended last."""
    last: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: run.ended or 0.0):
        last.update(dict.fromkeys(run.objects, run))
    return last


def _why(rules: Retention, item: Object, run: Run | None, now: float) -> str:
    """Why the object may go; "" when it stays."""
    if item.name.startswith("datasets/"):
        if not _over(item.modified, rules.dataset_versions, now):
            return ""
        return f"not the newest version since {_day(item.modified)}, and no run that is kept names it"
    if run is None:
        return (
            f"no run names it, and it is from {_day(item.modified)}" if _over(item.modified, rules.unnamed, now) else ""
        )
    if run.version is not None:
        return f"only for version {run.version.number} of {run.version.model}, which is old and does not serve"
    return f"only for runs that are over; the last, {run.id}, {run.state} on {_day(run.ended or now)}"


def _over(since: float, days: float | None, now: float) -> bool:
    return days is not None and now - since >= days * _DAY


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def in_batches(objects: Sequence[Unneeded], size: int) -> Iterator[Sequence[Unneeded]]:
    """The objects in their order, `size` at a time."""
    for start in range(0, len(objects), size):
        yield objects[start : start + size]
