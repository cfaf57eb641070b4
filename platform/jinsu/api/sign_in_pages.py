"""Signing in and out in a browser, for the pages of the API and for Airflow's and MLflow's doors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from jinsu.api import pages
from jinsu.api.authentication import COOKIE, end_session, in_browser, require_same_origin, set_session
from jinsu.api.destinations import Destination, door_origins
from jinsu.api.oidc_attempts import attempt_of, forget, remember
from jinsu.api.refusal_page import refusal
from jinsu.api.sign_in import require_local_accounts
from jinsu.api.statuses import retry_after, status_of
from jinsu.errors import BadInputError, ForbiddenError, JinsuError, NotFoundError
from jinsu.identity import audit, tokens, vouched
from jinsu.identity.oidc import Attempt, Provider, Vouched
from jinsu.identity.people import PLATFORM, Person
from jinsu.identity.sign_in import hand_over, with_password
from jinsu.settings import Oidc, Settings
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent, TokenUse

CALLBACK = "/login/oidc/callback"
_MOST_FORM_BYTES = 16_384
_DOOR = "browser"


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form. Raises BadInputError for a body that is none."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_FORM_BYTES:
            raise BadInputError("the form is larger than any of this platform's.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise BadInputError("the form cannot be read.") from None


Form = Annotated[dict[str, str], Depends(form_of)]


@dataclass(frozen=True)
class SignInPages:
    """A form for local accounts, a way to the identity provider, and a code for the door that sent the person here."""

    settings: Settings
    database: Database

    def router(self) -> APIRouter:
        router = APIRouter(tags=["pages"])
        router.get("/login")(self.show)
        router.post("/login")(self.with_password)
        router.get("/login/oidc")(self.leave)
        router.get(CALLBACK)(self.come_back)
        router.get("/logout")(self.ask_to_sign_out)
        router.post("/logout")(self.sign_out)
        return router

    def show(self, request: Request) -> Response:
        """The form, or what comes after it for a person who is signed in."""
        try:
            destination = Destination.read(request.query_params)
        except BadInputError as problem:
            return refusal(problem)
        person = in_browser(request)
        if person is None:
            return self._form(destination)
        if destination.to or destination.next:
            return self._deliver(person, destination)
        return self._signed_in(person)

    def with_password(self, request: Request, form: Form) -> Response:
        """Takes the form's name and password."""
        destination = Destination()
        try:
            require_same_origin(request)
            require_local_accounts(self.settings)
            destination = Destination.read(form)
            name, password = form.get("name", "").replace("\0", "")[:64], form.get("password", "")
            person = with_password(self.database, name, password, _DOOR)
        except JinsuError as problem:
            return self._form(destination, problem)
        return self._begin_session(request, person, destination)

    # --- The identity provider ---

    def leave(self, request: Request) -> Response:
        """Sends the browser to the identity provider."""
        try:
            destination, attempt = Destination.read(request.query_params), Attempt.new()
            response = RedirectResponse(self._provider.address(attempt), 303)
        except JinsuError as problem:
            return refusal(problem)
        remember(response, attempt, destination, self.settings.address("api"))
        return response

    def come_back(self, request: Request) -> Response:
        """Takes the identity provider's answer."""
        state = request.query_params.get("state", "")
        try:
            found, destination = self._answer(request, state)
            person = vouched.sign_in(self.database, self._oidc, found, _DOOR)
        except JinsuError as problem:
            response = refusal(problem)
        else:
            response = self._begin_session(request, person, destination)
        forget(response, state)
        return response

    def _answer(self, request: Request, state: str) -> tuple[Vouched, Destination]:
        """Whom the provider vouches for. A refusal is audited here; one that knows the person, where the account is."""
        given = request.query_params
        try:
            attempt, destination = attempt_of(request.cookies, state)
            if "error" in given:
                raise ForbiddenError(f"the identity provider did not sign you in: {given['error'][:60]}.")
            return self._provider.person(attempt, given.get("code", ""), given.get("iss")), destination
        except ForbiddenError as problem:
            with self.database.begin() as session:
                audit.note(session, PLATFORM, AuditEvent.SIGN_IN_REFUSED, "identity provider", str(problem))
            raise

    @property
    def _oidc(self) -> Oidc:
        if self.settings.oidc is None:
            raise NotFoundError("this platform has no identity provider; sign in with a password.")
        return self.settings.oidc

    @cached_property
    def _provider(self) -> Provider:
        return Provider(self._oidc, f"{self.settings.address('api')}{CALLBACK}")

    # --- Sessions ---

    def sign_out(self, request: Request) -> Response:
        """Ends the browser's session, and the person's sessions in MLflow."""
        try:
            require_same_origin(request)
        except ForbiddenError as problem:
            return refusal(problem)
        person, token = in_browser(request), request.cookies.get(COOKIE)
        if person is not None and token is not None:
            with self.database.begin() as session:
                tokens.end(session, token)
                tokens.end_sessions(session, person.name, TokenUse.MLFLOW_SESSION)
                audit.note(session, person.name, AuditEvent.SIGNED_OUT, person.name, _DOOR)
        response = RedirectResponse("/login", 303)
        end_session(response)
        return response

    def ask_to_sign_out(self, request: Request) -> Response:
        """Where Airflow and MLflow send a person who signed out there: the session of this browser is still open.

        It ends with the button alone: an address that another site makes a browser open must change nothing.
        """
        person = in_browser(request)
        if person is None:
            return _moved("/login")
        return pages.page(
            "Sign out",
            pages.paragraph(
                f"This browser is still signed in as {person.name}, and comes in at every door without a question."
            ),
            pages.form("/logout", pages.button("Sign out")),
        )

    def _begin_session(self, request: Request, person: Person, destination: Destination) -> Response:
        """A new session in place of one that the browser may have had."""
        with self.database.begin() as session:
            if (former := request.cookies.get(COOKIE)) is not None:
                tokens.end(session, former)
            token = tokens.give(session, person.name, TokenUse.SESSION, actor=person.name, label="browser")
        response = self._deliver(person, destination)
        set_session(response, token, self.settings.address("api"))
        return response

    def _deliver(self, person: Person, destination: Destination) -> Response:
        if destination.use is None:
            return _moved(destination.next or "/login")
        return _moved(destination.door_address(self.settings, hand_over(self.database, person, destination.use)))

    # --- What people see ---

    def _form(self, destination: Destination, problem: JinsuError | None = None) -> Response:
        parts = [] if problem is None else [pages.paragraph(str(problem), "alert")]
        if self.settings.oidc is not None:
            way = f"/login/oidc?{urlencode(destination.fields)}"
            parts.append(pages.link("Use your organisation's account", way, as_button=True))
        if self.settings.local_accounts:
            name = pages.field("Name", "name", "text", "username", first=True)
            password = pages.field("Password", "password", "password", "current-password")
            sent = (pages.hidden(destination.fields), name, password, pages.button("Sign in"))
            parts.append(pages.form("/login", *sent))
        status = 200 if problem is None else status_of(problem)
        headers = {} if problem is None else retry_after(problem)
        return pages.page("Sign in", *parts, status=status, forms_reach=door_origins(self.settings), headers=headers)

    def _signed_in(self, person: Person) -> Response:
        roles = ", ".join(f"{role} of {team}" for team, role in sorted(person.teams.items()))
        kind = "You are an administrator. " if person.admin else ""
        ways = {"Airflow": "airflow", "MLflow": "mlflow"}
        links = [pages.link(text, self.settings.address(part)) for text, part in ways.items()]
        return pages.page(
            f"You are signed in as {person.name}",
            pages.paragraph(f"{kind}{f'Your roles: {roles}.' if roles else 'You are in no team yet.'}"),
            pages.listed([*links, pages.link("The API's description", "/docs")]),
            pages.form("/logout", pages.button("Sign out", quiet=True)),
        )


def _moved(address: str) -> Response:
    headers: Mapping[str, str] = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    return RedirectResponse(address, 303, headers)
