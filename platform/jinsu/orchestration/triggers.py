"""Long waits without a worker. A step's status or the database ends them, so they survive a killed triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

_POLL = 1.0


class StepTrigger(BaseTrigger):  # type: ignore[misc]
    """Follows a launched step until its end, and writes the step's new log lines to the task's log."""

    def __init__(self, run_key: str, offset: int) -> None:
        super().__init__()
        self.run_key, self.offset = run_key, offset

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "jinsu.orchestration.triggers.StepTrigger", {"run_key": self.run_key, "offset": self.offset}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from jinsu.installation import connect
        from jinsu.orchestration.log_following import show
        from jinsu.steps.status import WAITING

        launcher = connect().launcher
        while True:
            status = await asyncio.to_thread(launcher.status, self.run_key)
            self.offset = await asyncio.to_thread(show, launcher, self.run_key, self.offset, self.log.info)
            if status.phase not in WAITING:
                yield TriggerEvent({"run_key": self.run_key, "offset": self.offset})
                return
            await asyncio.sleep(_POLL)


class RolloutTrigger(BaseTrigger):  # type: ignore[misc]
    """Waits until the controller has decided a rollout."""

    def __init__(self, submission: str) -> None:
        super().__init__()
        self.submission = submission

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "jinsu.orchestration.triggers.RolloutTrigger", {"submission": self.submission}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from jinsu.installation import connect
        from jinsu.lifecycle.canary import Canary

        canary = connect().build(Canary)
        while await asyncio.to_thread(canary.waiting, self.submission):
            await asyncio.sleep(_POLL)
        yield TriggerEvent({})


class PlaceTrigger(BaseTrigger):  # type: ignore[misc]
    """Waits until the controller has given a run its place among the runs that work."""

    def __init__(self, submission: str) -> None:
        super().__init__()
        self.submission = submission

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "jinsu.orchestration.triggers.PlaceTrigger", {"submission": self.submission}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from jinsu.installation import connect

        places = connect().places
        while not await asyncio.to_thread(places.has, self.submission):
            await asyncio.sleep(_POLL)
        yield TriggerEvent({})
