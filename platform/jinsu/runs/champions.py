"""Moves the alias `champion`: intent first, then the alias, then the endpoint and the ledger together.

Whoever moves a champion holds the model's row meanwhile, so that there is one order. The endpoint's row and the entry in
the ledger change in one transaction: every change of a champion has exactly one entry. A process that dies after the alias
moved has left its intent, from which the controller completes the move.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jinsu.errors import ForbiddenError, GateFailedError, JinsuError, NotFoundError, TransientError
from jinsu.identity import audit
from jinsu.identity.people import PLATFORM, find
from jinsu.registry.mlflow import CHAMPION, Mlflow
from jinsu.release.command import Command, Verb
from jinsu.runs import ledger
from jinsu.runs.rollouts import PROMOTABLE, end_promotions, state_of
from jinsu.runs.standings import require
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent, LedgerEvent, Role
from jinsu.state.tables import Endpoint, LedgerEntry, Model, Move, Rollout

UNKNOWN = "unknown (alias moved past the gate)"
"""The actor of a move of which no door knows."""
_INTENT_SECONDS = 3600.0


@dataclass(frozen=True)
class Intent:
    """A version that is to become the champion. `identity` names the move: repeating it finds the first one."""

    identity: str
    model: str
    version: str
    event: LedgerEvent
    actor: str
    submission: str | None = None
    evidence: str | None = None
    detail: str = ""


@dataclass(frozen=True)
class Champions:
    """Moves champions, and completes the moves of processes that died."""

    database: Database
    mlflow: Mlflow

    def move(self, intent: Intent) -> str:
        """Makes a version the champion; returns the one before, or "". A move that has ended is not done again.

        Raises ForbiddenError when the version may not serve, NotFoundError when Jinsu did not register it, GateFailedError
        when its rollout was taken back, or a reviewer ordered it to abort.
        """
        self._intend(intent)
        try:
            with self.database.begin() as session:
                _hold(session, intent.model)
                move = session.get(Move, intent.identity) or _begun(session, intent)
                if move.ended is not None:
                    return _previous(session, intent)
                require(session, intent.model, intent.version)
                _refuse_taken_back(session, intent.submission)
                self.mlflow.set_alias(intent.model, CHAMPION, intent.version)
                return complete(session, intent.model, intent.version, move)
        except TransientError:
            raise  # whether the alias moved is not known: the intent stays for whoever finds out
        except JinsuError:
            self._give_up(intent)
            raise

    def move_by_hand(self, model: str, version: str, actor: str) -> str:
        """As `move`, for a reviewer who sets the alias in MLflow. Raises ForbiddenError for anybody else."""
        with self.database.begin() as session:
            reviewer_of(session, model, actor)
        return self.move(_by_a_person(LedgerEvent.MOVED_BY_HAND, model, version, actor))

    def roll_back(self, model: str, version: str, actor: str) -> str:
        """As `move`, for a reviewer who goes back to an earlier version. Raises ForbiddenError for anybody else."""
        with self.database.begin() as session:
            reviewer_of(session, model, actor)
        return self.move(_by_a_person(LedgerEvent.ROLLED_BACK, model, version, actor))

    def follow(self, model: str) -> bool:
        """Makes the endpoint and the ledger agree with the alias. Returns whether the endpoint changed.

        An alias on a version that may not serve goes back to the version that serves, or away; so does one that was moved
        by a promotion that died, when the rollout was taken back since.
        """
        with self.database.begin() as session:
            _hold(session, model)
            version = self.mlflow.aliases(model).get(CHAMPION)
            endpoint = session.get(Endpoint, model)
            serving = None if endpoint is None else endpoint.champion
            if version is None or version == serving:
                return False
            intent = _open_intent(session, model, version)
            try:
                require(session, model, version)
                _refuse_taken_back(session, None if intent is None else intent.submission)
            except (ForbiddenError, NotFoundError, GateFailedError) as problem:
                audit.note(session, UNKNOWN, AuditEvent.REFUSED, f"champion of {model}", str(problem))
            else:
                complete(session, model, version, intent)
                return True
        self._put_back(model, version)  # noted first: a process that dies here has left word of it
        return False

    def _put_back(self, model: str, refused: str) -> None:
        with self.database.begin() as session:
            _hold(session, model)
            endpoint = session.get(Endpoint, model)
            if endpoint is None:
                self.mlflow.drop_alias(model, CHAMPION, refused)
            elif self.mlflow.aliases(model).get(CHAMPION) == refused:
                self.mlflow.set_alias(model, CHAMPION, endpoint.champion)

    def _intend(self, intent: Intent) -> None:
        """Records the intent, or that it is still there."""
        with suppress(IntegrityError), self.database.begin() as session:  # another process may do the same now
            known = session.get(Move, intent.identity, with_for_update=True)
            if known is None:
                _begun(session, intent)
            else:
                known.intended = time.time()

    def _give_up(self, intent: Intent) -> None:
        """Forgets an intent that moved nothing, so that the same move may be tried again."""
        with self.database.begin() as session:
            _hold(session, intent.model)
            session.execute(delete(Move).where(Move.identity == intent.identity, Move.ended.is_(None)))


def complete(session: Session, model: str, version: str, move: Move | None) -> str:
    """Points the endpoint at a version and writes the one entry of that change, in one transaction.

    The caller holds the model's row, and the alias is on the version. move: the intent behind it, if any is known. Returns
    the champion before, or "".

    A challenger that waits for the alias at 100 % of traffic is told to abort when another version got it otherwise than by
    a promotion.
    """
    event, actor = (LedgerEvent.MOVED_BY_HAND, UNKNOWN) if move is None else (move.event, move.actor)
    if event is not LedgerEvent.PROMOTED:
        end_promotions(session, model, version, Command(Verb.ABORT, f"{event}: version {version} by {actor}"))
    endpoint = session.get(Endpoint, model)
    previous = "" if endpoint is None else endpoint.champion
    if previous != version:
        if endpoint is None:
            endpoint = Endpoint(model=model)
            session.add(endpoint)
        endpoint.champion, endpoint.updated = version, time.time()
        ledger.append(session, _entry(session, model, version, previous or None, move))
    if move is not None:
        move.ended = time.time()
    return previous


def reviewer_of(session: Session, model: str, person: str) -> None:
    """Raises ForbiddenError when the person is no reviewer of the team that owns the model, NotFoundError without one."""
    row, found = session.get(Model, model), find(session, person)
    if row is None:
        raise NotFoundError(f"model {model!r} does not exist.")
    if found is None:
        raise ForbiddenError(f"{person!r} has no account here.")
    found.require(Role.REVIEWER, row.team)


def _by_a_person(event: LedgerEvent, model: str, version: str, actor: str) -> Intent:
    return Intent(f"{event}:{model}:{time.time_ns()}", model, version, event, actor)


def _begun(session: Session, intent: Intent) -> Move:
    move = Move(**asdict(intent), intended=time.time())
    session.add(move)
    return move


def _previous(session: Session, intent: Intent) -> str:
    """The champion before a move that has ended, or ""."""
    return session.scalar(select(LedgerEntry.previous).where(LedgerEntry.identity == intent.identity)) or ""


def _refuse_taken_back(session: Session, run: str | None) -> None:
    """A promotion that was on its way overrules nobody who took its rollout back, or ordered that. run: None for a move
    that is no promotion.

    The rollout's record is held until the transaction ends, so that the rollout ends before the alias moves, or after.
    """
    rollout = None if run is None else session.get(Rollout, run, with_for_update=True)
    if rollout is None:
        return
    command, state = Command.decode(rollout.command), state_of(rollout)
    if command is not None and command.verb is Verb.ABORT:
        raise GateFailedError(f"version {rollout.challenger} was told to abort before promotion: {command.reason}")
    if state.phase not in PROMOTABLE:
        raise GateFailedError(f"version {rollout.challenger} was {state.phase} before promotion: {state.reason}")


def _hold(session: Session, model: str) -> None:
    session.get(Model, model, with_for_update=True)


def _open_intent(session: Session, model: str, version: str) -> Move | None:
    """The newest intent to move the alias to this version, left by a process that died."""
    query = select(Move).where(Move.model == model, Move.version == version, Move.ended.is_(None))
    recent = query.where(Move.intended > time.time() - _INTENT_SECONDS)
    return session.scalar(recent.order_by(Move.intended.desc()).limit(1))


def _entry(session: Session, model: str, version: str, previous: str | None, move: Move | None) -> ledger.Entry:
    if move is None:
        entries = session.scalar(select(func.count()).select_from(LedgerEntry).where(LedgerEntry.model == model)) or 0
        identity = f"{LedgerEvent.MOVED_BY_HAND}:{model}:{entries}:{version}"
        return ledger.Entry(identity, model, LedgerEvent.MOVED_BY_HAND, version, previous, UNKNOWN)
    return ledger.Entry(
        identity=move.identity,
        model=model,
        event=move.event,
        version=version,
        previous=previous,
        actor=move.actor or PLATFORM,
        submission=move.submission,
        evidence=move.evidence,
        detail=move.detail,
    )
