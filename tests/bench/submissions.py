"""A hundred submissions at the same moment: all accepted, quickly, none lost and none run twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import create_engine, select, text
from tests.bench.figure import Figure, Say, at_most, exactly, plain, share
from tests.bench.machine import family, free_ports, installation, processor_seconds, programs, put_digits

from jinsu import settings as configuration
from jinsu.api.models import Code
from jinsu.cli.client import Client
from jinsu.installation import Installation, connect
from jinsu.local import up as local
from jinsu.runs.snapshots import pack
from jinsu.settings import Settings
from jinsu.state.tables import StageRecord, Submission

TINY = Path(__file__).parent / "tiny"
COUNT, MODELS = 100, 10
BAD_DATA, NOT_GOOD_ENOUGH = 50, 40  # stopped by validate_data and by evaluate; the others are released
RELEASED = COUNT - BAD_DATA - NOT_GOOD_ENOUGH
PATIENCE = 400.0
_BROKEN = ("database is locked", "deadlock detected", "too many clients", "remaining connection slots")
_HOW = (
    f"{COUNT} POSTs to /v1/submissions at once on {COUNT} connections: {MODELS} models that train in under a second with a "
    f"parameter set each; {RELEASED} submissions are good, {NOT_GOOD_ENOUGH} stop at evaluate, {BAD_DATA} at validate_data"
)


@dataclass(frozen=True)
class Answer:
    """What the API said to one POST, and how long it took."""

    status: int
    id: str
    new: bool
    seconds: float


def measure(say: Say) -> list[Figure]:
    with installation(say) as home:
        local.up(free_ports(), say)
        client, settings, platform = Client(), configuration.load(), connect()
        put_digits(client)
        content, digest = pack(TINY, 1 << 20)
        client.upload("/v1/code", Code, content)
        bodies = [_body(number, digest) for number in range(COUNT)]
        token = (home / "token").read_text(encoding="utf-8").strip()
        before, begun = _processor(), time.monotonic()
        first, again = asyncio.run(_send_twice(settings.api_url, token, bodies))
        say(f"{sum(answer.new for answer in first)} accepted, the slowest after {max(a.seconds for a in first):.2f} s")
        rows = _drain(platform, say)
        minutes, processor = (time.monotonic() - begun) / 60, _processor() - before
        return [
            *_door(first, again, rows, _dag_runs(settings)),
            *_work(platform, minutes, processor, settings.training_slots),
            exactly("submissions: database errors", _complaints(home), "", 0, f"Log lines with one of {_BROKEN}."),
        ]


def _processor() -> float:
    return sum(processor_seconds(family(name, leader)) for name, leader in programs().items())


def _body(number: int, digest: str) -> dict[str, Any]:
    """Ten models of ten submissions each: one is a first version, the others are stopped before they meet it."""
    overrides: dict[str, Any] = {
        "name": f"tiny-{number % MODELS}",
        "train.params.ridge": float(1 + number % MODELS),
    }
    if number >= RELEASED + NOT_GOOD_ENOUGH:
        overrides["problem.expectations"] = "impossible.yaml"
    elif number >= RELEASED:
        overrides["evaluate.min"] = 0.9999
    return {"code_digest": digest, "idempotency_key": f"bench-{number}", "overrides": overrides}


async def _send_twice(url: str, token: str, bodies: list[dict[str, Any]]) -> tuple[list[Answer], list[Answer]]:
    """All at once, each on a connection of its own; then all once more, as a client does that got no answer."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, limits=limits) as client:

        async def send(body: dict[str, Any]) -> Answer:
            begun = time.perf_counter()
            answer = await client.post("/v1/submissions", json=body)
            document = answer.json()
            took = time.perf_counter() - begun
            return Answer(answer.status_code, str(document.get("id")), bool(document.get("new")), took)

        first = await asyncio.gather(*(send(body) for body in bodies))
        return first, await asyncio.gather(*(send(body) for body in bodies))


