"""supervisord as a client: start it, add and remove programs, stop it with everything that it started.

A program is data (`Program`); the pure function `section` makes its part of supervisord's configuration.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from jinsu.errors import BadInputError, TransientError
from jinsu.files import write_private
from jinsu.home import SOCKET_NAME

_START_SECONDS = 15
_STOP_SECONDS = 15
_NEEDED, _OTHER = 1, 999
"""Priorities, of which supervisord ends the greatest first."""


@dataclass(frozen=True)
class Program:
    """A process that supervisord keeps running.

    environment: variables beside those that supervisord has. folder: in which it works. whole_group: whether the stop signal
    goes to every process of its group, or to the first one only. needed: whether the other programs cannot do without it, so that
    it ends after them.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = "."
    stop_signal: str = "TERM"
    whole_group: bool = True
    needed: bool = False


def section(program: Program) -> str:
    """The text of the program's configuration file. Secrets belong into an environment file (`jinsu.local.launch`).

    Raises BadInputError for a description that supervisord's format cannot hold.
    """
    for text in (program.name, *program.command, program.folder, *program.environment.values()):
        if any(not char.isprintable() for char in text):
            raise BadInputError(
                f"program {program.name}: {text[:60]!r} holds a line break or another control character."
            )
    return "\n".join(
        [
            f"[program:{program.name}]",
            f"command={_escape(shlex.join(program.command))}",
            f"directory={_escape(program.folder)}",
            f"stdout_logfile=logs/{program.name}.log",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=2",
            "redirect_stderr=true",
            "autorestart=true",
            "startsecs=1",
            "startretries=10",
            f"priority={_NEEDED if program.needed else _OTHER}",
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={_STOP_SECONDS}",
            f"stopasgroup={str(program.whole_group).lower()}",
            "killasgroup=true",
            f"environment={_environment(program.environment)}",
            "",
        ]
    )


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def _environment(variables: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in sorted(variables.items()))


