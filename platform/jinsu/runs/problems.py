"""Problems: versions of what is predicted and how it is judged, each owned by a team.

A new version may change how candidates are judged. What is predicted, from which dataset, and which rows are held out is
fixed by the first version: a model that was judged on other rows could not be compared.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jinsu.data.datasets import DatasetStore
from jinsu.errors import BadInputError, ConflictError, ForbiddenError, NotFoundError
from jinsu.identity import audit
from jinsu.identity.people import Person
from jinsu.spec.problem import ProblemSpec
from jinsu.spec.rules import NamedProblem
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent, Kept, Role
from jinsu.state.tables import Dataset, Look, Problem, ProblemSplit, ProblemVersion

_SHOWN = 10
MOST_SCORER = 64 << 10
"""Bytes of a scorer."""
FIXED = ("dataset", "target", "split")
"""Fields that every version of a problem has in common."""


@dataclass(frozen=True)
class Files:
    """The texts of the files that a problem names; None for one that it does not name."""

    expectations: str | None
    scorer: str | None = None


@dataclass(frozen=True)
class Problems:
    """Puts and shows problems. split_secret: what the secrets of new splits follow from."""

    database: Database
    datasets: DatasetStore
    split_secret: str

    def put(
        self, person: Person, spec: ProblemSpec, expectations: str | None, team: str = "", scorer: str | None = None
    ) -> NamedProblem:
        """Makes a problem, or its next version; the same document again changes nothing. Owners may.

        expectations, scorer: the texts of the files that it names. team: needed when the person owns problems of several
        teams. Raises BadInputError, ForbiddenError, ConflictError.
        """
        if spec.name is None:
            raise BadInputError("problem.yaml: name: is missing; write it like categories.")
        try:
            return self._put(person, spec, spec.name, Files(expectations, scorer), team)
        except IntegrityError:
            raise ConflictError(f"problem {spec.name!r} was just made by another person; try again.") from None

    def _put(self, person: Person, spec: ProblemSpec, name: str, files: Files, team: str) -> NamedProblem:
        with self.database.begin() as session:
            known = session.get(Problem, name, with_for_update=True)
            if known is None:
                owner = team_for(person, team, Role.OWNER)
                may_use_dataset(session, person, spec.dataset, owner)
                refuse_judged_dataset(session, person, spec.dataset)
                self._check_columns(spec)
                rows = new_problem(spec, name, owner, person.name, files, inline=False, secret=self.split_secret)
                for row in rows:
                    session.add(row)
                    session.flush()
                audit.note(session, person.name, AuditEvent.PROBLEM_PUT, name, "version 1")
                return NamedProblem(name, 1, owner, spec)
            if not person.sees(Kept.PROBLEM, known.name, known.team):
                raise ConflictError(f"problem {name!r} is taken by another team; choose another name.")
            person.require(Role.OWNER, known.team)
            return self._next(session, known, person.name, spec, files)

    def _check_columns(self, spec: ProblemSpec) -> None:
        version = self.datasets.resolve(spec.dataset)
        check_problem_columns(spec, list(version.schema), has_rows=version.has_rows)

    def _next(self, session: Session, known: Problem, by: str, spec: ProblemSpec, files: Files) -> NamedProblem:
        last = latest(session, known.name)
        version = next_version(last, spec, known.name, by, files)
        known.inline = False
        if version is None:
            return named(known, last)
        self._check_columns(spec)
        session.add(version)
        audit.note(session, by, AuditEvent.PROBLEM_PUT, known.name, f"version {version.version}")
        return named(known, version)

    def get(self, person: Person, name: str) -> tuple[Problem, Sequence[ProblemVersion], int]:
        """A problem, its versions newest first, and how often its held-out rows were looked at.

        Raises NotFoundError for an unknown problem and for one that the person may not see.
        """
        with self.database.begin() as session:
            row = seen(session, person, name)
            versions = select(ProblemVersion).where(ProblemVersion.problem == name)
            every = session.scalars(versions.order_by(ProblemVersion.version.desc())).all()
            return row, every, looks(session, name)

    def all(self, person: Person) -> list[Problem]:
        """Every problem that the person may see, by name."""
        with self.database.begin() as session:
            rows = session.scalars(select(Problem).order_by(Problem.name)).all()
        return [row for row in rows if person.sees(Kept.PROBLEM, row.name, row.team)]


def team_for(person: Person, team: str, role: Role) -> str:
    """The team for which a person acts: the one that is named, else the only one in which the person has the role. Pure.

    Raises ForbiddenError, and BadInputError when it must be named.
    """
    if team:
        person.require(role, team)
        return team
    own = sorted(name for name in person.teams if person.has(role, name))
    if not own:
        raise ForbiddenError(
            f"{person.name} is no {role} of any team; an administrator adds people: jinsu team set-role"
        )
    if len(own) > 1:
        raise BadInputError(f"{person.name} is a {role} of {', '.join(own)}: say for which team, with --team.")
    return own[0]


def split_salt(secret: str, dataset: str) -> str:
    """The secret of every split of a dataset, 64 hexadecimal digits.

    It follows from the dataset, so that problems over the same rows hold the same rows out when they name them alike, and
    what `jinsu check` shows before a problem exists is what its first run will train on. A process that is not trusted with
    the installation's secret, such as a stage in Kubeflow, has "" and draws one.
    """
    if not secret:
        return secrets.token_hex(32)
    return hmac.new(secret.encode(), f"split of {dataset}".encode(), hashlib.sha256).hexdigest()


def new_problem(
    spec: ProblemSpec, name: str, team: str, by: str, files: Files, *, inline: bool, secret: str
) -> tuple[Problem, ProblemVersion, ProblemSplit]:
    """The records of a problem that does not exist yet. secret: that of the installation's splits."""
    now, dataset = time.time(), spec.dataset.partition("@")[0]
    return (
        Problem(name=name, team=team, dataset=dataset, inline=inline, by=by, created=now),
        _version(spec, name, 1, by, files, now),
        ProblemSplit(problem=name, salt=split_salt(secret, dataset), plan=None, held=None),
    )


