"""Admission: every submission, from the command line or from the Airflow form, passes these checks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.errors import BadInputError, ConflictError, ForbiddenError
from jinsu.identity.people import Person
from jinsu.identity.policies import policy_of
from jinsu.runs.environments import with_requirements
from jinsu.runs.places import waits_for_others
from jinsu.runs.problems import (
    Files,
    check_problem_columns,
    check_scorer,
    is_of_version_0_1,
    latest,
    may_use_dataset,
    named,
    new_problem,
    next_version,
    refuse_judged_dataset,
    require_columns,
    seen,
    team_for,
)
from jinsu.runs.removals import objects_of, removed_since
from jinsu.runs.snapshots import SnapshotStore, read_member
from jinsu.spec.load import FILE_NAME, new_spec_from, parse_spec
from jinsu.spec.model import ModelSpec
from jinsu.spec.problem import ProblemSpec
from jinsu.spec.rules import NamedProblem, Rules, effective
from jinsu.state.database import Database
from jinsu.state.states import Role, SubmissionState
from jinsu.state.tables import Base, Model, Problem, ProblemVersion, Submission

MAX_OPEN = 1000
"""The most runs that may work or wait for a place; those that wait for a review or for traffic are not counted."""
_CLOCKS_DIFFER = 30.0
"""By how many seconds the clocks of two machines may differ."""
_DAY = 86400.0
_TRIES = 4


@dataclass(frozen=True)
class Request:
    """What a submitter hands over. `overrides` replaces parts of the snapshot's spec (`{"train.params.lr": 0.1}`).

    team: for whom, when the submitter is in several teams and the model is new.
    """

    submitter: Person
    code_digest: str
    idempotency_key: str
    overrides: Mapping[str, Any]
    dag_run: str | None = None
    team: str = ""


@dataclass(frozen=True)
class Capacity:
    """What an installation can run. gpus: how many one training may ask for.

    gpu_types: the names that `train.resources.gpu_type` may take, and teams: the teams that have a place; None where the
    installation names none, so that any is accepted. images: whether a training may run in an image of its own. no_serving_gpu: why no
    model server can get a GPU, as a sentence without its end; "" where one can.
    """

    gpus: int = 0
    gpu_types: frozenset[str] | None = None
    teams: frozenset[str] | None = None
    images: bool = False
    no_serving_gpu: str = ""


@dataclass(frozen=True)
class Plan:
    """A submission that would be admitted.

    code_params: `train.params` as the code's own model.yaml has them. expectations: the text of the problem's file. changes:
    the records of a problem or a model that are new with it.
    """

    spec: ModelSpec
    code_params: Mapping[str, Any]
    problem: ProblemSpec
    rules: Rules
    version: DatasetVersion
    expectations: str | None
    changes: Sequence[Base] = field(default_factory=tuple)


@dataclass(frozen=True)
class Admission:
    """Checks and records submissions. split_secret: what the secrets of new splits follow from."""

    database: Database
    snapshots: SnapshotStore
    datasets: DatasetStore
    capacity: Capacity
    split_secret: str

    def admit(self, request: Request) -> tuple[Submission, bool]:
        """Records the submission, or finds the one made with the same key; says whether it is new.

        Raises BadInputError or NotFoundError for a spec that cannot run here, ForbiddenError for somebody who may not submit
        to the model, ConflictError when the key was used for other code, or when too many runs are open or were submitted.
        """
        if not 1 <= len(request.idempotency_key) <= 128 or not request.idempotency_key.isprintable():
            raise BadInputError("idempotency key: give 1 to 128 printable characters.")
        if (known := self._find(request)) is not None:
            return _same(known, request), False
        for _ in range(_TRIES):
            plan = self.check(request.submitter, request.code_digest, request.overrides, request.team)
            row = _row(request, plan)
            try:
                self._add(row, plan)
            except (
                IntegrityError
            ):  # another submission came in between: the same one, or one that made the model or problem
                if (known := self._find(request)) is not None:
                    return _same(known, request), False
            else:
                self._refuse_removed(row)
                return row, True
        raise ConflictError(f"model {row.model!r} or its problem was just made by another submission; try again.")

    def check(self, person: Person, code_digest: str, overrides: Mapping[str, Any], team: str = "") -> Plan:
        """What the code's spec stands for, and the rules that it would run under; nothing is recorded."""
        code = self.snapshots.get(code_digest)
        written = _written(code)
        spec = with_requirements(_replaced(written, overrides), code)
        with self.database.begin() as session:
            problem, changes = _problem(session, person, spec, code, team, self.split_secret)
            policy = policy_of(session, problem.team)
            expectations = _text(session, problem, changes)
        version = self.datasets.resolve(problem.spec.dataset)
        rules = effective(spec, problem, policy, version.reference)
        check_capacity(spec, problem.team, self.capacity)
        check_columns(spec, problem.spec, list(version.schema), has_rows=version.has_rows)
        return Plan(spec, written.train.params, problem.spec, rules, version, expectations, changes)

    def _add(self, row: Submission, plan: Plan) -> None:
        with self.database.begin() as session:
            open_runs = select(func.count()).select_from(Submission).where(Submission.ended.is_(None))
            number = session.scalar(open_runs.where(~waits_for_others())) or 0
            if number >= MAX_OPEN:
                raise ConflictError(
                    f"{number} runs are open that wait for no person, the limit is {MAX_OPEN}; wait, or cancel some."
                )
            _refuse_too_many(session, row, plan.rules)
            for change in plan.changes:
                session.merge(change) if isinstance(change, Model) else session.add(change)
                session.flush()
            session.add(row)

    def _refuse_removed(self, row: Submission) -> None:
        """Ends a run whose code or data retention removed while it was admitted. Raises ConflictError."""
        name = removed_since(self.database, objects_of(row, ()), row.created - _CLOCKS_DIFFER)
        if name is None:
            return
        reason = f"{name[:24]}… was removed by retention at this very moment; submit again with a new key."
        with self.database.begin() as session:
            kept = session.get_one(Submission, row.id, with_for_update=True)
            kept.state, kept.reason, kept.ended = SubmissionState.FAILED, reason, time.time()
        raise ConflictError(reason)

    def _find(self, request: Request) -> Submission | None:
        with self.database.begin() as session:
            return session.scalar(
                select(Submission).where(
                    Submission.submitter == request.submitter.name,
                    Submission.idempotency_key == request.idempotency_key,
                )
            )


