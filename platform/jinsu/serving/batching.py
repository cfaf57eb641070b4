"""Dynamic batching: the requests that arrived during one run make up the next, so a lone request never waits.

A request that makes its run fail is searched for by halving. Of the requests of a failed run, one half runs again, filled up with
new requests, while the other half is held back: if the run succeeds, the bad request is among those held back, which are
halved at once. A request is refused only after it failed alone, so a failure that needs the whole batch, such as one of memory,
ends in smaller batches. One bad request of n costs at most 2 + 2 log2(n) runs, and n bad ones cost two runs each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from jinsu.packaging.arrays import Arrays, joined, part_of, rows_of, shapes_of
from jinsu.serving.engine import Done, ModelFailed, Outcome, RowsRefused, Stopped
from jinsu.serving.limits import Limits
from jinsu.serving.signature import Refused

Run = Callable[[Arrays, Done], None]
"""Takes a batch, and later calls `Done` with the answers. One batch at a time."""


@dataclass(slots=True, eq=False)
class _Job:
    """One request: its rows and their number, the loop's time of its deadline, and its answers to come.

    stopped: whether a run of it was. delayed: whether a search for another request's failure has cost it a run.
    """

    rows: Arrays
    size: int
    due: float
    done: asyncio.Future[Arrays] = field(repr=False)
    stopped: bool = False
    delayed: bool = False


@dataclass(frozen=True, slots=True)
class _Trial:
    """Requests of a failed run that run again before all others.

    held: suspects that wait for the outcome. open: whether new requests may fill up the run.
    """

    jobs: list[_Job]
    held: list[_Job] = field(default_factory=list)
    open: bool = False


_NO_TRIAL = _Trial([])


class Batcher:
    """A bounded queue in front of `run`.

    on_batch: called with the number of rows before each run. fixed: whether all rows of all requests have the same shape.
    give_up: called when nobody waits for the present run any more.
    """

    def __init__(
        self,
        run: Run,
        limits: Limits,
        on_batch: Callable[[int], None],
        fixed: bool = True,
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        self._run, self._limits, self._on_batch, self._fixed, self._give_up = run, limits, on_batch, fixed, give_up
        self._queue: deque[_Job] = deque()
        self._open: deque[_Job] = deque()  # every request without an answer, the oldest first
        self._timer: asyncio.TimerHandle | None = None
        self.waiting = 0
        self._busy = False
        self._running: list[_Job] = []
        self._trials: deque[_Trial] = deque()  # runs that come before the queue

    def submit(self, rows: Arrays) -> asyncio.Future[Arrays]:
        """The answers to `rows`, to come: arrays, or Refused(400), (504) or (500). Raises Refused(429) for a full queue."""
        size = rows_of(rows)
        if self.waiting and self.waiting + size > self._limits.queue:
            raise Refused(429, f"{self.waiting} rows are waiting already; try again in a second")
        loop = asyncio.get_running_loop()
        job = _Job(rows, size, loop.time() + self._limits.deadline, loop.create_future())
        self._queue.append(job)
        self.waiting += size
        self._open.append(job)
        if self._timer is None:  # one for all: whoever came first is late first
            self._timer = loop.call_at(job.due, self._expire_late)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._run_next)  # after every request that the loop has read already
        return job.done

    def drop_abandoned(self) -> None:
        """Takes the requests out of the queue whose futures were cancelled, and gives up a run that is only for such."""
        for job in [job for job in self._queue if job.done.done()]:
            self._queue.remove(job)
            self.waiting -= job.size
        if self._running and all(job.done.done() for job in self._running):
            self._running = []
            self._give_up()

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

    def _run_next(self) -> None:
        trial = self._take_trial() if self._trials else _NO_TRIAL
        jobs = list(trial.jobs)
        if not jobs or trial.open:
            self._fill(jobs, bool(trial.jobs))
        if not jobs:
            self._busy = False
            self._forget_answered()
            return
        self._running = jobs
        rows = joined([job.rows for job in jobs])
        self._on_batch(rows_of(rows))
        self._run(rows, partial(self._finish, jobs, trial))

    def _take_trial(self) -> _Trial:
        """The next trial with its requests that are still waited for; an empty one when there is none."""
        while self._trials:
            trial = self._trials.popleft()
            jobs, held = self._awaited(trial.jobs), self._awaited(trial.held)
            self.waiting -= sum(job.size for job in (*trial.jobs, *trial.held))
            if jobs:
                self.waiting += sum(job.size for job in held)
                return _Trial(jobs, held, trial.open)
            self._try(held)
        return _NO_TRIAL

    def _awaited(self, jobs: list[_Job]) -> list[_Job]:
        """The requests that are neither late nor abandoned by their clients."""
        now = asyncio.get_running_loop().time()
        for job in jobs:
            if now > job.due:
                self._expire(job)
        return [job for job in jobs if not job.done.done()]

    def _fill(self, jobs: list[_Job], trial: bool) -> None:
        """Adds requests from the queue. A trial takes none that a trial has cost a run already."""
        total, now = sum(job.size for job in jobs), asyncio.get_running_loop().time()
        while self._queue and not (trial and self._queue[0].delayed):
            if jobs and not self._fits(self._queue[0], jobs[0], total):
                return
            job = self._queue.popleft()
            self.waiting -= job.size
            if now > job.due:
                self._expire(job)
            if not job.done.done():
                jobs.append(job)
                total += job.size

    def _fits(self, job: _Job, first: _Job, total: int) -> bool:
        """Whether a job may run with others of so many rows; rows of different shapes make no array."""
        return total + job.size <= self._limits.batch and (self._fixed or shapes_of(job.rows) == shapes_of(first.rows))

    def _finish(self, jobs: list[_Job], trial: _Trial, outcome: Outcome) -> None:
        self._running = []
        self.waiting -= sum(job.size for job in trial.held)
        if isinstance(outcome, tuple):
            _answer(jobs, outcome)
            self._try_halves(trial.held)
        elif isinstance(outcome, ModelFailed) and len(jobs) > 1:
            suspects = trial.jobs or jobs
            self._put_back(jobs[len(suspects) :])
            self._try_halves(suspects)
            self._try(trial.held)
        elif isinstance(outcome, Stopped) and _may_run_again(jobs):
            self._try(trial.held)
            for job in reversed(jobs):
                self._try([job])
        else:
            self._try(trial.held)
            for job in jobs:
                if not job.done.done():
                    job.done.set_exception(_refusal(outcome))
        self._forget_answered()
        if self._queue or self._trials:
            asyncio.get_running_loop().call_soon(self._run_next)
        else:
            self._busy = False

    def _try_halves(self, suspects: list[_Job]) -> None:
        """Has requests of which one is bad run before all others, in two steps."""
        middle = len(suspects) // 2
        if middle:
            self._try(suspects[:middle], suspects[middle:])
        else:
            self._try(suspects)

    def _try(self, jobs: list[_Job], held: Sequence[_Job] = ()) -> None:
        if jobs:
            self._trials.appendleft(_Trial(jobs, [*held], open=len(jobs) > 1))
            self.waiting += sum(job.size for job in (*jobs, *held))

    def _put_back(self, jobs: list[_Job]) -> None:
        """Puts requests that a search has delayed in front of the queue."""
        for job in jobs:
            job.delayed = True
        self._queue.extendleft(reversed(jobs))
        self.waiting += sum(job.size for job in jobs)


def _answer(jobs: list[_Job], answers: Arrays) -> None:
    start = 0
    for job in jobs:
        if not job.done.done():
            job.done.set_result(part_of(answers, start, start + job.size))
        start += job.size


def _may_run_again(jobs: list[_Job]) -> bool:
    """Whether requests whose run was ended run once more, each alone, since one may not be to blame."""
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
