"""Long waits without a worker. A step's status or the database ends them, so they survive a killed triggerer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

_POLL = 1.0


class StepTrigger(BaseTrigger):  # type: ignore[misc]
    """Follows a launched step until its end, and writes the step's new log lines to the task's log.

    The end of the stage's last step is recorded here: in a worker, a training would queue for a training slot again.
    """

    def __init__(self, run_key: str, offset: int, stage: str, submission: str, trial: int) -> None:
        super().__init__()
        self.run_key, self.offset = run_key, offset
        self.stage, self.submission, self.trial = stage, submission, trial

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("run_key", "offset", "stage", "submission", "trial")
        return "jinsu.orchestration.triggers.StepTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from jinsu.installation import connect
        from jinsu.orchestration.log_following import show
        from jinsu.steps.status import WAITING

        launcher = connect().launcher
        while True:
            status = await asyncio.to_thread(launcher.status, self.run_key)
            self.offset = await asyncio.to_thread(show, launcher, self.run_key, self.offset, self.log.info)
            if status.phase not in WAITING:
                yield await asyncio.to_thread(self._event)
                return
            await asyncio.sleep(_POLL)

    def _event(self) -> TriggerEvent:
        """Ends the task when its last step ended well; else a worker goes on, which says whether a retry helps."""
        from jinsu.orchestration.log_following import show
        from jinsu.orchestration.operators import shown, stage_in_steps

        stepping, stage = stage_in_steps(self.stage)
        goes_on = TriggerEvent({"run_key": self.run_key, "offset": self.offset})
        try:
            stepping.end(stage, self.submission, self.trial, self.run_key)
            if not stepping.is_last(stage, self.submission, self.trial):
                return goes_on
            show(stepping.launcher, self.run_key, self.offset, self.log.info, ended=True)
            output = stepping.finish(stage, self.submission, self.trial)
        except Exception as problem:
            self.log.info("%s", problem)
            return goes_on
        return TaskSuccessEvent(xcoms={"return_value": shown(output)})


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
