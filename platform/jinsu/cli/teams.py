"""jinsu team, grant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jinsu.cli.show import ago, as_json, listing, print_json

if TYPE_CHECKING:
    from jinsu.api.models import Done, Grant, Member, Policy, Team

_ROLES = ("researcher", "reviewer", "owner")


@click.group()
def team() -> None:
    """List, add and change teams, roles and policies."""


@team.command("list")
@as_json
def list_(json_: bool) -> None:
    """List teams, with your role in each.

    \b
    Example:
      jinsu team list
    """
    from jinsu.api.models import Team
    from jinsu.cli.client import Client

    columns: dict[str, Callable[[Team], object]] = {"team": lambda item: item.name, "you are": lambda item: item.role}
    listing(Client().get("/v1/teams", list[Team]), columns, "There are no teams yet.", json_=json_)


@team.command()
@click.argument("name")
@as_json
def add(name: str, json_: bool) -> None:
    """Make a team. Administrators may.

    \b
    Example:
      jinsu team add shopping
    """
    from jinsu.api.models import Done, TeamBody
    from jinsu.cli.client import Client

    _show(Client().post("/v1/teams", Done, TeamBody(name=name)), json_=json_)


@team.command()
@click.argument("name")
@as_json
def remove(name: str, json_: bool) -> None:
    """End a team that owns nothing. Administrators may.

    \b
    Example:
      jinsu team remove shopping
    """
    from jinsu.api.models import Done
    from jinsu.cli.client import Client, path

    _show(Client().delete(path("teams", name), Done), json_=json_)


@team.command()
@click.argument("name")
@as_json
def show(name: str, json_: bool) -> None:
    """Show who is in a team. Its members and administrators may.

    \b
    Example:
      jinsu team show shopping
    """
    from jinsu.api.models import Member
    from jinsu.cli.client import Client, path

    columns: dict[str, Callable[[Member], object]] = {
        "person": lambda item: item.person,
        "role": lambda item: item.role,
        "given by": lambda item: "the identity provider" if item.source == "oidc" else "a person",
        "since": lambda item: f"{ago(item.since)} ago",
    }
    members = Client().get(path("teams", name, "members"), list[Member])
    listing(members, columns, f"Nobody is in team {name}.", json_=json_)


@team.command("set-role")
@click.argument("name")
@click.argument("person")
@click.argument("role", type=click.Choice([*_ROLES, "none"]))
@as_json
def set_role(name: str, person: str, role: str, json_: bool) -> None:
    """Give PERSON a role in team NAME, change it, or take it with `none`. Administrators and the team's owners may.

    A role that the identity provider's groups give comes back at the next sign-in; take the person out of the group.

    \b
    Example:
      jinsu team set-role shopping minji reviewer
    """
    from jinsu.api.models import Done, RoleBody
    from jinsu.cli.client import Client, path
    from jinsu.state.states import Role

    body = RoleBody(role=None if role == "none" else Role(role))
    _show(Client().put(path("teams", name, "members", person), Done, body), json_=json_)


@team.group()
def policy() -> None:
    """Show and put what the platform demands of a team's models."""


@policy.command("show")
@click.argument("name")
@as_json
def show_policy(name: str, json_: bool) -> None:
    """Show a team's policy, as far as it differs from the defaults. Its members and administrators may.

    \b
    Example:
      jinsu team policy show shopping
    """
    from jinsu.api.models import Policy
    from jinsu.cli.client import Client, path

    _show_policy(Client().get(path("teams", name, "policy"), Policy), json_=json_)


@policy.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@as_json
def put(name: str, file: Path, json_: bool) -> None:
    """Make the next version of a team's policy from FILE. Administrators may.

    \b
    Example:
      jinsu team policy put shopping policy.yaml
    """
    from jinsu.api.models import Policy, PolicyBody
    from jinsu.cli.client import Client, path
    from jinsu.spec.document import read_yaml
    from jinsu.spec.load import policy_from, read_small

    spec = policy_from(read_yaml(read_small(file), str(file)), str(file))
    body = PolicyBody(document=spec.model_dump(mode="json", exclude_defaults=True))
    _show_policy(Client().put(path("teams", name, "policy"), Policy, body), json_=json_)


@policy.command()
@click.argument("name")
@as_json
def history(name: str, json_: bool) -> None:
    """List the versions of a team's policy, newest first.

    \b
    Example:
      jinsu team policy history shopping
    """
    from jinsu.api.models import Policy
    from jinsu.cli.client import Client, path

    columns: dict[str, Callable[[Policy], object]] = {
        "version": lambda item: item.version,
        "by": lambda item: item.by or "the defaults",
        "when": lambda item: f"{ago(item.at)} ago" if item.at else "",
        "says": lambda item: item.document,
    }
    versions = Client().get(path("teams", name, "policy", "history"), list[Policy])
    listing(versions, columns, "There is none.", json_=json_)


def _show_policy(found: Policy, *, json_: bool) -> None:
    if json_:
        print_json(found)
        return
    import yaml

    click.echo(f"# policy of team {found.team}, version {found.version}{f', by {found.by}' if found.by else ''}")
    click.echo(yaml.safe_dump(found.document, sort_keys=False).strip() if found.document else "{}  # the defaults")


@click.group()
def grant() -> None:
    """Let another team read a problem, a model or a dataset."""


_kind = click.argument("kind", type=click.Choice(["problem", "model", "dataset"]))


@grant.command("list")
@as_json
def list_grants(json_: bool) -> None:
    """List what your teams may read of others, and let others read.

    \b
    Example:
      jinsu grant list
    """
    from jinsu.api.models import Grant
    from jinsu.cli.client import Client

    columns: dict[str, Callable[[Grant], object]] = {
        "what": lambda item: f"{item.kind} {item.name}",
        "team": lambda item: item.team,
        "by": lambda item: item.by,
        "since": lambda item: f"{ago(item.at)} ago",
    }
    listing(Client().get("/v1/grants", list[Grant]), columns, "There are no grants.", json_=json_)


@grant.command("add")
@_kind
@click.argument("name")
@click.argument("team")
@as_json
def add_grant(kind: str, name: str, team: str, json_: bool) -> None:
    """Let TEAM read the KIND called NAME. An owner of the team that it belongs to may.

    \b
    Example:
      jinsu grant add dataset product_titles fraud
    """
    from jinsu.api.models import Done, GrantBody
    from jinsu.cli.client import Client
    from jinsu.state.states import Kept

    _show(Client().post("/v1/grants", Done, GrantBody(kind=Kept(kind), name=name, team=team)), json_=json_)


@grant.command("remove")
@_kind
@click.argument("name")
@click.argument("team")
@as_json
def remove_grant(kind: str, name: str, team: str, json_: bool) -> None:
    """Let TEAM read the KIND called NAME no longer.

    \b
    Example:
      jinsu grant remove dataset product_titles fraud
    """
    from jinsu.api.models import Done
    from jinsu.cli.client import Client, path

    _show(Client().delete(path("grants", kind, name, team), Done), json_=json_)


def _show(done: Done, *, json_: bool) -> None:
    print_json(done) if json_ else click.echo(done.done)
