"""One version of a model behind the routes of its server. Nothing here knows HTTP servers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

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
from jinsu.serving.open_inference import JSON_BYTES_HEADER, OpenInference
from jinsu.serving.replies import Reply, refusal
from jinsu.serving.signature import Refused, Signature
from jinsu.serving.telemetry import Telemetry

log = logging.getLogger("jinsu.server")

CLIENT_GONE = 499
"""The status under which a request is counted that its client gave up; nobody sees it elsewhere."""
_PROMETHEUS_TEXT = "text/plain; version=0.0.4"
T = TypeVar("T")


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
        self._decoding = ThreadPoolExecutor(1, "decoding")
        self._mlflow = MlflowProtocol(signature, manifest.outputs)
        self.open_inference = OpenInference(name, version, signature, manifest)
        about = {"name": name, "version": version, "provider": self.engine.provider}
        self._ready = Reply(200, orjson.dumps({"ready": True, **about}))
        self._down = Reply(503, orjson.dumps({"ready": False, **about}))
        description = Reply(200, self.open_inference.description(self.engine.provider))
        base = f"/v2/models/{name}"
        self._post_routes: dict[str, Callable[[bytes, int | None], Awaitable[Reply]]] = {
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
        if method == "GET":
            get = self._get_routes.get(path)
            return get() if get else refusal(404, f"no such path: {path[:200]}")
        begun = time.perf_counter()
        try:
            reply = await self._post(method, path, body, json_bytes)
        except asyncio.CancelledError:
            self.telemetry.count(CLIENT_GONE, time.perf_counter() - begun)
            raise
        self.telemetry.count(reply.status, time.perf_counter() - begun)
        return reply

    @property
    def healthy(self) -> bool:
        """Whether the model is loaded, or was a moment ago."""
        return self.engine.seconds_down <= self.limits.down

    def _health(self) -> Reply:
        return self._ready if self.healthy else self._down

    def close(self) -> None:
        """Ends the inference process."""
        self.engine.close()
        self._decoding.shutdown(wait=False)

    async def _post(self, method: str, path: str, body: bytes, json_bytes: int | None) -> Reply:
        post = self._post_routes.get(path)
        if post is None or method != "POST":
            status = 404 if path not in self._get_routes and post is None else 405
            return refusal(status, f"{method[:20]} {path[:200]} is not served here")
        try:
            return await post(body, json_bytes)
        except Refused as problem:
            return refusal(problem.status, str(problem))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
            return refusal(400, f"the body is not the expected JSON: {problem}")
        except Exception:
            log.exception("%s %s", method, path)
            return refusal(500, "an error in the server; its log says more")

    async def _invoke(self, body: bytes, json_bytes: int | None) -> Reply:
        if json_bytes is not None:
            raise Refused(400, "/invocations takes JSON alone; send binary tensors to the path that ends in /infer")
        rows = await self._decoded(lambda: self._mlflow.rows(body), len(body))
        return Reply(200, self._mlflow.answer(await self.run(rows)))

    async def _infer(self, body: bytes, json_bytes: int | None) -> Reply:
        if json_bytes is not None and not 0 <= json_bytes <= len(body):
            raise Refused(400, f"{JSON_BYTES_HEADER}: {json_bytes}; the body has {len(body)} bytes")
        numbers_alone = json_bytes is not None and not self._takes_texts
        long = json_bytes if numbers_alone and json_bytes is not None else len(body)
        request = await self._decoded(lambda: self.open_inference.inference(body, json_bytes), long)
        return self.open_inference.answer(await self.run(request.rows), request)

    async def _decoded(self, decode: Callable[[], T], size: int) -> T:
        """What a body says; one with many bytes to decode is read in a thread, so that other requests are answered meanwhile."""
        if size <= LONG:
            return decode()
        return await asyncio.get_running_loop().run_in_executor(self._decoding, decode)

    async def run(self, rows: Arrays) -> Arrays:
        """The model's answers to the rows, all of them finite. Raises Refused."""
        try:
            outputs = await self.batcher.submit(rows)
        except asyncio.CancelledError:
            self.batcher.drop_abandoned()
            raise
        if any(output.dtype.kind == "f" and not np.isfinite(output).all() for output in outputs):
            self.telemetry.non_finite.inc()
            raise Refused(500, "the model's answer is not finite")
        return tuple(np.ascontiguousarray(output) for output in outputs)
