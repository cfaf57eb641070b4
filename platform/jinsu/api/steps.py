"""Confined steps that a request waits for."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from jinsu.errors import BadInputError, TransientError
from jinsu.launchers.launcher import Launcher
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import WAITING, Phase

_SHORTEST, _LONGEST = 0.05, 1.0


@dataclass(frozen=True)
class RequestSteps:
    """Starts a step and waits for its end; the same step again is found done."""

    launcher: Launcher

    async def finish(self, step: StepSpec, about: str) -> None:
        """Returns when the step is done. about: what the step opens, for messages.

        Raises BadInputError with the sentence of a step that failed, and TransientError for one that was interrupted.
        """
        status = await anyio.to_thread.run_sync(self.launcher.start, step)
        pause = _SHORTEST
        while status.phase in WAITING:
            await anyio.sleep(pause)
            pause = min(_LONGEST, pause * 1.2)
            status = await anyio.to_thread.run_sync(self.launcher.status, step.run_key)
        if status.phase is Phase.FAILED and not status.interrupted:
            raise BadInputError(status.message)
        if status.phase is not Phase.DONE:
            raise TransientError(f"{about}: {status.message or status.phase}; try again.", 5)
