"""A model server beside models that loop, grow and die: everyone else is answered, and the server goes on."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.hostile_models import write_model
from tests.support.waiting import until_async

from jinsu.errors import GateFailedError
from jinsu.serving.limits import Limits
from jinsu.serving.replies import Reply
from jinsu.serving.service import Service

GOOD = [[1.0, 2.0, 3.0, 4.0]]
LIMITS = Limits(run=1.0, grace=10.0, deadline=60.0, memory=400 << 20)
"""Of a model that stops when it is asked to."""
PATIENT = Limits(run=30.0, deadline=60.0, memory=400 << 20)
Serve = Callable[..., Service]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    made: list[Service] = []

    def serve(name: str, limits: Limits = LIMITS) -> Service:
        made.append(Service(write_model(tmp_path / name, name), "m", "3", limits))
        return made[-1]

    yield serve
    for service in made:
        service.close()


def rows_of(largest: float) -> list[list[float]]:
    return [[0.0, 0.0, 0.0, largest]]


async def ask(service: Service, rows: list[list[float]]) -> Reply:
    return await service.respond("POST", "/invocations", json.dumps({"inputs": rows}).encode())


def document(reply: Reply) -> tuple[int, Any]:
    body = json.loads(reply.body)
    return reply.status, body.get("predictions", body.get("message"))


async def health_meanwhile(service: Service, question: asyncio.Task[Reply]) -> int:
    """How often `/health` answered until the question had its reply."""
    answers = 0
    while not question.done():
        assert (await service.respond("GET", "/health", b"")).status == 200
        await asyncio.sleep(0.01)
        answers += 1
    return answers


@pytest.mark.parametrize(("name", "largest"), [("loop", 1e12), ("matrix", 9000)])
def test_a_request_that_never_ends_stops_neither_health_nor_the_others(serve: Serve, name: str, largest: float) -> None:
    """The loop stops when it is asked to. The product of two matrices is one operator, which only a kill ends."""
    service = serve(name, replace(LIMITS, grace=0.2 if name == "matrix" else LIMITS.grace, memory=2 << 30))

    async def talk() -> tuple[Reply, Reply, int]:
        bad = asyncio.create_task(ask(service, rows_of(largest)))
        await asyncio.sleep(0.05)
        good = asyncio.create_task(ask(service, GOOD))
        health = await health_meanwhile(service, bad)
        return await bad, await good, health

    bad, good, answers = asyncio.run(talk())
    assert document(bad) == (504, "the model took too long; its run was ended")
    assert document(good) == (200, GOOD)
    assert answers > 5
    assert (service.engine.restarts > 0) == (name == "matrix")


def test_a_batch_with_one_endless_request_answers_the_others(serve: Serve) -> None:
    service = serve("loop")

    async def talk() -> list[Reply]:
        return await asyncio.gather(*(ask(service, rows) for rows in (GOOD, rows_of(1e12), GOOD, GOOD)))

    assert [reply.status for reply in asyncio.run(talk())] == [200, 504, 200, 200]
    assert service.engine.restarts == 0


@pytest.mark.parametrize("name", ["memory", "expand", "tile", "range"])
def test_a_request_that_needs_all_memory_fails_alone(serve: Serve, name: str) -> None:
    service = serve(name, PATIENT)

    async def talk() -> list[Reply]:
        return [await ask(service, rows_of(largest)) for largest in (1000, 4e8, 1000)]

    first, greedy, last = asyncio.run(talk())
    assert [first.status, last.status] == [200, 200]
    assert document(greedy)[0] == 500
    assert "memory" in document(greedy)[1]
    assert "/onnxruntime" not in document(greedy)[1]
    assert service.engine.pid is not None
    assert psutil.Process(service.engine.pid).memory_info().rss < PATIENT.memory


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV], ids=lambda value: value.name)
def test_a_lost_inference_process_costs_nobody_an_answer(serve: Serve, signal_: signal.Signals) -> None:
    service = serve("loop", replace(LIMITS, grace=0.2))
    assert document(asyncio.run(ask(service, GOOD))) == (200, GOOD)
    former = service.engine.pid
    assert former is not None
    os.kill(former, signal_)
    assert document(asyncio.run(ask(service, GOOD))) == (200, GOOD)
    assert service.engine.pid not in (None, former)
    metrics = asyncio.run(service.respond("GET", "/metrics", b"")).body.decode()
    assert "jinsu_inference_restarts 1.0" in metrics.splitlines()
    assert not psutil.pid_exists(former)


def test_a_process_that_dies_at_work_costs_nobody_an_answer(serve: Serve) -> None:
    service = serve("loop", Limits(run=30.0, deadline=60.0))

    async def runs() -> bool:
        return b"jinsu_batch_rows_count 1.0" in (await service.respond("GET", "/metrics", b"")).body

    async def talk() -> Reply:
        question = asyncio.create_task(ask(service, rows_of(3e6)))
        await until_async(runs, 20, "the run")
        assert not question.done()
        assert service.engine.pid is not None
        os.kill(service.engine.pid, signal.SIGKILL)
        return await question

    assert asyncio.run(talk()).status == 200


def test_a_server_whose_model_cannot_be_loaded_again_is_not_healthy(serve: Serve, tmp_path: Path) -> None:
    """The process is started again, at most every ten seconds, and the server goes on answering."""
    service = serve("loop", Limits(down=0.3, deadline=3.0))

    async def health() -> int:
        return (await service.respond("GET", "/health", b"")).status

    async def turns(status: int) -> bool:
        return await health() == status

    async def talk() -> tuple[int, Reply, int]:
        (tmp_path / "loop" / "model.onnx").rename(tmp_path / "away")
        os.kill(service.engine.pid or 0, signal.SIGKILL)
        reply = await ask(service, GOOD)
        await until_async(lambda: service.engine.restarts > 1, 60, "the second attempt")
        down = await health()
        (tmp_path / "away").rename(tmp_path / "loop" / "model.onnx")
        await until_async(lambda: turns(200), 60, "the model", every=0.1)
        return down, reply, (await ask(service, GOOD)).status

    down, reply, afterwards = asyncio.run(talk())
    assert document(reply) == (504, "no answer within 3 s")
    assert down == 503
    assert afterwards == 200
    assert service.engine.restarts < 20


def test_a_model_that_loops_while_it_is_loaded_is_refused_in_time(serve: Serve) -> None:
    before = psutil.Process().children()
    with pytest.raises(GateFailedError, match=r"not loaded within 2 s|gets no answer"):
        serve("endless loop", Limits(load=2.0))
    assert set(psutil.Process().children()) <= set(before)


def test_the_inference_process_ends_with_its_server(serve: Serve) -> None:
    service = serve("loop")
    pid = service.engine.pid
    assert pid is not None
    service.close()
    assert not psutil.pid_exists(pid)


def test_the_inference_process_holds_no_secret(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINSU_SERVER_KEY", "the key")
    monkeypatch.setenv("SECRET", "a password")
    service = serve("loop")
    environment = psutil.Process(service.engine.pid).environ()
    assert not {"JINSU_SERVER_KEY", "SECRET", "JINSU_HOME", "HOME"} & set(environment)


def test_the_server_itself_never_opens_the_model() -> None:
    script = "import sys, jinsu.serving.server, jinsu.serving.service; print('onnx' in str(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "onnxruntime" not in done.stdout


def test_onnxruntime_tells_nobody_about_the_models_and_prints_nothing(tmp_path: Path) -> None:
    """Its telemetry is on by default: a file with an identifier in the home, a thread, and events to its maker."""
    package = write_model(tmp_path / "package", "loop")
    script = (
        "import sys; from pathlib import Path; from jinsu.packaging.onnx_model import OnnxModel;"
        "OnnxModel(Path(sys.argv[1])); print(len(list(Path('/proc/self/task').iterdir())))"
    )
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    command = [sys.executable, "-c", script, str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert not (tmp_path / "home").exists()


def test_a_server_that_starts_writes_no_line(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from jinsu.serving.service import Service;"
        "Service(Path(sys.argv[1]), 'm', '1').close()"
    )
    command = [sys.executable, "-c", script, str(write_model(tmp_path / "package", "loop"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
