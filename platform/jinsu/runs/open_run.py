"""A cancelled run begins nothing any more: no training, no question to a reviewer, no rollout, no promotion."""

from __future__ import annotations

from sqlalchemy.orm import Session

from jinsu.errors import ConflictError
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Submission


def hold(session: Session, run: str) -> None:
    """Keeps the run from being cancelled until the transaction is over. Raises ConflictError when it was cancelled.

    A cancellation thus sees either everything that the transaction begins, or prevents it.
    """
    row = session.get(Submission, run, with_for_update=True)
    if row is not None:
        refuse_cancelled(row)


def refuse_cancelled(row: Submission) -> None:
    """Raises ConflictError when the run was cancelled. Pure."""
    if row.state is SubmissionState.CANCELLED:
        raise ConflictError(f"run {row.id} was cancelled: {row.reason}")
