"""What a reviewer may order a rollout to do, and how an order is written in the database. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """What a rollout is ordered to do."""

    ABORT = "abort"
    """The champion gets all traffic back, and the rollout is over."""
    RESUME = "resume"
    """A halted rollout begins again with its first step; any other rollout goes on as it is."""


@dataclass(frozen=True)
class Command:
    """An order to one rollout, and the reason that its record will show."""

    verb: Verb
    reason: str

    def encode(self) -> str:
        """The order as the column `rollouts.command` holds it: `abort:reason`."""
        return f"{self.verb}:{self.reason}"

    @classmethod
    def decode(cls, text: str) -> Command | None:
        """The order in the column. None when the column is empty, or holds a verb that this version does not know."""
        verb, _, reason = text.partition(":")
        return cls(Verb(verb), reason) if verb in tuple(Verb) else None
