"""The fault matrix: `kill -9` of every process while a run is in every stage, and promises that hold all the same.

make chaos                                   # 300 kills; prints its seed, writes build/chaos.json
make chaos CHAOS_SEED=7 CHAOS_KILLS=1 CHAOS_FIRST=42    # case 42 of seed 7 alone
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chaos.cases import plan
from tests.chaos.matrix import Matrix
from tests.chaos.researcher import write_folder
from tests.chaos.world import KilledPlatform, World
from tests.e2e.conftest import processes_of
from tests.support.points_model import write_points_table
from tests.support.ports import free_ports

from jinsu.runs.snapshots import pack

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(0)]

SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
KILLS = int(os.environ.get("CHAOS_KILLS") or 25)
FIRST = int(os.environ.get("CHAOS_FIRST") or 0)
SECONDS = float(os.environ.get("CHAOS_SECONDS") or "inf")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[KilledPlatform]:
    it = KilledPlatform(tmp_path / "home" / "jinsu", free_ports())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        it.jinsu("up", "--port", it.port, patience=200)
        it.know("rita", default="reviewer")
        it.jinsu("data", "put", "points", write_points_table(tmp_path), "--team", "default")
        it.code = it.api.post("/code", content=pack(write_folder(tmp_path), 2**20)[0]).json()["digest"]
        pool = {"name": "training", "slots": 6, "include_deferred": True}
        assert it.airflow().patch("/pools/training", json=pool).is_success
        yield it
    finally:
        session = it.session()
        it.jinsu("down", "--erase", patience=120)
        left = processes_of(it.home, session)
        described = [f"{process.pid} {' '.join(process.cmdline())[:120]}" for process in left]
        for process in left:
            process.kill()
        assert not left, described


def test_whatever_is_killed_every_run_keeps_its_promises(platform: KilledPlatform) -> None:
    print(f"\nCHAOS_SEED={SEED} CHAOS_KILLS={KILLS} CHAOS_FIRST={FIRST}", flush=True)
    matrix, begun = Matrix(SEED, FIRST), time.monotonic()
    try:
        World(platform, matrix, SECONDS).run(plan(SEED, FIRST), KILLS)
    finally:
        matrix.seconds = time.monotonic() - begun
        matrix.save()
        print(matrix.text(), flush=True)
    assert not matrix.broken, "\n".join(matrix.broken)
