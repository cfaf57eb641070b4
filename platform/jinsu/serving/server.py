"""One packaged model version as one HTTP process.

Speaks MLflow's `/invocations` and the Open Inference Protocol v2, beside `/health` and Prometheus `/metrics`. A plain
ASGI application under uvicorn; nothing below `Service.respond` knows of HTTP servers. Envoy stands in front of it: slow
clients are its concern (uvicorn has no deadline for receiving a request).

    python -m jinsu.serving.server FOLDER --name digits --version 3 --socket /run/digits-3.sock
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from jinsu.packaging.onnx_model import OnnxModel
from jinsu.serving.batching import Batcher, time_run
from jinsu.serving.key import KEY_VARIABLE, locked
from jinsu.serving.signature import Limits, Refused, Signature

log = logging.getLogger("jinsu.server")

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Reply(NamedTuple):
    status: int
    body: bytes
    type: str = "application/json"


class _Frame(msgspec.Struct):
    columns: list[str]
    data: list[list[msgspec.Raw]]


class _Invocation(msgspec.Struct):
    inputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    instances: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    dataframe_split: _Frame | msgspec.UnsetType = msgspec.UNSET


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw


class _Inference(msgspec.Struct):
    inputs: list[_Tensor]
    id: str | None = None


class Telemetry:
    """What Prometheus and the canary's gates read."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("jinsu_requests", "Requests by status", ["status"], registry=registry)
        self.seconds = Histogram("jinsu_request_seconds", "Time to answer", registry=registry, buckets=_SECONDS)
        self.batch = Histogram(
            "jinsu_batch_rows", "Rows in one run", registry=registry, buckets=(1, 2, 4, 8, 16, 32, 64)
        )
        self.non_finite = Counter("jinsu_non_finite", "Answers refused: NaN or infinity", registry=registry)
        self.waiting = Gauge("jinsu_queue_rows", "Rows waiting", registry=registry)
        self._by_status: dict[int, Any] = {}

    def count(self, status: int, seconds: float) -> None:
        counter = self._by_status.get(status)
        if counter is None:
            counter = self._by_status[status] = self.requests.labels(str(status))
        counter.inc()
        self.seconds.observe(seconds)


class Service:
    """The model behind its routes, as an ASGI application."""

    def __init__(self, folder: Path, name: str, version: str, limits: Limits | None = None) -> None:
        self.name, self.version, self.limits = name, version, limits or Limits()
        model = OnnxModel(folder)
        self.manifest = model.manifest
        self.signature = Signature(self.manifest.input, self.limits)
        self.telemetry = Telemetry()
        seconds = time_run(model.run, _blank(self.signature, self.limits.batch))
        self.batcher = Batcher(model.run, seconds, self.limits, lambda rows: self.telemetry.batch.observe(rows))
        self.telemetry.waiting.set_function(lambda: self.batcher.waiting)
        self._invocation = msgspec.json.Decoder(_Invocation)
        self._inference = msgspec.json.Decoder(_Inference)
        self._labels = self.manifest.labels
        base = f"/v2/models/{name}"
        self._post: dict[str, Callable[[bytes], Awaitable[bytes]]] = {
            "/invocations": self._invoke,
            f"{base}/infer": self._infer,
            f"{base}/versions/{version}/infer": self._infer,
        }
        ready = Reply(200, orjson.dumps({"ready": True, "name": name, "version": version}))
        self._get: dict[str, Callable[[], Reply]] = {
            **dict.fromkeys(
                ("/health", "/ping", "/v2/health/live", "/v2/health/ready", f"{base}/ready"), lambda: ready
            ),
            **dict.fromkeys((base, f"{base}/versions/{version}"), self._describe),
            "/v2": lambda: Reply(200, b'{"name":"jinsu","version":"1","extensions":[]}'),
            "/metrics": lambda: Reply(200, generate_latest(self.telemetry.registry), "text/plain; version=0.0.4"),
        }

    def _describe(self) -> Reply:
        output = Signature(self.manifest.output, self.limits)
        return Reply(
            200,
            orjson.dumps(
                {
                    "name": self.name,
                    "versions": [self.version],
                    "platform": "onnx_onnxruntime",
                    "inputs": [
                        {
                            "name": "input",
                            "datatype": self.signature.protocol_type,
                            "shape": self.manifest.input.shape,
                        }
                    ],
                    "outputs": [
                        {
                            "name": "output",
                            "datatype": output.protocol_type,
                            "shape": self.manifest.output.shape,
                        }
                    ],
                    "labels": self._labels,
                }
            ),
        )

    async def _invoke(self, body: bytes) -> bytes:
        request = self._invocation.decode(body)
        given = [
            item for item in (request.inputs, request.instances, request.dataframe_split) if item is not msgspec.UNSET
        ]
        if len(given) != 1:
            raise Refused(400, "send exactly one of 'inputs', 'instances' and 'dataframe_split'")
        raw = _from_frame(given[0], len(self.manifest.input.shape)) if isinstance(given[0], _Frame) else given[0]
        return orjson.dumps(
            {"predictions": await self._run(self.signature.rows(_only(raw)))},
            option=orjson.OPT_SERIALIZE_NUMPY,
        )

    async def _infer(self, body: bytes) -> bytes:
        request = self._inference.decode(body)
        names = [tensor.name for tensor in request.inputs]
        if names != ["input"] or request.inputs[0].datatype != self.signature.protocol_type:
            raise Refused(400, f"inputs {names}: the model takes one, 'input' of {self.signature.protocol_type}")
        output = await self._run(self.signature.flat(request.inputs[0].data, request.inputs[0].shape))
        kind = Signature(self.manifest.output, self.limits).protocol_type
        answer: dict[str, Any] = {
            "model_name": self.name,
            "model_version": self.version,
            "outputs": [{"name": "output", "datatype": kind, "shape": output.shape, "data": output.reshape(-1)}],
        }
        if request.id is not None:
            answer["id"] = request.id
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)

    async def _run(self, rows: np.ndarray) -> np.ndarray:
        output = await self.batcher.submit(rows)
        if output.dtype.kind == "f" and not np.isfinite(output).all():
            self.telemetry.non_finite.inc()
            raise Refused(500, "the model's answer is not finite")
        return np.ascontiguousarray(output)

    async def respond(self, method: str, path: str, body: bytes) -> Reply:
        """The answer to one request, whatever it is."""
        if method == "GET":
            get = self._get.get(path)
            return get() if get else _refusal(404, f"no such path: {path}")
        begun = time.perf_counter()
        post = self._post.get(path)
        try:
            if post is None or method != "POST":
                raise Refused(
                    404 if path not in self._get and post is None else 405,
                    f"{method} {path} is not served here",
                )
            reply = Reply(200, await post(body))
        except Refused as refusal:
            reply = _refusal(refusal.status, str(refusal))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
            reply = _refusal(400, f"the body is not the expected JSON: {problem}")
        except Exception:
            log.exception("%s %s", method, path)
            reply = _refusal(500, "an error in the server; its log says more")
        self.telemetry.count(reply.status, time.perf_counter() - begun)
        return reply

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        body = await self._read(scope, receive)
        if body is None:
            reply = _refusal(413, f"the body is longer than {self.limits.body} bytes")
        else:
            reply = await self.respond(scope["method"], scope["path"], body)
        headers = [(b"content-type", reply.type.encode()), (b"content-length", b"%d" % len(reply.body))]
        if reply.status in (429, 503):
            headers.append((b"retry-after", b"1"))
        if body is None:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _read(self, scope: Any, receive: Any) -> bytes | None:
        """The whole body, or None when it is too long."""
        body, more = b"", scope["method"] == "POST"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return b""
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.limits.body:
                return None
        return body


