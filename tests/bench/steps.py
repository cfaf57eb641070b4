"""500 steps at once in Jinsu's own database: sixteen processes writing the records of stages, on PostgreSQL and on SQLite."""

from __future__ import annotations

import multiprocessing
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from tests.bench.figure import Figure, Say, exactly, plain
from tests.bench.machine import folder, server

from jinsu.errors import TransientError
from jinsu.registry.mlflow import Mlflow
from jinsu.runs.journal import Journal
from jinsu.runs.stages import StageName, Trained
from jinsu.servers import postgres
from jinsu.settings import Account
from jinsu.state.database import Database
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import StageRecord, Submission

PROCESSES, SUBMISSIONS, EACH = 16, 50, 10
STEPS = SUBMISSIONS * EACH
KEY = "0" * 64


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
                f"Journal.record and Journal.note on {kind}"
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
    journal = _journal(url)
    journal.database.migrate()
    names = [f"bench-{number}" for number in range(SUBMISSIONS)]
    with journal.database.begin() as session:
        session.add_all([_submission(name) for name in names])
    steps = [(name, number) for number in range(EACH) for name in names]
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
    with journal.database.begin() as session:
        done = session.scalar(select(func.count()).select_from(StageRecord).where(StageRecord.state == StageState.DONE))
    took = max(answer.end for answer in answers) - min(answer.begun for answer in answers)
    slowest = max(answer.slowest for answer in answers)
    return took, slowest, sum(answer.errors for answer in answers), int(done or 0)


def _work(url: str, steps: list[tuple[str, int]], together: Any, results: Any) -> None:
    journal, errors, slowest = _journal(url), 0, 0.0
    with journal.database.begin() as session:
        session.scalar(select(func.count()).select_from(Submission))
    together.wait(120)
    begun = time.time()
    for submission, trial in steps:
        start = time.perf_counter()
        try:
            journal.record(StageName.TRAIN, submission, lambda: _step(journal, submission, trial), trial)  # noqa: B023
        except (SQLAlchemyError, TransientError):
            errors += 1
        slowest = max(slowest, time.perf_counter() - start)
    results.put(Answer(begun, time.time(), slowest, errors))


def _step(journal: Journal, run: str, trial: int) -> Trained:
    journal.note(run, StageName.TRAIN, "under way", trial, run_key=KEY)
    return Trained(KEY, 1.0, 0, {})


def _journal(url: str) -> Journal:
    return Journal(Database(url), Mlflow("http://127.0.0.1:1", Account("nobody", "")))


def _submission(name: str) -> Submission:
    return Submission(
        id=name,
        submitter="bench",
        idempotency_key=name,
        model="bench",
        team="default",
        spec={},
        problem="bench",
        rules={},
        code_digest="0" * 64,
        dataset="bench@00000000",
        state=SubmissionState.RUNNING,
        created=time.time(),
    )