def next_version(
    last: ProblemVersion, spec: ProblemSpec, name: str, by: str, files: Files
) -> ProblemVersion | None:
    """The record of the next version; None when it says the same. Pure.

    Raises ConflictError when the document changes what is fixed.
    """
    before = ProblemSpec.model_validate(last.document)
    for field in FIXED:
        old, new = getattr(before, field), getattr(spec, field)
        if old != new:
            raise ConflictError(
                f"problem {name}: {field}: the first version fixed it ({_shown(old)}), because models were judged by it; "
                f"make a problem of another name for {_shown(new)}."
            )
    same_files = files.expectations in (last.expectations, None) and files.scorer == last.scorer
    if _document(spec) == last.document and same_files:
        return None
    return _version(spec, name, last.version + 1, by, files, time.time())


def _version(spec: ProblemSpec, name: str, number: int, by: str, files: Files, at: float) -> ProblemVersion:
    return ProblemVersion(
        problem=name,
        version=number,
        document=_document(spec),
        expectations=files.expectations,
        scorer=files.scorer,
        by=by,
        at=at,
    )


def is_of_version_0_1(last: ProblemVersion, version: ProblemVersion) -> bool:
    """Whether the next version only adds the text of the expectations, of which version 0.1 kept the file's name. Pure.

    An owner's submission adds it; until then each submission is checked by the file in its own code, as before.
    """
    return last.expectations is None and (version.document, version.scorer) == (last.document, last.scorer)


def latest(session: Session, name: str) -> ProblemVersion:
    """The newest version of a problem that exists."""
    query = select(ProblemVersion).where(ProblemVersion.problem == name).order_by(ProblemVersion.version.desc())
    return session.scalars(query.limit(1)).one()


def latest_spec(session: Session, name: str) -> ProblemSpec:
    """The newest version of a problem, as its owner wrote it."""
    return ProblemSpec.model_validate(latest(session, name).document)


def named(problem: Problem, version: ProblemVersion) -> NamedProblem:
    """A version as the rules name it."""
    spec = ProblemSpec.model_validate(version.document)
    return NamedProblem(problem.name, version.version, problem.team, spec)


