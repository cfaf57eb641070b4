"""A process of the platform as the first of its container."""

import importlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jinsu.cluster.__main__ import PARTS
from jinsu.home import HOME_VARIABLE
from jinsu.settings import Account, Settings


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Waits for a database that never comes."""
    nobody, nowhere = Account("nobody", ""), "http://127.0.0.1:1"
    Settings(
        str(tmp_path), "", "postgresql+psycopg://127.0.0.1:1/none", nowhere, nowhere, nowhere, nowhere, nowhere, 1,
        nobody, "", "", "", "", "", "",
    ).write()  # fmt: skip
    started = subprocess.Popen(
        [sys.executable, "-m", "jinsu.cluster", "wait"], env={"PATH": "/usr/bin", HOME_VARIABLE: str(tmp_path)}
    )
    yield started
    started.kill()
    started.wait()


def test_it_ends_when_it_is_asked_to(waiting: subprocess.Popen[bytes]) -> None:
    """The kernel gives the first process of a container no default: what it does not catch never arrives."""
    patience = time.monotonic() + 90
    while not _catches(waiting.pid, signal.SIGTERM):
        assert time.monotonic() < patience
        assert waiting.poll() is None
        time.sleep(0.05)

    waiting.terminate()

    assert waiting.wait(60) == 0


@pytest.mark.parametrize("name", PARTS)
def test_every_name_of_the_chart_starts_a_module(name: str) -> None:
    assert callable(importlib.import_module(f"jinsu.cluster.{PARTS[name]}").start)


def test_a_variable_of_the_pod_wins_over_the_platforms_own() -> None:
    script = "from jinsu.cluster.become import become; become(('env',), {'MINE': 'platform', 'OTHER': 'platform'})"
    printed = subprocess.run(
        [sys.executable, "-c", script], env={"PATH": "/usr/bin:/bin", "MINE": "pod", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    assert {"MINE=pod", "OTHER=platform"} <= set(printed)


def _catches(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_the_init_container_says_what_it_waits_for(tmp_path: Path) -> None:
    from jinsu.cluster.wait import missing
    from jinsu.state.database import Database

    url = f"sqlite:///{tmp_path / 'jinsu.db'}"
    assert missing("postgresql+psycopg://127.0.0.1:1/none").startswith("the database does not answer (")
    assert "was not migrated" in missing(url)
    Database(url).migrate()
    assert missing(url) == ""
