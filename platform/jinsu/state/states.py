"""The states that records go through. Each member says what is true while a record is in it."""

from __future__ import annotations

from enum import StrEnum


class SubmissionState(StrEnum):
    """Where a run is."""

    ACCEPTED = "accepted"
    """Admission passed; it waits for a place among the runs that work, or for Airflow to take it."""
    QUEUED = "queued"
    """Airflow has the DAG run; its first stage has not begun."""
    RUNNING = "running"
    """Its first stage has begun and no end is recorded."""
    SUCCEEDED = "succeeded"
    """Its version is the champion, or was."""
    FAILED = "failed"
    """A stage ended with a reason that no retry can change, or Airflow gave up on it."""
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
    CHANGES_ASKED = "changes asked"
    """A reviewer asked for changes; the run fails, and its submitter submits again."""
    CANCELLED = "cancelled"
    """The run ended before anybody answered."""


class Verdict(StrEnum):
    """What one reviewer says about a candidate."""

    APPROVE = "approve"
    """It may meet live traffic, as far as this person is asked."""
    REJECT = "reject"
    """It may not."""
    ASK_CHANGES = "ask changes"
    """Not as it is; the reason says what is missing."""


class Door(StrEnum):
    """Through which door a review was answered."""

    CLI = "cli"
    """`jinsu review`, or the API."""
    AIRFLOW = "airflow"
    """Airflow's page of required actions."""
    MLFLOW = "mlflow"
    """The alias `challenger`, set in MLflow."""
    SPEC = "spec"
    """The rules ask for no approver; no person was asked."""


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
    REVOKED = "revoked"
    """A reviewer took back that a version may serve."""


class Role(StrEnum):
    """What a person may do in a team. Each role may do everything that the role before may."""

    RESEARCHER = "researcher"
    """Puts datasets of the team, submits models, cancels own runs, and sees everything of the team."""
    REVIEWER = "reviewer"
    """Approves or rejects candidates, aborts or resumes rollouts, moves champions back, revokes versions."""
    OWNER = "owner"
    """Puts problems, lets other teams read, and cancels every run of the team."""


class Source(StrEnum):
    """Who says that a person is a member of a team."""

    LOCAL = "local"
    """An administrator of this installation."""
    OIDC = "oidc"
    """The groups of the identity provider, read anew at every sign-in."""


class TokenUse(StrEnum):
    """What a token opens."""

    API = "api"
    """The API, and MLflow's REST API, as a bearer token."""
    SESSION = "session"
    """The pages of the API, as a cookie of a browser."""
    MLFLOW_SESSION = "mlflow session"
    """MLflow's pages, as a cookie of a browser."""
    AIRFLOW_CODE = "airflow code"
    """One sign-in to Airflow's pages, within a minute."""
    MLFLOW_CODE = "mlflow code"
    """One sign-in to MLflow's pages, within a minute."""


class Kept(StrEnum):
    """What a team owns and may let another team read."""

    PROBLEM = "problem"
    """Its documents, and how often its held-out rows were looked at."""
    MODEL = "model"
    """Its runs, evidence, rollouts and ledger."""
    DATASET = "dataset"
    """Its versions; their rows reach trainings only through a problem."""


class AuditEvent(StrEnum):
    """What somebody did to people, rights and rules."""

    SIGNED_IN = "signed in"
    """A person signed in to a door."""
    SIGN_IN_REFUSED = "sign-in refused"
    """Name, password or identity were not accepted."""
    SIGNED_OUT = "signed out"
    """A session ended."""
    TOKEN_MADE = "token made"  # noqa: S105
    """A token was given to a person."""
    TOKEN_REVOKED = "token revoked"  # noqa: S105
    """A token ended before its time."""
    PERSON_ADDED = "person added"
    """A person got an account."""
    PERSON_REMOVED = "person removed"
    """A person's account and tokens ended."""
    PASSWORD_SET = "password set"  # noqa: S105
    """A local account got a password."""
    IDENTITY_LINKED = "identity linked"
    """An administrator connected an account with a person of the identity provider."""
    ADMIN_CHANGED = "administrator changed"
    """A person became an administrator, or is one no longer."""
    TEAM_ADDED = "team added"
    """A team was made."""
    TEAM_REMOVED = "team removed"
    """A team ended."""
    MEMBER_CHANGED = "member changed"
    """A person's role in a team was given, changed or taken."""
    GRANTED = "granted"
    """Another team may read something."""
    GRANT_TAKEN = "grant taken"
    """Another team may no longer read something."""
    POLICY_PUT = "policy put"
    """A team has a new version of its policy."""
    PROBLEM_PUT = "problem put"
    """A problem has a new version."""
    DATASET_DELETED = "dataset deleted"
    """An owner deleted a version of a dataset, or all of them."""
    DATASET_READ = "dataset read"
    """A person took a copy of a dataset version out of the platform."""
    REMOVED = "removed"
    """Retention removed an object that nothing needed any more."""
    OVERRIDDEN = "overridden"
    """An administrator did what only the team's own people do otherwise."""
    REFUSED = "refused"
    """A door was tried by somebody who may not use it."""


class Aspect(StrEnum):
    """In what two runs may differ."""

    SPEC = "spec"
    """A line of model.yaml, after what the submission replaced."""
    RULES = "rules"
    """A rule that the run was judged by."""
    CODE = "code"
    """A file of the code snapshot."""
    DATA = "data"
    """The dataset version, its rows or its columns."""
    ENVIRONMENT = "environment"
    """What the script ran in."""
