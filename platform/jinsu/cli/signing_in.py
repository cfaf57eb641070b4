"""jinsu login, logout, whoami."""

from __future__ import annotations

import getpass
import os
import socket
import sys
import time
import warnings
from typing import TYPE_CHECKING

import click

from jinsu.cli.show import as_json, print_json

if TYPE_CHECKING:
    from jinsu.api.models import NewToken
    from jinsu.cli.client import Client

password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.command()
@click.argument("name", required=False)
@password_stdin
@as_json
def login(name: str | None, password_stdin: bool, json_: bool) -> None:
    """Sign in to the platform at $JINSU_API, or to the one on this machine, and keep a token for 90 days.

    Where an identity provider signs people in, a browser confirms a code. With NAME, and where there is no provider, the
    password of a local account is asked for.

    \b
    Example:
      jinsu login
    """
    from jinsu.api.models import SignInWays
    from jinsu.cli.client import Client
    from jinsu.cli.credentials import TOKEN_VARIABLE, place

    where = place()
    client = Client(where, signed_in=False)
    through_browser = client.get("/v1/login", SignInWays).identity_provider and not name and not password_stdin
    given = _through_browser(client) if through_browser else _with_password(client, name, password_stdin)
    path = where.keep(given.person, given.token)
    if json_:
        print_json({"name": given.person, "token": given.id, "expires": given.expires, "file": str(path)})
        return
    click.echo(f"You are signed in to {where.url} as {given.person}; the token is in {path}")
    if where.home and given.person != _user():
        click.echo(f"The command line of this machine acts as {given.person} now. Back: jinsu login {_user()}")
    if os.environ.get(TOKEN_VARIABLE):
        click.echo(f"${TOKEN_VARIABLE} is set and goes first; unset it to use the new token.", err=True)


def _label() -> str:
    return f"jinsu login on {socket.gethostname()}"[:100]


def _with_password(client: Client, name: str | None, from_stdin: bool) -> NewToken:
    from jinsu.api.models import NewToken, SignInBody

    name = name or (_user() if from_stdin else click.prompt("Name", default=_user(), err=True))
    body = SignInBody(name=name, password=read_password("Password", from_stdin=from_stdin), label=_label())
    return client.post("/v1/login", NewToken, body)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "admin"


def _through_browser(client: Client) -> NewToken:
    """Waits until a person confirms the code in a browser. Raises ForbiddenError when they refuse, or nobody does."""
    from jinsu.api.models import DeviceAnswer, DeviceBody, DeviceCodeBody, DeviceRequest
    from jinsu.errors import ForbiddenError

    begun = client.post("/v1/login/device", DeviceRequest, DeviceBody(label=_label()))
    click.echo(f"Open {begun.url}\nand compare this code: {begun.user_code}", err=True)
    deadline = time.monotonic() + begun.expires
    while time.monotonic() < deadline:
        answer = client.post("/v1/login/device/token", DeviceAnswer, DeviceCodeBody(device_code=begun.device_code))
        if answer.token is not None:
            return answer.token
        time.sleep(begun.interval)
    raise ForbiddenError("the code was not confirmed within ten minutes; run jinsu login again.")


def read_password(asked: str, *, from_stdin: bool, new: bool = False) -> str:
    """A password that was typed unseen, or the next line of standard input; never an argument, which others could see."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    from jinsu.errors import BadInputError

    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # it would be typed for all to see
        try:
            text: str = click.prompt(asked, hide_input=True, confirmation_prompt=new, err=True)
        except getpass.GetPassWarning:
            raise BadInputError(
                "password: there is no terminal to ask at; give it on standard input: --password-stdin"
            ) from None
    return text


@click.command()
@as_json
def logout(json_: bool) -> None:
    """Sign out of the platform: the token in use ends, and is kept no longer.

    \b
    Example:
      jinsu logout
    """
    from jinsu.api.models import Done
    from jinsu.cli.client import Client
    from jinsu.cli.credentials import TOKEN_VARIABLE, place
    from jinsu.errors import ForbiddenError

    where, named = place(), TOKEN_VARIABLE in os.environ
    try:
        Client(where).delete("/v1/tokens/current", Done)
    except ForbiddenError:
        if not named:
            where.forget()  # it has ended already
        raise
    if not named:
        where.forget()
    print_json({"signed_out": where.url}) if json_ else click.echo(f"You are signed out of {where.url}.")


@click.command()
@as_json
def whoami(json_: bool) -> None:
    """Say who is signed in, and the roles of this moment.

    \b
    Example:
      jinsu whoami
    """
    from jinsu.api.models import Me
    from jinsu.cli.client import Client

    client = Client()
    me = client.get("/v1/me", Me)
    if json_:
        print_json(me)
        return
    click.echo(f"{me.name}{', an administrator' if me.admin else ''}, at {client.url}")
    for team, role in sorted(me.teams.items()):
        click.echo(f"  {role} of team {team}")
