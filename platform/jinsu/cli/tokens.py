"""jinsu token."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from jinsu.cli.show import ago, as_json, listing, print_json

if TYPE_CHECKING:
    from jinsu.api.models import NewToken, Token


@click.group()
def token() -> None:
    """List, make, revoke and rotate own tokens."""


@token.command("list")
@as_json
def list_(json_: bool) -> None:
    """List own tokens that have not ended. The tokens themselves are kept nowhere.

    \b
    Example:
      jinsu token list
    """
    from jinsu.api.models import Token
    from jinsu.cli.client import Client

    columns: dict[str, Callable[[Token], object]] = {
        "id": lambda item: item.id,
        "label": lambda item: item.label,
        "made": lambda item: f"{ago(item.created)} ago",
        "ends": lambda item: day(item.expires),
        "used": lambda item: f"{ago(item.last_used)} ago" if item.last_used else "never",
    }
    listing(Client().get("/v1/tokens", list[Token]), columns, "You have no tokens.", json_=json_)


@token.command()
@click.argument("label")
@click.option("--days", type=click.IntRange(1, 365), default=90, show_default=True, help="Until it ends by itself.")
@as_json
def create(label: str, days: int, json_: bool) -> None:
    """Make a token, such as for a program that submits. It is shown once.

    \b
    Example:
      jinsu token create nightly-retraining --days 30
    """
    from jinsu.api.models import NewToken, TokenBody
    from jinsu.cli.client import Client

    _show(Client().post("/v1/tokens", NewToken, TokenBody(label=label, days=days)), json_=json_)


@token.command()
@click.argument("identity", metavar="ID")
@as_json
def revoke(identity: str, json_: bool) -> None:
    """End the token ID now.

    \b
    Example:
      jinsu token revoke 3f9c2b71aa
    """
    from jinsu.api.models import Done
    from jinsu.cli.client import Client, path

    done = Client().delete(path("tokens", identity), Done)
    print_json(done) if json_ else click.echo(done.done)


@token.command()
@click.argument("identity", metavar="[ID]", required=False)
@as_json
def rotate(identity: str | None, json_: bool) -> None:
    """Put a new token in place of one, which ends. Without ID it is the token in use, and the new one is kept.

    \b
    Example:
      jinsu token rotate
    """
    from jinsu.api.models import NewToken
    from jinsu.cli.client import Client, path
    from jinsu.cli.credentials import TOKEN_VARIABLE, place

    where = place()
    made = Client(where).post(path("tokens", identity or "current", "rotate"), NewToken)
    if identity or os.environ.get(TOKEN_VARIABLE):
        _show(made, json_=json_)
        return
    file = where.keep(made.person, made.token)
    shown = {"id": made.id, "expires": made.expires, "file": str(file)}
    print_json(shown) if json_ else click.echo(f"The token in {file} is a new one, until {day(made.expires)}.")


def day(moment: float | None) -> str:
    """The day of a moment here, or `never`."""
    return "never" if moment is None else time.strftime("%Y-%m-%d", time.localtime(moment))


def _show(made: NewToken, *, json_: bool) -> None:
    """The token alone on standard output, so that a program can read it."""
    if json_:
        print_json(made)
        return
    click.echo(f"Token {made.id} of {made.person} ends: {day(made.expires)}. It is shown this once:", err=True)
    click.echo(made.token)
