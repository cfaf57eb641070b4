"""Starts one process of the platform in its container.

python -m jinsu.cluster api | broker | controller | airflow PART | mlflow | migrate | wait | gateway PATH | database | store | check
python -m jinsu.cluster preflight FOLDER | training-fits
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Mapping
from importlib import import_module

from jinsu.errors import JinsuError

PARTS: Mapping[str, str] = {
    "api": "api",
    "broker": "broker",
    "controller": "controller",
    "airflow": "airflow",
    "mlflow": "mlflow",
    "gateway": "gateway",
    "store": "object_store",
    "database": "database",
    "check": "check",
    "preflight": "preflight",
    "training-fits": "training_fits",
    "migrate": "migrate",
    "wait": "wait",
}
"""The module of this package that starts a process, by the name that the chart uses."""


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # The kernel gives the first process of a container no default for SIGTERM. Without a handler Kubernetes would wait
    # for the whole grace period and then kill the process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    name, *arguments = sys.argv[1:] or [""]
    if name not in PARTS:
        sys.exit(f"{name!r} is none of {', '.join(PARTS)}.")
    start: Callable[..., None] = import_module(f"jinsu.cluster.{PARTS[name]}").start
    try:
        start(*arguments)
    except JinsuError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
