"""A log shown line by line while it is written."""

from pathlib import Path

import pytest

from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.orchestration.log_following import show

KEY = "a" * 64


@pytest.mark.parametrize(
    "beginning", [b"epoch 1: loss", "손실".encode(), b"broken \xff\xfe"], ids=["text", "Korean", "no text"]
)
def test_nothing_is_shown_twice_and_nothing_is_lost(tmp_path: Path, beginning: bytes) -> None:
    log = tmp_path / KEY / "log.txt"
    log.parent.mkdir()
    shown: list[str] = []
    launcher, offset = LocalLauncher(tmp_path), 0

    log.write_bytes(b"first\n" + beginning)
    offset = show(launcher, KEY, offset, shown.append)
    log.write_bytes(log.read_bytes() + b" 0.5\nlast\n")
    offset = show(launcher, KEY, offset, shown.append)

    assert "".join(shown) == "first" + beginning.decode(errors="replace") + " 0.5last"
    assert offset == log.stat().st_size
