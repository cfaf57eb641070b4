"""The page that refuses what a browser asked for."""

from __future__ import annotations

from fastapi import Response

from jinsu.api import pages
from jinsu.api.statuses import retry_after, status_of
from jinsu.errors import JinsuError


def refusal(problem: JinsuError) -> Response:
    """A page that says what went wrong, with a way to begin again."""
    return pages.page(
        "That did not work",
        pages.paragraph(str(problem), "alert"),
        pages.link("Sign in", "/login", as_button=True),
        status=status_of(problem),
        headers=retry_after(problem),
    )
