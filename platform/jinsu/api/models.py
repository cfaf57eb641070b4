"""What the API takes and answers. The command line reads its answers as these types too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from jinsu.codec import decode
from jinsu.release.advance import Phase
from jinsu.release.command import Verb
from jinsu.release.gates import Finding
from jinsu.runs.comparison import Aspect
from jinsu.runs.stages import OUTPUTS, StageName, StageOutput
from jinsu.spec.rules import Rules
from jinsu.state.states import (
    AuditEvent,
    Door,
    Kept,
    LedgerEvent,
    ReviewState,
    Role,
    Source,
    StageState,
    SubmissionState,
    Verdict,
)


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
    team: str = Field("", max_length=40)


class CheckBody(_Body):
    """A spec to be checked as admission would, after its code was sent."""

    code_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    team: str = Field("", max_length=40)


class Reason(_Body):
    reason: str = Field("", max_length=2000)


class Code(_Answer):
    """A stored code snapshot."""

    digest: str


class Rule(_Answer):
    """One rule that decides about a submission, and the document that it comes from."""

    line: str
    value: str
    document: str


class Checked(_Answer):
    """A spec that admission would take now. dataset: the version that it would be pinned to.

    rules: what would decide, line by line; effective: the same as data. expectations: the text of the problem's file.
    """

    model: str
    problem: str
    problem_version: int
    team: str
    dataset: str
    rows: int
    rules: list[Rule]
    effective: Rules
    expectations: str | None


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
    team: str
    problem: str
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
    team: str
    problem: str
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
    rules: list[Rule]
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
    verdict: Verdict
    reason: str = Field("", max_length=2000)


class OpenReview(_Answer):
    """A candidate that waits for reviewers. gain: how much better than the champion; null without one. due: when a
    reviewer is reminded. stands: how many have approved."""

    run: str
    model: str
    version: str
    asked: float
    due: float | None
    stands: str
    metric: str
    value: float
    gain: float | None
    links: dict[str, str]


class Answered(_Answer):
    """A review after an answer. stands: where the question is, in words."""

    run: str
    model: str
    version: str
    state: ReviewState
    stands: str


class Opinion(_Answer):
    """What one person said about a candidate."""

    person: str
    verdict: Verdict
    via: Door
    reason: str
    at: float


class Difference(_Answer):
    """One thing in which the candidate differs from the champion."""

    aspect: Aspect
    what: str
    before: str
    after: str


class ReviewPage(_Answer):
    """All about one candidate. standing: why it may serve, or may not. looks: how many runs were scored on the problem's
    held-out rows. may: what the caller may do now, as commands. champion: the version that it was compared with."""

    run: str
    model: str
    version: str
    team: str
    submitter: str
    state: ReviewState
    stands: str
    standing: str
    asked: float
    due: float | None
    needed: int
    opinions: list[Opinion]
    metric: str
    value: float
    low: float
    high: float
    rows: int
    gain: float | None
    p99_ms: float
    looks: int
    champion: str | None
    champion_run: str | None
    differences: list[Difference]
    rules: list[Rule]
    may: list[str]
    links: dict[str, str]


class Revoked(_Answer):
    """A version that may serve no longer."""

    model: str
    version: str


# --- Problems ---


class ProblemBody(_Body):
    """problem.yaml as data, and the text of the expectations that it names. team: when the caller owns for several."""

    document: dict[str, Any]
    expectations: str | None = Field(None, max_length=200_000)
    team: str = Field("", max_length=40)


class ProblemPut(_Answer):
    """The version that a document became, or was already."""

    name: str
    version: int
    team: str


class ProblemSummary(_Answer):
    """One problem in a list. inline: whether it is written in the model.yaml of its only model."""

    name: str
    team: str
    dataset: str
    inline: bool


class ProblemVersion(_Answer):
    """One version, as its owner wrote it; fields that have their defaults are left out."""

    version: int
    document: dict[str, Any]
    expectations: str | None
    by: str
    at: float


class ProblemPage(ProblemSummary):
    """A problem with its versions, newest first. looks: how many runs were scored on its held-out rows."""

    looks: int
    versions: list[ProblemVersion]


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
    hash: str


class LedgerState(_Answer):
    """What a walk along the ledger's chain found. head: hash of its end, to compare with one that was noted before.
    faults: one sentence for each break; empty when the chain is whole."""

    entries: int
    head: str
    faults: list[str]


# --- People ---

PERSON = r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$"
"""What a person's name looks like."""
_THING = r"^[a-z0-9][a-z0-9_-]*$"


