"""Waiting for what happens in another process. Each function asks again and again until the answer is true."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any


def until(look: Callable[[], Any], within: float, what: str | Callable[[], str], every: float = 0.1) -> Any:
    """Returns the first true answer of `look`; fails the test, naming `what`, when there is none in `within` seconds."""
    deadline = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < deadline, _complaint(within, what)
        time.sleep(every)
    return seen


async def until_async(
    look: Callable[[], Any], within: float, what: str | Callable[[], str], every: float = 0.01
) -> Any:
    """As `until`, between the tasks of an event loop; `look` may be a coroutine function."""
    deadline = time.monotonic() + within
    while True:
        seen = look()
        if inspect.isawaitable(seen):
            seen = await seen
        if seen:
            return seen
        assert time.monotonic() < deadline, _complaint(within, what)
        await asyncio.sleep(every)


def eventually(look: Callable[[], Any], within: float = 30.0, every: float = 0.05) -> Any:
    """Returns the first true answer of `look`, or its last answer when `within` seconds are over."""
    deadline = time.monotonic() + within
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(every)
    return seen


def _complaint(within: float, what: str | Callable[[], str]) -> str:
    return f"waited {within:g} s for {what() if callable(what) else what}"
