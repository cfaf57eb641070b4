"""The launcher of one machine keeps every launcher's promises, and some of its own."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from tests.contract.launcher_suite import *  # noqa: F403
from tests.contract.launcher_suite import MODEL, WORKERS, Bench, Own
from tests.support.waiting import eventually, until

from jinsu.errors import JinsuError, TransientError
from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.objects.mirror import Mirror
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.environment import runner_environment
from jinsu.steps.inputs import FindObject, bring_inputs
from jinsu.steps.result import seal
from jinsu.steps.runner_state import read_state
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import Phase


@pytest.fixture
def bench(tmp_path: Path, own: Own) -> Bench:
    return local_bench(tmp_path, tmp_path)


@pytest.fixture
def local(bench: Bench) -> Bench:
    """For promises about the processes of this machine."""
    return bench


class LocalBench(Bench):
    """Steps on this machine, confined. Of all folders of a test they see one: that of `outside`."""

    replaceable = False

    def __init__(self, folder: Path, root: Path) -> None:
        super().__init__(LocalLauncher(root / "steps", shown=(folder / "outside",)), Mirror(root), folder)


def local_bench(folder: Path, root: Path) -> LocalBench:
    return LocalBench(folder, root)


# --- Only on one machine: who dies, and who goes on ---

STARTER = """
import sys, time
from pathlib import Path
from jinsu.steps.spec import StepSpec
from jinsu.launchers.local_launcher import LocalLauncher
step = StepSpec.from_json(Path(sys.argv[2]).read_text())
print(LocalLauncher(Path(sys.argv[1]), shown=(Path(sys.argv[3]),)).start(step).phase, flush=True)
time.sleep(float(sys.argv[4]))
"""


def starter(bench: Bench, step: StepSpec, stays: float = 0.0) -> subprocess.Popen[bytes]:
    """Another process that starts the step."""
    (bench.folder / "step.json").write_text(step.to_json())
    files = (bench.folder / "steps", bench.folder / "step.json", bench.outside.parent)
    command = [sys.executable, "-c", STARTER, *map(str, files), str(stays)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)


def until_it_waits(process: subprocess.Popen[bytes]) -> None:
    """Waits until the process waits for a lock that another holds."""

    def waits() -> bool:
        lines = Path("/proc/locks").read_text().splitlines()
        return any("->" in line and str(process.pid) in line.split() for line in lines)

    until(waits, 60, "the second start to wait for its turn")


def runner_of(bench: Bench, step: StepSpec) -> psutil.Process:
    state = read_state(LocalLauncher(bench.folder / "steps").files(step.run_key))
    assert state is not None
    return psutil.Process(state.pid)


def inner_pid(process: psutil.Process) -> str:
    """The process's number as the process itself sees it."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return line.split()[-1]
    return ""


def test_processes_that_start_it_at_once_start_it_once(local: Bench) -> None:
    step = local.step("note('run'); time.sleep(1); save()")

    starters = [starter(local, step) for _ in range(4)]

    assert [process.communicate(timeout=120)[0] for process in starters] == [b"running\n"] * 4
    assert local.end(step).phase is Phase.DONE
    assert local.notes() == ["run"]


def test_a_step_outlives_whoever_started_it(local: Bench) -> None:
    step = local.step("time.sleep(0.7); save()")
    parent = starter(local, step, stays=60)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"running\n"

    os.killpg(parent.pid, 9)
    parent.wait(30)

    assert local.end(step).phase is Phase.DONE


def test_a_killed_runner_is_noticed_and_the_step_resumes_alone(local: Bench, own: Own) -> None:
    """Nothing of the dead runner's family may go on beside the new attempt: both would write the same files."""
    step = local.step(
        """
        last = root / "checkpoints" / "last"
        if last.exists():
            time.sleep(0.5)
            save()
        else:
            last.write_bytes(b"epoch 3")
            if os.fork() == 0:
                os.setsid()
            beat()
        """
    )
    local.launcher.start(step)
    assert eventually(lambda: len(set(local.notes())) == 2)
    old = [process for process in own() if inner_pid(process) in local.notes()]
    assert len(old) == 2

    runner_of(local, step).kill()
    status = local.end(step)
    assert status.phase is Phase.FAILED
    assert "runner was killed" in status.message
    status = local.run(step)

    assert status.phase is Phase.DONE, status.message
    assert [process.pid for process in old if process.is_running()] == []


def test_a_cancel_reaches_a_family_whose_runner_was_killed(local: Bench, own: Own) -> None:
    step = local.step("os.fork(); beat()")
    local.launcher.start(step)
    assert eventually(local.notes)
    runner_of(local, step).kill()
    local.end(step)

    local.launcher.cancel(step.run_key, "enough")

    assert local.end(step).phase is Phase.CANCELLED
    assert eventually(lambda: own() == [], within=30)


