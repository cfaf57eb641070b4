"""How the command line shows things: tables and progress for people, JSON for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from jinsu.runs.text import clean

_Item = TypeVar("_Item")
_PIPED_WIDTH = 1000
"""Columns of a table that no terminal shows: an address in it must stay in one piece."""

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON for programs.")


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Prints text that a person or a script may have written; nothing in it acts on the terminal."""
    click.echo(clean(text), err=err, nl=nl)


def print_json(value: Any) -> None:
    """Prints JSON's own types, an answer of the API, or a list of answers."""
    click.echo(json.dumps(value, indent=1, default=lambda answer: answer.model_dump(mode="json")))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """A table, or one sentence when there is nothing to show."""
    if not rows:
        click.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*("" if cell is None else clean(str(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    Console(width=width, markup=False, highlight=False).print(grid)


def listing(
    answers: Sequence[_Item], columns: Mapping[str, Callable[[_Item], object]], empty: str, *, json_: bool
) -> None:
    """Prints answers of the API as JSON, or as a table with a row an answer; `columns` gives each cell by its title."""
    if json_:
        print_json(answers)
        return
    rows = [[cell(answer) for cell in columns.values()] for answer in answers]
    table(tuple(columns), rows, empty)


def ago(moment: float | None) -> str:
    """`12 s`, `5 min`, `3 h`, `2 d` since then."""
    if moment is None:
        return ""
    seconds = max(0.0, time.time() - moment)
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


@contextmanager
def progress(quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Says what is going on: a spinner on a terminal, a line each time it changes elsewhere (on standard error)."""
    if quiet:
        yield lambda _text: None
    elif sys.stderr.isatty() and sys.stdout.isatty():  # what is printed meanwhile stands above the spinner
        from rich.console import Console
        from rich.text import Text

        with Console(stderr=True).status("…") as status:
            yield lambda text: status.update(Text(clean(text)))
    else:
        begun = time.monotonic()
        yield lambda text: echo(f"{time.monotonic() - begun:6.1f} s  {text}", err=True)