def _problem(
    session: Session, person: Person, spec: ModelSpec, code: bytes, team: str, secret: str
) -> tuple[NamedProblem, list[Base]]:
    """The problem that the spec answers, and the records that are new with this submission.

    Raises ForbiddenError when the person may not submit to the model, NotFoundError for an unknown problem, ConflictError
    for a model name that is taken, BadInputError for a problem of another team than the one that is named.
    """
    model = session.get(Model, spec.name)
    if model is not None and model.team not in person.teams:
        raise ConflictError(f"{FILE_NAME}: name: {spec.name!r} is taken by another team; choose another name.")
    if model is not None:
        person.require(Role.RESEARCHER, model.team)
    changes: list[Base] = []
    if isinstance(spec.problem, str):
        row = seen(session, person, spec.problem)
        problem = named(row, latest(session, row.name))
        person.require(Role.RESEARCHER, problem.team)
    else:
        problem, changes = _inline(session, person, spec, spec.problem, code, model, team, secret)
    if team and problem.team != team:
        raise BadInputError(f"{FILE_NAME}: problem: {problem.name!r} belongs to team {problem.team}, not to {team}.")
    if model is None:
        made = Model(name=spec.name, team=problem.team, problem=problem.name, by=person.name, created=time.time())
        return problem, [*changes, made]
    if model.problem != problem.name:
        if not person.has(Role.OWNER, model.team) or problem.team != model.team:
            raise ForbiddenError(
                f"{FILE_NAME}: problem: model {spec.name!r} answers problem {model.problem!r}; only an owner of team "
                f"{model.team} may turn it to {problem.name!r}. Write `problem: {model.problem}`, or choose another name."
            )
        turned = {"name": model.name, "team": model.team, "by": model.by, "created": model.created}
        changes = [*changes, Model(**turned, problem=problem.name)]
    return problem, changes


