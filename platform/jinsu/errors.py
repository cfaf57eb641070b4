"""Every error that Jinsu raises on purpose belongs to one tree.

An error carries its exit code and whether a retry can help. Its message says what is wrong, where, and what to do next.

    error                  exit  raised when                                                  a retry helps
    JinsuError                1  no error below fits                                          no
    ├─ TransientError        75  another program or a file was not ready                      yes, after `retry_after`
    └─ PermanentError         1  another program refused a request for good                   no
       ├─ BadInputError       2  a spec, a file, a dataset or an argument cannot be accepted  no
       ├─ NotFoundError       3  a run, a model, a dataset or an object does not exist        no
       ├─ ForbiddenError      4  the person's role does not allow the action                  no
       ├─ ConflictError       5  a request contradicts what is recorded already               no
       ├─ StepFailedError     6  a step ended without a valid result                          no
       └─ GateFailedError     7  a check of the data, the model or the rollout failed         no
          └─ RowsRefusedError 7  a model has no answer to what these rows hold                no

"No" means that the same request fails again until the cause has been corrected. Airflow repeats a stage after a
TransientError and fails the run after any other. The room `cli` ends with the exit code, and `api` answers with a status.
"""

from __future__ import annotations


class JinsuError(Exception):
    """Base of every error that Jinsu raises on purpose. Its text is one sentence or more for a person."""

    exit_code = 1


class PermanentError(JinsuError):
    """The same request fails again until its cause has been corrected."""


class TransientError(JinsuError):
    """Another program or a file was not ready. A retry after `retry_after` seconds is safe and may succeed."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadInputError(PermanentError):
    """A spec, a file, a dataset or an argument cannot be accepted as it is."""

    exit_code = 2


class NotFoundError(PermanentError):
    """The run, the model, the dataset or the object with this name does not exist."""

    exit_code = 3


class ForbiddenError(PermanentError):
    """The person's role does not allow the action."""

    exit_code = 4


class ConflictError(PermanentError):
    """The request contradicts what is recorded already."""

    exit_code = 5


class StepFailedError(PermanentError):
    """A step ended without a valid result."""

    exit_code = 6


class GateFailedError(PermanentError):
    """A check of the data, the model or the rollout failed."""

    exit_code = 7


class RowsRefusedError(GateFailedError):
    """The model cannot answer these rows for what they hold; it answers others."""
