"""The API's pages about people over a database of their own, and browsers and command lines that ask them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from jinsu.api import people_pages, refusals
from jinsu.identity import accounts, tokens
from jinsu.installation import Installation
from jinsu.settings import Account, Settings
from jinsu.state import tables
from jinsu.state.database import Database, engine
from jinsu.state.states import AuditEvent, Role, TokenUse

API, AIRFLOW, MLFLOW = "http://127.0.0.1:7700", "http://127.0.0.1:7702", "http://127.0.0.1:7703"
PASSWORD = "correct horse battery"


class PeopleBench:
    """Three teams' worth of nobody: tests add the people whom they need. `settings` replaces single settings."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = settings_in(folder, **settings)
        if self.settings.database_url.startswith("sqlite"):
            shutil.copy(_migrated(), folder / "jinsu.db")
        self.database = Database(self.settings.database_url)
        if not self.database.current():
            self.database.migrate()
        installation = Installation(self.settings)
        self.app = FastAPI()
        self.app.state.database = self.database
        refusals.install(self.app)
        for kind in (*people_pages.PAGES, *people_pages.BROWSER_PAGES):
            self.app.include_router(installation.build(kind).router())

    def person(self, name: str, *, admin: bool = False, password: str | None = None, **roles: str) -> None:
        """Adds a person. roles: the role by team; teams are made."""
        with self.database.begin() as session:
            accounts.add_person(session, name, actor="test", admin=admin, password=password)
            for team, role in roles.items():
                accounts.ensure_team(session, team, actor="test")
                accounts.set_role(session, name, team, Role(role), actor="test")

    def token(self, name: str, use: TokenUse = TokenUse.API, **more: Any) -> str:
        with self.database.begin() as session:
            return tokens.give(session, name, use, actor=name, **more)

    def ask(self, name: str | None = None) -> httpx.Client:
        """A command line, with a token of this person when there is one."""
        client = httpx.Client(transport=InProcess(self.app), base_url=API)
        if name is not None:
            client.headers["authorization"] = f"Bearer {self.token(name)}"
        return client

    def browser(self, name: str | None = None) -> httpx.Client:
        """A browser at the API's own pages, with a session of this person when there is one."""
        client = self.ask()
        client.headers["sec-fetch-site"] = "same-origin"
        if name is not None:
            client.cookies.set("jinsu_session", self.token(name, TokenUse.SESSION), domain="127.0.0.1")
        return client

    def rows(self, kind: type[Any]) -> Sequence[Any]:
        with self.database.begin() as session:
            return session.scalars(select(kind)).all()

    def audited(self, event: AuditEvent) -> list[tuple[str, str, str]]:
        """Actor, subject and detail of each entry, oldest first."""
        entries = sorted(self.rows(tables.AuditEntry), key=lambda row: row.id)
        return [(row.actor, row.subject, row.detail) for row in entries if row.event is event]

    def roles(self, name: str) -> Mapping[str, Role]:
        return {row.team: row.role for row in self.rows(tables.Membership) if row.person == name}


class InProcess(httpx.BaseTransport):
    """Every request goes through the whole application, none over a network; an error in it is an answer 500."""

    def __init__(self, app: FastAPI) -> None:
        self._inner = httpx.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def send() -> httpx.Response:
            answer = await self._inner.handle_async_request(request)
            content = await answer.aread()
            return httpx.Response(answer.status_code, headers=answer.headers, content=content, request=request)

        return asyncio.run(send())


@lru_cache
def _migrated() -> Path:
    """An empty database of this version, made once for all tests of a process."""
    path = Path(tempfile.mkdtemp(prefix="jinsu-test-")) / "jinsu.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    with engine(database.url).connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine(database.url).dispose()
    return path


def settings_in(folder: Path, **settings: Any) -> Settings:
    """Settings of an installation whose servers are nowhere."""
    account = Account("admin", "a first password")
    texts = {item.name: "" for item in fields(Settings) if item.type == "str"}
    given = {
        "home": str(folder), "database_url": f"sqlite:///{folder / 'jinsu.db'}", "api_url": API,
        "airflow_url": AIRFLOW, "mlflow_url": MLFLOW, "xds_port": 0,
        **dict.fromkeys(("airflow", "mlflow", "mlflow_reviewer"), account),
    }  # fmt: skip
    return Settings(**{**texts, **given, **settings})
