"""Four models behind five servers: ours behind Envoy, as live traffic meets it, and what teams use in its place.

`JINSU_PEERS` names the environments of the peers (`tests.bench.peers`); `JINSU_BENCH_MODELS` names the models, all without it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import httpx
import numpy as np
from tests.bench import served_models
from tests.bench.figure import Figure, Say, at_least, at_most, below, plain
from tests.bench.load import Load, hammer
from tests.bench.machine import free_ports
from tests.bench.our_servers import gateway, model_server
from tests.bench.peers import Target, present
from tests.bench.served_models import Served

CONNECTIONS, ROUNDS, SECONDS = (1, 10, 100), 3, 1.0
_FAST_MS = 1.0
"""A model whose run takes less is held to its peers, a slower one to a bare loop."""
_OURS = ("envoy", "direct")

Round = dict[str, Load]


def measure(say: Say) -> list[Figure]:
    return served_models.measured(_measured, say)


def _measured(served: Served, place: Path, say: Say) -> list[Figure]:
    place.mkdir()
    with contextlib.ExitStack() as stack:
        say(f"{served.title}: starting the servers")
        bare = _bare_ms(served)
        direct = stack.enter_context(model_server(served, place)).target
        targets = [stack.enter_context(gateway(served.name, direct, place)).target, direct]
        for peer in present(say).values():
            targets.append(stack.enter_context(peer(served, place, free_ports())))
        _agree(targets)
        for target in targets:
            _load(target, 10, 1.0)  # warm
        figures = [
            plain(f"{served.name}: onnxruntime in a bare loop", bare, "ms", "One row a run, all cores, best of 3.")
        ]
        for connections in CONNECTIONS:
            say(f"{served.title}: {connections} connections")
            rounds = [{t.name: _load(t, connections, SECONDS) for t in targets} for _ in range(ROUNDS)]
            figures += _figures(served, connections, rounds, bare)
        return figures


def _load(target: Target, connections: int, seconds: float) -> Load:
    return hammer(target.address, target.path, target.bodies, connections, seconds)


def _figures(served: Served, connections: int, rounds: list[Round], bare_ms: float) -> list[Figure]:
    def middle(name: str, field: str) -> float:
        return median(float(getattr(each[name], field)) for each in rounds)

    peers = [name for name in rounds[0] if name not in _OURS]
    best = max(peers, key=lambda name: middle(name, "per_second"))
    how = f"{served.title}, 1 row a request, {connections} kept connections, median of {ROUNDS} alternating {SECONDS:g}-s rounds"
    title = f"{served.name}, {connections} connections"
    times = median(each["envoy"].per_second / each[best].per_second for each in rounds)
    tail = median(each["envoy"].p99_ms / each[best].p99_ms for each in rounds)
    found = []
    if bare_ms < _FAST_MS:
        gateway = median(1 - each["envoy"].per_second / each["direct"].per_second for each in rounds)
        found = [
            at_least(
                f"{title}: times the best peer's requests/s ({best})", times, "×", 5, f"{how}, within each round."
            ),
            at_most(f"{title}: p99 to that peer's", tail, "×", 1, f"{how}, within each round."),
            at_most(f"{title}: share of the requests/s that Envoy takes", gateway, "", 1 / 3, f"{how}."),
        ]
    else:
        found = [
            plain(f"{title}: times the best peer's requests/s ({best})", times, "×", f"{how}, within each round."),
            plain(f"{title}: p99 to that peer's", tail, "×", f"{how}, within each round."),
            plain(
                f"{title}: requests/s to a bare loop's", middle("envoy", "per_second") * bare_ms / 1000, "×", f"{how}."
            ),
        ]
    for name in rounds[0]:
        found += [
            plain(f"{title}: {name}", middle(name, "per_second"), "req/s", f"{how}."),
            plain(f"{title}: {name}, p99", middle(name, "p99_ms"), "ms", f"{how}."),
        ]
    failed = sum(each[name].failed for each in rounds for name in _OURS)
    peers_failed = {name: sum(each[name].failed for each in rounds) for name in peers}
    note = f"All answers but 200 of ours; of the peers' {peers_failed}."
    return [*found, below(f"{title}: failed requests", failed, "", 1, note)]


_BARE_LOOP = """
import sys, time
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[3])
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
rows, name, best = np.load(sys.argv[2], allow_pickle=True), session.get_inputs()[0].name, 9.0
for _ in range(3):
    begun, runs = time.perf_counter(), 0
    while time.perf_counter() < begun + 1:
        session.run(None, {name: rows[runs % len(rows)][None]} if rows.dtype != object else {name: rows[:1]})
        runs += 1
    best = min(best, (time.perf_counter() - begun) / runs)
print(best * 1000)
"""


def _bare_ms(served: Served) -> float:
    """Milliseconds of one row in onnxruntime without any server, with all cores."""
    rows = served.folder.with_suffix(".npy")
    np.save(rows, served.rows, allow_pickle=True)
    command = [sys.executable, "-c", _BARE_LOOP, str(served.folder / "model.onnx"), str(rows), str(os.cpu_count())]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _agree(targets: list[Target]) -> None:
    """All give the same answer to the same row, or the comparison means nothing."""
    answers = [_ask(target) for target in targets]
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], rtol=1e-3, atol=1e-4)


def _ask(target: Target) -> np.ndarray:
    unix = target.address.startswith("/")
    base = "http://localhost" if unix else f"http://{target.address}"
    body = target.bodies.read_bytes().splitlines()[0]
    with httpx.Client(transport=httpx.HTTPTransport(uds=target.address) if unix else None, base_url=base) as client:
        answer = client.post(target.path, content=body, headers={"content-type": "application/json"}, timeout=30)
    document = answer.raise_for_status().json()
    predictions = document["predictions"] if "predictions" in document else document["outputs"][0]["data"]
    return np.asarray(
        next(iter(predictions.values())) if isinstance(predictions, dict) else predictions, dtype=float
    ).reshape(-1)
