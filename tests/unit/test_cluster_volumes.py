"""A volume that cannot be written: one sentence, from the check before an installation and from the servers themselves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jinsu.cluster.volume import require_writable
from jinsu.errors import BadInputError


def read_only(folder: Path) -> Path:
    """A folder that not even root can write: a mounted file system of the kernel's."""
    return Path("/sys") if os.access(folder, os.W_OK) and os.getuid() == 0 else folder


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    return read_only(folder)


def test_a_folder_that_can_be_written_stays_as_it_was(tmp_path: Path) -> None:
    require_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_explained(closed: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        require_writable(closed)
    said = str(caught.value)
    assert said.startswith(f"the volume at {closed} cannot be written by user {os.getuid()}")
    assert "fsGroup" in said
    assert "database.bundled.persistence.storageClass" in said


@pytest.mark.parametrize("part", ["database", "store", "preflight"])
def test_a_part_with_such_a_volume_ends_with_that_sentence_and_no_traceback(part: str, closed: Path) -> None:
    variables = {
        "JINSU_DATABASE_FOLDER": str(closed), "JINSU_DATABASE_PASSWORD": "x",
        "JINSU_STORE_FOLDER": str(closed / "objects"), "JINSU_STORE_BUCKET": "jinsu",
        "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-m", "jinsu.cluster", part, *([str(closed)] if part == "preflight" else [])],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **variables},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith(f"the volume at {closed} cannot be written")
    assert "Traceback" not in ended.stderr
