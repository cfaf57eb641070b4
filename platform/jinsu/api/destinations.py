"""Where a person goes after signing in: to a door of the platform that waits for a code, or to a page of the API. Pure.

Nothing that a request says becomes the address of another host: doors are named, and their addresses are settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from jinsu.errors import BadInputError
from jinsu.settings import Settings
from jinsu.state.states import TokenUse

DOORS = {
    "airflow": (TokenUse.AIRFLOW_CODE, "/auth/callback"),
    "mlflow": (TokenUse.MLFLOW_CODE, "/jinsu/callback"),
}
"""The code that opens each door, and the path at which the door takes it."""
_STATE = re.compile(r"[\x21-\x7e]{1,512}")
_PAGE = re.compile(r"/(?:login/device|docs)(?:\?[A-Za-z0-9_.~=&%+-]{0,200})?")
"""The pages of the API that a person may come from, and is sent back to."""


@dataclass(frozen=True)
class Destination:
    """to: a key of `DOORS`, or "" for a page of the API. state: what the door wants back. next: the page's path."""

    to: str = ""
    state: str = ""
    next: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Destination:
        """From the query or the form of a request. A page that is none of the API's is left out.

        Raises BadInputError for a door that there is not, or one without its state.
        """
        to, state, page = (given.get(name, "") for name in ("to", "state", "next"))
        if not to:
            return cls(next=page if _PAGE.fullmatch(page) else "")
        if to not in DOORS:
            raise BadInputError(f"to: {to[:40]!r} is no door of this platform; known: {', '.join(DOORS)}.")
        if not _STATE.fullmatch(state):
            raise BadInputError("state: a door sends 1 to 512 printable characters without spaces.")
        return cls(to, state)

    @property
    def fields(self) -> dict[str, str]:
        """What carries the destination through a form, a query or a cookie."""
        found = {"to": self.to, "state": self.state, "next": self.next}
        return {name: value for name, value in found.items() if value}

    @property
    def use(self) -> TokenUse | None:
        """The use of the code that the door takes; None for a page of the API."""
        return DOORS[self.to][0] if self.to else None

    def door_address(self, settings: Settings, code: str) -> str:
        """Where the browser takes the code."""
        return f"{settings.address(self.to)}{DOORS[self.to][1]}?{urlencode({'code': code, 'state': self.state})}"


def door_origins(settings: Settings) -> set[str]:
    """`SCHEME://HOST:PORT` of each door."""
    parts = [urlsplit(settings.address(door)) for door in DOORS]
    return {f"{part.scheme}://{part.netloc}" for part in parts if part.netloc}
