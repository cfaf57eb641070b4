"""Two controllers on one PostgreSQL: the first one stands still, a second one takes its place, the first one goes on."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from tests.contract.test_controller import MODEL, POLICY, packages
from tests.support.ports import free_ports
from tests.support.waiting import until
from tests.unit.test_rollout_records import STEPPING, add_rollout

from jinsu.controller.rollout_records import Decision, RolloutRecords
from jinsu.release.advance import Phase, State
from jinsu.release.command import Command, Verb
from jinsu.runs import ledger
from jinsu.runs.rollouts import Rollouts
from jinsu.state.database import Database, engine
from jinsu.state.fence import Fence, FencedDatabase, SupersededError
from jinsu.state.tables import Candidate, Endpoint, LedgerEntry, Rollout, Submission

__all__ = ["packages"]


class Installed:
    """Version 1 of `toy` serves, and version 2 has half of its traffic; both model servers run."""

    def __init__(self, url: str, folder: Path, sockets: Path, steps: Path, ports: Any) -> None:
        self.database, self.folder, self.ports = Database(url), folder, ports
        self.database.migrate()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.sockets = {f"toy-v{version}": str(sockets / f"v{version}") for version in "12"}
        for version in "12":
            self._add(version)
            address = ("--name", MODEL, "--version", version, "--socket", self.sockets[f"toy-v{version}"])
            self.start("-m", "jinsu.serving.server", str(steps / "good" / "out"), *address)
        with self.database.begin() as session:
            session.add(Endpoint(model=MODEL, champion="1", updated=time.time()))
            self._add_rollout(session, State("2", "1", Phase.STEPPING, since=time.time(), percent=50))

    def _add(self, version: str) -> None:
        run = f"s{version}"
        common = {"submitter": "ann", "team": "default", "spec": {}, "problem": MODEL, "rules": {}, "code_digest": "c"}
        more = {"dataset": "d@1", "state": "running", "created": time.time()}
        with self.database.begin() as session:
            session.add(Submission(id=run, idempotency_key=run, model=MODEL, **more, **common))
            session.flush()
            session.add(Candidate(submission=run, package="good", model=MODEL, version=version, ready=True))

    def _add_rollout(self, session: Any, state: State) -> None:
        policy = {**asdict(POLICY), "every": 600.0, "deadline": 600.0, "steps": (50, 60)}
        now = time.time()
        session.add(
            Rollout(submission="s2", model=MODEL, challenger="2", policy=policy, state=asdict(state),
                    phase=state.phase, command="", created=now, updated=now)
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def start_controller(self, name: str, xds: int) -> subprocess.Popen[bytes]:
        path, nobody = self.folder / f"{name}.json", "http://127.0.0.1:9"
        urls = {"airflow_url": nobody, "mlflow_url": nobody, "mlflow_database_url": self.database.url}
        more = {"envoy_admin_url": self.ports.admin_url, "home": str(self.folder), "xds_port": xds}
        given = {"database_url": self.database.url, "servers": self.sockets, **urls, **more, "notifications": False}
        path.write_text(json.dumps(given))
        return self.start("-m", "tests.support.lone_controller", str(path))

    def log(self, process: subprocess.Popen[bytes]) -> str:
        return (self.folder / f"{self.processes.index(process)}.log").read_text()

    def epoch(self) -> int:
        return Fence(self.database.url, 0).look().epoch

    def rollout(self) -> Rollout:
        with self.database.begin() as session:
            return session.get_one(Rollout, "s2")

    def ask(self) -> str:
        answer = httpx.post(f"{self.ports.url}/models/{MODEL}/invocations", json={"inputs": [[-1.0, 2.0]]}, timeout=5)
        return answer.headers.get("x-jinsu-version", "") if answer.is_success else str(answer.status_code)

    def answering(self, requests: int = 30) -> set[str]:
        try:
            return {self.ask() for _ in range(requests)}
        except httpx.HTTPError:
            return set()


@pytest.fixture
def installed(
    empty_database: str, tmp_path: Path, short: Path, packages: Path, ports: Any, own: object,
    start_envoy: Callable[[], subprocess.Popen[bytes]],
) -> Iterator[Installed]:  # fmt: skip
    built = Installed(empty_database, tmp_path, short, packages, ports)
    envoy = start_envoy()
    yield built
    for process in (*built.processes, envoy):
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(60)
    engine(empty_database).dispose()


def test_a_controller_that_was_paused_undoes_nothing_of_its_successor(installed: Installed) -> None:
    first = installed.start_controller("first", installed.ports.xds)
    until(lambda: installed.answering() == {"1", "2"}, 120, lambda: installed.log(first))
    os.kill(first.pid, signal.SIGSTOP)

    second = installed.start_controller("second", free_ports(1))
    until(lambda: installed.epoch() == 2, 120, lambda: installed.log(second))
    Rollouts(installed.database).command("toy", Command(Verb.ABORT, "ann: looks odd"))
    until(lambda: installed.rollout().phase is Phase.REVERTED, 90, lambda: installed.log(second))
    before = installed.rollout()

    os.kill(first.pid, signal.SIGCONT)
    until(lambda: "stands by" in installed.log(first), 90, lambda: installed.log(first))
    until(lambda: installed.answering() == {"1"}, 90, "the champion to answer alone", every=0.5)
    with pytest.raises(OSError), closing(socket.create_connection(("127.0.0.1", installed.ports.xds), 2)):
        pass  # Envoys find no discovery here, and look for the successor's
    after = installed.rollout()
    assert (after.phase, after.state, after.row_version) == (before.phase, before.state, before.row_version)
    with installed.database.begin() as session:
        assert session.scalars(select(LedgerEntry.event)).all() == ["reverted"]
        assert ledger.verify(session).faults == ()
    assert first.poll() is None, "it waits for the end of its successor"
    assert not (installed.folder / "first.ended").exists()

    second.kill()
    until(lambda: first.poll() is not None, 150, lambda: installed.log(first))
    assert installed.epoch() == 2, "the process that is started in its place takes the next one"


# --- The fence on PostgreSQL ---


@pytest.fixture
def database(empty_database: str) -> Iterator[Database]:
    found = Database(empty_database)
    found.migrate()
    yield found
    engine(found.url).dispose()


def test_a_successor_waits_for_the_write_that_is_under_way(database: Database) -> None:
    first = Fence.take(database.url, "first")
    taking = threading.Thread(target=Fence.take, args=(database.url, "second"))
    with FencedDatabase(first).begin() as session:
        session.add(Endpoint(model="toy", champion="1", updated=0.0))
        session.flush()
        taking.start()
        taking.join(0.5)
        assert taking.is_alive()
    taking.join(60)
    assert first.look().epoch == 2
    with pytest.raises(SupersededError), FencedDatabase(first).begin():
        pass


def test_a_controller_says_that_it_lives_while_one_of_its_writes_is_under_way(database: Database) -> None:
    """A reconciler holds the fence for as long as MLflow takes; the loop must not wait for it."""
    fence = Fence.take(database.url, "first")
    before = fence.look()
    with FencedDatabase(fence).begin() as session:
        session.add(Endpoint(model="toy", champion="1", updated=0.0))
        session.flush()
        fence.renew()
    assert fence.look().renewed > before.renewed


def test_a_transaction_that_stands_still_does_not_keep_a_successor_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinsu.state.fence._IDLE_TIMEOUT", "1s")
    first = Fence.take(database.url, "first")

    def stand_still() -> None:
        with FencedDatabase(first).begin() as session:
            session.add(Endpoint(model="toy", champion="1", updated=0.0))
            session.flush()
            assert Fence.take(database.url, "second").epoch == 2
            session.add(Endpoint(model="other", champion="1", updated=0.0))

    with pytest.raises(DBAPIError):
        stand_still()
    with database.begin() as session:
        assert session.scalar(select(func.count()).select_from(Endpoint)) == 0


def test_the_loop_waits_for_no_rollout_that_a_promotion_holds(database: Database) -> None:
    """MLflow may take twenty seconds to move an alias; the leases of all models end after ten."""
    add_rollout(database, "r", STEPPING)
    records = RolloutRecords(database)
    (rollout,) = records.read().rollouts
    decisions = [Decision(rollout, replace(STEPPING, phase=Phase.REVERTED))]
    with database.begin() as session:
        session.get(Rollout, "r", with_for_update=True)
        begun = time.monotonic()
        records.write(decisions)
        assert time.monotonic() - begun < 60
    assert records.read().rollouts == (rollout,)
    records.write(decisions)
    assert records.read().rollouts == ()
