"""Microseconds of processor time that one request takes, by process: on busy cores the rates of `serving` say little, these do.

`JINSU_BENCH_MODELS` names the models, all without it. `JINSU_BENCH_BEFORE` names the source root of another version of
Jinsu (its folder `platform`), whose model server then takes turns with this one's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
from tests.bench import served_models
from tests.bench.figure import Figure, Say, plain
from tests.bench.load import hammer
from tests.bench.our_servers import Running, gateway, model_server
from tests.bench.served_models import Served

CONNECTIONS, ROUNDS = (1, 10, 100), 3
_REQUESTS, _LARGE_REQUESTS, _LARGE_BYTES = 5000, 200, 1 << 18
"""Requests of a round, and of one whose bodies are large."""
_LONGEST_SECONDS = 60.0
_NOW, _BEFORE = "now", "before"
_PARTS = ("client", "gateway", "server", "inference")


@dataclass(frozen=True)
class Stand:
    """One version of the model server with a gateway of its own, and the processes of both."""

    through: Running
    direct: Running

    def processes(self) -> Mapping[str, int]:
        (inference,) = psutil.Process(self.direct.pid).children()
        return {"gateway": self.through.pid, "server": self.direct.pid, "inference": inference.pid}


def measure(say: Say) -> list[Figure]:
    return served_models.measured(_measured, say)


def _measured(served: Served, place: Path, say: Say) -> list[Figure]:
    place.mkdir()
    versions = {_BEFORE: os.environ.get("JINSU_BENCH_BEFORE", ""), _NOW: ""}
    if not versions[_BEFORE]:
        del versions[_BEFORE]
    with contextlib.ExitStack() as stack:
        say(f"{served.title}: starting the servers")
        stands = {}
        for name, source in versions.items():
            direct = stack.enter_context(model_server(served, place, name, source))
            through = stack.enter_context(gateway(served.name, direct.target, place, f"envoy-{name}"))
            stands[name] = Stand(through, direct)
        size = len(next(iter(stands.values())).direct.target.bodies.read_bytes().splitlines()[0])
        requests = _LARGE_REQUESTS if size > _LARGE_BYTES else _REQUESTS
        figures = []
        for connections in CONNECTIONS:
            say(f"{served.title}: {connections} connections")
            rounds = [
                {name: _round(stand, connections, requests) for name, stand in stands.items()} for _ in range(ROUNDS)
            ]
            figures += _figures(served, connections, requests, rounds)
        return figures


def _round(stand: Stand, connections: int, requests: int) -> dict[str, float]:
    """Microseconds of each part a request, their sum, and the 99th percentile of the waits in milliseconds."""
    processes, target = stand.processes(), stand.through.target
    before = {part: _seconds(pid) for part, pid in processes.items()}
    load = hammer(target.address, target.path, target.bodies, connections, _LONGEST_SECONDS, requests=requests)
    assert not load.failed, f"{load.failed} of {load.requests} requests failed"
    taken = {part: (_seconds(pid) - before[part]) / load.requests * 1e6 for part, pid in processes.items()}
    taken["client"] = load.client_us
    return {**taken, "all": sum(taken.values()), "p99": load.p99_ms}


def _seconds(pid: int) -> float:
    """Processor time of all threads, which Linux counts in nanoseconds."""
    total = 0
    for schedule in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += int(schedule.read_text(encoding="ascii").split()[0])
    return total / 1e9


def _figures(
    served: Served, connections: int, requests: int, rounds: list[dict[str, dict[str, float]]]
) -> list[Figure]:
    how = (
        f"{served.title}, 1 row a request through Envoy, median of {ROUNDS} alternating rounds of {requests} requests."
    )
    found = []
    for name in rounds[0]:
        title = f"{served.name}, {connections} connections, {name}"
        values = {part: median(each[name][part] for each in rounds) for part in rounds[0][name]}
        found += [plain(f"{title}: {part}", values[part], "µs/request", how) for part in (*_PARTS, "all")]
        found.append(plain(f"{title}: p99", values["p99"], "ms", how))
    return found
