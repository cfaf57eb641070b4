"""Whether a part of Airflow says that it lives. Only a clear no is a failure: a silent API server proves nothing.

python -m jinsu.cluster.heartbeat scheduler
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path


def lives(part: str) -> bool:
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
