"""jinsu data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jinsu.cli.data_versions import delete, diff, get, log_
from jinsu.cli.show import ago, as_json, listing, print_json, progress

if TYPE_CHECKING:
    from jinsu.api.models import Dataset


@click.group()
def data() -> None:
    """Put, list, compare, copy and delete datasets. A version never changes; its name is the digest of its content."""


for command in (log_, diff, get, delete):
    data.add_command(command)


@data.command()
@click.argument("name")
@click.argument("source", metavar="PATH")
@click.option("--team", default="", help="Which team owns it, when the name is new and you are in several.")
@click.option("--note", default="", help="What is new in this version; jinsu data log shows it.")
@click.option(
    "--index",
    type=click.Path(path_type=Path),
    help="For a folder: a table (.csv, .parquet, .jsonl) with a column `path` and what is known of each file, such as labels.",
)
@click.option(
    "--append", is_flag=True, help="For a folder: keep the files of the latest version that PATH does not have."
)
@as_json
def put(name: str, source: str, team: str, note: str, index: Path | None, append: bool, json_: bool) -> None:
    """Make a version of dataset NAME from a table (.parquet, .csv, .jsonl), a folder of files, or s3://BUCKET/FOLDER.

    Files are sent in parts. What the latest version has, or an earlier try sent, is not sent again. A bucket is read from here,
    with your own keys, as AWS's tools find them.

    \b
    Example:
      jinsu data put digits digits.parquet
      jinsu data put pictures pictures/ --index labels.csv
    """
    from jinsu.cli.file_sources import is_bucket
    from jinsu.errors import BadInputError

    if not is_bucket(source) and not Path(source).exists():
        raise BadInputError(f"{source}: there is no such file or folder.")
    files = is_bucket(source) or Path(source).is_dir()
    if not files and (index is not None or append):
        raise BadInputError("--index and --append are for a folder of files; a table is one file, put whole.")
    with progress(json_) as say:
        made = (
            _put_files(name, source, team, note, index, append, say)
            if files
            else _put_table(name, source, team, note, say)
        )
    if json_:
        print_json(made)
        return
    click.echo(f"{made.name}@{made.version}: {made.rows} {'rows' if made.kind == 'table' else 'files'}")
    for column, kind in made.columns.items():
        click.echo(f"  {column}: {kind}")


def _put_table(name: str, source: str, team: str, note: str, say: Callable[[str], None]) -> Dataset:
    from jinsu.api.models import Dataset
    from jinsu.cli.client import Client, stream_file
    from jinsu.cli.client import path as api_path

    path = Path(source)
    say(f"uploading {path}")
    said = {"suffix": path.suffix, "team": team, "file": path.name, "note": note}
    return Client().upload(api_path("datasets", name), Dataset, stream_file(path), **said)


def _put_files(
    name: str, source: str, team: str, note: str, index: Path | None, append: bool, say: Callable[[str], None]
) -> Dataset:
    from jinsu.cli.client import Client
    from jinsu.cli.file_putting import Putting, refuse_index
    from jinsu.cli.file_sources import bucket_files, folder_files, is_bucket

    refuse_index(index)
    files = bucket_files(source) if is_bucket(source) else folder_files(Path(source))
    return Putting(Client(), name, team, say, append).put(files, index, note)


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
