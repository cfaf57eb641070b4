"""The supervisord of an installation on this machine."""

from __future__ import annotations

from pathlib import Path

from jinsu.clients.supervisord import Supervisor
from jinsu.settings import Settings


def supervisor_of(settings: Settings) -> Supervisor:
    """A client of the installation's supervisord, whether it runs or not."""
    return Supervisor(Path(settings.home), Path(settings.runtime), settings.supervisor_password)
