"""People, teams, tokens, grants, and the audit log."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from jinsu.api.models.base import Answer, Body, Name, Text
from jinsu.state.states import (
    AuditEvent,
    Kept,
    Role,
    Source,
)

PERSON = r"^[A-Za-z0-9][A-Za-z0-9._@+-]*$"
"""What a person's name looks like."""
_THING = r"^[a-z0-9][a-z0-9_-]*$"


def _password() -> Any:
    return Field(min_length=1, max_length=200, repr=False)


class SignInWays(Answer):
    """How people sign in here: with a password that this platform keeps, or at an identity provider."""

    local_accounts: bool
    identity_provider: bool


class SignInBody(Body):
    """Name and password of a local account. label: what the new token is for."""

    name: str = Field(min_length=1, max_length=64, pattern=PERSON)
    password: str = _password()
    label: Text = Field("", max_length=100)


class DeviceBody(Body):
    """A command line that asks to be signed in through a browser. label: what it calls itself, such as its machine."""

    label: Text = Field("", max_length=100)


class DeviceRequest(Answer):
    """A sign-in that waits for a person, who opens `url` and compares `user_code`. Times in seconds."""

    device_code: str = Field(repr=False)
    user_code: str
    url: str
    interval: float
    expires: float


class DeviceCodeBody(Body):
    device_code: str = Field(min_length=1, max_length=100, repr=False)


class NewToken(Answer):
    """A new token; it is shown once, and only its digest is kept. expires: seconds since the epoch; null for never."""

    id: str
    person: str
    label: str
    expires: float | None
    token: str = Field(repr=False)


class DeviceAnswer(Answer):
    """Where a device's sign-in stands. token: null while nobody has confirmed the code."""

    state: Literal["waiting", "confirmed"]
    token: NewToken | None = None


class Me(Answer):
    """Who is asking. token: the id of the token that was shown; null for a browser's session."""

    name: str
    admin: bool
    teams: dict[str, Role]
    token: str | None


class Token(Answer):
    """An API token that has not ended. Times in seconds since the epoch. last_used: to the hour."""

    id: str
    label: str
    created: float
    expires: float | None
    last_used: float | None


class TokenBody(Body):
    """A token to be made. days: until it ends by itself."""

    label: Text = Field("", max_length=100)
    days: int = Field(90, ge=1, le=365)


class User(Answer):
    """A person. teams: the role in each team that the asker may look into. linked: known to the identity provider."""

    name: str
    admin: bool
    teams: dict[str, Role]
    password: bool
    linked: bool
    created: float


class UserBody(Body):
    """A person to be added. password: of a local account; null for one who signs in at the identity provider."""

    name: Name = Field(min_length=1, max_length=64)
    admin: bool = False
    password: str | None = Field(None, max_length=200, repr=False)


class AdminBody(Body):
    admin: bool


class PasswordBody(Body):
    """A new password. current: the one before, which a person needs to change the own one."""

    password: str = _password()
    current: str | None = Field(None, max_length=200, repr=False)


class LinkBody(Body):
    """The person of the identity provider whose account this is. subject: the claim `sub`."""

    subject: Name = Field(min_length=1, max_length=200)


class Done(Answer):
    """What was done, in a sentence."""

    done: str


class Team(Answer):
    """A team. role: the asker's; null outside of it."""

    name: str
    role: Role | None


class TeamBody(Body):
    name: Name = Field(min_length=1, max_length=40)


class Member(Answer):
    """A person's role in a team, who gave it, and since when."""

    person: str
    role: Role
    source: Source
    since: float


class RoleBody(Body):
    """A person's role in a team; null takes it."""

    role: Role | None


class PolicyBody(Body):
    """The next version of a team's policy, as `policy.yaml` says it."""

    document: dict[str, Any]


class Policy(Answer):
    """A version of a team's policy; version 0 are the defaults. document: what it says beside the defaults."""

    team: str
    version: int
    document: dict[str, Any]
    by: str | None
    at: float | None


class GrantBody(Body):
    """Another team may read something."""

    kind: Kept
    name: str = Field(min_length=1, max_length=40, pattern=_THING)
    team: Name = Field(min_length=1, max_length=40)


class Grant(Answer):
    """What another team may read, and who let it."""

    kind: Kept
    name: str
    team: str
    by: str
    at: float


class AuditEntry(Answer):
    """Somebody did something to people, rights or rules."""

    at: float
    actor: str
    event: AuditEvent
    subject: str
    detail: str
