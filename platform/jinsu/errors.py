"""Every error that Jinsu raises on purpose belongs to one tree.

An error knows whether trying again can help, and its message says what is wrong, where, and what to do next. Showing an
error is left to `cli` (as an exit code) and `api` (as a status).
"""

from __future__ import annotations


class JinsuError(Exception):
    """Base of everything Jinsu raises on purpose; its text is meant to be read by a person."""

    exit_code = 1


class PermanentError(JinsuError):
    """Trying again without a change cannot help."""


class TransientError(JinsuError):
    """Something outside was not ready; trying again after `retry_after` seconds is safe and may help."""

    exit_code = 75  # EX_TEMPFAIL

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadInputError(PermanentError):
    """What the user handed over cannot be accepted as it is."""

    exit_code = 2


class NotFoundError(PermanentError):
    """The thing named does not exist."""

    exit_code = 3


class ForbiddenError(PermanentError):
    """The person asking may not do this."""

    exit_code = 4


class ConflictError(PermanentError):
    """It contradicts what is already recorded."""

    exit_code = 5


class StepFailedError(PermanentError):
    """A step ended without a valid result."""

    exit_code = 6


class GateFailedError(PermanentError):
    """A check of the data, the model or the rollout said no."""

    exit_code = 7
