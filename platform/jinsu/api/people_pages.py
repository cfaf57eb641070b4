"""Every page of the API that is about people. Each is built from parts of the installation."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter

from jinsu.api.audit import Audit
from jinsu.api.device_page import DevicePage
from jinsu.api.grants import Grants
from jinsu.api.people import People
from jinsu.api.sign_in import SignIn
from jinsu.api.sign_in_pages import SignInPages
from jinsu.api.teams import Teams
from jinsu.api.tokens import Tokens


class Pages(Protocol):
    """A group of routes."""

    def router(self) -> APIRouter: ...


PAGES: tuple[type[Pages], ...] = (SignIn, Tokens, People, Teams, Grants, Audit)
"""For programs: JSON under /v1."""
BROWSER_PAGES: tuple[type[Pages], ...] = (SignInPages, DevicePage)
"""For people: HTML."""