class Supervisor:
    """The supervisord of the installation in `home`. Its socket is in `runtime`, because a socket's path must be short."""

    def __init__(self, home: Path, runtime: Path, password: str) -> None:
        self._home, self._runtime, self._password = home, runtime, password
        self._programs = home / "run" / "programs"
        self._identity = home / "run" / "supervisord.json"

    def launch(self) -> None:
        """Starts supervisord without a program; does nothing when it runs. Raises TransientError."""
        if self.running():
            return
        self._sweep()
        for folder in (self._programs, self._home / "logs"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in self._programs.glob("*.conf"):
            stale.unlink()
        conf = self._home / "run" / "supervisord.conf"
        write_private(conf, self._configuration())
        process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(conf)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._home,
            start_new_session=True,
            env=_clean_environment(),
        )
        identity = {"pid": process.pid, "created": psutil.Process(process.pid).create_time()}
        write_private(self._identity, json.dumps(identity))
        self._wait(process)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self.running():
            if process.poll() is not None or time.monotonic() > deadline:
                raise TransientError(f"supervisord did not start; see {self._home / 'logs' / 'supervisord.log'}")
            time.sleep(0.05)

    def running(self) -> bool:
        """Whether supervisord answers."""
        try:
            return bool(self._rpc().getState()["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    def add(self, program: Program) -> None:
        """Starts the program. One of that name that runs with another description is replaced; the same one is left alone."""
        path = self._programs / f"{program.name}.conf"
        text = section(program)
        if program.name in self.names():
            if path.exists() and path.read_text(encoding="utf-8") == text:
                return
            self.remove(program.name)
        write_private(path, text)
        self._rpc().reloadConfig()
        self._rpc().addProcessGroup(program.name)

    def remove(self, name: str) -> None:
        """Stops the program and removes it; does nothing when there is none of that name."""
        rpc = self._rpc()
        with contextlib.suppress(xmlrpc.client.Fault):
            rpc.stopProcessGroup(name, True)
            rpc.removeProcessGroup(name)
        (self._programs / f"{name}.conf").unlink(missing_ok=True)
        with contextlib.suppress(xmlrpc.client.Fault):
            rpc.reloadConfig()

    def names(self) -> dict[str, str]:
        """State of each program, by name (`RUNNING`, `BACKOFF`, …)."""
        return {info["name"]: info["statename"] for info in self._rpc().getAllProcessInfo()}

    def processes(self) -> dict[str, int]:
        """Process id of each running program, by name."""
        return {info["name"]: info["pid"] for info in self._rpc().getAllProcessInfo() if info["pid"]}

    def stop(self) -> None:
        """Ends every program, then supervisord, then every process that supervisord started and that still lives."""
        try:
            self._end_at_once()
            self._rpc().shutdown()
        except (OSError, xmlrpc.client.Error):
            pass
        else:
            process = self._own_process()
            deadline = time.monotonic() + 2 * _STOP_SECONDS
            while process and process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
        self._sweep()

    def _end_at_once(self) -> None:
        """Ends every program that no other one needs. supervisord's own shutdown ends them one after the other, a second each."""
        rpc = self._rpc()
        ending = {info["group"] for info in rpc.getAllConfigInfo() if info["inuse"] and info["group_prio"] > _NEEDED}
        for name in ending:
            with contextlib.suppress(xmlrpc.client.Fault):  # the controller may have removed it this moment
                rpc.stopProcessGroup(name, False)
        deadline = time.monotonic() + 2 * _STOP_SECONDS
        while any(info["pid"] for info in rpc.getAllProcessInfo() if info["group"] in ending):
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        for name in ending:
            with contextlib.suppress(xmlrpc.client.Fault):
                rpc.removeProcessGroup(name)

    def _rpc(self) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        socket = f"unix://{self._runtime / SOCKET_NAME}"
        transport = SupervisorTransport("jinsu", self._password, socket)
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def _own_process(self) -> psutil.Process | None:
        """The supervisord that this installation started last, if that process still lives."""
        try:
            started = json.loads(self._identity.read_text(encoding="utf-8"))
            process = psutil.Process(started["pid"])
            return process if abs(process.create_time() - started["created"]) < 0.1 else None
        except (FileNotFoundError, psutil.NoSuchProcess, json.JSONDecodeError):
            return None

    def _sweep(self) -> None:
        """Ends the processes that a supervisord left behind: their session id is still its process id.

        A variable in their environment would not identify them: several servers overwrite it with a process title.
        """
        try:
            started = json.loads(self._identity.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return
        leftovers = [process for process in psutil.process_iter() if _belongs(process, started)]
        for process in leftovers:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        _, alive = psutil.wait_procs(leftovers, timeout=3)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, timeout=3)
        self._identity.unlink(missing_ok=True)

    def _configuration(self) -> str:
        # Paths are relative to the home, in which supervisord is started: a home may have any name, and supervisord
        # expands `%` twice in some of its settings.
        root = "user=root\n" if os.geteuid() == 0 else ""
        return f"""[supervisord]
nodaemon=true
logfile=logs/supervisord.log
logfile_maxbytes=10MB
logfile_backups=2
pidfile=run/supervisord.pid
childlogdir=logs
identifier=jinsu
umask=077
{root}
[unix_http_server]
file={_escape(str(self._runtime))}/{SOCKET_NAME}
chmod=0600
username=jinsu
password={_escape(self._password)}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files=programs/*.conf

[eventlistener:reaper]
command={_escape(sys.executable)} -m jinsu.local.reaper
events=PROCESS_STATE_EXITED,PROCESS_STATE_STOPPED
buffer_size=256
priority=1
stderr_logfile=logs/reaper.log
"""


_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "USER",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "PYTHONPATH",
)


def _clean_environment() -> dict[str, str]:
    """The variables that every program inherits. Servers outlive the shell that started them, so the list is short."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # MLflow and supervisord start helpers by name: the environment's own programs come first.
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{kept.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }


def _belongs(process: psutil.Process, started: Mapping[str, Any]) -> bool:
    """Whether a process is of the session that the supervisord with this identity began."""
    try:
        return (
            os.getsid(process.pid) == started["pid"]
            and process.create_time() >= started["created"] - 0.1
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except (psutil.Error, ProcessLookupError, PermissionError):
        return False
