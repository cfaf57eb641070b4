"""What can be said of a problem's scorer before it is executed: whether its file is there, is Python, and defines the function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from jinsu.errors import BadInputError
from jinsu.spec.load import read_small

_FUNCTION, _TAKES = "score", ("truth", "outputs", "rows")


def read_scorer(folder: Path, name: str) -> str:
    """The text of the scorer in `folder`. Raises BadInputError when it cannot score."""
    path = folder / name
    if not path.is_file():
        raise BadInputError(
            f"scorer: {path}: there is no such file; write it, with a function score(truth, outputs, rows)."
        )
    text = read_small(path)
    check_scorer(text, str(path))
    return text


def check_scorer(text: str, source: str) -> None:
    """Raises BadInputError for a text without the function; nothing of it is executed."""
    try:
        module = ast.parse(text)
    except SyntaxError as problem:
        raise BadInputError(f"scorer: {source}, line {problem.lineno}: {problem.msg}.") from None
    except (ValueError, RecursionError, MemoryError):
        raise BadInputError(f"scorer: {source}: is no Python that can be read.") from None
    if _FUNCTION not in _names(module):
        raise BadInputError(f"scorer: {source}: defines no function {_FUNCTION}({', '.join(_TAKES)}); write one.")
    for function in module.body:
        if isinstance(function, ast.FunctionDef) and function.name == _FUNCTION and not _takes_three(function.args):
            raise BadInputError(
                f"scorer: {source}, line {function.lineno}: {_FUNCTION} takes other things than it is given; write "
                f"def {_FUNCTION}({', '.join(_TAKES)})."
            )


def _takes_three(arguments: ast.arguments) -> bool:
    """Whether a function can be called with three values by their places."""
    places = len(arguments.posonlyargs) + len(arguments.args)
    needed = places - len(arguments.defaults)
    needs_names = any(default is None for default in arguments.kw_defaults)
    return needed <= len(_TAKES) and (places >= len(_TAKES) or arguments.vararg is not None) and not needs_names


def _names(module: ast.Module) -> set[str]:
    """What the file defines at its top, or within an `if`, a `try` or a `with` there."""
    blocks = ast.If | ast.Try | ast.With
    parts = (ast.walk(line) if isinstance(line, blocks) else [line] for line in module.body)
    return {name for part in parts for line in part for name in _defined(line)}


def _defined(line: ast.AST) -> Iterator[str]:
    if isinstance(line, ast.FunctionDef | ast.ClassDef):
        yield line.name
    if isinstance(line, ast.Import | ast.ImportFrom):
        yield from (item.asname or item.name for item in line.names)
    if isinstance(line, ast.Assign):
        yield from (target.id for target in line.targets if isinstance(target, ast.Name))