def _only(raw: Any) -> msgspec.Raw:
    """A batch given by name, `{"input": rows}` or `[{"input": row}, …]`, as the bare batch."""
    text = bytes(raw)
    if text[:1] == b"{":
        named = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        if list(named) != ["input"]:
            raise Refused(400, f"inputs {list(named)}: the model takes one, 'input'")
        return named["input"]
    if text[1:].lstrip()[:1] == b"{":
        rows = msgspec.json.decode(text, type=list[dict[str, msgspec.Raw]])
        if any(list(row) != ["input"] for row in rows):
            raise Refused(400, "instances: each takes one value, 'input'")
        return msgspec.Raw(b"[" + b",".join(bytes(row["input"]) for row in rows) + b"]")
    return msgspec.Raw(text)


def _from_frame(frame: _Frame, axes: int) -> msgspec.Raw:
    """Rows of a data frame: one column as it is for 1 axis or an `input` column, several side by side for a matrix."""
    if any(len(row) != len(frame.columns) for row in frame.data):
        raise Refused(400, f"dataframe_split: every row must hold {len(frame.columns)} values")
    bare = len(frame.columns) == 1 and (axes == 1 or frame.columns == ["input"])
    rows = (bytes(row[0]) if bare else b"[" + b",".join(map(bytes, row)) + b"]" for row in frame.data)
    return msgspec.Raw(b"[" + b",".join(rows) + b"]")


def _refusal(status: int, message: str) -> Reply:
    # MLflow's clients look for these two fields.
    code = "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"
    return Reply(status, orjson.dumps({"error_code": code, "message": message}))


def _blank(signature: Signature, rows: int) -> np.ndarray:
    shape = (rows, *signature.tensor.shape[1:])
    return np.full(shape, "a" if signature.dtype is np.object_ else 0, dtype=signature.dtype)


async def _lifespan(receive: Any, send: Any) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


def main() -> None:
    import uvicorn

    parser = argparse.ArgumentParser(prog="python -m jinsu.serving.server", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--socket", help="Unix socket to listen on")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on, without --socket")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on, without --socket")
    given = parser.parse_args()
    if given.socket:
        Path(given.socket).unlink(missing_ok=True)  # left by a predecessor that was killed
    where: dict[str, Any] = {"uds": given.socket} if given.socket else {"host": given.host, "port": given.port}
    service = Service(given.folder, given.name, given.version)
    key = os.environ.get(KEY_VARIABLE)
    uvicorn.run(
        locked(service, key) if key else service,
        **where,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main()
