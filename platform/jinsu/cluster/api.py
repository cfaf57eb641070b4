"""The API's process."""

from __future__ import annotations

from jinsu import settings as configuration
from jinsu.installation import Installation
from jinsu.settings import port_of


def start() -> None:
    """Answers until the process is stopped."""
    from jinsu.api.serve import serve

    settings = configuration.load()
    serve(Installation(settings), settings.bind, port_of(settings.api_url))