def test_looking_at_a_step_does_not_keep_it_from_starting(local: Bench) -> None:
    """A look takes the runner's lock for a moment; a runner that starts in that moment must not give up."""
    step = local.step("save()")
    files = LocalLauncher(local.folder / "steps").files(step.run_key)
    files.root.mkdir(parents=True)
    with files.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        release = threading.Timer(1.5, fcntl.flock, (lock, fcntl.LOCK_UN))
        release.start()
        # start() itself would take the shared lock for a living runner: spawn as it does when it saw none.
        launcher = LocalLauncher(local.folder / "steps")
        attempt = launcher._attempt(step)
        launcher._prepare(step, files, attempt)
        launcher._spawn(files, attempt)
        release.join()

    assert local.end(step).phase is Phase.DONE


def test_a_name_in_egress_stands_for_its_destinations(local: Bench) -> None:
    """A policy says `mirror`; where that is, the settings of the machine say."""
    step = replace(local.step("save()"), egress=("mirror", "docs.python.org"))
    launcher = LocalLauncher(local.folder / "steps", egress={"mirror": ("pypi.org:443", "files.pythonhosted.org")})
    launcher.start(step)
    assert local.end(step).phase is Phase.DONE
    written = StepSpec.from_json(launcher.files(step.run_key).step.read_text())
    assert written.egress == ("pypi.org:443", "files.pythonhosted.org", "docs.python.org")


