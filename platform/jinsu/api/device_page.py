"""The page on which a signed-in person lets a command line act for them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from jinsu.api import pages
from jinsu.api.authentication import in_browser, require_same_origin
from jinsu.api.refusal_page import refusal
from jinsu.api.sign_in_pages import Form
from jinsu.errors import ForbiddenError, JinsuError
from jinsu.identity import device
from jinsu.state.database import Database

_PATH = "/login/device"


@dataclass(frozen=True)
class DevicePage:
    """Shows the code of a command line that waits, and asks whether the person sees it in their own terminal."""

    database: Database

    def router(self) -> APIRouter:
        router = APIRouter(tags=["pages"])
        router.get(_PATH)(self.ask)
        router.post(_PATH)(self.answer)
        return router

    def ask(self, request: Request) -> Response:
        """The question; a person who is not signed in signs in first."""
        code = request.query_params.get("code", "")[:20]
        person = in_browser(request)
        if person is None:
            here = f"{_PATH}?{urlencode({'code': code})}"
            return RedirectResponse(f"/login?{urlencode({'next': here})}", 303)
        if not code:
            typed = pages.field("Code in your terminal", "code", "text", "off", first=True)
            return pages.page("Sign in a command line", f'<form method="get">{typed}{pages.button("Next")}</form>')
        try:
            with self.database.begin() as session:
                row = device.waiting(session, code)
        except JinsuError as problem:
            return refusal(problem)
        return pages.page(
            "Sign in a command line",
            pages.paragraph(
                f"A command line that calls itself “{row.label or 'jinsu'}” wants to act as {person.name}."
            ),
            pages.paragraph(code.upper(), "code"),
            pages.paragraph(
                "Allow it only if you ran jinsu login yourself just now and your terminal shows this code. Whoever sent "
                "you here with a code of their own would act in your name."
            ),
            pages.form(
                _PATH,
                pages.hidden({"code": code}),
                pages.button("My terminal shows this code", "answer", "allow"),
                pages.button("Refuse", "answer", "refuse", quiet=True),
            ),
        )

    def answer(self, request: Request, form: Form) -> Response:
        """Takes the person's answer."""
        try:
            require_same_origin(request)
            person = in_browser(request)
            if person is None:
                raise ForbiddenError("you are not signed in any more; sign in and open the address again.")
            allowed = form.get("answer") == "allow"
            device.answer(self.database, form.get("code", "")[:20], person.name, allowed)
        except JinsuError as problem:
            return refusal(problem)
        if allowed:
            return pages.page("Signed in", pages.paragraph(f"Your command line acts as {person.name} now."))
        return pages.page("Refused", pages.paragraph("The command line got nothing."))
