"""uv, which resolves and installs packages: how it is started, what it may use, and what its refusals mean."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jinsu.errors import BadInputError, TransientError

_UNSOLVED = 1
"""uv's exit code when it was answered, and the answers allow no solution; any other failure is an error on its way."""
_TICK = 0.2
_LONGEST = 800
_PASSING = re.compile(
    r"failed to fetch|request failed|error sending request|could not connect|connection|timed? ?out|dns error|tunnel",
    re.I,
)
_ACCOUNT = re.compile(r"(?<=://)[^/@\s]+@")
_SPACE = ("no space left", "disk quota exceeded")


def places(index: str, links: Sequence[str]) -> list[str]:
    """uv's options for where packages come from. index: an address, or "" for none. links: folders, or pages, of wheels."""
    found = ["--default-index", index] if index else ["--no-index"]
    for link in links:
        found += ["--find-links", link]
    return found


def index_named(environment: Mapping[str, str], default: str) -> str:
    """The index of packages that uv's and pip's own variables name."""
    return environment.get("UV_DEFAULT_INDEX") or environment.get("PIP_INDEX_URL") or default


def links_named(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Where this machine keeps wheels, as uv's and pip's own variables say."""
    given = environment.get("UV_FIND_LINKS") or environment.get("PIP_FIND_LINKS") or ""
    places = given.replace(",", " ").split()
    return tuple(place for place in places if place.startswith(("http://", "https://")) or Path(place).is_absolute())


def run_uv(words: Sequence[str], folder: Path, watch: Callable[[], None] = lambda: None) -> None:
    """Runs uv in the folder, where its cache is too. watch: called five times a second; what it raises ends uv.

    Raises BadInputError with what uv says when there is no solution, and TransientError when the index does not answer.
    """
    command = [_program(), *words, "--no-config", "--quiet", "--no-python-downloads", "--python", sys.executable]
    errors = folder / "uv.err"
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
        try:
            while process.poll() is None:
                watch()
                time.sleep(_TICK)
            watch()
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        said = in_one_line(errors.read_text(encoding="utf-8", errors="replace"))
        raise failure(process.returncode, said)


def failure(code: int, said: str) -> BadInputError | TransientError:
    """The error that uv's words stand for. Pure."""
    if any(words in said.lower() for words in _SPACE):
        return TransientError("the disk is full; free disk space, it is tried again.", 30)
    if code != _UNSOLVED and _PASSING.search(said):
        return TransientError(f"the index of packages does not answer: {said}; it is tried again.", 30)
    return BadInputError(said)


def in_one_line(text: str) -> str:
    """What uv printed, as one line without uv's own headings and without the account of an index. Pure."""
    line = " ".join(text.split())
    line = re.sub(r"^(error:|×)\s*", "", line).replace("No solution found when resolving dependencies", "")
    line = re.sub(r"\s*(╰─▶|├─▶|cause:|│)\s*", " ", line).strip(" :")
    return _ACCOUNT.sub("", line)[:_LONGEST].rstrip(" .")


def _program() -> str:
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.exists() else shutil.which("uv")
    if program is None:
        raise BadInputError("this Python has no uv, which builds environments; install the package `uv` beside Jinsu.")
    return program


def _environment(folder: Path, base: Mapping[str, str]) -> dict[str, str]:
    """What uv starts with. An index at an address of this machine is reached through the sandbox's proxy as well."""
    kept = (
        *("PATH", "HOME", "TMPDIR", "LANG", "SSL_CERT_FILE", "UV_HTTP_RETRIES"),
        *("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"),
    )
    return {
        **{name: base[name] for name in kept if name in base},
        "UV_CACHE_DIR": str(folder / "cache"),
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
    }