def test_a_start_that_waited_finds_it_done(local: Bench) -> None:
    """Two starts at once; the second gets its turn when the step is over."""
    step = local.step("note('run')")
    root = local.folder / "steps" / step.run_key
    root.mkdir(parents=True)
    with (root / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = starter(local, step)
        until_it_waits(second)  # it has seen that there is no result
        (root / "out").mkdir()
        seal(root, step.run_key, 1.0)
    try:
        assert second.communicate(timeout=60)[0] == b"done\n"
    finally:
        second.kill()
    assert local.notes() == []


LOCK_HOLDER = """
import fcntl, sys, time
lock = open(sys.argv[1], "w")
fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def runner_in(root: Path, phase: Phase, lock: str) -> Iterator[None]:
    """A runner that wrote this phase and still lives: a process that holds the lock in the step's folder."""
    root.mkdir(parents=True)
    state = {"phase": phase, "message": "", "pid": 1, "started": 1.0, "interrupted": False}
    (root / "state.json").write_text(json.dumps(state))
    holder = subprocess.Popen([sys.executable, "-c", LOCK_HOLDER, str(root / lock)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield
    finally:
        holder.kill()
        holder.wait()


def test_a_step_that_an_earlier_version_runs_is_not_started_twice(local: Bench) -> None:
    """After an upgrade: the runner of the version before holds `agent.lock`, and both would write the same checkpoints."""
    step = local.step("note('run')")
    with runner_in(local.folder / "steps" / step.run_key, Phase.RUNNING, "agent.lock"):
        assert local.launcher.start(step).phase is Phase.RUNNING
        time.sleep(0.5)
        assert local.notes() == []


@pytest.mark.parametrize("phase", [Phase.DONE, Phase.FAILED, Phase.CANCELLED])
def test_no_end_is_shown_while_the_runner_lives(local: Bench, phase: Phase) -> None:
    """Who starts the step again at that moment would find the old runner alive and start nothing."""
    step = local.step("note('run')")
    files = LocalLauncher(local.folder / "steps").files(step.run_key)
    with runner_in(files.root, phase, files.lock.name):
        assert local.launcher.status(step.run_key).phase is Phase.RUNNING


# --- Runners that were thought dead ---


def thought_dead(local: Bench, step: StepSpec) -> psutil.Process:
    """The runner of the step's first attempt, stopped, and without its lock: nobody can see that it lives."""
    local.launcher.start(step)
    assert eventually(local.notes)
    runner = runner_of(local, step)
    runner.suspend()
    files_of(local, step).lock.unlink()
    assert local.launcher.status(step.run_key).phase is Phase.FAILED
    return runner


def files_of(local: Bench, step: StepSpec) -> StepFiles:
    return LocalLauncher(local.folder / "steps").files(step.run_key)


TWICE = """
note("run")
first = len(outside.read_text().splitlines()) == 1
if first:
    time.sleep(2)
    (out / "first").write_bytes(b"first")
    sys.exit("the first attempt failed")
save()
"""


def test_a_runner_that_was_thought_dead_is_ended_before_the_next_one(local: Bench) -> None:
    step = local.step(TWICE)
    old = thought_dead(local, step)

    status = local.run(step)

    assert status.phase is Phase.DONE, status.message
    assert not old.is_running()


@pytest.mark.parametrize("comes_back", ["while the next one runs", "after the next one"])
def test_a_runner_that_comes_back_changes_nothing(
    local: Bench, monkeypatch: pytest.MonkeyPatch, comes_back: str
) -> None:
    """As above, but nobody finds the old runner by its environment: the name of the attempt alone keeps it out."""
    step = local.step(TWICE)
    with monkeypatch.context() as patch:
        patch.setattr(
            "jinsu.launchers.local_launcher.runner_environment",
            lambda root, base: runner_environment(Path("/elsewhere"), base),
        )
        old = thought_dead(local, step)
    local.launcher.start(step)
    assert old.is_running()
    if comes_back == "while the next one runs":
        old.resume()
    status = local.end(step)
    old.resume()

    assert status.phase is Phase.DONE, status.message
    assert eventually(lambda: not old.is_running() or old.status() == psutil.STATUS_ZOMBIE)
    assert local.launcher.status(step.run_key) == status
    assert not (files_of(local, step).out / "first").exists()


# --- A cancel at any moment of a start ---


def test_a_cancel_while_the_inputs_are_brought_is_kept(local: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    step = local.step("note('run'); time.sleep(60)")

    def bring(step: StepSpec, files: StepFiles, find: FindObject) -> None:
        bring_inputs(step, files, find)
        LocalLauncher(local.folder / "steps").cancel(step.run_key, "wrong dataset")

    monkeypatch.setattr("jinsu.launchers.local_launcher.bring_inputs", bring)
    local.launcher.start(step)

    status = local.end(step)
    assert (status.phase, status.message) == (Phase.CANCELLED, "wrong dataset")


def test_a_cancel_while_a_start_waits_for_its_turn_is_kept(local: Bench) -> None:
    step = local.step("note('run'); time.sleep(60)")
    root = local.folder / "steps" / step.run_key
    root.mkdir(parents=True)
    with (root / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = starter(local, step)
        until_it_waits(second)
        local.launcher.cancel(step.run_key, "wrong dataset")
    try:
        second.communicate(timeout=60)
        status = local.end(step)
    finally:
        second.kill()
    assert (status.phase, status.message) == (Phase.CANCELLED, "wrong dataset")


def test_a_cancel_before_a_start_is_over(local: Bench) -> None:
    step = local.step("save()", requires=MODEL)
    (local.folder / "steps" / step.run_key).mkdir(parents=True)
    local.launcher.cancel(step.run_key, "wrong dataset")
    assert local.launcher.status(step.run_key).phase is Phase.CANCELLED

    assert local.run(step).phase is Phase.DONE


# --- Where nothing can be confined ---


def test_a_script_has_a_short_temporary_folder_without_confinement(
    local: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinsu.launchers.local_launcher.confinement", lambda: "this is a test")
    step = local.step(
        "note(os.environ['TMPDIR']); (out / 'root').write_text(str(root))\n" + WORKERS.format(method="forkserver"),
        requires=MODEL,
    )

    status = local.run(step)

    assert status.phase is Phase.DONE, f"{status.message} {local.log(step)}"
    assert local.output(step, "root").decode() == str(files_of(local, step).root)
    assert len(local.notes()[0]) < 40
    assert not Path(local.notes()[0]).exists()


LOADER = """
import torch
from torch.utils.data import DataLoader, TensorDataset

def main():
    rows = TensorDataset(torch.arange(64, dtype=torch.float32))
    for sharing in torch.multiprocessing.get_all_sharing_strategies():
        torch.multiprocessing.set_sharing_strategy(sharing)
        loader = DataLoader(rows, batch_size=8, num_workers=2, multiprocessing_context={method!r})
        assert sum(float(batch.sum()) for batch, in loader) == sum(range(64))
    save()

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("method", "confined"),
    [("fork", True), ("spawn", True), ("forkserver", True), ("fork", False)],
    ids=lambda value: value if isinstance(value, str) else "confined" if value else "not confined",
)
def test_torch_loads_rows_in_workers(
    local: Bench, monkeypatch: pytest.MonkeyPatch, method: str, *, confined: bool
) -> None:
    """The path of a socket has 107 bytes at most, and a worker that cannot make its own waits for ever."""
    if not confined:
        monkeypatch.setattr("jinsu.launchers.local_launcher.confinement", lambda: "this is a test")
    step = local.step(LOADER.format(method=method), requires=MODEL, memory=4 << 30, seconds=110.0)

    status = local.run(step, within=120)

    assert status.phase is Phase.DONE, f"{status.message} {local.log(step)}"


# --- A full disk ---


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_disk_that_fills_up_is_named(disk: Path, local: Bench) -> None:
    local.launcher, local.objects = LocalLauncher(disk / "steps"), Mirror(disk)
    step = local.step("(out / 'big').write_bytes(b'x' * (8 << 20))")

    status = local.run(step)

    assert status.phase is Phase.FAILED
    assert "space left on device" in status.message
    assert "runner was killed" not in status.message


@pytest.mark.parametrize("left", [0, 64 << 10])
def test_a_full_disk_is_named_before_anything_starts(disk: Path, local: Bench, left: int) -> None:
    local.launcher, local.objects = LocalLauncher(disk / "steps"), Mirror(disk)
    step = local.step("save()")
    step = replace(step, inputs=(*step.inputs, local.archive({"big": os.urandom(1 << 20)})))
    with (disk / "ballast").open("wb") as ballast:
        ballast.write(b"x" * (shutil.disk_usage(disk).free - left))

    with pytest.raises(JinsuError, match=r"(?i)space left on device.*free disk space") as caught:
        local.launcher.start(step)
    assert isinstance(caught.value, TransientError)  # it may be free again in a minute

    (disk / "ballast").unlink()
    assert local.run(step).phase is Phase.DONE
