"""The tables of Jinsu's own database. Versions, aliases and files are kept elsewhere; rows hold only their names."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Enum, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from jinsu.release.advance import Phase
from jinsu.state.states import Door, LedgerEvent, ReviewState, StageState, SubmissionState


def _member_of(kind: type[StrEnum], length: int = 16) -> Enum:
    """A text column that holds the values of an enum and gives its members."""
    return Enum(
        kind, native_enum=False, length=length, values_callable=lambda members: [item.value for item in members]
    )


class Base(DeclarativeBase):
    """Times are seconds since the epoch (UTC), so that every database orders them alike."""


class User(Base):
    """A person or a machine with a token; only the token's sha256 is kept."""

    __tablename__ = "users"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created: Mapped[float] = mapped_column(Float)


class Submission(Base):
    """A model spec, a code snapshot and a submitter, once per idempotency key."""

    __tablename__ = "submissions"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    submitter: Mapped[str] = mapped_column(String(64))
    idempotency_key: Mapped[str] = mapped_column(String(128))
    model: Mapped[str] = mapped_column(String(40), index=True)
    team: Mapped[str] = mapped_column(String(40))
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    code_digest: Mapped[str] = mapped_column(String(64))
    dataset: Mapped[str] = mapped_column(String(80))
    dag_run: Mapped[str | None] = mapped_column(String(250))
    experiment: Mapped[str | None] = mapped_column(String(64))
    mlflow_run: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[SubmissionState] = mapped_column(_member_of(SubmissionState), index=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    created: Mapped[float] = mapped_column(Float, index=True)
    ended: Mapped[float | None] = mapped_column(Float)
    __table_args__ = (UniqueConstraint("submitter", "idempotency_key"),)


class StageRecord(Base):
    """One stage of a run, from its beginning on; the stage `train` has a row for each trial."""

    __tablename__ = "tasks"
    submission: Mapped[str] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    trial: Mapped[int] = mapped_column(Integer, primary_key=True, default=0)
    state: Mapped[StageState] = mapped_column(_member_of(StageState))
    detail: Mapped[str] = mapped_column(Text, default="")
    run_key: Mapped[str | None] = mapped_column(String(64), index=True)
    started: Mapped[float] = mapped_column(Float)
    ended: Mapped[float | None] = mapped_column(Float)
    output: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class Candidate(Base):
    """The intent to register a package, and then the version that it became: one row for each submission and package.

    `package` is the run key of the stage `package`; model servers are started from that step's outputs.
    """

    __tablename__ = "candidates"
    submission: Mapped[str] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    package: Mapped[str] = mapped_column("package_digest", String(64), primary_key=True)
    # Version 0.1 reads the package from this column; it is written for a rollback and goes with the next version.
    former_package: Mapped[str] = mapped_column(
        "package_uri", Text, default=lambda context: context.get_current_parameters()["package_digest"]
    )
    model: Mapped[str] = mapped_column(String(40))
    version: Mapped[str | None] = mapped_column(String(16))
    ready: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (UniqueConstraint("model", "version"),)


class Review(Base):
    """The question to a reviewer about one candidate, and the answer."""

    __tablename__ = "reviews"
    submission: Mapped[str] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    model: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(16))
    state: Mapped[ReviewState] = mapped_column(_member_of(ReviewState), index=True)
    reviewer: Mapped[str | None] = mapped_column(String(64))
    via: Mapped[Door | None] = mapped_column(_member_of(Door))
    reason: Mapped[str] = mapped_column(Text, default="")
    asked: Mapped[float] = mapped_column(Float)
    answered: Mapped[float | None] = mapped_column(Float)


class Rollout(Base):
    """One challenger under live traffic. `state` is that of `release.advance`, written after its weight was applied."""

    __tablename__ = "rollouts"
    submission: Mapped[str] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    model: Mapped[str] = mapped_column(String(40))
    challenger: Mapped[str] = mapped_column(String(16))
    policy: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[dict[str, Any]] = mapped_column(JSON)
    phase: Mapped[Phase] = mapped_column(_member_of(Phase))
    command: Mapped[str] = mapped_column(Text, default="")
    created: Mapped[float] = mapped_column(Float)
    updated: Mapped[float] = mapped_column(Float)
    __table_args__ = (Index("rollouts_by_model", "model", "created"),)


class Endpoint(Base):
    """The version of a model that has the champion's traffic. MLflow's alias names the version that should have it."""

    __tablename__ = "endpoints"
    model: Mapped[str] = mapped_column(String(40), primary_key=True)
    champion: Mapped[str] = mapped_column(String(16))
    updated: Mapped[float] = mapped_column(Float)


class LedgerEntry(Base):
    """One change of a model's live traffic: which version, by whom, on what evidence. Rows are only ever appended."""

    __tablename__ = "ledger"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[float] = mapped_column(Float)
    model: Mapped[str] = mapped_column(String(40), index=True)
    event: Mapped[LedgerEvent] = mapped_column(_member_of(LedgerEvent, 32))
    version: Mapped[str] = mapped_column(String(16))
    previous: Mapped[str | None] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(64))
    submission: Mapped[str | None] = mapped_column(String(40))
    evidence: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text, default="")
    identity: Mapped[str] = mapped_column(String(160), unique=True)


class Usage(Base):
    """What a training step that ended has used: seconds, GPU seconds, and bytes of memory at most."""

    __tablename__ = "usage"
    run_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    submission: Mapped[str] = mapped_column(ForeignKey("submissions.id"))
    team: Mapped[str] = mapped_column(String(40), index=True)
    seconds: Mapped[float] = mapped_column(Float)
    gpu_seconds: Mapped[float] = mapped_column(Float)
    peak_memory: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[float] = mapped_column(Float)
