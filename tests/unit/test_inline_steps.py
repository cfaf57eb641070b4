"""Cheap steps that several processes want at once: one of them does the step."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jinsu.objects.mirror import Mirror
from jinsu.steps.folders import StepFolders

KEY = "b3" + "0" * 62


def touched(out: Path) -> None:
    (out / "done").touch()


def test_of_two_that_want_the_same_step_at_once_one_does_it(tmp_path: Path) -> None:
    """Two runs whose trainings left the same weights package once; what a step measures differs from time to time."""
    done: list[float] = []

    def work(out: Path) -> None:
        done.append(time.monotonic())
        time.sleep(0.2)
        (out / "report.json").write_text(str(done[-1]))

    with ThreadPoolExecutor(2) as pool:
        outs = list(pool.map(lambda _: StepFolders(Mirror(tmp_path)).inline(KEY, work), range(2)))

    assert len(done) == 1
    assert outs[0] == outs[1]
    assert StepFolders(Mirror(tmp_path)).result(KEY, verify=True) is not None


def test_other_steps_do_not_wait(tmp_path: Path) -> None:
    folders = StepFolders(Mirror(tmp_path))

    def outer(out: Path) -> None:
        folders.inline("c4" + "0" * 62, touched)

    folders.inline(KEY, outer)
    assert (folders.out("c4" + "0" * 62) / "done").exists()


def test_locks_are_no_steps(tmp_path: Path) -> None:
    folders = StepFolders(Mirror(tmp_path))
    folders.inline(KEY, touched)
    assert Mirror(tmp_path).folders("steps") == [KEY]