def _password() -> Any:
    return Field(min_length=1, max_length=200, repr=False)


class SignInWays(_Answer):
    """How people sign in here: with a password that this platform keeps, or at an identity provider."""

    local_accounts: bool
    identity_provider: bool


class SignInBody(_Body):
    """Name and password of a local account. label: what the new token is for."""

    name: str = Field(min_length=1, max_length=64, pattern=PERSON)
    password: str = _password()
    label: str = Field("", max_length=100)


class DeviceBody(_Body):
    """A command line that asks to be signed in through a browser. label: what it calls itself, such as its machine."""

    label: str = Field("", max_length=100)


class DeviceRequest(_Answer):
    """A sign-in that waits for a person, who opens `url` and compares `user_code`. Times in seconds."""

    device_code: str = Field(repr=False)
    user_code: str
    url: str
    interval: float
    expires: float


class DeviceCodeBody(_Body):
    device_code: str = Field(min_length=1, max_length=100, repr=False)


class NewToken(_Answer):
    """A new token; it is shown once, and only its digest is kept. expires: seconds since the epoch; null for never."""

    id: str
    person: str
    label: str
    expires: float | None
    token: str = Field(repr=False)


class DeviceAnswer(_Answer):
    """Where a device's sign-in stands. token: null while nobody has confirmed the code."""

    state: Literal["waiting", "confirmed"]
    token: NewToken | None = None


class Me(_Answer):
    """Who is asking. token: the id of the token that was shown; null for a browser's session."""

    name: str
    admin: bool
    teams: dict[str, Role]
    token: str | None


class Token(_Answer):
    """An API token that has not ended. Times in seconds since the epoch. last_used: to the hour."""

    id: str
    label: str
    created: float
    expires: float | None
    last_used: float | None


class TokenBody(_Body):
    """A token to be made. days: until it ends by itself."""

    label: str = Field("", max_length=100)
    days: int = Field(90, ge=1, le=365)


class User(_Answer):
    """A person. teams: the role in each team that the asker may look into. linked: known to the identity provider."""

    name: str
    admin: bool
    teams: dict[str, Role]
    password: bool
    linked: bool
    created: float


class UserBody(_Body):
    """A person to be added. password: of a local account; null for one who signs in at the identity provider."""

    name: str = Field(min_length=1, max_length=64)
    admin: bool = False
    password: str | None = Field(None, max_length=200, repr=False)


class AdminBody(_Body):
    admin: bool


class PasswordBody(_Body):
    """A new password. current: the one before, which a person needs to change the own one."""

    password: str = _password()
    current: str | None = Field(None, max_length=200, repr=False)


class LinkBody(_Body):
    """The person of the identity provider whose account this is. subject: the claim `sub`."""

    subject: str = Field(min_length=1, max_length=200)


class Done(_Answer):
    """What was done, in a sentence."""

    done: str


class Team(_Answer):
    """A team. role: the asker's; null outside of it."""

    name: str
    role: Role | None


class TeamBody(_Body):
    name: str = Field(min_length=1, max_length=40)


class Member(_Answer):
    """A person's role in a team, who gave it, and since when."""

    person: str
    role: Role
    source: Source
    since: float


class RoleBody(_Body):
    """A person's role in a team; null takes it."""

    role: Role | None


class PolicyBody(_Body):
    """The next version of a team's policy, as `policy.yaml` says it."""

    document: dict[str, Any]


class Policy(_Answer):
    """A version of a team's policy; version 0 are the defaults. document: what it says beside the defaults."""

    team: str
    version: int
    document: dict[str, Any]
    by: str | None
    at: float | None


class GrantBody(_Body):
    """Another team may read something."""

    kind: Kept
    name: str = Field(min_length=1, max_length=40, pattern=_THING)
    team: str = Field(min_length=1, max_length=40)


class Grant(_Answer):
    """What another team may read, and who let it."""

    kind: Kept
    name: str
    team: str
    by: str
    at: float


class AuditEntry(_Answer):
    """Somebody did something to people, rights or rules."""

    at: float
    actor: str
    event: AuditEvent
    subject: str
    detail: str


# --- The API itself ---


class Health(_Answer):
    status: str
    version: str


class Problem(_Answer):
    """Why a request was refused, and the exit code that the command line ends with."""

    error: str
    exit_code: int
