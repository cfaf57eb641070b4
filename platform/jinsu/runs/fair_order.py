"""In which order runs that wait get a place among the runs that work. Pure.

A place goes to the team that has the fewest runs at work, and within the team to the person who has the fewest; among a
person's runs, and between equals, the one that was submitted first goes first. So one team's hundred submissions delay
another team's single one by one place, and a team that is alone uses everything.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The most runs that may work at once: in all, of one team, and of one person."""

    in_all: int
    per_team: int
    per_person: int


@dataclass(frozen=True)
class Claim:
    """A run that waits for a place, or has one. since: when it was submitted, seconds since the epoch."""

    run: str
    team: str
    person: str
    since: float

    @property
    def owner(self) -> tuple[str, str]:
        return self.team, self.person


@dataclass(frozen=True)
class Queue:
    """Runs that wait, the next one first. let_in: those that have a place now. held: those that their team or person must
    wait for by itself, because it has as many runs at work as it may."""

    let_in: tuple[str, ...]
    waiting: tuple[str, ...]
    held: tuple[str, ...]


def queue(waiting: Sequence[Claim], at_work: Iterable[Claim], limits: Limits) -> Queue:
    """Who gets the free places now, and in which order the others would."""
    teams: Counter[str] = Counter()
    people: Counter[tuple[str, str]] = Counter()
    persons: Counter[str] = Counter()

    def add(claim: Claim) -> None:
        teams[claim.team] += 1
        people[claim.owner] += 1
        persons[claim.person] += 1

    def full(owner: tuple[str, str]) -> bool:
        return teams[owner[0]] >= limits.per_team or persons[owner[1]] >= limits.per_person

    for claim in at_work:
        add(claim)
    lines = _lines(waiting)
    free, let_in, order = limits.in_all - teams.total(), list[str](), list[str]()
    while open_lines := [owner for owner in lines if not full(owner)]:
        owner = min(open_lines, key=lambda owner: (teams[owner[0]], people[owner], lines[owner][0].since, owner))
        claim = lines[owner].popleft()
        if not lines[owner]:
            del lines[owner]
        add(claim)
        (let_in if len(let_in) < free else order).append(claim.run)
    held = sorted((claim for line in lines.values() for claim in line), key=lambda claim: (claim.since, claim.run))
    return Queue(tuple(let_in), tuple(order), tuple(claim.run for claim in held))


def _lines(waiting: Sequence[Claim]) -> dict[tuple[str, str], deque[Claim]]:
    """The claims of each person in each team, oldest first."""
    lines: dict[tuple[str, str], deque[Claim]] = {}
    for claim in sorted(waiting, key=lambda claim: (claim.since, claim.run)):
        lines.setdefault(claim.owner, deque()).append(claim)
    return lines
