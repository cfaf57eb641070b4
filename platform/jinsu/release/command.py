"""What a person asks of a rollout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """What the controller is to do."""

    ABORT = "abort"
    """Give all traffic back to the champion."""
    RESUME = "resume"
    """Begin a halted rollout again."""


@dataclass(frozen=True)
class Command:
    """A verb and the reason that people will read."""

    verb: Verb
    reason: str

    def encode(self) -> str:
        return f"{self.verb}:{self.reason}"