def _drain(platform: Installation, say: Say) -> list[Submission]:
    """Waits for the end of all of them, or until patience is over; returns what there is."""
    begun, said = time.monotonic(), 0
    while True:
        with platform.database.begin() as session:
            rows = list(session.scalars(select(Submission)))
        ended = sum(row.ended is not None for row in rows)
        if ended >= said + 20:
            said = ended
            say(f"{ended} of {COUNT} have ended")
        if (rows and ended == len(rows)) or time.monotonic() - begun > PATIENCE:
            return rows
        time.sleep(0.5)


def _dag_runs(settings: Settings) -> list[str]:
    engine = create_engine(settings.airflow_database_url)
    with engine.connect() as connection:
        found = list(connection.execute(text("SELECT run_id FROM dag_run WHERE dag_id = 'lifecycle'")).scalars())
    engine.dispose()
    return found


def _complaints(home: Path) -> int:
    """Lines of the servers' logs that speak of locks or of too many connections."""
    return sum(
        any(sign in line for sign in _BROKEN)
        for log in (home / "logs").glob("*.log")
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
    )


def _door(first: list[Answer], again: list[Answer], rows: list[Submission], dag_runs: list[str]) -> list[Figure]:
    ids, seconds = {answer.id for answer in first if answer.new}, [answer.seconds for answer in first]
    doubled = len(dag_runs) - len(set(dag_runs)) + len(set(dag_runs) - ids)
    doubled += sum(once.id != twice.id or twice.new for once, twice in zip(first, again, strict=True))
    ends = Counter(
        row.state if row.state != "failed" else row.reason.partition(":")[0] for row in rows if row.id in ids
    )
    return [
        exactly("submissions: accepted", len(ids), "", COUNT, f"{_HOW}; new runs."),
        at_most("submissions: p99 of POST", share(seconds, 99), "s", 2, f"{_HOW}."),
        plain("submissions: p50 of POST", share(seconds, 50), "s", f"{_HOW}."),
        exactly(
            "submissions: released", ends["succeeded"], "", RELEASED, f"{_HOW}; first versions of {MODELS} models."
        ),
        exactly("submissions: stopped by evaluate", ends["evaluate"], "", NOT_GOOD_ENOUGH, f"{_HOW}; as they must be."),
        exactly(
            "submissions: stopped by validate_data", ends["validate_data"], "", BAD_DATA, f"{_HOW}; as they must be."
        ),
        exactly("submissions: lost", COUNT - len(ids & set(dag_runs)), "", 0, f"{_HOW}; accepted without a DAG run."),
        exactly("submissions: doubled", doubled, "", 0, f"{_HOW}; all sent again with their idempotency keys."),
    ]


def _work(platform: Installation, minutes: float, processor: float, slots: int) -> list[Figure]:
    with platform.database.begin() as session:
        tasks = list(session.scalars(select(StageRecord).where(StageRecord.ended.is_not(None))))
    trainings = [task for task in tasks if task.name == "train"]
    keys = {task.run_key for task in trainings}
    moments = sorted([(task.started, 1) for task in trainings] + [(task.ended or 0.0, -1) for task in trainings])
    together = max(accumulate(change for _, change in moments), default=0)
    each = processor / max(1, len(tasks))
    return [
        exactly(
            "submissions: trainings", len(keys), "", MODELS, f"{_HOW}; distinct run keys, the others found theirs done."
        ),
        at_most("submissions: trainings at once", together, "", slots, f"{_HOW}; the pool's slots are the limit."),
        plain("submissions: minutes until all ended", minutes, "min", f"{_HOW}."),
        plain("submissions: tasks a minute", len(tasks) / minutes, "", f"{_HOW}; {len(tasks)} tasks ended."),
        plain("submissions: processor seconds a task", each, "s", f"{_HOW}; of all servers, without the trainings."),
    ]
