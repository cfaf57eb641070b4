"""The states that records go through. Each member says what is true while a record is in it."""

from __future__ import annotations

from enum import StrEnum


class SubmissionState(StrEnum):
    """Where a run is."""

    ACCEPTED = "accepted"
    """Admission passed; the controller has not asked Airflow for a DAG run yet."""
    QUEUED = "queued"
    """Airflow has the DAG run; its first stage has not begun."""
    RUNNING = "running"
    """Its first stage has begun and no end is recorded."""
    SUCCEEDED = "succeeded"
    """Its version is the champion, or was."""
    FAILED = "failed"
    """A stage ended with a reason that no retry can change."""
    CANCELLED = "cancelled"
    """A person ended it."""

    @property
    def ended(self) -> bool:
        """Whether no stage of the run may begin any more."""
        return self in (SubmissionState.SUCCEEDED, SubmissionState.FAILED, SubmissionState.CANCELLED)


class StageState(StrEnum):
    """Where one stage of a run is (and one trial of the stage `train`)."""

    RUNNING = "running"
    """It has begun; what it waits for is in the record's detail."""
    WAITING = "waiting"
    """Something outside was not ready; Airflow tries the stage again."""
    DONE = "done"
    """It ended well; its output is recorded."""
    FAILED = "failed"
    """It ended with the reason in the record's detail."""


class ReviewState(StrEnum):
    """Where the question to a reviewer is."""

    OPEN = "open"
    """Nobody has answered."""
    APPROVED = "approved"
    """The candidate may meet live traffic."""
    REJECTED = "rejected"
    """The candidate may not; the run fails."""
    CANCELLED = "cancelled"
    """The run ended before anybody answered."""


class Door(StrEnum):
    """Through which door a review was answered."""

    CLI = "cli"
    """`jinsu review`, or the API."""
    AIRFLOW = "airflow"
    """Airflow's page of required actions."""
    MLFLOW = "mlflow"
    """The alias `challenger`, set in MLflow."""
    SPEC = "spec"
    """`release.review: none` in model.yaml; no person was asked."""


class LedgerEvent(StrEnum):
    """What happened to a model's live traffic."""

    PROMOTED = "promoted"
    """A challenger passed its rollout and became the champion."""
    REVERTED = "reverted"
    """A challenger was taken back; the champion has all traffic."""
    HALTED = "halted"
    """A rollout stands still until a person decides, because the champion does not answer either."""
    ROLLED_BACK = "rolled back"
    """A reviewer made an earlier version the champion again."""
    MOVED_BY_HAND = "moved by hand"
    """The alias `champion` was set in MLflow, outside a run."""
