"""Replacing this process by a server's own program, so that the signals of Kubernetes reach the server."""

from __future__ import annotations

import os
from collections.abc import Mapping


def become(command: tuple[str, ...], environment: Mapping[str, str]) -> None:
    """Runs the program `command[0]` in place of this process; does not return.

    A variable of the pod wins over the same one in `environment`, so that the chart's values can change any setting.
    """
    os.execvpe(command[0], command, {**environment, **os.environ})
