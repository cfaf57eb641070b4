"""The tables of Jinsu's own database. Versions, aliases and files are kept elsewhere; rows hold only their names."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from jinsu.release.advance import Phase
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
    TokenUse,
    Verdict,
)


def _member_of(kind: type[StrEnum], length: int = 16) -> Enum:
    """A text column that holds the values of an enum and gives its members."""
    return Enum(
        kind, native_enum=False, length=length, values_callable=lambda members: [item.value for item in members]
    )


class Base(DeclarativeBase):
    """Times are seconds since the epoch (UTC), so that every database orders them alike."""


# --- People ---


class Account(Base):
    """A person. `subject` is `ISSUER|SUB` of the identity provider; `password` is that of a local account, hashed."""

    __tablename__ = "people"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    admin: Mapped[bool] = mapped_column(Boolean, default=False)
    password: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(String(255), unique=True)
    created: Mapped[float] = mapped_column(Float)
    left: Mapped[float | None] = mapped_column(Float)


class Token(Base):
    """A secret that opens a door for a person; only its sha256 is kept. expires: None for one that does not end by itself."""

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    person: Mapped[str] = mapped_column(ForeignKey("people.name"), index=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    use: Mapped[TokenUse] = mapped_column(_member_of(TokenUse))
    label: Mapped[str] = mapped_column(String(100), default="")
    created: Mapped[float] = mapped_column(Float)
    expires: Mapped[float | None] = mapped_column(Float)
    last_used: Mapped[float | None] = mapped_column(Float)
    revoked: Mapped[float | None] = mapped_column(Float)


class SignInRequest(Base):
    """A command line that waits until a signed-in person confirms its code. Only the digests of its two codes are kept.

    device: of the code that the command line holds. code: of the one that the person compares. label: what the command line
    calls itself. person: who confirmed it. refused: whether a person said no. ended: when its token was fetched.
    """

    __tablename__ = "sign_in_requests"
    device: Mapped[str] = mapped_column(String(64), primary_key=True)
    code: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(String(100), default="")
    person: Mapped[str | None] = mapped_column(ForeignKey("people.name"))
    refused: Mapped[bool] = mapped_column(Boolean, default=False)
    created: Mapped[float] = mapped_column(Float)
    expires: Mapped[float] = mapped_column(Float, index=True)
    ended: Mapped[float | None] = mapped_column(Float)


class Team(Base):
    """People who own problems, datasets and models together."""

    __tablename__ = "teams"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    created: Mapped[float] = mapped_column(Float)


class Membership(Base):
    """A person's role in a team."""

    __tablename__ = "memberships"
    person: Mapped[str] = mapped_column(ForeignKey("people.name"), primary_key=True)
    team: Mapped[str] = mapped_column(ForeignKey("teams.name"), primary_key=True, index=True)
    role: Mapped[Role] = mapped_column(_member_of(Role))
    source: Mapped[Source] = mapped_column(_member_of(Source))
    since: Mapped[float] = mapped_column(Float)