def _inline(
    session: Session,
    person: Person,
    spec: ModelSpec,
    problem: ProblemSpec,
    code: bytes,
    model: Model | None,
    team: str,
    secret: str,
) -> tuple[NamedProblem, list[Base]]:
    """A problem that is written in model.yaml: new, as it was, or changed by an owner."""
    name, files = problem.name or spec.name, _files(code, problem)
    known = session.get(Problem, name)
    if known is None:
        owner = model.team if model is not None else team_for(person, team, Role.RESEARCHER)
        may_use_dataset(session, person, problem.dataset, owner)
        refuse_judged_dataset(session, person, problem.dataset)
        made = new_problem(problem, name, owner, person.name, files, inline=True, secret=secret)
        return NamedProblem(name, 1, owner, problem), list(made)
    if known.team not in person.teams:
        raise ConflictError(f"{FILE_NAME}: problem: {name!r} is taken by another team; choose another name.")
    if not known.inline:
        raise BadInputError(
            f"{FILE_NAME}: problem: {name!r} is kept by team {known.team} in a problem.yaml of its own; "
            f"write `problem: {name}` instead."
        )
    last = latest(session, name)
    version = next_version(last, problem, name, person.name, files)
    if version is None or (is_of_version_0_1(last, version) and not person.has(Role.OWNER, known.team)):
        return named(known, last), []
    if not person.has(Role.OWNER, known.team):
        raise ForbiddenError(
            f"{FILE_NAME}: problem: it differs from version {last.version} of problem {name!r}; only an owner of team "
            f"{known.team} changes how models are judged. Write `problem: {name}` to take it as it is."
        )
    return named(known, version), [version]


def _text(session: Session, problem: NamedProblem, changes: Sequence[Base]) -> str | None:
    """The expectations of the problem's version, which may be new with this submission."""
    made = next((row for row in changes if isinstance(row, ProblemVersion)), None)
    kept = made or session.get(ProblemVersion, (problem.name, problem.version))
    return None if kept is None else kept.expectations


def _files(code: bytes, problem: ProblemSpec) -> Files:
    """The texts of the files that an inline problem names. Raises BadInputError when the folder has no such file."""
    scorer = _file(code, "scorer", problem.scorer)
    if scorer is not None:
        check_scorer(scorer, f"{FILE_NAME}: problem.scorer")
    return Files(_file(code, "expectations", problem.expectations), scorer)


def _file(code: bytes, line: str, name: str | None) -> str | None:
    if name is None:
        return None
    text = read_member(code, name)
    if text is None:
        raise BadInputError(f"{FILE_NAME}: problem.{line}: the folder has no file {name!r}.")
    return text


def _refuse_too_many(session: Session, row: Submission, rules: Rules) -> None:
    if rules.per_day is None:
        return
    session.get(Problem, row.problem, with_for_update=True)  # two at once count one after the other
    recent = select(Submission.created).where(
        Submission.submitter == row.submitter,
        Submission.problem == row.problem,
        Submission.created > row.created - _DAY,
    )
    times = sorted(session.scalars(recent))
    if len(times) >= rules.per_day:
        hours = (times[-rules.per_day] + _DAY - row.created) / 3600
        document = rules.documents.get("submissions.per_day", "")
        raise ConflictError(
            f"{row.submitter} has submitted {len(times)} times to problem {row.problem} in 24 hours, "
            f"{document} allows {rules.per_day}; the next one may come in {hours:.1f} hours."
        )


