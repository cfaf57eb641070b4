"""The Open Inference Protocol over gRPC: the same service, batches and refusals as over HTTP."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import numpy as np

from jinsu.serving.binary_tensors import to_bytes
from jinsu.serving.grpc_messages import MESSAGES, METHODS
from jinsu.serving.grpc_service import SERVICE
from jinsu.serving.key import KEY_HEADER
from jinsu.serving.open_inference import Sent
from jinsu.serving.service import CLIENT_GONE, Service
from jinsu.serving.signature import PROTOCOL_TYPES, Refused

log = logging.getLogger("jinsu.server")

_FIELDS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Where a tensor's values lie that are not sent as raw bytes; half floats are sent as these alone."""
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_Answer = Callable[[Any], Awaitable[Any]]


class GrpcServer:
    """Answers gRPC requests with a service until it is stopped. key: what every request must show; "" for nothing."""

    def __init__(self, service: Service, key: str = "") -> None:
        self._service, self._protocol, self._key = service, service.open_inference, key
        answers: dict[str, _Answer] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._about_server,
            "ModelMetadata": self._about_model,
            "ModelInfer": self._infer,
        }
        most = service.limits.body
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", most), ("grpc.so_reuseport", 0)])
        handlers = {name: self._handler(name, answer) for name, answer in answers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    async def start(self, address: str) -> int:
        """Begins to answer at `host:port` or `unix:path`; returns the port. Raises RuntimeError for one that is taken."""
        port: int = self._server.add_insecure_port(address)
        await self._server.start()
        return port

    async def stop(self, grace: float) -> None:
        """Ends after the answers that take no longer than `grace` seconds."""
        await self._server.stop(grace)

    def _handler(self, name: str, answer: _Answer) -> Any:
        async def handled(request: Any, context: Any) -> Any:
            if not self._may_ask(context):
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "ask the endpoint, not the model server")
            try:
                return await answer(request)
            except Refused as problem:
                await context.abort(_CODES.get(problem.status, grpc.StatusCode.INTERNAL), str(problem)[:500])

        taken, given = METHODS[name]
        return grpc.unary_unary_rpc_method_handler(handled, taken.FromString, given.SerializeToString)

    def _may_ask(self, context: Any) -> bool:
        shown = "" if not self._key else next((v for k, v in context.invocation_metadata() if k == KEY_HEADER), "")
        return hmac.compare_digest(str(shown).encode(), self._key.encode())

    # --- About the server and its model ---

    async def _live(self, _: Any) -> Any:
        return MESSAGES["ServerLiveResponse"](live=True)

    async def _ready(self, _: Any) -> Any:
        return MESSAGES["ServerReadyResponse"](ready=self._service.healthy)

    async def _model_ready(self, request: Any) -> Any:
        known = self._protocol.is_version(request.name, request.version)
        return MESSAGES["ModelReadyResponse"](ready=known and self._service.healthy)

    async def _about_server(self, _: Any) -> Any:
        return MESSAGES["ServerMetadataResponse"](name="jinsu", version="1", extensions=["binary_tensor_data"])

    async def _about_model(self, request: Any) -> Any:
        self._check(request.name, request.version)
        return MESSAGES["ModelMetadataResponse"](**self._protocol.metadata())

    def _check(self, name: str, version: str) -> None:
        if not self._protocol.is_version(name, version):
            raise Refused(404, f"no such model here: {name[:100]} version {version[:100] or 'any'}")

    # --- Inference ---

    async def _infer(self, request: Any) -> Any:
        begun, status = time.perf_counter(), 500
        try:
            answer = await self._answer(request)
            status = 200
            return answer
        except Refused as problem:
            status = problem.status
            raise
        except asyncio.CancelledError:
            status = CLIENT_GONE
            raise
        except Exception:
            log.exception("ModelInfer")
            raise Refused(500, "an error in the server; its log says more") from None
        finally:
            self._service.telemetry.count(status, time.perf_counter() - begun)

    async def _answer(self, request: Any) -> Any:
        self._check(request.model_name, request.model_version)
        places = self._protocol.asked([one.name for one in request.outputs])
        outputs = await self._service.run(self._protocol.rows(_sent(request)))
        described = self._protocol.metadata()
        return MESSAGES["ModelInferResponse"](
            model_name=described["name"],
            model_version=described["versions"][0],
            id=request.id,
            outputs=[
                {
                    "name": described["outputs"][place]["name"],
                    "datatype": described["outputs"][place]["datatype"],
                    "shape": outputs[place].shape,
                }
                for place in places
            ],
            raw_output_contents=[to_bytes(outputs[place]) for place in places],
        )


def _sent(request: Any) -> list[Sent]:
    """The tensors of a request: all as raw bytes, or all with their contents. Raises Refused(400)."""
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise Refused(400, f"{len(raw)} raw_input_contents for {len(request.inputs)} inputs; send one for each")
    if raw and any(tensor.HasField("contents") for tensor in request.inputs):
        raise Refused(400, "send either raw_input_contents or contents")
    return [
        Sent(one.name, one.datatype, list(one.shape), memoryview(raw[place]) if raw else _contents(one))
        for place, one in enumerate(request.inputs)
    ]


def _contents(tensor: Any) -> np.ndarray:
    """The values of a tensor as an array of its type and one axis. Raises Refused(400)."""
    field = _FIELDS.get(tensor.datatype)
    if field is None:
        raise Refused(400, f"{tensor.name[:100]}: {tensor.datatype[:20]} is sent as raw_input_contents alone")
    values = getattr(tensor.contents, field)
    try:
        if field == "bytes_contents":
            return np.array([value.decode() for value in values], dtype=object)
        return np.array(list(values), dtype=PROTOCOL_TYPES[tensor.datatype])
    except (OverflowError, ValueError) as problem:
        raise Refused(400, f"{tensor.name[:100]}: {problem}") from None
