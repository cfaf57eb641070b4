"""A liveness probe of Airflow's scheduler, DAG processor and triggerer, by what Airflow's API server says of them.

    python -m jinsu.cluster.heartbeat scheduler

The exit code is 1 only when the API server calls the part unhealthy. When the API server itself does not answer, nothing
is known about the part, and the exit code is 0.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path


def lives(part: str) -> bool:
    """False only when Airflow's API server says that `part` is unhealthy."""
    settings = json.loads((Path(os.environ["JINSU_HOME"]) / "settings.json").read_text(encoding="utf-8"))
    url = f"{settings['airflow_url']}/api/v2/monitor/health"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # from our own ConfigMap
            health = json.load(answer)
    except (OSError, ValueError):
        return True
    return bool(health.get(part, {}).get("status") != "unhealthy")


if __name__ == "__main__":
    sys.exit(0 if lives(sys.argv[1]) else 1)