def submission_id(model: str, submitter: str, key: str) -> str:
    """`digits-4f1c9a2b3d`: readable, and the same for the same submitter and key."""
    digest = hashlib.sha256(f"{submitter}\0{key}".encode()).hexdigest()
    return f"{model[:28]}-{digest[:10]}"


def _row(request: Request, plan: Plan) -> Submission:
    spec = plan.spec.model_copy(update={"problem": plan.rules.problem})
    return Submission(
        id=submission_id(spec.name, request.submitter.name, request.idempotency_key),
        submitter=request.submitter.name,
        idempotency_key=request.idempotency_key,
        model=spec.name,
        team=plan.rules.team,
        spec=spec.model_dump(mode="json"),
        problem=plan.rules.problem,
        rules=plan.rules.model_dump(mode="json"),
        code_params=dict(plan.code_params),
        code_digest=request.code_digest,
        dataset=plan.version.reference,
        dag_run=request.dag_run,
        experiment=None,
        mlflow_run=None,
        state=SubmissionState.ACCEPTED,
        reason="",
        created=time.time(),
        ended=None,
    )


def _written(code: bytes) -> ModelSpec:
    """The spec as the code holds it."""
    text = read_member(code, FILE_NAME)
    if text is None:
        raise BadInputError(f"code snapshot: it holds no {FILE_NAME} at its top.")
    return parse_spec(text)


def _replaced(spec: ModelSpec, overrides: Mapping[str, Any]) -> ModelSpec:
    """The spec with what the submission replaces."""
    if not overrides:
        return spec
    document = spec.model_dump(mode="json", exclude_unset=True)
    for path, value in overrides.items():
        _assign(document, path, value)
    return new_spec_from(document, "submission")


def _assign(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for part in parents:
        document = document.setdefault(part, {})
        if not isinstance(document, dict):
            raise BadInputError(f"submission: {path}: {part!r} holds no fields that could be replaced.")
    document[last] = value


def _same(known: Submission, request: Request) -> Submission:
    if known.code_digest != request.code_digest:
        raise ConflictError(
            f"idempotency key {request.idempotency_key!r} was used for run {known.id} with other code; use a new key."
        )
    return known


def check_columns(spec: ModelSpec, problem: ProblemSpec, columns: Sequence[str], *, has_rows: bool) -> None:
    """Every column that the problem and the spec name must exist in the dataset."""
    check_problem_columns(problem, columns, has_rows=has_rows)
    require_columns(f"{FILE_NAME}: features", spec.features or [], problem.dataset, columns)


def check_capacity(spec: ModelSpec, team: str, capacity: Capacity) -> None:
    """The installation must have a place for the team and the resources that the spec names."""
    resources = spec.train.resources
    if capacity.teams is not None and team not in capacity.teams:
        raise BadInputError(
            f"team {team!r} has no place to train on this platform; it has {_listed(capacity.teams)}. "
            "A platform engineer adds it to the chart's values: teams."
        )
    if resources.gpu > capacity.gpus:
        raise BadInputError(
            f"{FILE_NAME}: train.resources.gpu: {resources.gpu} asked for, this platform has {capacity.gpus}."
        )
    if spec.train.image and not capacity.images:
        raise BadInputError(
            f"{FILE_NAME}: train.image: this platform is one machine, where no images run; name the packages in a "
            "requirements.txt instead (train.requirements)."
        )
    if spec.serve.gpu and capacity.no_serving_gpu:
        raise BadInputError(f"{FILE_NAME}: serve.gpu: {capacity.no_serving_gpu}; or leave the line out.")
    wanted = resources.gpu_type
    if resources.gpu and wanted and capacity.gpu_types is not None and wanted not in capacity.gpu_types:
        raise BadInputError(
            f"{FILE_NAME}: train.resources.gpu_type: {wanted!r} is not on this platform; it has {_listed(capacity.gpu_types)}."
        )


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(name for name in names if name)) or "none by name"
