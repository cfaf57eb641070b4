"""500 steps at once in Jinsu's own database: sixteen processes writing the tasks table, on PostgreSQL and on SQLite."""

from __future__ import annotations

import multiprocessing
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from tests.bench.figure import Figure, Say, exactly, plain
from tests.bench.machine import folder, server

from jinsu.installation import Platform
from jinsu.servers import postgres
from jinsu.settings import Settings
from jinsu.state.tables import Submission, Task

PROCESSES, SUBMISSIONS, EACH = 16, 50, 10
STEPS = SUBMISSIONS * EACH


@dataclass(frozen=True)
class Answer:
    """What one process saw; times in seconds."""

    begun: float
    end: float
    slowest: float
    errors: int


def measure(say: Say) -> list[Figure]:
    found = []
    with folder() as place:
        for kind, run in (("PostgreSQL", _on_postgres), ("SQLite", _on_sqlite)):
            say(f"{STEPS} steps by {PROCESSES} processes on {kind}")
            seconds, slowest, errors, done = run(place)
            how = (
                f"{PROCESSES} processes record {STEPS} steps (start, progress, end: 3 transactions each) through "
                f"Platform.task and Platform.note on {kind}"
            )
            count = exactly if kind == "PostgreSQL" else lambda *given: plain(*given[:3], given[4])
            found += [
                count(f"steps: errors on {kind}", errors, "", 0, f"{how}; every exception of the database counts."),
                count(f"steps: recorded on {kind}", done, "", STEPS, f"{how}; rows that say done."),
                plain(f"steps: seconds on {kind}", seconds, "s", f"{how}; from the first start to the last end."),
                plain(f"steps: slowest on {kind}", slowest, "s", f"{how}; the step that waited longest."),
            ]
    return found


def _on_postgres(place: Path) -> tuple[float, float, int, int]:
    password, runtime = secrets.token_urlsafe(16), place / "r"
    runtime.mkdir(mode=0o711)
    cluster = postgres.locate(place, runtime)
    cluster.initialise(password)
    with server(cluster.program().command, {}, place / "postgres.log"):
        cluster.create_databases(password, ("jinsu",))
        return _run(cluster.url("jinsu", password))


def _on_sqlite(place: Path) -> tuple[float, float, int, int]:
    return _run(f"sqlite:///{place}/jinsu.db")


def _run(url: str) -> tuple[float, float, int, int]:
    """Seconds from the first start to the last end, those of the slowest step, errors, and steps recorded as done."""
    platform = _platform(url)
    platform.database.migrate()
    names = [f"bench-{number}" for number in range(SUBMISSIONS)]
    with platform.database.begin() as session:
        session.add_all([_submission(name) for name in names])
    steps = [(name, f"step-{number}") for number in range(EACH) for name in names]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    together, results = context.Barrier(PROCESSES), context.Queue()
    workers = [
        context.Process(target=_work, args=(url, steps[number::PROCESSES], together, results), daemon=True)
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    answers: list[Answer] = [results.get(timeout=240) for _ in workers]
    for worker in workers:
        worker.join(30)
    with platform.database.begin() as session:
        done = session.scalar(select(func.count()).select_from(Task).where(Task.state == "done"))
    took = max(answer.end for answer in answers) - min(answer.begun for answer in answers)
    slowest = max(answer.slowest for answer in answers)
    return took, slowest, sum(answer.errors for answer in answers), int(done or 0)


def _work(url: str, steps: list[tuple[str, str]], together: Any, results: Any) -> None:
    platform, errors, slowest = _platform(url), 0, 0.0
    with platform.database.begin() as session:
        session.scalar(select(func.count()).select_from(Submission))
    together.wait(120)
    begun = time.time()
    for submission, name in steps:
        start = time.perf_counter()
        try:
            with platform.task(submission, name) as output:
                platform.note(submission, name, "under way", run_key="0" * 64)
                output.update(run_key="0" * 64, seconds=1.0)
        except SQLAlchemyError:
            errors += 1
        slowest = max(slowest, time.perf_counter() - start)
    results.put(Answer(begun, time.time(), slowest, errors))


def _platform(url: str) -> Platform:
    return Platform(cast(Settings, SimpleNamespace(database_url=url)))


def _submission(name: str) -> Submission:
    return Submission(
        id=name,
        submitter="bench",
        idempotency_key=name,
        model="bench",
        team="default",
        spec={},
        code_digest="0" * 64,
        dataset="bench@00000000",
        state="running",
        created=time.time(),
    )
