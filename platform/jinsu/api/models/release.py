"""What serves, what served, and what is steered."""

from __future__ import annotations

from jinsu.api.models.base import Answer
from jinsu.release.command import Verb
from jinsu.state.states import (
    LedgerEvent,
)


class Commanded(Answer):
    """A command that the controller will carry out at its next pass."""

    model: str
    run: str
    verb: Verb
    reason: str


class RolledBack(Answer):
    """The champion after a rollback, and the version before, or ""."""

    model: str
    version: str
    previous: str


class Endpoint(Answer):
    """A model that serves: its champion and the address that clients ask."""

    model: str
    champion: str
    endpoint: str


class LedgerEntry(Answer):
    """One event in the history of a model's live traffic."""

    at: float
    event: LedgerEvent
    version: str
    previous: str | None
    actor: str
    run: str | None
    evidence: str | None
    detail: str
    hash: str


class LedgerState(Answer):
    """What a walk along the ledger's chain found. head: hash of its end, to compare with one that was noted before.
    faults: one sentence for each break; empty when the chain is whole."""

    entries: int
    head: str
    faults: list[str]
