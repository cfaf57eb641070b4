"""An inference process gives up what it does not need before it opens a model: files, network, programs, other processes.

Both means are the kernel's own and ask for no privilege, so they hold on a laptop as in a pod: Landlock for files, seccomp for
calls. Where a kernel has one of them only, the other still holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import platform
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger("jinsu.server")

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine
_VERSION, _PATH_BENEATH = 1, 1
_READ = 1 << 2 | 1 << 3  # files and folders
_READ_FILE = 1 << 2
_DEVICE = 1 << 1 | 1 << 2 | 1 << 15  # to write, to read, and to control by ioctl
_FILE_RIGHTS = (0, 13, 14, 15, 15, 16)  # how many rights on files each version of Landlock knows, from 0 on
_NEEDED = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/proc/cpuinfo")
_HARDWARE = ("/sys/devices", "/sys/bus/pci")
"""Libraries, the letters of languages, and what onnxruntime looks for: cores and devices."""

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_FOREIGN_CALLS = 0x40000000  # a second table of calls on x86_64
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # to refuse is to answer EPERM
_LOAD, _JUMP_EQUAL, _JUMP_NOT_BELOW, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# The numbers of each call on x86_64 and on aarch64.
_REFUSED: Mapping[str, tuple[int, int]] = {
    "socket": (41, 198),
    "connect": (42, 203),
    "accept": (43, 202),
    "accept4": (288, 242),
    "bind": (49, 200),
    "listen": (50, 201),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "setns": (308, 268),
    "io_uring_setup": (425, 425),
    "setrlimit": (160, 164),
    "prlimit64": (302, 261),
}
_FORK, _VFORK = 57, 58  # of x86_64 alone
_CLONE, _CLONE3 = (56, 220), 435
_THREAD = 0x10000  # clone's flag for a thread
_NOT_THERE = 0x00050026  # to answer ENOSYS: the C library then calls clone, whose flags a filter can read


def confine(*folders: Path, alone: bool = False, gpu: bool = False) -> None:
    """Leaves this thread, and those that it starts, `folders` and libraries for reading, and the sockets that are open.

    alone: whether it may start threads alone, and no process. gpu: leaves the devices of NVIDIA's driver as well, to be read,
    written and controlled.
    onnxruntime starts threads when it is imported, so this comes before. What the kernel cannot do is a line in the log.
    """
    if sys.platform != "linux":
        log.warning("the inference process is not confined: that needs Linux")
        return
    libc: Any = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    readable = [*folders, *map(Path, (*_NEEDED, *_HARDWARE, *filter(None, sys.path), sys.base_prefix + "/lib"))]
    if gpu:
        readable += [*Path("/usr/local").glob("cuda*"), Path("/proc/driver/nvidia")]
        os.environ["CUDA_CACHE_DISABLE"] = "1"  # it would be a folder in the home
    with _logged():
        _restrict_files(libc, readable, [*Path("/dev").glob("nvidia*")] if gpu else [])
    with _logged():
        _restrict_calls(libc, alone)


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        log.warning("the inference process is confined in part only: %s", problem)


def _restrict_files(libc: Any, readable: Iterable[Path], devices: Iterable[Path]) -> None:
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        raise OSError("this kernel has no Landlock")
    rights = (1 << _FILE_RIGHTS[min(version, len(_FILE_RIGHTS) - 1)]) - 1
    attributes = struct.pack("Q", rights) + (struct.pack("Q", 3) if version >= 4 else b"")  # no TCP either
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "Landlock refuses a set of rules")
    allowed = [(path, _READ if path.is_dir() else _READ_FILE) for path in readable if path.exists()]
    allowed += [(path, _DEVICE & rights) for path in devices if not path.is_dir()]
    for path, right in allowed:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", right, place)
        added = libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
        os.close(place)
        if added < 0:
            raise OSError(ctypes.get_errno(), f"Landlock refuses a rule for {path}")
    if libc.syscall(_RESTRICT_SELF, ruleset, 0) < 0:
        raise OSError(ctypes.get_errno(), "Landlock refuses to begin")
    os.close(ruleset)


def _restrict_calls(libc: Any, alone: bool) -> None:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise OSError(f"the calls of {machine} are not known")
    arm = machine == "aarch64"
    refused = [numbers[arm] for numbers in _REFUSED.values()]
    if alone and not arm:
        refused += [_FORK, _VFORK]
    filter_ = _filter(_ARCHITECTURES[machine], refused, _CLONE[arm] if alone else None)
    code = ctypes.create_string_buffer(filter_, len(filter_))
    program = struct.pack("HxxxxxxP", len(filter_) // 8, ctypes.addressof(code))
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "seccomp refuses a filter")


def _filter(architecture: int, refused: list[int], clone: int | None) -> bytes:
    """A program for the kernel: calls of another architecture end the process, the refused ones fail, all others pass.

    clone: the call that may start threads alone; None where it may start processes.
    """
    steps = [(_LOAD, 0, 0, 4), (_JUMP_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    if clone is not None:
        steps += [(_JUMP_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _NOT_THERE)]
        steps += [(_JUMP_EQUAL, 0, 4, clone), (_LOAD, 0, 0, 16), (_JUMP_SET, 1, 0, _THREAD)]
        steps += [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    steps.append((_JUMP_NOT_BELOW, len(refused) + 1, 0, _FOREIGN_CALLS))
    steps += [(_JUMP_EQUAL, len(refused) - place, 0, number) for place, number in enumerate(refused)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
