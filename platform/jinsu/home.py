"""Which installation on this machine a process belongs to, or a command means.

`$JINSU_HOME` names it. Otherwise there may be one in the checkout that this code runs from (`CHECKOUT/.jinsu`) and one of
the user (`~/.jinsu`).
"""

from __future__ import annotations

import json
import os
import shlex
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinsu.errors import BadInputError
from jinsu.resources import checkout

HOME_VARIABLE = "JINSU_HOME"
FOLDER_NAME = ".jinsu"
SETTINGS_NAME = "settings.json"
SOCKET_NAME = "supervisor.sock"
FIRST_PASSWORD = "first-password.json"  # noqa: S105
"""The file in the home with the name and the first password of this machine's user."""


@dataclass(frozen=True)
class Candidate:
    """An installation on this machine. port: its API's. running: whether its supervisord accepts connections."""

    home: Path
    port: int | None
    running: bool

    def __str__(self) -> str:
        return f"{self.home} (port {self.port or 'unknown'}, {'running' if self.running else 'stopped'})"


def find_home() -> Path:
    """The folder of the installation; it may not exist yet. Raises BadInputError when it could be one of several."""
    named = os.environ.get(HOME_VARIABLE)
    return Path(named).absolute() if named else choose(installations(), _of_the_user())


def choose(existing: Sequence[Candidate], default: Path) -> Path:
    """The only installation, or the only one that runs, or the default when there is none. Pure.

    Raises BadInputError, which lists them, when several run or several exist and none runs.
    """
    if not existing:
        return default
    running = [installation for installation in existing if installation.running]
    possible = running or existing
    if len(possible) == 1:
        return possible[0].home
    listed = ", ".join(map(str, existing))
    example = shlex.quote(str(possible[0].home))
    raise BadInputError(
        f"there are several installations on this machine: {listed}; "
        f"name the one that you mean: {HOME_VARIABLE}={example} jinsu …"
    )


def installations() -> list[Candidate]:
    """The installations that can be found when `$JINSU_HOME` is not set."""
    root = checkout()
    homes = [*([root / FOLDER_NAME] if root else []), _of_the_user()]
    return [_look(home) for home in dict.fromkeys(homes) if (home / SETTINGS_NAME).is_file()]


def _of_the_user() -> Path:
    return Path.home() / FOLDER_NAME


def _look(home: Path) -> Candidate:
    try:
        settings = json.loads((home / SETTINGS_NAME).read_text(encoding="utf-8"))
        port = int(settings["api_url"].rpartition(":")[2])
        return Candidate(home, port, _accepts(Path(settings["runtime"]) / SOCKET_NAME))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Candidate(home, None, False)


def _accepts(path: Path) -> bool:
    """Whether a process accepts connections at the Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
