"""Repeats the work of a reconciler for as long as the controller lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from jinsu.controller.changes import Pauses
from jinsu.errors import JinsuError
from jinsu.state.fence import SupersededError

log = logging.getLogger("jinsu.controller")


async def repeat(work: Callable[[], bool | None], pauses: Pauses, name: str) -> NoReturn:
    """Runs blocking work in a thread, again and again. The work returns True when it is not done yet.

    A failure ends one pass alone. A JinsuError is logged when its message differs from the one before, so that an outside
    service that is down for an hour fills no log; any other exception is logged each time, with its traceback.

    Raises SupersededError when another controller has begun: no pass may follow.
    """
    logged = ""
    while True:
        busy: bool | None = True
        pauses.begin_pass()
        try:
            busy = await asyncio.to_thread(work)
            logged = ""
        except SupersededError:
            raise
        except JinsuError as problem:
            if str(problem) != logged:
                log.warning("%s: %s", name, problem)
            logged = str(problem)
        except Exception:
            log.exception("%s failed; it is tried again", name)
        await pauses.wait(bool(busy))
