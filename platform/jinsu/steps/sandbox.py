"""What a confined script sees of this machine: bubblewrap's arguments, and the process that is started with them.

The script has a file system of its own: programs and libraries read-only, the step's inputs, outputs, checkpoints and metrics
below `/jinsu/step`, and `/tmp` on the disk. The step's control files, other steps and the installation are not in it.
"""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from jinsu.errors import StepFailedError
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.confinement import NAMESPACES, bubblewrap
from jinsu.steps.local_attempt import LocalAttempt
from jinsu.steps.spec import StepSpec

SEEN = StepFiles(Path("/jinsu/step"))
"""The step's files as a confined script sees them."""
SEEN_SCRATCH = Path("/tmp")  # noqa: S108
_SOURCE_ROOT = Path(__file__).parents[2]

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_BREW = "/home/linuxbrew/.linuxbrew"
_STORES = ("/nix/store", "/gnu/store", f"{_BREW}/Cellar", f"{_BREW}/lib", f"{_BREW}/opt")
"""Where other ways of installing keep programs and libraries; a Python from there needs more of them than its own prefix."""
# Named one by one, because a folder such as /etc/ssl holds private keys too.
_SETTINGS = (
    *("alternatives", "ca-certificates", "fonts", "gai.conf", "host.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
    *("localtime", "mime.types", "nsswitch.conf", "pki/ca-trust/extracted", "pki/tls/certs", "protocols", "services"),
    *("ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf"),
)
_HARDWARE = ("/sys/devices/system/cpu", "/sys/devices/system/node")
# Whoever runs as root here is the owner of the kernel's settings also without any capability; and `kernel.core_pattern` names
# a program that the kernel starts as root.
_KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/proc/acpi", "/proc/driver", "/proc/fs", "/proc/pressure", "/proc/scsi")
_GPU_NODES = ("nvidia*", "kfd", "dri")
_TEXTS = {
    "/etc/hosts": "127.0.0.1 localhost step\n::1 localhost\n",
    "/etc/passwd": "step:x:1000:1000::/tmp:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "/etc/group": "step:x:1000:\nnogroup:x:65534:\n",
}


@dataclass(frozen=True)
class Mount:
    """One thing at `target`: `kind` is bubblewrap's option without its dashes, `source` its first argument, if any."""

    kind: str
    target: str
    source: str = ""

    def words(self) -> list[str]:
        return [f"--{self.kind}", *([self.source] if self.source else []), self.target]


class Sandbox:
    """The process of bubblewrap around one command, and what bubblewrap reported about it."""

    def __init__(self, process: subprocess.Popen[bytes], report: int) -> None:
        """report: the descriptor that bubblewrap writes its report to."""
        self.process, self._report = process, report

    def executed(self) -> bool:
        """Whether the command was started at all; asked once, after the end of the process."""
        with os.fdopen(self._report, "rb") as stream:
            os.set_blocking(stream.fileno(), False)
            text = stream.read() or b""
        return any("exit-code" in json.loads(line) for line in text.splitlines())


def start_confined(
    step: StepSpec,
    files: StepFiles,
    scratch: Path,
    attempt: LocalAttempt,
    command: Sequence[str],
    environment: Mapping[str, str],
    limit: Callable[[], None],
) -> Sandbox:
    """Starts the command in its sandbox. `scratch` becomes its /tmp; `limit` runs in the new process before bubblewrap does.

    bubblewrap gets no other environment than the script: it is process 1 inside, and its environment can be read there.
    """
    program = bubblewrap()
    assert program is not None
    read, write = os.pipe()
    with ExitStack() as stack:
        stack.callback(os.close, write)
        data = {target: _memory_file(stack, text.encode()) for target, text in _TEXTS.items()}
        wait, go = os.pipe()
        stack.callback(os.close, wait)
        seen = mounts(step, files, scratch, attempt)
        words = [
            *NAMESPACES,
            *("--hostname", "step", "--json-status-fd", str(write), "--block-fd", str(wait)),
            *(word for mount in seen for word in mount.words()),
            *(word for target, descriptor in data.items() for word in ("--ro-bind-data", str(descriptor), target)),
            *("--size", str(max(1, step.limits.memory // 2)), "--tmpfs", "/dev/shm"),  # noqa: S108
            *(word for target in _read_only(seen) for word in ("--remount-ro", target)),
            *("--chdir", str(SEEN.code)),
        ]
        arguments = _memory_file(stack, b"".join(word.encode() + b"\0" for word in words))
        process = subprocess.Popen(
            [program, "--args", str(arguments), "--", *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=limit,
            pass_fds=(write, wait, arguments, *data.values()),
        )
    with os.fdopen(go, "wb"):  # closing it lets the command begin
        if step.egress:
            _open_way_out(read, step.egress)
    return Sandbox(process, read)


def _open_way_out(report: int, entries: tuple[str, ...]) -> None:
    """Before the command begins: a proxy on the sandbox's loopback. Nothing happens when bubblewrap has failed."""
    from jinsu.steps.egress import listen_inside, serve

    line = b""
    while not line.endswith(b"\n") and (byte := os.read(report, 1)):
        line += byte
    if line:
        serve(listen_inside(int(json.loads(line)["child-pid"])), entries)


def _memory_file(stack: ExitStack, content: bytes) -> int:
    descriptor = os.memfd_create("jinsu")
    stack.callback(os.close, descriptor)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def mounts(step: StepSpec, files: StepFiles, scratch: Path, attempt: LocalAttempt) -> list[Mount]:
    """Everything that the script sees, each thing behind the folder that it lies in.

    Raises StepFailedError when a folder of the step is a symbolic link, which would show what it leads to.
    """
    machine = [*_system(), *_python(), *_etc(), *(_gpu() if step.limits.gpu else ())]
    everything = [
        *machine,
        *_hidden(machine, attempt.hidden),
        *(Mount("bind", folder, folder) for folder in attempt.shown),
        *_as_it_is(attempt.readable),
        *_of_the_step(files, scratch),
        Mount("proc", "/proc"),
        *_as_it_is(_KERNEL),
        Mount("dev", "/dev"),
    ]
    return sorted(everything, key=lambda mount: Path(mount.target).parts)


def _read_only(seen: Sequence[Mount]) -> list[str]:
    """What lies in memory and would hold files that count against no limit. The root is last: the others lie in it."""
    return [*(mount.target for mount in seen if mount.kind == "tmpfs"), "/dev", "/"]


def _of_the_step(files: StepFiles, scratch: Path) -> list[Mount]:
    places = {files.inputs: SEEN.inputs, files.out: SEEN.out, files.checkpoints: SEEN.checkpoints}
    places |= {files.metrics: SEEN.metrics, scratch: SEEN_SCRATCH}
    for place in places:
        if place.is_symlink():
            raise StepFailedError(f"{files.relative(place)}: is a symbolic link; submit again.")
    packages = [Mount("ro-bind", str(SEEN.packages), str(files.packages))] if files.packages.is_dir() else []
    return [*(Mount("bind", str(seen), str(place)) for place, seen in places.items()), *packages]


def _system() -> list[Mount]:
    found = [Mount("ro-bind", "/usr", "/usr")]
    for folder in map(Path, _SYSTEM):
        if folder.is_symlink():
            found.append(Mount("symlink", str(folder), str(folder.readlink())))
        elif folder.is_dir():
            found.append(Mount("ro-bind", str(folder), str(folder)))
    return [*found, *_as_it_is((*_STORES, *_HARDWARE))]


def _python() -> list[Mount]:
    """This Python, its packages and Jinsu's source, at their own paths."""
    base = sys.base_prefix
    folders = (sys.prefix, base, os.path.realpath(base), *site.getsitepackages(), str(_SOURCE_ROOT))
    different = sorted({Path(folder) for folder in folders})
    outer = [
        folder
        for folder in different
        if not any(folder.is_relative_to(other) for other in different if other != folder)
    ]
    return _as_it_is(str(folder) for folder in outer if not folder.is_relative_to("/usr"))


def _etc() -> list[Mount]:
    certificates = os.environ.get("SSL_CERT_FILE")
    return _as_it_is([*(f"/etc/{name}" for name in _SETTINGS), *([certificates] if certificates else ())])


def _gpu() -> list[Mount]:
    nodes = [str(node) for pattern in _GPU_NODES for node in Path("/dev").glob(pattern)]
    return [*(Mount("dev-bind", node, node) for node in nodes), Mount("ro-bind", "/sys", "/sys")]


def _as_it_is(paths: Iterable[str]) -> list[Mount]:
    return [Mount("ro-bind", path, path) for path in dict.fromkeys(paths) if Path(path).exists()]


def _hidden(machine: Sequence[Mount], folders: Iterable[str]) -> list[Mount]:
    """An empty folder in the place of each folder that would be seen as a part of something else."""
    hidden = {Path(os.path.realpath(folder)) for folder in folders}
    outer = sorted(folder for folder in hidden if not hidden & set(folder.parents))
    shown = [(Path(mount.target), Path(os.path.realpath(mount.source))) for mount in machine if mount.kind == "ro-bind"]
    return [
        Mount("tmpfs", str(target / folder.relative_to(source)))
        for folder in outer
        for target, source in shown
        if source in folder.parents
    ]
