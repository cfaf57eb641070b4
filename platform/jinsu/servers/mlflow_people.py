"""The people who use MLflow: who they are, what they may read, and their sessions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from anyio import CapacityLimiter, to_thread
from sqlalchemy import select

from jinsu.errors import NotFoundError
from jinsu.identity import audit, tokens
from jinsu.identity.people import Person
from jinsu.identity.tokens import digest
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent, Kept, TokenUse
from jinsu.state.tables import Model

SECONDS = 2.0
"""How long a person who was recognised is not asked for again; as long, a right that was taken is still used."""
_MOST = 1000


@dataclass(frozen=True)
class Visitor:
    """A person who was recognised, and the user of MLflow who has this person's rights there."""

    person: Person
    user: str


class Readable(Protocol):
    """MLflow's permissions."""

    def let_read(self, user: str, models: frozenset[str] | None) -> None:
        """Lets a user of MLflow read these models and nothing else; None for everything. Makes the user when needed."""


@dataclass(frozen=True)
class People:
    """Answers from the database. platform: the name of the platform's own account in MLflow."""

    database: Database
    readable: Readable
    platform: str

    def find(self, token: str, use: TokenUse) -> Visitor | None:
        """The person behind a token; MLflow knows by then what the person may read. Raises TransientError."""
        person = tokens.recognise(self.database, token, use)
        if person is None:
            return None
        user = user_of(person.name, self.platform)
        self.readable.let_read(user, self._models(person))
        return Visitor(person, user)

    def _models(self, person: Person) -> frozenset[str] | None:
        if person.admin:
            return None
        with self.database.begin() as session:
            models = session.execute(select(Model.name, Model.team)).all()
        return frozenset(name for name, team in models if person.sees(Kept.MODEL, name, team))

    def require_seen(self, person: Person, model: str) -> None:
        """Raises NotFoundError for a model that the person may not see, as for one that does not exist."""
        with self.database.begin() as session:
            team = session.scalar(select(Model.team).where(Model.name == model))
        if team is None or not person.sees(Kept.MODEL, model, team):
            raise NotFoundError(f"model {model[:64]!r} does not exist, or no team of {person.name} may read it.")

    def sign_in(self, code: str, former: str | None) -> str | None:
        """A session's token for a code that the API gave; None when the code has ended. former: the browser's last one."""
        person = tokens.redeem(self.database, code, TokenUse.MLFLOW_CODE)
        if person is None:
            return None
        with self.database.begin() as session:
            if former:
                tokens.end(session, former)
            audit.note(session, person.name, AuditEvent.SIGNED_IN, person.name, "mlflow")
            return tokens.give(session, person.name, TokenUse.MLFLOW_SESSION, actor=person.name, label="MLflow")

    def sign_out(self, token: str) -> None:
        """Ends a session; repeating it changes nothing."""
        person = tokens.recognise(self.database, token, TokenUse.MLFLOW_SESSION)
        if person is not None:
            with self.database.begin() as session:
                tokens.end(session, token)
                audit.note(session, person.name, AuditEvent.SIGNED_OUT, person.name, "mlflow")

    def note_refusal(self, person: Person, what: str, why: str) -> None:
        """Remembers that a person tried what the person may not do."""
        with self.database.begin() as session:
            audit.note(session, person.name, AuditEvent.REFUSED, what, why)


class Recognition:
    """Finds people, and remembers each for some seconds: a page of MLflow asks many questions at a time."""

    def __init__(
        self,
        find: Callable[[str, TokenUse], Visitor | None],
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find, self._seconds, self._clock = find, seconds, clock
        self._known: dict[tuple[TokenUse, str], tuple[float, asyncio.Future[Visitor | None]]] = {}
        self._threads = CapacityLimiter(8)

    async def find(self, token: str, use: TokenUse) -> Visitor | None:
        """The person behind a token, as of some seconds ago at most. Raises TransientError."""
        key = (use, digest(token))
        until, known = self._known.get(key, (0.0, None))
        if known is None or until <= self._clock():
            self._make_room()
            known = asyncio.ensure_future(to_thread.run_sync(self._find, token, use, limiter=self._threads))
            self._known[key] = (self._clock() + self._seconds, known)
        try:
            return await asyncio.shield(known)
        except Exception:
            if self._known.get(key, (0.0, None))[1] is known:
                del self._known[key]
            raise

    def forget(self, token: str, use: TokenUse) -> None:
        """Asks anew at the token's next use."""
        self._known.pop((use, digest(token)), None)

    def _make_room(self) -> None:
        if len(self._known) >= _MOST:
            now = self._clock()
            self._known = {key: entry for key, entry in self._known.items() if entry[0] > now}
            if len(self._known) >= _MOST:
                self._known.clear()


def user_of(person: str, platform: str) -> str:
    """The user of MLflow for a person: the same name, unless the platform's own account has it. Pure."""
    return f"{person} (person)" if person == platform else person
