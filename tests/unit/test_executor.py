"""How long Airflow's scheduler waits in each of its loops, and what ends the waiting. Needs no Airflow that runs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import Pipe, SimpleQueue
from multiprocessing.connection import wait
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from jinsu.clients.notifications import Notifications
from jinsu.errors import TransientError
from jinsu.orchestration import executor as module
from jinsu.orchestration.executor import PreloadedLocalExecutor

LOST = TransientError("The database airflow sends no notifications, so it is polled: it is away")


class FakeNotifications:
    """Notifications that the test sends. busy: Airflow's answer. problem: what every question raises."""

    def __init__(self) -> None:
        self._reader, self._writer = Pipe(duplex=False)
        self.busy, self.questions = False, 0
        self.problem: TransientError | None = None

    def notify(self) -> None:
        self._writer.send("task_instance")

    def fileno(self) -> int:
        return self._reader.fileno()

    def changed(self) -> frozenset[str]:
        return frozenset(self._reader.recv() for _ in iter(self._reader.poll, False))

    def ask(self, question: str) -> bool:
        self.questions += 1
        if self.problem is not None:
            raise self.problem
        return self.busy


@dataclass
class FakeSubscription:
    notifications: FakeNotifications | None
    failures: list[TransientError] = field(default_factory=list)

    def current(self) -> FakeNotifications | None:
        return self.notifications

    def failed(self, problem: TransientError) -> None:
        self.failures.append(problem)
        self.notifications = None


class Clock:
    """The executor's time, which passes only while it waits, so that no test depends on the speed of a machine."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.plan: tuple[float, Callable[[], Any]] | None = None
        """What happens during the next waiting, and how many seconds after its begin."""

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, readers: Sequence[Any], seconds: float) -> list[Any]:
        """Waits as `multiprocessing.connection.wait` does: until something can be read, at most `seconds`."""
        end, found = self.now + seconds, wait(readers, 0)
        if not found and self.plan is not None:
            (after, act), self.plan = self.plan, None
            assert after < seconds
            act()
            found = wait(readers, 0)
            self.now += after
        if not found:
            self.now = end
        return found


class Scheduler:
    """An executor that is ready, and whose connection has been open for a while."""

    def __init__(self, clock: Clock, notifications: FakeNotifications | None) -> None:
        self.clock = clock
        self.executor = PreloadedLocalExecutor(parallelism=1)
        self.executor.result_queue = self.results = SimpleQueue()
        self.executor._check_workers = lambda: None
        self.executor._read_results = lambda: None
        self.executor._subscription = self.subscription = FakeSubscription(notifications)
        self.executor._put_first = lambda: None
        self.executor._heard, self.executor._changed_at = cast(Notifications | None, notifications), 0.0

    def loop(self, after: float = 0.0, act: Callable[[], Any] | None = None) -> float:
        """Seconds that one loop waits; `act` happens `after` the waiting began."""
        self.clock.plan = (after, act) if act is not None else None
        begun = self.clock.now
        self.executor.sync()
        assert self.clock.plan is None, "it waited, so what was to happen meanwhile has happened"
        return self.clock.now - begun


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "wait", clock.wait)
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(module, "IDLE_SECONDS", 1.0)
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.0)
    return clock


@pytest.fixture
def notifications() -> FakeNotifications:
    return FakeNotifications()


@pytest.fixture
def scheduler(clock: Clock, notifications: FakeNotifications) -> Scheduler:
    return Scheduler(clock, notifications)


def test_an_idle_scheduler_waits_long(scheduler: Scheduler) -> None:
    assert scheduler.loop() == pytest.approx(1.0)


def test_a_notification_ends_the_waiting_once(scheduler: Scheduler, notifications: FakeNotifications) -> None:
    assert scheduler.loop(0.3, notifications.notify) == pytest.approx(0.3)
    assert scheduler.loop() == pytest.approx(1.0)


def test_a_notification_that_came_before_the_waiting_counts(
    scheduler: Scheduler, notifications: FakeNotifications
) -> None:
    notifications.notify()
    assert scheduler.loop() == 0
    assert scheduler.loop() == pytest.approx(1.0)


def test_a_result_of_a_worker_ends_the_waiting(scheduler: Scheduler) -> None:
    assert scheduler.loop(0.3, lambda: scheduler.results.put("done")) == pytest.approx(0.3)


def test_a_scheduler_with_work_that_goes_by_the_clock_waits_as_short_as_ever(
    scheduler: Scheduler, notifications: FakeNotifications
) -> None:
    notifications.busy = True
    assert scheduler.loop() == pytest.approx(0.1)


def test_while_a_worker_runs_a_task_the_database_is_not_asked(
    scheduler: Scheduler, notifications: FakeNotifications
) -> None:
    scheduler.executor.running = {"a task"}
    assert scheduler.loop() == pytest.approx(0.1)
    assert notifications.questions == 0


@pytest.mark.parametrize("cause", ["a change", "a new connection"])
def test_a_scheduler_looks_again_for_a_while_because_it_skips_rows_that_others_hold(
    scheduler: Scheduler, notifications: FakeNotifications, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.35)
    if cause == "a change":
        scheduler.loop(0.1, notifications.notify)
    else:
        scheduler.executor._heard = None
    loops = [scheduler.loop() for _ in range(6)]
    assert loops == pytest.approx([0.1] * 4 + [1.0] * 2)


def test_without_notifications_the_scheduler_polls_as_ever(clock: Clock) -> None:
    scheduler = Scheduler(clock, None)
    assert scheduler.loop() == pytest.approx(0.1)
    assert scheduler.loop(0.03, lambda: scheduler.results.put("done")) == pytest.approx(0.03)


def test_a_scheduler_that_loses_its_connection_polls(scheduler: Scheduler, notifications: FakeNotifications) -> None:
    notifications.problem = LOST
    assert scheduler.loop() == pytest.approx(0.1)
    assert scheduler.subscription.failures == [LOST]
    assert scheduler.loop() == pytest.approx(0.1)


def test_a_database_that_fails_leaves_the_usual_order(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def away(scoped: bool) -> Iterator[None]:
        raise OperationalError("UPDATE", {}, Exception("the server closed the connection"))
        yield

    monkeypatch.setattr(module, "create_session", away)
    executor = PreloadedLocalExecutor(parallelism=1)
    executor._examined = 8
    executor._put_first()