class Grant(Base):
    """Another team may read something."""

    __tablename__ = "grants"
    kind: Mapped[Kept] = mapped_column(_member_of(Kept), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    team: Mapped[str] = mapped_column(ForeignKey("teams.name"), primary_key=True)
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[float] = mapped_column(Float)


class AuditEntry(Base):
    """Somebody did something to people, rights or rules. Rows are only ever appended."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[float] = mapped_column(Float, index=True)
    actor: Mapped[str] = mapped_column(String(64))
    event: Mapped[AuditEvent] = mapped_column(_member_of(AuditEvent, 32))
    subject: Mapped[str] = mapped_column(String(255), default="")
    detail: Mapped[str] = mapped_column(Text, default="")


# --- What teams own ---


class Policy(Base):
    """One version of what the platform demands of a team's models."""

    __tablename__ = "policies"
    team: Mapped[str] = mapped_column(ForeignKey("teams.name"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[float] = mapped_column(Float)


class Problem(Base):
    """A problem and the team that owns it. inline: whether it is written in the `model.yaml` of its only model."""

    __tablename__ = "problems"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    team: Mapped[str] = mapped_column(ForeignKey("teams.name"), index=True)
    dataset: Mapped[str] = mapped_column(String(40), index=True)
    inline: Mapped[bool] = mapped_column(Boolean)
    by: Mapped[str] = mapped_column(String(64))
    created: Mapped[float] = mapped_column(Float)


class ProblemVersion(Base):
    """One version of a problem, as its owner wrote it. expectations, scorer: the texts of the files that it names."""

    __tablename__ = "problem_versions"
    problem: Mapped[str] = mapped_column(ForeignKey("problems.name"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    expectations: Mapped[str | None] = mapped_column(Text)
    scorer: Mapped[str | None] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[float] = mapped_column(Float)


class ProblemSplit(Base):
    """How a problem's rows are divided; the first validation fixes it.

    salt: the secret of its hash, hexadecimal; "" for the split of version 0.1, which had none. plan: `jinsu.data.split.Plan`
    as JSON. held: digest of the keys that are held out for ever, or None before the first validation. made: run keys of the
    steps that divided dataset versions and know all these keys, by the version's digest.
    """

    __tablename__ = "problem_splits"
    problem: Mapped[str] = mapped_column(ForeignKey("problems.name"), primary_key=True)
    salt: Mapped[str] = mapped_column(String(64))
    plan: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    held: Mapped[str | None] = mapped_column(String(64))
    made: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)


class Look(Base):
    """One evaluation of a run on a problem's held-out rows."""

    __tablename__ = "looks"
    problem: Mapped[str] = mapped_column(ForeignKey("problems.name"), primary_key=True)
    run: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[float] = mapped_column(Float)


class Model(Base):
    """A model name, the problem that it answers, and the team that owns both."""

    __tablename__ = "models"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    team: Mapped[str] = mapped_column(ForeignKey("teams.name"), index=True)
    problem: Mapped[str] = mapped_column(ForeignKey("problems.name"))
    by: Mapped[str] = mapped_column(String(64))
    created: Mapped[float] = mapped_column(Float)


class Dataset(Base):
    """A dataset name and the team that owns it."""

    __tablename__ = "datasets"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    team: Mapped[str] = mapped_column(ForeignKey("teams.name"), index=True)
    by: Mapped[str] = mapped_column(String(64))
    created: Mapped[float] = mapped_column(Float)


# --- Runs ---


class Submission(Base):
    """A model spec, a code snapshot and a submitter, once per idempotency key.

    spec: with what the submission replaced; code_params: `train.params` as they stand in the code's own model.yaml. placed:
    when it got its place among the runs that work; None while it waits for one.
    """

    __tablename__ = "submissions"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    submitter: Mapped[str] = mapped_column(String(64))
    idempotency_key: Mapped[str] = mapped_column(String(128))
    model: Mapped[str] = mapped_column(String(40), index=True)
    team: Mapped[str] = mapped_column(String(40))
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    problem: Mapped[str] = mapped_column(String(40), index=True)
    rules: Mapped[dict[str, Any]] = mapped_column(JSON)
    code_params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    code_digest: Mapped[str] = mapped_column(String(64))
    dataset: Mapped[str] = mapped_column(String(80))
    dag_run: Mapped[str | None] = mapped_column(String(250))
    experiment: Mapped[str | None] = mapped_column(String(64))
    mlflow_run: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[SubmissionState] = mapped_column(_member_of(SubmissionState), index=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    created: Mapped[float] = mapped_column(Float, index=True)
    placed: Mapped[float | None] = mapped_column(Float)
    ended: Mapped[float | None] = mapped_column(Float)
    __table_args__ = (UniqueConstraint("submitter", "idempotency_key"),)


class StageRecord(Base):
    """One stage of a run, from its beginning on; the stage `train` has a row for each trial.

    spent: seconds that the controller has seen the stage at work, by a clock that nobody sets; its deadline counts them.
    """

    __tablename__ = "tasks"
    submission: Mapped[str] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    trial: Mapped[int] = mapped_column(Integer, primary_key=True, default=0)
    state: Mapped[StageState] = mapped_column(_member_of(StageState))
    detail: Mapped[str] = mapped_column(Text, default="")
    run_key: Mapped[str | None] = mapped_column(String(64), index=True)
    started: Mapped[float] = mapped_column(Float)
    spent: Mapped[float] = mapped_column(Float, default=0.0)
    ended: Mapped[float | None] = mapped_column(Float)
    output: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class Candidate(Base):
    """The intent to register a package, and then the version that it became: one row for each submission and package.

    `package` is the run key of the stage `package`; model servers are started from that step's outputs. contents: digest of
    the package's files, which a server compares before it loads them. memory: bytes that the model took when it was packaged.
    image: in which a python model answers on Kubernetes; NULL for every other. gpu: GPUs of each of its servers; NULL for none.
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
    contents: Mapped[str | None] = mapped_column(String(64))
    memory: Mapped[int | None] = mapped_column(BigInteger)
    image: Mapped[str | None] = mapped_column(Text)
    gpu: Mapped[int | None] = mapped_column()
    __table_args__ = (UniqueConstraint("model", "version"),)


class Review(Base):
    """The question to reviewers about one candidate, and where it stands.

    needed: how many people must approve; self_approval: whether the submitter counts among them: both from the rules of the
    day on which the question was asked. reviewer: who decided, several names with commas between them. due: when a reviewer
    is reminded next.
    """

    __tablename__ = "reviews"
    submission: Mapped[str] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    model: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(16))
    state: Mapped[ReviewState] = mapped_column(_member_of(ReviewState), index=True)
    needed: Mapped[int] = mapped_column(Integer, default=1)
    self_approval: Mapped[bool] = mapped_column(Boolean, default=False)
    due: Mapped[float | None] = mapped_column(Float)
    reviewer: Mapped[str | None] = mapped_column(Text)
    via: Mapped[Door | None] = mapped_column(_member_of(Door))
    reason: Mapped[str] = mapped_column(Text, default="")
    asked: Mapped[float] = mapped_column(Float)
    answered: Mapped[float | None] = mapped_column(Float)


class Opinion(Base):
    """What one reviewer said about a candidate; the person's last word counts while the question is open."""

    __tablename__ = "opinions"
    submission: Mapped[str] = mapped_column(ForeignKey("reviews.submission"), primary_key=True)
    person: Mapped[str] = mapped_column(String(64), primary_key=True)
    verdict: Mapped[Verdict] = mapped_column(_member_of(Verdict))
    via: Mapped[Door] = mapped_column(_member_of(Door))
    reason: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[float] = mapped_column(Float)


class Revocation(Base):
    """A version that may serve no longer."""

    __tablename__ = "revocations"
    model: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[str] = mapped_column(String(16), primary_key=True)
    by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[float] = mapped_column(Float)

    @property
    def in_words(self) -> str:
        return f"{self.by} revoked version {self.version}: {self.reason}"


class Rollout(Base):
    """One challenger under live traffic. `state` is that of `release.advance`, written after its weight was applied.

    row_version: how often the row was written; every write is a compare-and-set on it.
    """

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
    row_version: Mapped[int] = mapped_column(Integer, server_default="1")
    __table_args__ = (Index("rollouts_by_model", "model", "created"),)
    __mapper_args__ = {"version_id_col": row_version}  # noqa: RUF012


class Endpoint(Base):
    """The version of a model that has the champion's traffic. MLflow's alias names the version that should have it."""

    __tablename__ = "endpoints"
    model: Mapped[str] = mapped_column(String(40), primary_key=True)
    champion: Mapped[str] = mapped_column(String(16))
    updated: Mapped[float] = mapped_column(Float)


class Move(Base):
    """The intent to give the alias `champion` to a version; written before the alias moves. ended: when its outcome was known.

    `identity` names it; repeating a move finds it.
    """

    __tablename__ = "moves"
    identity: Mapped[str] = mapped_column(String(160), primary_key=True)
    model: Mapped[str] = mapped_column(String(40), index=True)
    version: Mapped[str] = mapped_column(String(16))
    event: Mapped[LedgerEvent] = mapped_column(_member_of(LedgerEvent, 32))
    actor: Mapped[str] = mapped_column(Text)
    submission: Mapped[str | None] = mapped_column(String(40))
    evidence: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text, default="")
    intended: Mapped[float] = mapped_column(Float)
    ended: Mapped[float | None] = mapped_column(Float)


class LedgerEntry(Base):
    """One change of a model's live traffic: which version, by whom, on what evidence. Rows are only ever appended.

    hash: sha256 of the entry and of the hash of the entry before it, so that an edit breaks the chain.
    """

    __tablename__ = "ledger"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[float] = mapped_column(Float)
    model: Mapped[str] = mapped_column(String(40), index=True)
    event: Mapped[LedgerEvent] = mapped_column(_member_of(LedgerEvent, 32))
    version: Mapped[str] = mapped_column(String(16))
    previous: Mapped[str | None] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(Text)
    submission: Mapped[str | None] = mapped_column(String(40))
    evidence: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text, default="")
    identity: Mapped[str] = mapped_column(String(160), unique=True)
    hash: Mapped[str] = mapped_column(String(64))


class LedgerHead(Base):
    """The end of the ledger's chain, in one row: who appends holds it. entries: how many there are; hash: that of the last."""

    __tablename__ = "ledger_head"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    entries: Mapped[int] = mapped_column(Integer)
    hash: Mapped[str] = mapped_column(String(64))


class ControllerEpoch(Base):
    """Which controller may write, in one row. epoch: that of the controller that began last; each takes the next one.

    The epoch is the key, so that PostgreSQL lets `renewed` change while a transaction of the controller holds the row, and
    lets no successor take the next epoch meanwhile. holder: which process it is. renewed: when that process last said, in
    a pass of its loop, that it lives.
    """

    __tablename__ = "controller_epoch"
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(Text, default="")
    renewed: Mapped[float] = mapped_column(Float, default=0.0)


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


class Removal(Base):
    """An object that retention removes. Its row comes first; `done` says that the object is gone.

    name: among the objects, such as `steps/RUN_KEY`. size: in bytes.
    """

    __tablename__ = "removals"
    name: Mapped[str] = mapped_column(String(160), primary_key=True)
    at: Mapped[float] = mapped_column(Float)
    why: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    done: Mapped[bool] = mapped_column(Boolean, default=False)
