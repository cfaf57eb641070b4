"""Dynamic batching: the requests that arrived during one run make up the next, so a lone request never waits."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from jinsu.serving.signature import Limits, Refused

Run = Callable[[np.ndarray], np.ndarray]
"""From rows to answers; the first axis of both is the batch."""


@dataclass(slots=True)
class _Job:
    """One request: its rows, the loop's time of its deadline, and its answers to come."""

    rows: np.ndarray
    due: float
    done: asyncio.Future[np.ndarray] = field(repr=False)


class Batcher:
    """A bounded queue in front of `run`.

    A run shorter than `limits.inline_below` stays on the event loop; a longer one goes to one thread, so that
    health checks and refusals are answered meanwhile. run_seconds: how long a full batch runs. on_batch: called with
    the number of rows before each run.
    """

    def __init__(self, run: Run, run_seconds: float, limits: Limits, on_batch: Callable[[int], None]) -> None:
        self._run, self._limits, self._on_batch = run, limits, on_batch
        self._queue: deque[_Job] = deque()
        self.waiting = 0
        self._busy = False
        self._alone = 0  # how many of the next runs take one request each
        self._thread = None if run_seconds < limits.inline_below else ThreadPoolExecutor(1, "model")

    def submit(self, rows: np.ndarray) -> asyncio.Future[np.ndarray]:
        """The answers to `rows`, to come: an array, or Refused(504) or Refused(500). Raises Refused(429) for a full queue."""
        if self.waiting and self.waiting + len(rows) > self._limits.queue:
            raise Refused(429, f"{self.waiting} rows are waiting already; try again in a second")
        loop = asyncio.get_running_loop()
        job = _Job(rows, loop.time() + self._limits.deadline, loop.create_future())
        self._queue.append(job)
        self.waiting += len(rows)
        if self._thread:
            timer = loop.call_at(job.due, self._expire, job)
            job.done.add_done_callback(lambda _: timer.cancel())
        if not self._busy:
            self._busy = True
            loop.call_soon(self._run_next)  # after every request that the loop has read already
        return job.done

    def _expire(self, job: _Job) -> None:
        if not job.done.done():
            job.done.set_exception(Refused(504, f"no answer within {self._limits.deadline:g} s"))

    def _take_jobs(self) -> list[_Job]:
        jobs: list[_Job] = []
        total, now = 0, asyncio.get_running_loop().time()
        alone = self._alone > 0
        self._alone = max(0, self._alone - 1)
        while self._queue and (not jobs or (not alone and total + len(self._queue[0].rows) <= self._limits.batch)):
            job = self._queue.popleft()
            self.waiting -= len(job.rows)
            if now > job.due:
                self._expire(job)
            if not job.done.done():  # neither late nor abandoned by its client
                jobs.append(job)
                total += len(job.rows)
        return jobs

    def _run_next(self) -> None:
        jobs = self._take_jobs()
        if not jobs:
            self._busy = False
            return
        rows = jobs[0].rows if len(jobs) == 1 else np.concatenate([job.rows for job in jobs])
        self._on_batch(len(rows))
        if self._thread is None:
            self._finish(jobs, _attempt(self._run, rows))
            return
        run = asyncio.get_running_loop().run_in_executor(self._thread, _attempt, self._run, rows)
        run.add_done_callback(lambda future: self._finish(jobs, future.result()))

    def _finish(self, jobs: list[_Job], outcome: np.ndarray | Exception) -> None:
        start = 0
        if isinstance(outcome, Exception) and len(jobs) > 1:
            # One of the requests made the run fail: each runs alone next, so that the others get their answers.
            self._queue.extendleft(reversed(jobs))
            self.waiting += sum(len(job.rows) for job in jobs)
            self._alone = max(self._alone, len(jobs))
            jobs = []
        for job in jobs:
            if not job.done.done():
                if isinstance(outcome, Exception):
                    job.done.set_exception(Refused(500, f"the model failed: {str(outcome)[:200]}"))
                else:
                    job.done.set_result(outcome[start : start + len(job.rows)])
            start += len(job.rows)
        if self._queue:
            asyncio.get_running_loop().call_soon(self._run_next)
        else:
            self._busy = False


def _attempt(run: Run, rows: np.ndarray) -> np.ndarray | Exception:
    try:
        return run(rows)
    except Exception as problem:
        return problem


def time_run(run: Run, rows: np.ndarray) -> float:
    """Seconds of the fastest of five runs. Raises ValueError unless `run` gives one answer a row."""
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        answers = run(rows)
        best = min(best, time.perf_counter() - begun)
    if answers.ndim == 0 or len(answers) != len(rows):
        raise ValueError("the first axis of the output is not the batch")
    return best
