"""The records of version 0.1, in which a submitter wrote the rules and a person had one role everywhere, in today's form.

Nothing is lost: tokens open what they opened, runs and reviews keep their states, and the ledger becomes a chain in its
order. Each model gets a problem of its own name. Its split stays the one of version 0.1, so that a row that was held out
stays held out.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from jinsu.spec.former import problem_of
from jinsu.spec.model import ModelSpec
from jinsu.spec.policy import PolicySpec
from jinsu.spec.problem import ProblemSpec
from jinsu.spec.rules import NamedPolicy, NamedProblem, effective
from jinsu.state.chain import COVERED, START, link
from jinsu.state.states import Door, ReviewState, Role, Source, TokenUse, Verdict
from jinsu.state.tables import Base

BY = "version 0.1"
"""Who made the problems, models and memberships that come from the records of version 0.1."""
DEFAULT_TEAM = "default"

_Row = Mapping[str, Any]

_VERDICTS = {ReviewState.APPROVED.value: Verdict.APPROVE, ReviewState.REJECTED.value: Verdict.REJECT}


def convert(connection: Connection) -> None:
    """Fills the new tables and columns from the former ones, in the caller's transaction."""
    submissions = _all(
        connection, "SELECT id, submitter, model, team, spec, dataset, created FROM submissions ORDER BY created"
    )
    users = _all(connection, "SELECT name, role, token_sha256, created FROM users")
    _convert_people(connection, users, submissions)
    latest = {row["model"]: row for row in submissions}
    for row in latest.values():
        _make_problem(connection, row)
    for row in submissions:
        _convert_submission(connection, row, str(latest[row["model"]]["team"]))
    _note_looks(connection)
    _convert_reviews(connection)
    _chain(connection)


