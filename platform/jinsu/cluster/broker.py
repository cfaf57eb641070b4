"""The process of the broker: it has the store's keys and the key of the steps' tokens, and no other secret."""

from __future__ import annotations

import os

from jinsu.broker.app import BrokerApp
from jinsu.broker.desk import Desk
from jinsu.steps.pod_context import store_from_environment

PORT = 8081


def start() -> None:
    """Answers until the process is stopped."""
    import uvicorn

    app = BrokerApp(Desk(store_from_environment()), os.environ["JINSU_STEP_KEY"])
    uvicorn.run(app, host="0.0.0.0", port=PORT, log_level="warning", access_log=False)  # noqa: S104  # it asks for tokens
