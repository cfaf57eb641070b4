"""The parts of a runner that need no process: its state, the script's log, and the environments it builds."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from jinsu.errors import TransientError
from jinsu.sdk.step_files import STEP_DIR_VARIABLE, StepFiles
from jinsu.steps.confinement import reason_of
from jinsu.steps.environment import STEP_ROOT_VARIABLE, runner_environment, script_environment
from jinsu.steps.runner_state import RunnerState, read_state, write_state
from jinsu.steps.script_log import ScriptLog
from jinsu.steps.spec import Limits, StepSpec
from jinsu.steps.status import Phase

STEP = StepSpec("train", "local", ("python", "train.py"), {}, Limits(2**30, 60.0, cpu=2.5), (), "", "a" * 64)


@pytest.fixture
def files(tmp_path: Path) -> StepFiles:
    return StepFiles(tmp_path)


# --- How it starts ---


def test_a_runner_imports_nothing_heavy() -> None:
    """Every step waits for the runner to start."""
    heavy = ("pydantic", "numpy", "boto3", "sqlalchemy", "httpx")
    script = f"import sys, jinsu.steps.runner; print([name for name in {heavy} if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert printed == "[]\n"


# --- Its state ---


def test_a_state_is_read_as_it_was_written(files: StepFiles) -> None:
    state = RunnerState(Phase.FAILED, "the script exited with 1: 끝", 7, 1.5, interrupted=True)
    write_state(files, state)
    assert read_state(files) == state


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"{}",
        b'{"phase": "nonsense"}',
        b'{"phase": ["done"]}',
        b'{"phase": "done", "surprise": 1}',
        b"\xff\xfe",
        b"\x00" * 50,
        b"[" * 100_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_a_damaged_state_is_no_state(files: StepFiles, text: bytes) -> None:
    files.state.write_bytes(text)
    assert read_state(files) is None


@pytest.mark.parametrize("kind", ["nothing", "link", "fifo", "folder"])
def test_only_a_regular_file_is_a_state(files: StepFiles, kind: str) -> None:
    """A script may put anything in its place, and whoever looks must neither wait for it nor follow it."""
    match kind:
        case "link":
            elsewhere = StepFiles(files.root / "elsewhere")
            elsewhere.root.mkdir()
            write_state(elsewhere, RunnerState(Phase.DONE))
            files.state.symlink_to(elsewhere.state)
        case "fifo":
            os.mkfifo(files.state)
        case "folder":
            files.state.mkdir()
    assert read_state(files) is None


# --- The script's log ---


def test_a_log_ends_at_its_limit_and_says_so(files: StepFiles) -> None:
    with files.log.open("ab") as file:
        log = ScriptLog(file, limit=10)
        for chunk in (b"12345", b"67890", b"more", b"and more\n"):
            log.write(chunk)
    assert files.log.read_bytes() == (
        b"1234567890\n[jinsu] the log reached its limit of 10 bytes; the rest is not kept.\n"
    )


def test_the_log_of_an_earlier_attempt_counts_against_the_limit(files: StepFiles) -> None:
    files.log.write_bytes(b"earlier\n")
    with files.log.open("ab") as file:
        ScriptLog(file, limit=10).write(b"later\n")
    assert files.log.read_bytes().startswith(b"earlier\nla\n[jinsu] the log reached")


def test_the_last_line_is_quoted_also_beyond_the_limit(files: StepFiles) -> None:
    with files.log.open("ab") as file:
        log = ScriptLog(file, limit=3)
        assert log.quote() == " and printed nothing."
        log.write(b"x" * 10_000)
        log.write(b"\nno such column: label\n\n")
    assert log.quote() == "; its last words: no such column: label"


# --- The environments ---

BASE = {"PATH": "/bin", "LANG": "C.UTF-8", "AWS_SECRET_ACCESS_KEY": "hush", "JINSU_STORE": "{}", "HOME": "/root"}


def test_no_environment_holds_more_than_it_names(files: StepFiles) -> None:
    runner = runner_environment(files.root, BASE)
    script = script_environment(STEP, files.root, files, files.root, BASE)
    assert {name: runner[name] for name in runner.keys() & BASE.keys()} == {"PATH": "/bin", "LANG": "C.UTF-8"}
    assert script.keys() & BASE.keys() == {"PATH", "LANG", "HOME"}
    assert "hush" not in (*runner.values(), *script.values())


def test_a_script_finds_its_step_and_has_its_own_home(files: StepFiles) -> None:
    seen = StepFiles(Path("/jinsu/step"))
    environment = script_environment(STEP, files.root, seen, Path("/tmp"), BASE)
    assert environment[STEP_DIR_VARIABLE] == "/jinsu/step"
    assert environment[STEP_ROOT_VARIABLE] == str(files.root)
    assert environment["HOME"] == environment["TMPDIR"] == "/tmp"


@pytest.mark.parametrize(("cpu", "threads"), [(0.5, "1"), (2.5, "2"), (8.0, "8")])
def test_libraries_use_as_many_threads_as_cores_were_asked_for(files: StepFiles, cpu: float, threads: str) -> None:
    limits = Limits(memory=1, seconds=1.0, cpu=cpu)
    environment = script_environment(replace(STEP, limits=limits), files.root, files, files.root, BASE)
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == threads


# --- Whether a script can be confined ---

NO_RIGHT = (
    "bwrap: No permissions to create new namespace, likely because the kernel does not allow\nnon-privileged user"
)


def test_a_kernel_that_allows_no_confinement_is_quoted() -> None:
    assert reason_of(NO_RIGHT, namespaces_are_off=False) == (
        "this kernel or container does not let bubblewrap work (No permissions to create new namespace, "
        "likely because the kernel does not allow non-privileged user)"
    )
    assert "max_user_namespaces is 0" in reason_of("bwrap: No space left on device", namespaces_are_off=True)


@pytest.mark.parametrize(
    "complaint",
    ["bwrap: Creating new namespace failed: No space left on device", "bwrap: fork: Resource temporarily unavailable"],
)
def test_a_machine_that_is_busy_is_no_machine_without_confinement(complaint: str) -> None:
    """Otherwise a script could use up the namespaces, and the next step would run unconfined."""
    with pytest.raises(TransientError, match="it is tried again"):
        reason_of(complaint, namespaces_are_off=False)