def seen(session: Session, person: Person, name: str) -> Problem:
    """The problem of this name. Raises NotFoundError also for one that the person may not see."""
    row = session.get(Problem, name)
    if row is None or not person.sees(Kept.PROBLEM, row.name, row.team):
        raise NotFoundError(
            f"problem {name!r} does not exist, or no team of {person.name} may read it; see: jinsu problem list"
        )
    return row


def looks(session: Session, problem: str) -> int:
    """How many runs were scored on the problem's held-out rows."""
    return session.scalar(select(func.count()).select_from(Look).where(Look.problem == problem)) or 0


def may_use_dataset(session: Session, person: Person, reference: str, team: str) -> None:
    """Raises NotFoundError when the team owns no dataset of this name and was let read none.

    reference: as a problem names the dataset.
    """
    name = reference.partition("@")[0]
    row = session.get(Dataset, name)
    if row is None or not (row.team == team or person.sees(Kept.DATASET, name, row.team)):
        own = session.scalars(select(Dataset.name).where(Dataset.team == team).order_by(Dataset.name).limit(_SHOWN))
        raise NotFoundError(
            f"dataset {name!r} does not exist, or team {team} may not read it; the team has {', '.join(own) or 'none yet'}. "
            f"Add it: jinsu data put {name} PATH"
        )


def check_problem_columns(problem: ProblemSpec, columns: Sequence[str], *, has_rows: bool) -> None:
    """Every column that the problem names must exist in the dataset: a typo in the split would be fixed for ever. Pure."""
    if not has_rows:
        raise BadInputError(
            f"problem: dataset: {problem.dataset} is a set of files without a table; put the folder again: jinsu data put."
        )
    places: dict[str, list[str]] = {
        "problem: target": [problem.target],
        "problem: features": problem.features or [],
        "problem: slices": list(problem.slices),
        "problem: split": problem.split.columns,
        **{
            f"problem: {line}": [name]
            for line in ("query", "series", "scale", "reward", "propensity")
            if (name := getattr(problem, line)) is not None
        },
    }
    for where, names in places.items():
        require_columns(where, names, problem.dataset, columns)


def check_scorer(text: str, where: str) -> None:
    """A scorer is kept with its problem and read by people. Raises BadInputError for what is no text of a few pages. Pure."""
    if len(text.encode(errors="replace")) > MOST_SCORER:
        raise BadInputError(f"{where}: larger than {MOST_SCORER >> 10} KiB; a scorer is a few functions, data belongs in a dataset.")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise BadInputError(f"{where}: is not text in UTF-8.")


def require_columns(where: str, names: Sequence[str], dataset: str, columns: Sequence[str]) -> None:
    """Raises BadInputError for the first name that is no column of the dataset. Pure."""
    for column in names:
        if column not in columns:
            raise BadInputError(f"{where}: dataset {dataset} has no column {column!r}; it has {', '.join(columns)}.")


def refuse_judged_dataset(session: Session, person: Person, reference: str) -> None:
    """A second problem over rows that a kept problem holds out could show them: only an owner of the dataset makes one.

    Raises ForbiddenError.
    """
    name = reference.partition("@")[0]
    judging = session.scalar(select(Problem).where(Problem.dataset == name, ~Problem.inline).limit(1))
    owner = session.get(Dataset, name)
    if judging is not None and owner is not None and not person.has(Role.OWNER, owner.team):
        raise ForbiddenError(
            f"dataset {name!r} belongs to problem {judging.name!r}, which holds rows of it out; write "
            f"`problem: {judging.name}`, or ask an owner of team {owner.team}, which owns the dataset, for a new problem."
        )


def _document(spec: ProblemSpec) -> dict[str, object]:
    return spec.model_dump(mode="json", exclude_defaults=True, exclude={"name"})


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    if not hasattr(value, "model_dump"):
        return str(value)
    return str(value.model_dump(mode="json", exclude_defaults=True) or value.model_dump(mode="json", exclude_none=True))
