"""jinsu user, audit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from jinsu.cli.show import as_json, listing, print_json
from jinsu.cli.signing_in import password_stdin, read_password

if TYPE_CHECKING:
    from jinsu.api.models import AuditEntry, Done, User


@click.group()
def user() -> None:
    """List, add and remove people. Administrators may change them."""


@user.command("list")
@as_json
def list_(json_: bool) -> None:
    """List people, with their roles in the teams that you are in.

    \b
    Example:
      jinsu user list
    """
    from jinsu.api.models import User
    from jinsu.cli.client import Client

    columns: dict[str, Callable[[User], object]] = {
        "name": lambda item: item.name,
        "administrator": lambda item: "yes" if item.admin else "",
        "teams": lambda item: ", ".join(f"{team}: {role}" for team, role in sorted(item.teams.items())),
        "signs in with": lambda item: " or ".join(_ways(item)),
    }
    listing(Client().get("/v1/users", list[User]), columns, "There is nobody.", json_=json_)


def _ways(item: User) -> list[str]:
    return [*(["the identity provider"] if item.linked else []), *(["a password"] if item.password else [])]


@user.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="The person administers the platform.")
@click.option("--no-password", is_flag=True, help="Without a password, for one whom `jinsu user link` connects.")
@password_stdin
@as_json
def add(name: str, admin: bool, no_password: bool, password_stdin: bool, json_: bool) -> None:
    """Add a person with a local account, or let one who had left come back. The first password is asked for.

    People of an identity provider are not added: they get an account when they first sign in.

    \b
    Example:
      jinsu user add minji
    """
    from jinsu.api.models import Done, UserBody
    from jinsu.cli.client import Client

    client = Client()
    password = None if no_password else read_password(f"First password of {name}", from_stdin=password_stdin, new=True)
    _show(client.post("/v1/users", Done, UserBody(name=name, admin=admin, password=password)), json_=json_)


@user.command()
@click.argument("name")
@as_json
def remove(name: str, json_: bool) -> None:
    """End a person's account, tokens and roles at once. What the person did stays under the name.

    \b
    Example:
      jinsu user remove minji
    """
    from jinsu.api.models import Done
    from jinsu.cli.client import Client, path

    _show(Client().delete(path("users", name), Done), json_=json_)


@user.command()
@click.argument("name")
@click.option("--off", is_flag=True, help="The person is an administrator no longer.")
@as_json
def admin(name: str, off: bool, json_: bool) -> None:
    """Make a person an administrator.

    \b
    Example:
      jinsu user admin minji
    """
    from jinsu.api.models import AdminBody, Done
    from jinsu.cli.client import Client, path

    _show(Client().put(path("users", name, "admin"), Done, AdminBody(admin=not off)), json_=json_)


@user.command()
@click.argument("name", required=False)
@password_stdin
@as_json
def password(name: str | None, password_stdin: bool, json_: bool) -> None:
    """Change a password, which ends its sessions in browsers. Without NAME it is your own.

    Administrators change every password. Others show their present one first; on standard input it is the first line.

    \b
    Example:
      jinsu user password
    """
    from jinsu.api.models import Done, Me, PasswordBody
    from jinsu.cli.client import Client, path

    client = Client()
    me = client.get("/v1/me", Me)
    current = None if me.admin else read_password("Present password", from_stdin=password_stdin)
    new = read_password("New password", from_stdin=password_stdin, new=True)
    body = PasswordBody(password=new, current=current)
    _show(client.put(path("users", name or me.name, "password"), Done, body), json_=json_)


@user.command()
@click.argument("name")
@click.argument("subject")
@as_json
def link(name: str, subject: str, json_: bool) -> None:
    """Connect an account with a person of the identity provider, whose claim `sub` is SUBJECT.

    \b
    Example:
      jinsu user link minji 4f1c9a2b-3d5e
    """
    from jinsu.api.models import Done, LinkBody
    from jinsu.cli.client import Client, path

    _show(Client().put(path("users", name, "subject"), Done, LinkBody(subject=subject)), json_=json_)


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many, newest first.")
@as_json
def audit(limit: int, json_: bool) -> None:
    """Show who did what to people, rights and rules. Administrators see everything, others what they did.

    \b
    Example:
      jinsu audit --limit 20
    """
    from jinsu.api.models import AuditEntry
    from jinsu.cli.client import Client

    columns: dict[str, Callable[[AuditEntry], object]] = {
        "when": lambda item: time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item.at)),
        "who": lambda item: item.actor,
        "what": lambda item: item.event,
        "whom": lambda item: item.subject,
        "detail": lambda item: item.detail,
    }
    entries = Client().get("/v1/audit", list[AuditEntry], limit=limit)
    listing(entries, columns, "Nothing is in the log yet.", json_=json_)


def _show(done: Done, *, json_: bool) -> None:
    print_json(done) if json_ else click.echo(done.done)
