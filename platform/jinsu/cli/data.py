"""jinsu data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from jinsu.cli.data_versions import delete, diff, get, log_
from jinsu.cli.show import ago, as_json, listing, print_json, progress


@click.group()
def data() -> None:
    """Put, list, compare, copy and delete datasets. A version never changes; its name is the digest of its content."""


for command in (log_, diff, get, delete):
    data.add_command(command)


@data.command()
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--team", default="", help="Which team owns it, when the name is new and you are in several.")
@click.option("--note", default="", help="What is new in this version; jinsu data log shows it.")
@as_json
def put(name: str, path: Path, team: str, note: str, json_: bool) -> None:
    """Make a version of dataset NAME from a table (.parquet, .csv, .jsonl) or a folder of files.

    \b
    Example:
      jinsu data put digits digits.parquet
    """
    from jinsu.api.models import Dataset
    from jinsu.cli.client import Client, stream_file
    from jinsu.cli.client import path as api_path
    from jinsu.errors import BadInputError

    if not path.exists():
        raise BadInputError(f"{path}: there is no such file or folder.")
    with progress(json_) as say:
        say(f"uploading {path}")
        if path.is_dir():
            from jinsu.runs.snapshots import pack

            content, _ = pack(path, 8 * 2**30)
            made = Client().upload(api_path("datasets", name), Dataset, content, suffix=".tar.gz", team=team, note=note)
        else:
            said = {"suffix": path.suffix, "team": team, "file": path.name, "note": note}
            made = Client().upload(api_path("datasets", name), Dataset, stream_file(path), **said)
    if json_:
        print_json(made)
        return
    click.echo(f"{made.name}@{made.version}: {made.rows} {'rows' if made.kind == 'table' else 'files'}")
    for column, kind in made.columns.items():
        click.echo(f"  {column}: {kind}")


@data.command("list")
@as_json
def list_(json_: bool) -> None:
    """List the latest version of every dataset.

    \b
    Example:
      jinsu data list
    """
    from jinsu.api.models import Dataset
    from jinsu.cli.client import Client
    from jinsu.spec.quantities import format_bytes

    columns: dict[str, Callable[[Dataset], object]] = {
        "dataset": lambda item: item.name,
        "version": lambda item: item.version,
        "kind": lambda item: item.kind,
        "rows": lambda item: item.rows,
        "size": lambda item: format_bytes(item.size),
        "by": lambda item: item.created_by,
        "ago": lambda item: ago(item.created),
    }
    versions = Client().get("/v1/datasets", list[Dataset])
    listing(versions, columns, "No datasets yet. Add one: jinsu data put NAME PATH", json_=json_)
