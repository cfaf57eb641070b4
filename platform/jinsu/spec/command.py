"""Commands are started without a shell: which characters of a command only a shell would understand. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import itemgetter

_QUOTES = "'\""
_MEANINGS = (
    (re.compile(r"&&|\|\||[;&\n]"), "starts another command"),
    (re.compile(r"[|]"), "is a pipe"),
    (re.compile(r"[<>]"), "redirects a file"),
    (re.compile(r"\$\(|`"), "runs a command in a command"),
    (re.compile(r"\$(?!\()"), "reads a variable"),
    (re.compile(r"[*?\[]"), "stands for names of files"),
    (re.compile(r"(?<!\S)~"), "stands for a home folder"),
    (re.compile(r"(?<!\S)#"), "begins a comment"),
)
_VARIABLE = re.compile(r"\s*[A-Za-z_]\w*=")


def shell_syntax(command: str) -> str | None:
    """What in a command needs a shell, as the words `'&&' starts another command`; None when nothing does.

    What stands in quotes, or after a backslash, is an argument as it is. The command's quotes are closed.
    """
    bare = "".join(_unquoted(command.strip()))
    if _VARIABLE.match(bare):
        return f"{bare.split('=')[0].strip() + '='!r} sets a variable"
    found = [(match.start(), match[0], meaning) for pattern, meaning in _MEANINGS if (match := pattern.search(bare))]
    if not found:
        return None
    _, characters, meaning = min(found, key=itemgetter(0))
    return f"{'a line break' if characters == chr(10) else repr(characters)} {meaning}"


def _unquoted(command: str) -> Iterator[str]:
    """The characters of a command, with a NUL in place of each that is quoted."""
    quote, escaped = "", False
    for char in command:
        if escaped:
            escaped = False
            yield "\n" if char == "\n" else "\0"
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
            yield "\0"
        elif char in _QUOTES:
            quote = char
            yield "\0"
        else:
            yield char