def teams_of(submissions: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every team that a run named, and the default one, sorted. Pure."""
    return sorted({DEFAULT_TEAM, *(str(row["team"]) for row in submissions)})


def memberships(user: Mapping[str, Any], submissions: Sequence[Mapping[str, Any]]) -> dict[str, Role]:
    """The teams in which a person of version 0.1 keeps doing what they did, with the role in each. Pure.

    An administrator could do everything everywhere, a reviewer could review everywhere; a researcher worked in the teams
    that the runs named.
    """
    teams = teams_of(submissions)
    if user["role"] == "admin":
        return dict.fromkeys(teams, Role.OWNER)
    if user["role"] == "reviewer":
        return dict.fromkeys(teams, Role.REVIEWER)
    own = {str(row["team"]) for row in submissions if row["submitter"] == user["name"]}
    return dict.fromkeys(sorted(own or {DEFAULT_TEAM}), Role.RESEARCHER)


def problem_spec(spec: Mapping[str, Any], dataset: str) -> ProblemSpec:
    """The problem that a stored spec of version 0.1 describes. Pure.

    dataset: the pinned version; the problem takes the latest one.
    """
    return ProblemSpec.model_validate(problem_of(spec) | {"dataset": dataset.partition("@")[0]})


def model_spec(spec: Mapping[str, Any]) -> ModelSpec:
    """A stored spec of version 0.1 in today's form; its problem has the model's name. Pure."""
    canary = spec.get("release", {}).get("canary", {})
    asks_nobody = spec.get("release", {}).get("review") == "none"
    release = {"canary": canary, **({"review": {"approvers": 0}} if asks_nobody else {})}
    kept = {"name": spec["name"], "problem": spec["name"], "train": spec["train"], "release": release}
    return ModelSpec.model_validate({**kept, "serve": spec.get("serve", {})})


def _make_problem(connection: Connection, row: _Row) -> None:
    problem = problem_spec(row["spec"], row["dataset"])
    name, team, now = str(row["model"]), str(row["team"]), float(row["created"])
    document = problem.model_dump(mode="json", exclude_defaults=True)
    _add(connection, "problems", name=name, team=team, dataset=problem.dataset, inline=True, by=BY, created=now)
    _add(connection, "problem_versions", problem=name, version=1, document=document, expectations=None, by=BY, at=now)
    _add(connection, "problem_splits", problem=name, salt="", plan=None, held=None)
    _add(connection, "models", name=name, team=team, problem=name, by=BY, created=now)
    known = sa.text("SELECT name FROM datasets WHERE name = :name")
    if connection.execute(known, {"name": problem.dataset}).first() is None:
        _add(connection, "datasets", name=problem.dataset, team=team, by=BY, created=now)


def _convert_submission(connection: Connection, row: _Row, team: str) -> None:
    spec, name = model_spec(row["spec"]), str(row["model"])
    problem = NamedProblem(name, 1, team, problem_spec(row["spec"], row["dataset"]))
    # The policy of that day: any reviewer could approve, and a spec could ask for none.
    day = PolicySpec.model_validate({"review": {"approvers": 0}})
    rules = effective(spec, problem, NamedPolicy(team, 0, day), str(row["dataset"]))
    table = Base.metadata.tables["submissions"]
    connection.execute(
        table.update()
        .where(table.c.id == row["id"])
        .values(
            spec=spec.model_dump(mode="json"),
            rules=rules.model_dump(mode="json"),
            code_params=spec.train.params,
            problem=name,
        )
    )


def _note_looks(connection: Connection) -> None:
    evaluated = _all(
        connection,
        "SELECT s.model, s.id, t.started FROM tasks t JOIN submissions s ON s.id = t.submission"
        " WHERE t.name = 'evaluate' AND t.state IN ('done', 'failed')",
    )
    for row in evaluated:
        _add(connection, "looks", problem=row["model"], run=row["id"], at=row["started"])


def _convert_people(connection: Connection, users: Sequence[_Row], submissions: Sequence[_Row]) -> None:
    now = time.time()
    for team in teams_of(submissions):
        _add(connection, "teams", name=team, created=now)
    for user in users:
        name = user["name"]
        admin = user["role"] == "admin"
        _add(
            connection,
            "people",
            name=name,
            admin=admin,
            password=None,
            subject=None,
            created=user["created"],
            left=None,
        )
        token = hashlib.sha256(user["token_sha256"].encode()).hexdigest()[:10]
        _add(
            connection,
            "tokens",
            **{"id": token, "person": name, "sha256": user["token_sha256"], "use": TokenUse.API, "label": f"from {BY}"},
            **{"created": user["created"], "expires": None, "last_used": None, "revoked": None},
        )
        for team, role in memberships(user, submissions).items():
            _add(connection, "memberships", person=name, team=team, role=role, source=Source.LOCAL, since=now)


def _convert_reviews(connection: Connection) -> None:
    connection.execute(sa.text("UPDATE reviews SET needed = 0 WHERE via = :via"), {"via": Door.SPEC.value})
    # Where somebody approved an own model, that team's policy of the day allowed it.
    connection.execute(
        sa.text(
            "UPDATE reviews SET self_approval = true WHERE reviewer ="
            " (SELECT submitter FROM submissions WHERE submissions.id = reviews.submission)"
        )
    )
    answered = _all(
        connection, "SELECT submission, state, reviewer, via, reason, answered FROM reviews WHERE reviewer IS NOT NULL"
    )
    for row in answered:
        if row["state"] in _VERDICTS and row["via"] != Door.SPEC.value:
            _add(
                connection,
                "opinions",
                submission=row["submission"],
                person=row["reviewer"],
                verdict=_VERDICTS[row["state"]],
                via=Door(row["via"]),
                reason=row["reason"],
                at=row["answered"],
            )


def _chain(connection: Connection) -> None:
    entries = _all(connection, f"SELECT id, {', '.join(COVERED)} FROM ledger ORDER BY id")  # noqa: S608  constants
    last = START
    for entry in entries:
        last = link(last, entry)
        connection.execute(sa.text("UPDATE ledger SET hash = :hash WHERE id = :id"), {"hash": last, "id": entry["id"]})
    _add(connection, "ledger_head", id=1, entries=len(entries), hash=last)


def _all(connection: Connection, question: str) -> Sequence[_Row]:
    columns = {"spec": sa.JSON()} if " spec," in question else {}
    found = connection.execute(sa.text(question).columns(**columns)).mappings().all()
    return [dict(row) for row in found]


def _add(connection: Connection, table: str, **values: Any) -> None:
    """Adds a row with these columns, and with no other: a later revision may have given the table more."""
    known = Base.metadata.tables[table].columns
    columns = (sa.column(name, known[name].type) for name in values)
    connection.execute(sa.table(table, *columns).insert().values(**values))
