"""Other model servers under the same models: MLflow from this environment, the others from environments of their own.

`JINSU_PEERS` names a folder with a virtual environment each: `bentoml`, `litserve`, `mlserver`, made by
`python -m venv NAME && NAME/bin/pip install NAME onnxruntime numpy`; MLServer's workers need `uvloop<0.22` too. A peer whose
environment is not there is left out with a line that says so. Each has one worker, which is the default of all, or as many
as `JINSU_PEER_WORKERS` says, and onnxruntime has one thread a worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from tests.bench.figure import Say
from tests.bench.machine import seconds_until, server
from tests.bench.served_models import Served

FOLDER_VARIABLE = "JINSU_PEERS"
_SERVERS = Path(__file__).parent / "peer_servers"
WORKERS = int(os.environ.get("JINSU_PEER_WORKERS", "1"))
_DATATYPES = {"float32": "FP32", "string": "BYTES"}


@dataclass(frozen=True)
class Target:
    """Where the load goes, and the file of requests in its form."""

    name: str
    address: str
    path: str
    bodies: Path


Peer = Callable[[Served, Path, int], contextlib.AbstractContextManager[Target]]


@contextlib.contextmanager
def mlflow(served: Served, place: Path, port: int) -> Iterator[Target]:
    folder = place / f"mlmodel-{served.name}"
    _save_for_mlflow(served, folder)
    binaries = Path(sys.executable).parent
    command = [str(binaries / "mlflow"), "models", "serve", "-m", str(folder), "--env-manager", "local"]
    environment = {
        "PATH": f"{binaries}:/usr/bin:/bin",
        "OMP_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": f"sqlite:///{place}/tracking-{served.name}.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command += ["--workers", str(WORKERS), "-h", "127.0.0.1", "-p", str(port)]
    with _started("mlflow", command, environment, place, f"http://127.0.0.1:{port}/ping"):
        yield Target("mlflow", f"127.0.0.1:{port}", "/invocations", _write(served.bodies(), place))


def _save_for_mlflow(served: Served, folder: Path) -> None:
    import mlflow.onnx
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    model = onnx.load(str(served.folder / "model.onnx"))
    dtype = np.dtype(str if served.dtype == "string" else served.dtype)
    taken = Schema([TensorSpec(dtype, (-1, *served.rows.shape[1:]), model.graph.input[0].name)])
    options = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
    mlflow.onnx.save_model(model, str(folder), signature=ModelSignature(taken), onnx_session_options=options)


@contextlib.contextmanager
def litserve(served: Served, place: Path, port: int) -> Iterator[Target]:
    model = str(served.folder / "model.onnx")
    command = [_python("litserve"), str(_SERVERS / "litserve_server.py"), model, str(port), str(WORKERS)]
    with _started("litserve", command, {}, place, f"http://127.0.0.1:{port}/health"):
        yield Target("litserve", f"127.0.0.1:{port}", "/predict", _write(served.bodies(), place))


@contextlib.contextmanager
def bentoml(served: Served, place: Path, port: int) -> Iterator[Target]:
    variables = {"MODEL": str(served.folder / "model.onnx"), "WORKERS": str(WORKERS), "BENTOML_DO_NOT_TRACK": "True"}
    variables |= {"PYTHONPATH": str(_SERVERS), "BENTOML_HOME": str(place / "bentoml"), "OMP_NUM_THREADS": "1"}
    command = [_python("bentoml"), "-m", "bentoml", "serve", "bentoml_service:Model", "--host", "127.0.0.1"]
    with _started("bentoml", [*command, "-p", str(port)], variables, place, f"http://127.0.0.1:{port}/readyz"):
        yield Target("bentoml", f"127.0.0.1:{port}", "/predict", _write(served.bodies(), place))


@contextlib.contextmanager
def mlserver(served: Served, place: Path, port: int) -> Iterator[Target]:
    folder = place / f"mlserver-{served.name}"
    folder.mkdir()
    ports = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2, "host": "127.0.0.1"}
    settings = {**ports, "parallel_workers": WORKERS, "metrics_endpoint": None, "debug": False}
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    model = {
        "name": "m",
        "implementation": "mlserver_model.Model",
        "parameters": {"uri": str(served.folder / "model.onnx")},
    }
    (folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    command = [str(Path(_python("mlserver")).with_name("mlserver")), "start", str(folder)]
    with _started(
        "mlserver", command, {"PYTHONPATH": str(_SERVERS)}, place, f"http://127.0.0.1:{port}/v2/models/m/ready"
    ):
        bodies = _write(served.tensors("x", _DATATYPES[served.dtype]), place, "v2")
        yield Target("mlserver", f"127.0.0.1:{port}", "/v2/models/m/infer", bodies)


_PEERS: dict[str, Peer] = {"mlflow": mlflow, "litserve": litserve, "bentoml": bentoml, "mlserver": mlserver}


def present(say: Say) -> dict[str, Peer]:
    """The peers whose environments are there."""
    found = {}
    for name, peer in _PEERS.items():
        if name == "mlflow" or (os.environ.get(FOLDER_VARIABLE) and Path(_python(name)).exists()):
            found[name] = peer
        else:
            say(f"{name} is left out: {FOLDER_VARIABLE} names no folder with its environment")
    return found


def _python(name: str) -> str:
    return str(Path(os.environ.get(FOLDER_VARIABLE, "")) / name / "bin" / "python")


@contextlib.contextmanager
def _started(name: str, command: list[str], environment: dict[str, str], place: Path, url: str) -> Iterator[None]:
    log = place / f"{name}.log"
    with server(command, environment, log):
        try:
            seconds_until(lambda: healthy(url), name, 90)
        except AssertionError:
            raise AssertionError(f"{name} did not start: {log.read_text(errors='replace')[-2000:]}") from None
        yield


def healthy(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False


def _write(lines: str, place: Path, form: str = "rows") -> Path:
    path = place / f"bodies-{form}.jsonl"
    path.write_text(lines, encoding="utf-8")
    return path
