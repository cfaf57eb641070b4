"""Which file of a folder a training command starts."""

from __future__ import annotations

import difflib
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from jinsu.cli.folder_files import files_of
from jinsu.cli.import_names import is_installed
from jinsu.errors import BadInputError

_PYTHON = re.compile(r"python(\d(\.\d+)?)?")
_SHELLS = ("bash", "sh", "dash")
_OPTIONS_WITH_VALUE = ("-X", "-W", "--check-hash-based-pycs")


@dataclass(frozen=True)
class Entry:
    """The Python file that a command starts. path: in the folder; None when the command starts something else.

    root: the folder in which Python looks for the modules that the file imports.
    """

    path: Path | None
    root: Path


def training_entry(folder: Path, command: str) -> Entry:
    """Raises BadInputError when the file or the program that the command names is not there."""
    program, *arguments = shlex.split(command)
    name = program.rpartition("/")[2]
    if _PYTHON.fullmatch(name):
        return _python_entry(folder, command, arguments)
    if name in _SHELLS:
        file = next((word for word in arguments if not word.startswith("-")), None)
        if file is not None and "-c" not in arguments:
            _require(folder, command, file)
    elif "/" in program and not program.startswith("/"):
        _require(folder, command, program)
    elif shutil.which(program) is None:
        raise BadInputError(
            f"train.command: {program!r} is no program of this machine; a script of the folder is started with "
            f"'python {program}' or './{program}'."
        )
    return Entry(None, folder)


def _python_entry(folder: Path, command: str, arguments: list[str]) -> Entry:
    words = iter(arguments)
    for word in words:
        if word == "-m":
            return Entry(_module(folder, command, next(words, "")), folder)
        if word in _OPTIONS_WITH_VALUE:
            next(words, None)
        elif word == "-c":
            return Entry(None, folder)
        elif not word.startswith("-"):
            path = _require(folder, command, word)
            return Entry(path, path.parent)
    raise BadInputError(f"train.command: {command!r} names no script; write it like 'python train.py'.")


def _module(folder: Path, command: str, name: str) -> Path | None:
    """The file of `python -m NAME`; None for a module that is installed."""
    place = folder.joinpath(*name.split("."))
    for path in (place.with_suffix(".py"), place / "__main__.py"):
        if path.is_file():
            return path
    if place.is_dir():
        raise BadInputError(f"train.command: {command!r}: {name} is a package without __main__.py.")
    if not is_installed(name.partition(".")[0]):
        raise BadInputError(
            f"train.command: {command!r}: there is no module {name!r} in the folder, nor installed here."
        )
    return None


def _require(folder: Path, command: str, name: str) -> Path:
    path = folder / name
    if path.is_dir() and (path / "__main__.py").is_file():
        return path / "__main__.py"
    if path.is_file():
        return path
    there = [item.relative_to(folder).as_posix() for item in files_of(folder)]
    close = difflib.get_close_matches(name, there, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else f"; put it beside {folder / 'model.yaml'}."
    raise BadInputError(f"train.command: {command!r}: there is no {name} in the folder{hint}")
