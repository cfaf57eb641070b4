"""Model servers that hang are replaced. A supervisor starts again what has ended; whether a program answers, it does not ask.

In a cluster the kubelet does this with the probes of the pods.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event

from jinsu.deployers.server_probe import ServerProbe
from jinsu.gateway.backend import Backend

log = logging.getLogger("jinsu.deployers")

LOOK_SECONDS = 5.0
SILENT_SECONDS = 10.0
"""For how long a server that has answered may be silent."""
START_SECONDS = 180.0
"""For how long a server may be silent after it was started."""


@dataclass
class _Seen:
    """One process of a server. heard: when it answered last, or was seen first; on the monotonic clock."""

    pid: int
    heard: float
    answered: bool = False


@dataclass
class Silence:
    """Which processes have been silent for too long. Pure."""

    _seen: dict[str, _Seen] = field(default_factory=dict)

    def note(self, name: str, pid: int, answers: bool, now: float) -> bool:
        """Notes whether the process answered now; whether it is to be replaced."""
        seen = self._seen.get(name)
        if seen is None or seen.pid != pid:
            seen = self._seen[name] = _Seen(pid, now)
        if answers:
            seen.heard, seen.answered = now, True
        return now - seen.heard > (SILENT_SECONDS if seen.answered else START_SECONDS)

    def forget_all_but(self, names: Mapping[str, int]) -> None:
        """Forgets the servers that do not run any more."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}


class StuckServers:
    """Looks at the servers one after the other and kills those that hang, so that their supervisor starts them again."""

    def __init__(
        self,
        backends: Callable[[], Mapping[str, Backend]],
        processes: Callable[[], Mapping[str, int]],
        probe: ServerProbe,
    ) -> None:
        """backends: every server by its program's name. processes: process id of each running program, by name."""
        self._backends, self._processes, self._probe = backends, processes, probe
        self._silence = Silence()

    def look(self) -> list[str]:
        """One look at every server; returns the names of the programs whose process was killed."""
        running, killed = self._processes(), []
        self._silence.forget_all_but(running)
        for name, backend in self._backends().items():
            pid = running.get(name)
            if pid is not None and self._silence.note(name, pid, self._probe.answers(backend), time.monotonic()):
                log.error("model server %s does not answer; its process %d is killed and started again", name, pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                killed.append(name)
        return killed

    def run(self, over: Event) -> None:
        """Looks again and again until `over` is set."""
        while not over.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception as problem:  # the supervisor is being stopped or replaced; the next look may succeed
                log.warning("the model servers could not be looked at: %s", problem)
