"""A step that several processes do at once has one result."""

from pathlib import Path

import pytest

from jinsu.objects.mirror import Mirror
from jinsu.steps.folders import StepFolders

KEY = "a" * 64


@pytest.fixture
def steps(tmp_path: Path) -> StepFolders:
    return StepFolders(Mirror(tmp_path / "objects"))


def test_the_result_that_was_first_stays(steps: StepFolders) -> None:
    """Another process may read it by now, and has written down what is in it."""

    def slow(out: Path) -> None:
        steps._inline(
            KEY, lambda other: write(other, "first")
        )  # as a process of another machine, which has other locks
        write(out, "second")

    assert read(steps.inline(KEY, slow)) == "first"
    assert read(steps.inline(KEY, slow)) == "first"
    left = [path.name for path in steps.out(KEY).parent.parent.iterdir() if not path.name.startswith(".lock-")]
    assert left == [KEY], "no draft is left"


def test_a_folder_that_was_never_sealed_is_replaced(steps: StepFolders) -> None:
    write(steps.out(KEY), "half")
    assert read(steps.inline(KEY, lambda out: write(out, "whole"))) == "whole"


def write(out: Path, text: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "page").write_text(text)


def read(out: Path) -> str:
    return (out / "page").read_text()
