"""The API of an installation within this process: every request goes through the whole application, none over a network."""

import asyncio
from typing import Any

import httpx
from tests.support.people import make_people

from jinsu.api.app import create_app
from jinsu.installation import Installation


class ApiClient:
    """Asks as one of `tests.support.people`."""

    def __init__(self, installation: Installation) -> None:
        self.app = create_app(installation)
        self._database = installation.database

    def know_people(self) -> None:
        """Has everybody in the database."""
        make_people(self._database)

    def ask(self, method: str, path: str, who: str | None = "ann", **more: Any) -> httpx.Response:
        """The answer; an error in the application is an answer 500. Without `who`, no token is shown."""
        headers = {} if who is None else {"authorization": f"Bearer token of {who}"}
        headers |= more.pop("headers", {})
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(send())

    def get(self, path: str, who: str | None = "ann", **more: Any) -> httpx.Response:
        return self.ask("GET", path, who, **more)

    def post(self, path: str, who: str | None = "ann", **more: Any) -> httpx.Response:
        return self.ask("POST", path, who, **more)
