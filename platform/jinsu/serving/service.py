"""One version of a model behind the routes of its server. Nothing here knows HTTP servers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import orjson

from jinsu.packaging.arrays import Arrays
from jinsu.packaging.contents import verify_contents
from jinsu.packaging.manifest import Manifest
from jinsu.serving.batching import Batcher
from jinsu.serving.engine import Engine
from jinsu.serving.json_numbers import LONG
from jinsu.serving.limits import Limits
from jinsu.serving.mlflow_protocol import MlflowProtocol
from jinsu.serving.open_inference import JSON_BYTES_HEADER, Inference, OpenInference
from jinsu.serving.replies import Reply, refusal
from jinsu.serving.signature import Refused, Signature
from jinsu.serving.telemetry import Telemetry

log = logging.getLogger("jinsu.server")

CLIENT_GONE = 499
"""The status under which a request is counted that its client gave up; nobody sees it elsewhere."""
_PROMETHEUS_TEXT = "text/plain; version=0.0.4"
T = TypeVar("T")
Deliver = Callable[[Reply], None]
"""Takes the reply to a request, once."""


class Service:
    """Answers requests with the package in `folder`.

    contents: the digest that the package must have, or "" for any. gpu: how many GPUs compute. Raises GateFailedError for a package
    with another digest, and for one that cannot be loaded.
    """

    def __init__(
        self, folder: Path, name: str, version: str, limits: Limits | None = None, contents: str = "", gpu: int = 0
    ) -> None:
        self.limits = limits or Limits()
        if contents:
            verify_contents(folder, contents)
        manifest = Manifest.read(folder)
        signature = Signature(manifest.inputs, self.limits)
        self.telemetry = Telemetry()
        self.engine = Engine(folder, manifest, self.limits, contents, gpu)
        self.engine.time(signature.blank(self.limits.batch))
        observe: Callable[[int], None] = lambda rows: self.telemetry.batch.observe(rows)  # noqa: E731
        self.batcher = Batcher(
            self.engine.run,
            replace(self.limits, batch=self.engine.batch),
            observe,
            signature.fixed,
            self.engine.give_up,
        )
        self.telemetry.waiting.set_function(lambda: self.batcher.waiting)
        self.telemetry.restarts.set_function(lambda: self.engine.restarts)
        self._takes_texts = any(one.dtype == "string" for one in manifest.inputs)
        self.decoding = ThreadPoolExecutor(1, "decoding")
        self._mlflow = MlflowProtocol(signature, manifest.outputs)
        self.open_inference = OpenInference(name, version, signature, manifest)
        about = {"name": name, "version": version, "provider": self.engine.provider}
        self._ready = Reply(200, orjson.dumps({"ready": True, **about}))
        self._down = Reply(503, orjson.dumps({"ready": False, **about}))
        description = Reply(200, self.open_inference.description(self.engine.provider))
        base = f"/v2/models/{name}"
        self._post_routes: dict[str, Callable[[Call, bytes, int | None], None]] = {
            "/invocations": self._invoke,
            f"{base}/infer": self._infer,
            f"{base}/versions/{version}/infer": self._infer,
        }
        self._get_routes: dict[str, Callable[[], Reply]] = {
            **dict.fromkeys(("/health", "/ping", "/v2/health/ready"), self._health),
            **dict.fromkeys((f"{base}/ready", f"{base}/versions/{version}/ready"), self._health),
            "/v2/health/live": lambda: Reply(200, b'{"live":true}'),
            **dict.fromkeys((base, f"{base}/versions/{version}"), lambda: description),
            "/v2": lambda: Reply(200, b'{"name":"jinsu","version":"1","extensions":["binary_tensor_data"]}'),
            "/metrics": lambda: Reply(200, self.telemetry.page(), _PROMETHEUS_TEXT),
        }

    async def respond(self, method: str, path: str, body: bytes, json_bytes: int | None = None) -> Reply:
        """The reply to one request. Every failure is a reply too; none is raised. A task that is cancelled drops its work.

        json_bytes: how many bytes of JSON a body begins with whose rest is binary tensors.
        """
        waiting: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def deliver(reply: Reply) -> None:
            if not waiting.done():  # by the cancellation of the task
                waiting.set_result(reply)

        call = self.begin(method, path, body, json_bytes, deliver)
        try:
            return await waiting
        except asyncio.CancelledError:
            call.abandon()
            raise

    def begin(self, method: str, path: str, body: bytes, json_bytes: int | None, deliver: Deliver) -> Call:
        """The same without a task for each request: `deliver` is called with the reply, at once or later."""
        call = Call(self, deliver)
        if method == "GET":
            get = self._get_routes.get(path)
            deliver(get() if get else refusal(404, f"no such path: {path[:200]}"))
            return call
        post = self._post_routes.get(path)
        if post is None or method != "POST":
            status = 404 if path not in self._get_routes and post is None else 405
            call.finish(refusal(status, f"{method[:20]} {path[:200]} is not served here"))
            return call
        try:
            post(call, body, json_bytes)
        except Exception as problem:  # each becomes a reply
            call.fail(problem)
        return call

    @property
    def healthy(self) -> bool:
        """Whether the model is loaded, or was a moment ago."""
        return self.engine.seconds_down <= self.limits.down

    def _health(self) -> Reply:
        return self._ready if self.healthy else self._down

    def close(self) -> None:
        """Ends the inference process."""
        self.engine.close()
        self.decoding.shutdown(wait=False)

    def _invoke(self, call: Call, body: bytes, json_bytes: int | None) -> None:
        if json_bytes is not None:
            raise Refused(400, "/invocations takes JSON alone; send binary tensors to the path that ends in /infer")
        if len(body) <= LONG:
            call.run(self._mlflow.rows(body), self._invoked)
            return
        call.decode(lambda: self._mlflow.rows(body), lambda rows: call.run(rows, self._invoked))

    def _invoked(self, outputs: Arrays) -> Reply:
        return Reply(200, self._mlflow.answer(outputs))

    def _infer(self, call: Call, body: bytes, json_bytes: int | None) -> None:
        if json_bytes is not None and not 0 <= json_bytes <= len(body):
            raise Refused(400, f"{JSON_BYTES_HEADER}: {json_bytes}; the body has {len(body)} bytes")

        def run(request: Inference) -> None:
            call.run(request.rows, lambda outputs: self.open_inference.answer(outputs, request))

        numbers_alone = json_bytes is not None and not self._takes_texts
        if (json_bytes if numbers_alone and json_bytes is not None else len(body)) <= LONG:
            run(self.open_inference.inference(body, json_bytes))
        else:
            call.decode(lambda: self.open_inference.inference(body, json_bytes), run)

    async def run(self, rows: Arrays) -> Arrays:
        """The model's answers to the rows, all of them finite. Raises Refused."""
        try:
            outputs = await self.batcher.submit(rows)
        except asyncio.CancelledError:
            self.batcher.drop_abandoned()
            raise
        return self.checked(outputs)

    def checked(self, outputs: Arrays) -> Arrays:
        """The same answers as contiguous arrays. Raises Refused(500) for one that is not finite, which is counted."""
        for output in outputs:
            if output.dtype.kind == "f" and not np.isfinite(output).all():
                self.telemetry.non_finite.inc()
                raise Refused(500, "the model's answer is not finite")
        return tuple([np.ascontiguousarray(output) for output in outputs])


