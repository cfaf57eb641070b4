"""What one attempt of one step may do in the object store. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from jinsu.errors import ConflictError, ForbiddenError
from jinsu.sdk.step_files import OUT_NAME, RESULT_NAME
from jinsu.steps.safe_open import is_safe_name

START_SECONDS = 1800.0
"""What an attempt may take beside its script, in seconds: bringing its inputs and keeping its outputs."""
_DATA = re.compile(r"(log|metrics)/\d{20}|checkpoints/[0-9a-f]{64}")


class Way(Enum):
    """How an object is written."""

    DATA = "data"
    """From the pod straight to the store, at a signed address."""
    DOCUMENT = "document"
    """Through the broker, which writes it at once."""


@dataclass(frozen=True)
class Standing:
    """What is recorded about an attempt.

    current: the id of the step's current attempt. inputs: the names of the step's inputs among the objects. ends: when the
    attempt's time is over, in seconds since the epoch. sealed: the step has a result.
    """

    run_key: str
    attempt: str
    current: str | None
    inputs: Sequence[str]
    ends: float
    given_up: bool
    cancelled: bool
    sealed: bool

    def require_alive(self, now: float) -> None:
        """Raises ForbiddenError for an attempt that has no business any more."""
        name = f"attempt {self.attempt} of step {self.run_key[:12]}"
        if self.given_up:
            raise ForbiddenError(f"{name} was given up, because its node did not answer.")
        if self.current != self.attempt:
            raise ForbiddenError(f"{name} is not the step's current attempt.")
        if now > self.ends:
            raise ForbiddenError(f"the time of {name} is over.")

    def require_readable(self, key: str) -> None:
        """Raises ForbiddenError for an object that is neither an input of the step nor its own."""
        own = key.startswith((f"work/{self.run_key}/", f"steps/{self.run_key}/"))
        wanted = any(key == name or key.startswith(f"{name}/") for name in self.inputs if name.strip("/"))
        if not _is_key(key) or not (own or wanted):
            raise ForbiddenError(f"{key}: is no input of step {self.run_key[:12]}.")

    def require_listable(self, prefix: str) -> None:
        """Raises ForbiddenError for a prefix that is neither within an input, which is a folder then, nor the step's own."""
        folders = (f"work/{self.run_key}/", f"steps/{self.run_key}/", *(f"{name}/" for name in self.inputs))
        if not _is_key(prefix) or not any(prefix.startswith(folder) for folder in folders if folder != "/"):
            raise ForbiddenError(f"{prefix}: is no input of step {self.run_key[:12]}.")

    def require_writable(self, key: str, way: Way) -> None:
        """Raises ForbiddenError for an object that the attempt does not write, ConflictError below a sealed result."""
        work, result = f"work/{self.run_key}/", f"steps/{self.run_key}/"
        if key.startswith(result) and self.sealed:
            raise ConflictError(f"step {self.run_key[:12]} has its result; nothing of it is written again.")
        if key.startswith(result) and self.cancelled:
            raise ForbiddenError(f"attempt {self.attempt} of step {self.run_key[:12]} was cancelled.")
        match way:
            case Way.DATA:
                name = key.removeprefix(work)
                output = key.removeprefix(f"{result}{OUT_NAME}/")
                allowed = (name != key and _DATA.fullmatch(name)) or (output != key and is_safe_name(output))
            case Way.DOCUMENT:
                documents = (f"{work}checkpoints.json", f"{work}ended/{self.attempt}.json", f"{result}{RESULT_NAME}")
                allowed = key in documents
        if not allowed:
            raise ForbiddenError(f"{key}: is not written by attempt {self.attempt} of step {self.run_key[:12]}.")

    def require_deletable(self, prefix: str) -> None:
        """Raises ForbiddenError for anything but checkpoints and metrics of the step."""
        work = f"work/{self.run_key}"
        if not prefix.startswith((f"{work}/metrics/", f"{work}/checkpoints/")):
            raise ForbiddenError(f"{prefix}: is not deleted by step {self.run_key[:12]}.")


def _is_key(key: str) -> bool:
    return all(part not in (".", "..") for part in key.split("/"))
