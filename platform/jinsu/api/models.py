"""What the API takes and answers. The command line reads its answers as these types too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from jinsu.codec import decode
from jinsu.release.advance import Phase
from jinsu.release.command import Verb
from jinsu.release.gates import Finding
from jinsu.runs.stages import OUTPUTS, StageName, StageOutput
from jinsu.state.states import LedgerEvent, ReviewState, StageState, SubmissionState


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Answer(BaseModel):
    """JSON has no NaN and no infinity; their names stand for them, as in `jinsu.codec`."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")


# --- Submissions and runs ---


class SubmissionBody(_Body):
    """A submission, after its code was sent. overrides: parts of model.yaml to replace, such as `train.params.lr`."""

    code_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    idempotency_key: str = Field(min_length=1, max_length=128)
    overrides: dict[str, Any] = Field(default_factory=dict)


class CheckBody(_Body):
    """A spec to be checked as admission would, after its code was sent."""

    code_digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class Reason(_Body):
    reason: str = Field("", max_length=2000)


class Code(_Answer):
    """A stored code snapshot."""

    digest: str


class Checked(_Answer):
    """A spec that admission would take now. dataset: the version that it would be pinned to."""

    model: str
    dataset: str
    rows: int


class Accepted(_Answer):
    """A recorded submission; `new` is false when the same key was sent before."""

    id: str
    new: bool
    dataset: str
    model: str


class RunSummary(_Answer):
    """One run in a list. stage: the furthest that has begun, or "". Times in seconds since the epoch."""

    id: str
    model: str
    submitter: str
    state: SubmissionState
    stage: str
    dataset: str
    created: float
    ended: float | None
    reason: str


class Stage(_Answer):
    """One stage of a run, or one trial of `train`. output: what it left, in its own type."""

    name: StageName
    trial: int
    state: StageState
    detail: str
    started: float
    ended: float | None
    run_key: str | None
    output: StageOutput | None

    @field_validator("output", mode="before")
    @classmethod
    def _of_its_stage(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, Mapping):
            return decode(OUTPUTS[info.data["name"]], value)
        return value


class Rollout(_Answer):
    """One rollout. percent: the challenger's share of live traffic now."""

    run: str
    model: str
    challenger: str
    champion: str | None
    phase: Phase
    percent: int
    reason: str
    findings: list[Finding]
    updated: float


class Run(_Answer):
    """One run with its stages, its rollout, its links by their titles, and what it waits for in one sentence."""

    id: str
    model: str
    submitter: str
    state: SubmissionState
    reason: str
    dataset: str
    created: float
    ended: float | None
    mlflow_run: str | None
    dag_run: str | None
    why: str
    stages: list[Stage]
    rollout: Rollout | None
    links: dict[str, str]


class Log(_Answer):
    """A piece of a training's log. next: the byte offset of the following piece. ended: whether the trial has ended."""

    text: str
    next: int
    ended: bool


# --- Datasets ---


class Dataset(_Answer):
    """One dataset version. schema: type of each column, by name. size in bytes; rows counts files for a set of files."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())
    name: str
    version: str
    digest: str
    kind: Literal["table", "files"]
    rows: int
    size: int
    columns: dict[str, str]
    created: float
    created_by: str


# --- Reviews ---


class AnswerBody(_Body):
    approve: bool
    reason: str = Field("", max_length=2000)


class OpenReview(_Answer):
    """A candidate that waits for a reviewer. gain: how much better than the champion; null without one."""

    run: str
    model: str
    version: str
    asked: float
    metric: str
    value: float
    gain: float | None
    links: dict[str, str]


class Answered(_Answer):
    """A review after an answer."""

    run: str
    model: str
    version: str
    state: ReviewState


# --- Rollouts, models, ledger ---


class Commanded(_Answer):
    """A command that the controller will carry out at its next pass."""

    model: str
    run: str
    verb: Verb
    reason: str


class RolledBack(_Answer):
    """The champion after a rollback, and the version before, or ""."""

    model: str
    version: str
    previous: str


class Endpoint(_Answer):
    """A model that serves: its champion and the address that clients ask."""

    model: str
    champion: str
    endpoint: str


class LedgerEntry(_Answer):
    """One event in the history of a model's live traffic."""

    at: float
    event: LedgerEvent
    version: str
    previous: str | None
    actor: str
    run: str | None
    evidence: str | None
    detail: str


# --- People, and the API itself ---


class UserBody(_Body):
    name: str
    role: Literal["researcher", "reviewer", "admin"]


class Token(_Answer):
    """A person's new token; it is shown once and kept nowhere."""

    name: str
    role: str
    token: str


class Health(_Answer):
    status: str
    version: str


class Problem(_Answer):
    """Why a request was refused, and the exit code that the command line ends with."""

    error: str
    exit_code: int
