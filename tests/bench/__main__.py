"""`python -m tests.bench [NAME ...]`: measures, prints one table, writes build/bench.json.

Nothing here fails because a machine is slow: a missed target is a row, and only a benchmark that breaks is an error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.bench.figure import Figure, Say

# The quiet ones first: what a benchmark leaves in the page cache must not make its successor look faster.
NAMES = (
    "startup",
    "check",
    "serving",
    "cost",
    "memory",
    "idle",
    "lifecycle",
    "confinement",
    "steps",
    "submissions",
    "files",
    "rows",
    "cluster",
)
RESULT = Path("build") / "bench.json"
_MARKS = {None: "", True: "✔", False: "✘"}


def measure(name: str, say: Say) -> list[Figure]:
    """All figures of one benchmark; each names the command that prints it."""
    found: list[Figure] = import_module(f"tests.bench.{name}").measure(say)
    return [replace(figure, how=f"{figure.how} Printed by: python -m tests.bench {name}") for figure in found]


def show(figures: Sequence[Figure]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("figure", overflow="fold")
    for column in ("value", "unit", "target", ""):
        table.add_column(column, justify="right" if column in ("value", "target") else "left", no_wrap=True)
    for figure in figures:
        mark = _MARKS[figure.holds]
        style = {True: "green", False: "red"}.get(figure.holds) if figure.holds is not None else None
        table.add_row(figure.name, f"{figure.value:,.10g}", figure.unit, figure.target or "", mark, style=style)
    Console(width=None if sys.stdout.isatty() else 140, highlight=False).print(table)


def write(figures: Sequence[Figure], kept: dict[str, object]) -> None:
    document = {**kept, **{f.name: {key: v for key, v in asdict(f).items() if key != "name"} for f in figures}}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def known() -> dict[str, object]:
    """What is written already: naming a benchmark replaces its figures and leaves the others."""
    try:
        return dict(json.loads(RESULT.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def _stop(*_: object) -> None:
    """Ends everything that was started, then leaves. Told again (`timeout` does), it goes on ending."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit("bench: told to end (SIGTERM); nothing is written")


def main() -> int:
    signal.signal(signal.SIGTERM, _stop)
    wanted = sys.argv[1:] or list(NAMES)
    if unknown := sorted(set(wanted) - set(NAMES)):
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    begun, figures, broken = time.monotonic(), list[Figure](), list[str]()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {text}", file=sys.stderr, flush=True)

    for name in wanted:
        say(f"{name} (load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)")
        try:
            figures += measure(name, say)
        except Exception:
            traceback.print_exc()
            broken.append(name)
    show(figures)
    write(figures, known() if sys.argv[1:] or broken else {})
    print(f"{RESULT} written after {time.monotonic() - begun:.0f} s")
    if broken:
        print(f"did not run: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
