"""Starts one process of the platform in its container.

    python -m jinsu.cluster api | controller | airflow PART | mlflow | migrate | wait | gateway | database | store | check

Servers of others replace this process, so that signals reach them.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module

from jinsu.errors import JinsuError

PARTS = {
    "api": "jinsu.cluster.own",
    "controller": "jinsu.cluster.own",
    "airflow": "jinsu.cluster.others",
    "mlflow": "jinsu.cluster.others",
    "gateway": "jinsu.cluster.others",
    "store": "jinsu.cluster.others",
    "database": "jinsu.cluster.database",
    "check": "jinsu.cluster.check",
    "migrate": "jinsu.cluster.migrate",
    "wait": "jinsu.cluster.migrate",
}


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Nobody ends the first process of a container by default: without this it would be waited for, then killed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    name, *arguments = sys.argv[1:] or [""]
    if name not in PARTS:
        sys.exit(f"{name!r} is none of {', '.join(PARTS)}.")
    start: Callable[..., None] = getattr(import_module(PARTS[name]), name)
    try:
        start(*arguments)
    except JinsuError as problem:
        sys.exit(str(problem))


def become(command: tuple[str, ...], environment: dict[str, str]) -> None:
    """Replaces this process. What the pod's own environment says wins, so that values can change any setting."""
    os.execvpe(command[0], command, {**environment, **os.environ})


if __name__ == "__main__":
    main()
