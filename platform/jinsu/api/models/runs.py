"""Submissions, runs, and the rules that decide about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from jinsu.api.models.base import Answer, Body, Name
from jinsu.codec import decode
from jinsu.release.advance import Phase
from jinsu.release.gates import Finding
from jinsu.runs.stages import OUTPUTS, StageName, StageOutput
from jinsu.spec.rules import Rules
from jinsu.state.states import (
    StageState,
    SubmissionState,
)


class SubmissionBody(Body):
    """A submission, after its code was sent. overrides: parts of model.yaml to replace, such as `train.params.lr`."""

    code_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    idempotency_key: Name = Field(min_length=1, max_length=128)
    overrides: dict[str, Any] = Field(default_factory=dict)
    team: Name = Field("", max_length=40)


class CheckBody(Body):
    """A spec to be checked as admission would, after its code was sent."""

    code_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    team: Name = Field("", max_length=40)


class Code(Answer):
    """A stored code snapshot."""

    digest: str


class Rule(Answer):
    """One rule that decides about a submission, and the document that it comes from."""

    line: str
    value: str
    document: str


class Checked(Answer):
    """A spec that admission would take now. dataset: the version that it would be pinned to. columns: types by name.

    rules: what would decide, line by line; effective: the same as data. expectations: the text of the problem's file.
    """

    model: str
    problem: str
    problem_version: int
    team: str
    dataset: str
    rows: int
    columns: dict[str, str]
    rules: list[Rule]
    effective: Rules
    expectations: str | None


class Accepted(Answer):
    """A recorded submission; `new` is false when the same key was sent before."""

    id: str
    new: bool
    dataset: str
    model: str


class RunSummary(Answer):
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


class Stage(Answer):
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


class Rollout(Answer):
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


class Run(Answer):
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


class Log(Answer):
    """A piece of a training's log. next: the byte offset of the following piece. ended: whether the trial has ended."""

    text: str
    next: int
    ended: bool
