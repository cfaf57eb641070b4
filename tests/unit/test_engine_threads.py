"""A slow model gets every core of its server when that makes it faster, and batches no larger than pay."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.support.tensor_models import write_largest

from jinsu.packaging.manifest import Manifest
from jinsu.serving import engine
from jinsu.serving.cores import available_cores
from jinsu.serving.engine import Engine
from jinsu.serving.limits import Limits

ROWS = (np.zeros((10, 4), np.float32),)


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[Engine]:
    folder = write_largest(tmp_path, [-1, 4])
    made = Engine(folder, Manifest.read(folder), Limits())
    yield made
    made.close()


def threads(made: Engine) -> int:
    """What the inference process that runs now got before its scratch folder, its last argument."""
    return int(psutil.Process(made.pid).cmdline()[-2])


@pytest.mark.parametrize(
    ("seconds", "expected", "batch"),
    [
        ([0.005], 1, 64),
        ([0.05, 0.03, 0.02], 4, 64),
        ([0.05, 0.049, 0.02], 1, 64),
        ([0.05, 0.049, 0.005], 1, 4),
        ([0.5, 0.3, 0.03], 4, 1),
    ],
    ids=["a fast model", "faster together", "no faster together", "rows that gain nothing", "slow rows"],
)
def test_threads_and_batches_follow_what_was_measured(
    loaded: Engine, monkeypatch: pytest.MonkeyPatch, seconds: list[float], expected: int, batch: int
) -> None:
    """Seconds of a blank batch of ten rows with one thread, with all, and of one row."""
    times = iter(seconds)
    monkeypatch.setattr(loaded, "_timed", lambda _: next(times))
    monkeypatch.setattr(engine, "available_cores", lambda: 4)
    loaded.time(ROWS)
    assert threads(loaded) == expected
    assert loaded.batch == batch
    assert next(times, None) is None


@pytest.mark.parametrize(
    ("limit", "cores"), [("150000 100000", 1), ("50000 100000", 1), ("max 100000", None), ("", None)]
)
def test_a_control_group_may_give_less_than_the_machine_has(tmp_path: Path, limit: str, cores: int | None) -> None:
    (tmp_path / "cpu.max").write_text(limit, encoding="ascii")
    assert available_cores(tmp_path / "cpu.max") == (cores or available_cores(tmp_path / "none"))
