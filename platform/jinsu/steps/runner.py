"""The runner beside a researcher's process: runs it with limits, keeps its log, and writes the result.

A launcher starts one runner an attempt, detached from itself; the runner uses the step's files and nothing else. The
researcher's process sees no credential: its environment is built from a list of harmless names.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from jinsu.files import write_atomic
from jinsu.sdk.step_files import STEP_DIR_VARIABLE, StepFiles
from jinsu.steps.lock import take
from jinsu.steps.processes import end_processes_of
from jinsu.steps.result import read_result, seal
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import Phase, out_of_memory_message

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SSL_CERT_FILE")
_TICK = 0.2
_GRACE = 5.0
_RESERVE = 64 * 1024
_PR_SET_CHILD_SUBREAPER = 36
_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)  # the second as a shell around it says it
_TRUNCATED = "\n[jinsu] the log reached its limit of {limit} bytes; the rest is not kept.\n"


@dataclass(frozen=True)
class RunnerState:
    """What the runner last wrote about itself. `pid` and `started` (seconds since the epoch) together name its process."""

    phase: Phase
    message: str = ""
    pid: int = 0
    started: float = 0.0
    interrupted: bool = False


@dataclass(frozen=True)
class Ending:
    """How the process ended, for a person; empty when it ended well."""

    problem: str
    seconds: float
    peak_memory: int


class Cancelled(Exception):
    """A person asked for the end."""


class Interrupted(Exception):
    """The machine wants its place back."""


def read_state(files: StepFiles) -> RunnerState | None:
    try:
        document = json.loads(files.state.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return RunnerState(**{**document, "phase": Phase(document["phase"])})


def main() -> None:
    """Entry point: `python -m jinsu.steps.runner STEP_DIR`."""
    files = StepFiles(Path(sys.argv[1]))
    with files.lock.open("w") as lock:
        if not take(lock):
            return  # another runner holds this step
        step = StepSpec.from_json(files.step.read_text(encoding="utf-8"))
        if read_result(files.root, step.run_key) is None:
            _run(step, files)


def _run(step: StepSpec, files: StepFiles) -> None:
    started = time.time()
    reserve = files.root / "reserve"

    def record(phase: Phase, message: str = "", interrupted: bool = False) -> None:
        if phase is not Phase.RUNNING:
            reserve.unlink(missing_ok=True)  # its room is what lets the end be told when the disk is full
        if phase not in (Phase.RUNNING, Phase.DONE):
            files.result.unlink(missing_ok=True)  # a script may have written one itself
        write_atomic(files.state, json.dumps(asdict(RunnerState(phase, message, os.getpid(), started, interrupted))))

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        reserve.write_bytes(b"\0" * _RESERVE)
        record(Phase.RUNNING)
        ending = _supervise(step, files)
        problem = ending.problem or _missing_output(files, step)
        if problem:
            record(Phase.FAILED, problem)
            return
        seal(files.root, step.run_key, ending.seconds, ending.seconds * step.limits.gpu, ending.peak_memory)
        record(Phase.DONE)
    except Cancelled as reason:
        record(Phase.CANCELLED, str(reason))
    except Interrupted:
        record(Phase.FAILED, "it was stopped from outside; a retry resumes from the last checkpoint.", interrupted=True)
    except Exception as problem:  # whatever it is, a person must be able to read it
        with contextlib.suppress(OSError):
            record(Phase.FAILED, _explain(problem))


def _interrupt(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: the way out must not be interrupted too
    raise Interrupted


def _explain(problem: Exception) -> str:
    if isinstance(problem, FileNotFoundError):
        return f"cannot start {problem.filename!r}: there is no such program; check train.command."
    if isinstance(problem, OSError) and problem.strerror:
        return f"the machine refused: {problem.strerror}; free disk space or memory, then submit again."
    return str(problem) or type(problem).__name__


def _missing_output(files: StepFiles, step: StepSpec) -> str:
    required = step.labels.get("requires", "")
    if required and not (files.out / required).is_file():
        return (
            f"the script ended without saving a model (no out/{required}); "
            "call jinsu.save(model, example) before it ends."
        )
    return ""


def _environment(files: StepFiles, step: StepSpec) -> dict[str, str]:
    scratch = files.root / "tmp"
    scratch.mkdir(exist_ok=True)
    # One thread a core asked for: libraries that take every core of the machine slow each other down.
    threads = str(max(1, int(step.limits.cpu)))
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        STEP_DIR_VARIABLE: str(files.root),
    }


def _child_limits(step: StepSpec) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (step.limits.output_bytes, step.limits.output_bytes))


def _supervise(step: StepSpec, files: StepFiles) -> Ending:
    _adopt_orphans()
    end_processes_of(files.root)  # of a runner that was killed
    for folder in (files.out, files.checkpoints):
        folder.mkdir(exist_ok=True)
    _empty(files.out)
    if not any(files.checkpoints.iterdir()):
        files.metrics.unlink(missing_ok=True)  # it starts from nothing, and so does its curve
    begun, killed_before = time.monotonic(), kills_for_memory()
    command = [
        sys.executable if step.command[0] in ("python", "python3") else step.command[0],
        *step.command[1:],
    ]
    log_tail = _Tail()
    with files.log.open("ab") as log:
        child = subprocess.Popen(
            command,
            cwd=files.code,
            env=_environment(files, step),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: _child_limits(step),
        )
        try:
            watch = _Watch(step, files, begun)
            problem = _follow(child, log, step.limits.log_bytes, watch, log_tail)
        finally:
            _kill_descendants()
        code = child.wait()
    shutil.rmtree(files.root / "tmp", ignore_errors=True)
    if code in _KILLED and not problem and kills_for_memory() > killed_before:
        problem = out_of_memory_message(step.limits.memory)
    return Ending(problem or _exit_problem(code, log_tail), time.monotonic() - begun, watch.peak)


def _empty(folder: Path) -> None:
    # Half-written outputs of an attempt that died must not pass for this one's.
    shutil.rmtree(folder)
    folder.mkdir()


_CGROUP = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))


def kills_for_memory() -> int:
    """How many processes of this container the kernel has killed because its memory was used up (cgroup v2 and v1)."""
    for path in _CGROUP:
        with contextlib.suppress(OSError):
            for name, _, value in (line.partition(" ") for line in path.read_text(encoding="utf-8").splitlines()):
                if name == "oom_kill":
                    return int(value)
    return 0


class _Tail:
    """The last words of a process, also when its log is full."""

    def __init__(self) -> None:
        self._kept = b""

    def add(self, chunk: bytes) -> None:
        self._kept = (self._kept + chunk)[-4096:]

    def __str__(self) -> str:
        lines = [line.strip() for line in self._kept.decode(errors="replace").splitlines() if line.strip()]
        return f"; its last words: {lines[-1][:300]}" if lines else " and printed nothing."


def _exit_problem(code: int, tail: _Tail) -> str:
    if code == 0:
        return ""
    if code > 0:
        return f"the script exited with {code}{tail}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        name = f"signal {-code}"
    hint = "; a single output file may have passed the limit" if -code == signal.SIGXFSZ else ""
    return f"the script was killed by {name}{hint}{tail}"


class _Watch:
    """Looks at the limits a few times a second; says which one is broken."""

    def __init__(self, step: StepSpec, files: StepFiles, begun: float) -> None:
        self.step, self.files, self.begun, self.peak = step, files, begun, 0

    def problem(self) -> str:
        if self.files.cancel.exists():
            raise Cancelled(self.files.cancel.read_text(encoding="utf-8").strip() or "cancelled")
        limits = self.step.limits
        if time.monotonic() - self.begun > limits.seconds:
            return f"ran longer than {limits.seconds / 3600:g} h; raise train.resources.hours or train less."
        memory, count = _usage()
        self.peak = max(self.peak, memory)
        if memory > limits.memory:
            return out_of_memory_message(limits.memory, memory)
        if count > limits.processes:
            return f"started {count} processes, the limit is {limits.processes}; start fewer workers."
        return ""


def _follow(child: subprocess.Popen[bytes], log: IO[bytes], log_limit: int, watch: _Watch, tail: _Tail) -> str:
    """Copies output to the log until the process ends; returns the broken limit, if any."""
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    kept, next_look = log.tell(), 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if selector.select(_TICK):
                chunk = child.stdout.read(65536)
                if chunk == b"":
                    selector.unregister(child.stdout)
                elif chunk:
                    tail.add(chunk)
                    kept = _keep(log, chunk, kept, log_limit)
            elif not selector.get_map():
                time.sleep(_TICK / 4)
            now = time.monotonic()
            if now >= next_look:
                next_look = now + _TICK
                if problem := watch.problem():
                    return problem
            if child.poll() is not None and not selector.select(0):
                return ""
            if child.poll() is not None and not selector.get_map():
                return ""


def _keep(log: IO[bytes], chunk: bytes, kept: int, limit: int) -> int:
    if kept <= limit:
        log.write(chunk[: limit - kept])
        sys.stdout.buffer.write(chunk[: limit - kept])
        sys.stdout.flush()
        if kept + len(chunk) > limit:
            log.write(_TRUNCATED.format(limit=limit).encode())
        log.flush()
    return kept + len(chunk)


def _adopt_orphans() -> None:
    """Makes this process the parent of any descendant whose parent dies, so that none escapes the end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _usage() -> tuple[int, int]:
    """Memory (bytes, shared pages counted once a process) and number of all descendants."""
    import psutil

    memory = count = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                memory += process.memory_info().rss
                count += 1
    return memory, count


def _kill_descendants() -> None:
    """Ends every descendant: politely, then not. New ones may appear while we kill, so it looks again."""
    import psutil

    me = psutil.Process()
    polite = time.monotonic() + _GRACE
    for process in me.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.terminate()
    while alive := [process for process in me.children(recursive=True) if _alive(process)]:
        if time.monotonic() > polite or len(alive) > 64:
            for process in alive:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        psutil.wait_procs(alive, timeout=0.1)


def _alive(process: object) -> bool:
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def runner_environment(base: Mapping[str, str]) -> dict[str, str]:
    """The environment of the runner itself: what it may pass on, and the way to this package. It needs no secret either."""
    kept = {name: base[name] for name in _PASSED_ON if name in base}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}


if __name__ == "__main__":
    main()
