"""jinsu data log, diff, get and delete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jinsu.cli.show import ago, as_json, listing, print_json, progress

if TYPE_CHECKING:
    from jinsu.api.models import Dataset, DatasetDifference
    from jinsu.cli.client import Client


@click.command("log")
@click.argument("name")
@as_json
def log_(name: str, json_: bool) -> None:
    """List every version of dataset NAME, newest first: when, by whom, how much, and the note of whoever put it.

    \b
    Example:
      jinsu data log digits
    """
    from jinsu.api.models import Dataset
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path
    from jinsu.spec.quantities import format_bytes

    columns: dict[str, Callable[[Dataset], object]] = {
        "version": lambda item: f"{item.name}@{item.version}",
        "ago": lambda item: ago(item.created),
        "by": lambda item: item.created_by,
        "rows or files": lambda item: f"{item.rows} {_unit(item)}",
        "size": lambda item: format_bytes(item.size),
        "": lambda item: "latest" if item.latest else "",
        "note": lambda item: item.note,
    }
    versions = Client().get(api_path("datasets", name, "versions"), list[Dataset])
    listing(versions, columns, "No version is left.", json_=json_)


@click.command()
@click.argument("old", metavar="NAME@OLD")
@click.argument("new", metavar="[NAME@NEW]", default="")
@click.option(
    "--key", multiple=True, help="A column that says which row is which, so that changed rows are counted as such."
)
@as_json
def diff(old: str, new: str, key: tuple[str, ...], json_: bool) -> None:
    """Show what differs between two versions: columns added, removed or of another type, and numbers of rows or files.

    Without NAME@NEW, the old version is compared with the latest. No value of a row is shown.

    \b
    Example:
      jinsu data diff sales@3f9c1b20 sales@latest --key order_id
    """
    from jinsu.api.models import DatasetDifference
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path
    from jinsu.errors import BadInputError

    name, _, first = old.partition("@")
    other, _, second = new.partition("@")
    if new and other != name:
        raise BadInputError(f"{old} and {new} are versions of two datasets; name two versions of one: {name}@DIGITS.")
    if not first:
        raise BadInputError(f"{old}: say which version: {name}@DIGITS; see: jinsu data log {name}")
    with progress(json_) as say:
        say(f"comparing the versions of {name}")
        parameters = {"old": first, "new": second, "key": list(key)}
        found = Client().get(api_path("datasets", name, "difference"), DatasetDifference, **parameters)
    if json_:
        print_json(found)
    else:
        _show(found, keyed=bool(key))


def _show(found: DatasetDifference, *, keyed: bool) -> None:
    from jinsu.cli.show import echo

    echo(f"{found.old} → {found.new}")
    for name, kind in found.columns_added.items():
        echo(f"  column {name}: {kind}, new")
    for name, kind in found.columns_removed.items():
        echo(f"  column {name}: {kind}, gone")
    for name, kinds in found.columns_retyped.items():
        echo(f"  column {name}: {kinds[0]} became {kinds[1]}")
    changed = f", {found.changed} changed" if keyed or found.changed else ""
    echo(f"  {found.added} added, {found.removed} removed{changed}, {found.same} the same")


@click.command()
@click.argument("reference", metavar="NAME[@VERSION]")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@as_json
def get(reference: str, folder: Path, json_: bool) -> None:
    """Copy a version into the new or empty folder DIR: a table as a Delta table of Parquet files, a set of files as its files.

    Every file is compared with its digest. Owners of the team may have a copy, and whoever put the version; other members of
    the team where no problem judges by the dataset. The audit log says who took one.

    \b
    Example:
      jinsu data get digits@latest /tmp/digits
    """
    from jinsu.api.models import DatasetFile
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path
    from jinsu.cli.copies import Copy, Write, copy_packed

    client, copy = Client(), Copy(folder)
    name, version, packed = _pinned(client, reference)
    files = client.get(api_path("datasets", name, "files"), list[DatasetFile], version=version)

    def fetch(item: str, write: Write) -> None:
        client.download(api_path("datasets", name, "files", *item.split("/")), write, version=version)

    with progress(json_) as say:
        if packed:
            count = copy_packed(copy, {item.name: item.sha256 for item in files}, fetch, say)
        else:
            count = len(files)
            for number, item in enumerate(files, 1):
                say(f"{item.name} ({number} of {count})")
                with copy.file(item.name, item.sha256) as write:
                    fetch(item.name, write)
    if json_:
        print_json({"dataset": f"{name}@{version}", "files": count, "folder": str(folder)})
    else:
        click.echo(f"{name}@{version}: {count} files in {folder}")


def _pinned(client: Client, reference: str) -> tuple[str, str, bool]:
    """Name and digits of one version, so that a put in between changes nothing; and whether its files lie in packs."""
    from jinsu.api.models import Dataset
    from jinsu.cli.client import path as api_path
    from jinsu.errors import NotFoundError

    name, _, digits = reference.partition("@")
    versions = client.get(api_path("datasets", name, "versions"), list[Dataset])
    chosen = [
        item for item in versions if (item.latest if digits in ("", "latest") else item.digest.startswith(digits))
    ]
    if len(chosen) != 1:
        raise NotFoundError(f"dataset {name!r} has no single version {digits!r}; see: jinsu data log {name}")
    return name, chosen[0].version, chosen[0].packed


@click.command()
@click.argument("reference", metavar="NAME[@VERSION]")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted, and what needs it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def delete(reference: str, dry_run: bool, yes: bool, json_: bool) -> None:
    """Delete a version of a dataset, or without @VERSION all of them. Owners of its team may.

    What an open run, a model that serves or a problem needs is not deleted, and the refusal names it. Training and held-out
    parts that runs made of the rows go with those runs, by the platform's retention. `jinsu audit` says who deleted what.

    \b
    Example:
      jinsu data delete sales@3f9c1b20 --dry-run
    """
    from jinsu.api.models import DatasetDeleted
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path
    from jinsu.cli.show import echo
    from jinsu.spec.quantities import format_bytes

    name, _, version = reference.partition("@")
    client, path = Client(), api_path("datasets", name)
    if not (dry_run or yes):
        plan = client.delete(path, DatasetDeleted, version=version, dry_run=True)
        if not plan.needs:  # else the API's refusal says it all
            click.confirm(f"Delete {', '.join(plan.versions)} ({format_bytes(plan.size)})?", abort=True)
    done = client.delete(path, DatasetDeleted, version=version, dry_run=dry_run)
    if json_:
        print_json(done)
        return
    for item in done.versions:
        echo(f"{item} {'was' if done.deleted else 'would be'} deleted")
    for need in done.needs:
        echo(f"it is needed: {need}")
    echo(f"{format_bytes(done.size)} {'are' if done.deleted else 'would be'} free")


def _unit(item: Dataset) -> str:
    return "rows" if item.kind == "table" else "files"
