"""Questions to reviewers, and all that a reviewer needs."""

from __future__ import annotations

from pydantic import Field

from jinsu.api.models.base import Answer, Body, Text
from jinsu.api.models.runs import Rule
from jinsu.state.states import (
    Aspect,
    Door,
    ReviewState,
    Verdict,
)


class AnswerBody(Body):
    verdict: Verdict
    reason: Text = Field("", max_length=2000)


class OpenReview(Answer):
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


class Answered(Answer):
    """A review after an answer. stands: where the question is, in words."""

    run: str
    model: str
    version: str
    state: ReviewState
    stands: str


class Opinion(Answer):
    """What one person said about a candidate."""

    person: str
    verdict: Verdict
    via: Door
    reason: str
    at: float


class Difference(Answer):
    """One thing in which the candidate differs from the champion."""

    aspect: Aspect
    what: str
    before: str
    after: str


class ReviewPage(Answer):
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
    low: float | None
    high: float | None
    rows: int
    gain: float | None
    warnings: list[str] = Field(default_factory=list)
    p99_ms: float
    looks: int
    champion: str | None
    champion_run: str | None
    differences: list[Difference]
    rules: list[Rule]
    may: list[str]
    links: dict[str, str]


class Revoked(Answer):
    """A version that may serve no longer."""

    model: str
    version: str
