"""What the contract suites share: waiting, short folders for sockets, and nothing left running after a test."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Waits for the first true answer of a function; gives its last answer, whatever it is, when time is over."""

    def wait(look: Callable[[], Any], within: float = 10.0, every: float = 0.03) -> Any:
        patience = time.monotonic() + within
        while not (seen := look()) and time.monotonic() < patience:
            time.sleep(every)
        return seen

    return wait


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name (Unix sockets allow 107 characters) that PostgreSQL's user can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="jinsu-test-"))
    folder.chmod(0o711)
    yield folder
    _end(living(folder))
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[[], list[psutil.Process]]]:
    """Lists all living processes that this test started: those that name its folder. They end with the test."""
    yield lambda: living(tmp_path)
    _end(living(tmp_path))


def living(folder: Path) -> list[psutil.Process]:
    """Processes with `folder` in their arguments or in the environment they were started with."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = [*process.cmdline(), *process.environ().values()]
            if process.pid != os.getpid() and any(str(folder) in word for word in words):
                found.append(process)
    return found


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=5)
