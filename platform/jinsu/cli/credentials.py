"""Where the command line keeps a token: in the home of this machine's platform, or by address for one elsewhere.

The file for platforms elsewhere is `$XDG_CONFIG_HOME/jinsu/tokens.json`, by default `~/.config/jinsu/tokens.json`, for its
owner alone.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinsu.errors import BadInputError, ForbiddenError, NotFoundError
from jinsu.files import write_private

API_VARIABLE, TOKEN_VARIABLE = "JINSU_API", "JINSU_TOKEN"


@dataclass(frozen=True)
class Place:
    """The API that is asked. home: of the platform on this machine that it belongs to; None for one elsewhere."""

    url: str
    home: Path | None = None

    def token(self) -> str:
        """The token to show. Raises ForbiddenError when there is none."""
        named = os.environ.get(TOKEN_VARIABLE)
        kept = named or (_read_home(self.home) if self.home else _read().get(self.url, {}).get("token"))
        if kept:
            return str(kept)
        raise ForbiddenError(f"you are not signed in to {self.url}: jinsu login, or set {TOKEN_VARIABLE}.")

    def keep(self, name: str, token: str) -> Path:
        """Keeps a token from now on; returns the file."""
        if self.home:
            path = self.home / "token"
            _write(path, token)
            return path
        return _store({**_read(), self.url: {"name": name, "token": token}})

    def forget(self) -> None:
        """Keeps no token any more."""
        if self.home:
            (self.home / "token").unlink(missing_ok=True)
        elif self.url in (kept := _read()):
            del kept[self.url]
            _store(kept)


def place() -> Place:
    """`$JINSU_API`, else the platform on this machine. Raises NotFoundError when there is neither."""
    named = os.environ.get(API_VARIABLE, "").rstrip("/")
    if not named:
        return _local()
    with suppress(NotFoundError, BadInputError):
        if (local := _local()).url == named:
            return local
    return Place(named)


def _local() -> Place:
    from jinsu import settings
    from jinsu.home import find_home

    try:
        return Place(settings.load().api_url, find_home())
    except NotFoundError:
        raise NotFoundError(
            f"{find_home()}: there is no platform here; start one with: jinsu up, "
            f"or set {API_VARIABLE} for one elsewhere and sign in: jinsu login"
        ) from None


def _read_home(home: Path) -> str:
    try:
        return (home / "token").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _path() -> Path:
    named = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(named) if Path(named).is_absolute() else Path.home() / ".config"
    return folder / "jinsu" / "tokens.json"


def _read() -> dict[str, Any]:
    path = _path()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict) or not all(isinstance(kept, dict) for kept in document.values()):
        raise BadInputError(f"{path}: cannot be read; remove it and sign in again: jinsu login")
    return document


def _store(document: dict[str, Any]) -> Path:
    path = _path()
    _write(path, json.dumps(document, indent=1))
    return path


def _write(path: Path, text: str) -> None:
    """All of it or nothing, for its owner alone. A link is replaced, never followed."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    write_private(draft, text)
    draft.replace(path)
