"""Dynamic batching: the requests that arrived during one run make up the next, so a lone request never waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from jinsu.packaging.arrays import Arrays, joined, part_of, rows_of, shapes_of
from jinsu.serving.engine import Done, ModelFailed, Outcome, RowsRefused, Stopped
from jinsu.serving.limits import Limits
from jinsu.serving.signature import Refused

Run = Callable[[Arrays, Done], None]
"""Takes a batch, and later calls `Done` with the answers. One batch at a time."""


@dataclass(slots=True)
class _Job:
    """One request: its rows, the loop's time of its deadline, and its answers to come. stopped: whether a run of it was."""

    rows: Arrays
    due: float
    done: asyncio.Future[Arrays] = field(repr=False)
    stopped: bool = False

    @property
    def size(self) -> int:
        return rows_of(self.rows)


class Batcher:
    """A bounded queue in front of `run`.

    on_batch: called with the number of rows before each run. fixed: whether all rows of all requests have the same shape.
    """

    def __init__(self, run: Run, limits: Limits, on_batch: Callable[[int], None], fixed: bool = True) -> None:
        self._run, self._limits, self._on_batch, self._fixed = run, limits, on_batch, fixed
        self._queue: deque[_Job] = deque()
        self._open: deque[_Job] = deque()  # every request without an answer, the oldest first
        self._timer: asyncio.TimerHandle | None = None
        self.waiting = 0
        self._busy = False
        self._alone = 0  # how many of the next runs take one request each

    def submit(self, rows: Arrays) -> asyncio.Future[Arrays]:
        """The answers to `rows`, to come: arrays, or Refused(400), (504) or (500). Raises Refused(429) for a full queue."""
        if self.waiting and self.waiting + rows_of(rows) > self._limits.queue:
            raise Refused(429, f"{self.waiting} rows are waiting already; try again in a second")
        loop = asyncio.get_running_loop()
        job = _Job(rows, loop.time() + self._limits.deadline, loop.create_future())
        self._queue.append(job)
        self.waiting += job.size
        self._open.append(job)
        if self._timer is None:  # one for all: whoever came first is late first
            self._timer = loop.call_at(job.due, self._expire_late)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._run_next)  # after every request that the loop has read already
        return job.done

    def _expire_late(self) -> None:
        loop = asyncio.get_running_loop()
        while self._open and (self._open[0].done.done() or self._open[0].due <= loop.time()):
            self._expire(self._open.popleft())
        self._timer = loop.call_at(self._open[0].due, self._expire_late) if self._open else None

    def _forget_answered(self) -> None:
        while self._open and self._open[0].done.done():
            self._open.popleft()
        if not self._open and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self, job: _Job) -> None:
        if not job.done.done():
            job.done.set_exception(Refused(504, f"no answer within {self._limits.deadline:g} s"))

    def _take_jobs(self) -> list[_Job]:
        jobs: list[_Job] = []
        total, now = 0, asyncio.get_running_loop().time()
        alone = self._alone > 0
        self._alone = max(0, self._alone - 1)
        while self._queue and (not jobs or (not alone and self._fits(self._queue[0], jobs[0], total))):
            job = self._queue.popleft()
            self.waiting -= job.size
            if now > job.due:
                self._expire(job)
            if not job.done.done():  # neither late nor abandoned by its client
                jobs.append(job)
                total += job.size
        return jobs

    def _fits(self, job: _Job, first: _Job, total: int) -> bool:
        """Whether a job may run with others of so many rows; rows of different shapes make no array."""
        return total + job.size <= self._limits.batch and (self._fixed or shapes_of(job.rows) == shapes_of(first.rows))

    def _run_next(self) -> None:
        jobs = self._take_jobs()
        if not jobs:
            self._busy = False
            self._forget_answered()
            return
        rows = joined([job.rows for job in jobs])
        self._on_batch(rows_of(rows))
        self._run(rows, partial(self._finish, jobs))

    def _finish(self, jobs: list[_Job], outcome: Outcome) -> None:
        if isinstance(outcome, tuple):
            start = 0
            for job in jobs:
                if not job.done.done():
                    job.done.set_result(part_of(outcome, start, start + job.size))
                start += job.size
        elif self._may_try_again(jobs, outcome):
            # One of the requests made the run fail: each runs alone next, so that the others get their answers.
            self._queue.extendleft(reversed(jobs))
            self.waiting += sum(job.size for job in jobs)
            self._alone = max(self._alone, len(jobs))
        else:
            for job in jobs:
                if not job.done.done():
                    job.done.set_exception(_refusal(outcome))
        self._forget_answered()
        if self._queue:
            asyncio.get_running_loop().call_soon(self._run_next)
        else:
            self._busy = False

    def _may_try_again(self, jobs: list[_Job], outcome: ModelFailed | Stopped) -> bool:
        """A failure is tried again for the sake of the neighbours; a lost process once more, which it may not be to blame for."""
        if isinstance(outcome, ModelFailed):
            return len(jobs) > 1
        first = not any(job.stopped for job in jobs)
        for job in jobs:
            job.stopped = True
        return len(jobs) > 1 or first


def _refusal(outcome: ModelFailed | Stopped) -> Refused:
    if isinstance(outcome, RowsRefused):
        return Refused(400, str(outcome))
    if isinstance(outcome, ModelFailed):
        return Refused(500, f"the model failed: {str(outcome)[:200]}")
    return Refused(504, f"the model {outcome}; its run was ended")
