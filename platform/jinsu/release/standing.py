"""Whether a registered version may meet live traffic. Every door asks this before it lets a version through. Pure."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """What is known of a version.

    approvals: who approved it. needed: how many people must, by the rules of the day on which they were asked; None when
    nobody was asked yet. self_approval: whether the submitter counts among them. refused: the sentence of a reviewer who
    rejected it or asked for changes, or "". revoked: the sentence of a revocation, or "". served: whether it was a champion.
    """

    version: str
    submitter: str
    approvals: Set[str] = frozenset()
    needed: int | None = None
    self_approval: bool = False
    refused: str = ""
    revoked: str = ""
    served: bool = False


@dataclass(frozen=True)
class Standing:
    """Whether a version may serve, and the sentence that says why."""

    may_serve: bool
    reason: str


def counted(approvals: Set[str], submitter: str, self_approval: bool) -> Set[str]:
    """The approvals that count: those of other people than the submitter, unless the rules let submitters approve."""
    return approvals if self_approval else approvals - {submitter}


def standing(facts: Facts) -> Standing:
    """Approved under the rules of its day by enough people, or served before; and not revoked since."""
    if facts.revoked:
        return Standing(False, facts.revoked)
    if facts.served:
        return Standing(True, f"version {facts.version} has served before")
    if facts.refused:
        return Standing(False, facts.refused)
    if facts.needed is None:
        return Standing(False, f"version {facts.version} was never shown to a reviewer")
    found = len(counted(facts.approvals, facts.submitter, facts.self_approval))
    if found < facts.needed:
        return Standing(False, f"version {facts.version} has {found} of {facts.needed} approvals")
    return Standing(True, f"version {facts.version} has the {facts.needed} approvals that its rules ask for")
