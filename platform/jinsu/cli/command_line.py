"""Commands as they are printed for a person, so that they work from any folder and in any shell."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from jinsu.home import HOME_VARIABLE, installations


def printed_command(home: Path, *words: str) -> str:
    """`jinsu WORDS` for the installation in `home`, as short as it may be here."""
    return compose(_program(), [candidate.home for candidate in installations()], home, words)


def compose(program: Sequence[str], homes: Sequence[Path], home: Path, words: Sequence[str]) -> str:
    """A line for a shell. Pure.

    program: how this `jinsu` is started. homes: the installations that it finds by itself; the line names `home` unless it is
    the only one of them.
    """
    named = [] if list(homes) == [home] else [f"{HOME_VARIABLE}={shlex.quote(str(home))}"]
    return " ".join([*named, *map(shlex.quote, (*program, *words))])


def _program() -> tuple[str, ...]:
    """`jinsu` where a shell finds this very program by that name, else what starts it from anywhere."""
    own = Path(sys.executable).with_name("jinsu")
    if not own.is_file():
        return (sys.executable, "-m", "jinsu.cli.main")
    on_path = shutil.which("jinsu")
    return ("jinsu",) if on_path and own.samefile(on_path) else (str(own),)