class Call:
    """One request that a service answers: what it waits for, until its reply is delivered or its client has gone."""

    __slots__ = ("_begun", "_deliver", "_encode", "_service", "_then", "_waits_for")

    def __init__(self, service: Service, deliver: Deliver) -> None:
        self._service, self._deliver = service, deliver
        self._begun = time.perf_counter()
        self._waits_for: asyncio.Future[Any] | None = None
        self._then: Callable[[Any], None]
        self._encode: Callable[[Arrays], Reply]

    def decode(self, decode: Callable[[], T], then: Callable[[T], None]) -> None:
        """Decodes a long body in a thread, so that other requests are answered meanwhile."""
        self._then = then
        self._await(asyncio.get_running_loop().run_in_executor(self._service.decoding, decode), self._decoded)

    def _decoded(self, future: asyncio.Future[Any]) -> None:
        if future is not self._waits_for:  # given up
            return
        try:
            self._then(future.result())
        except Exception as problem:  # each becomes a reply
            self.fail(problem)

    def run(self, rows: Arrays, encode: Callable[[Arrays], Reply]) -> None:
        """Has the model answer. Raises Refused(429)."""
        self._encode = encode
        self._await(self._service.batcher.submit(rows), self._ran)

    def _ran(self, future: asyncio.Future[Arrays]) -> None:
        if future is not self._waits_for:
            return
        try:
            reply = self._encode(self._service.checked(future.result()))
        except Exception as problem:  # each becomes a reply
            reply = _reply_to(problem)
        self.finish(reply)

    def _await(self, future: asyncio.Future[Any], then: Callable[[asyncio.Future[Any]], None]) -> None:
        self._waits_for = future
        future.add_done_callback(then)

    def finish(self, reply: Reply) -> None:
        """Counts and delivers the reply."""
        self._waits_for = None
        self._service.telemetry.count(reply.status, time.perf_counter() - self._begun)
        self._deliver(reply)

    def fail(self, problem: Exception) -> None:
        """Delivers the reply to a request that an exception has ended."""
        self.finish(_reply_to(problem))

    def abandon(self) -> None:
        """Nobody waits for the reply any more: it is not computed, or its computation is stopped."""
        future, self._waits_for = self._waits_for, None
        if future is None:
            return
        self._service.telemetry.count(CLIENT_GONE, time.perf_counter() - self._begun)
        future.cancel()
        self._service.batcher.drop_abandoned()


def _reply_to(problem: Exception) -> Reply:
    """What a client hears of an exception that has ended its request."""
    if isinstance(problem, Refused):
        return refusal(problem.status, str(problem))
    if isinstance(problem, msgspec.MsgspecError | UnicodeDecodeError | RecursionError):
        return refusal(400, f"the body is not the expected JSON: {problem}")
    log.error("a request was not answered", exc_info=problem)
    return refusal(500, "an error in the server; its log says more")
