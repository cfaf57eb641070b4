"""The control side of Envoy: clusters, routes and the leased weights over one aggregated discovery stream (gRPC).

Weights travel in a runtime layer whose resource has a time to live. When the controller does not renew it, Envoy itself
drops the layer and falls back to the routes' static weights, which give everything to the champion.
`tests/contract/test_envoy.py` shows it with a real Envoy.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import json_format

from jinsu.gateway.schema import Schema

log = logging.getLogger("jinsu.xds")

_TYPE = "type.googleapis.com/"
_DISCOVERY = "envoy.service.discovery.v3."
CLUSTER = _TYPE + "envoy.config.cluster.v3.Cluster"
ROUTE = _TYPE + "envoy.config.route.v3.RouteConfiguration"
RUNTIME = _TYPE + "envoy.service.runtime.v3.Runtime"


@dataclass(frozen=True)
class Snapshot:
    """All resources of one type. The version is a digest of the content, so a restart with equal content keeps it."""

    version: str
    resources: Mapping[str, bytes]
    ttl: float | None = None


@dataclass
class _Subscription:
    """One type on one stream. sent, acknowledged: the versions that Envoy was sent last and has accepted last."""

    names: frozenset[str]
    nonce: str = ""
    sent: str = ""
    acknowledged: str = ""


@dataclass(frozen=True)
class _Wake:
    """Lets a stream look at a type that was published again, or whose lease is renewed."""

    type_url: str
    renew: bool


@dataclass(eq=False)
class _Stream:
    """One connected Envoy. Its inbox holds requests, wakes, and None at its end."""

    inbox: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    subscriptions: dict[str, _Subscription] = field(default_factory=dict)


class XdsServer:
    """Serves the published snapshots to every Envoy that connects.

    refused: why Envoy took the last version of a type for wrong, by type.
    """

    def __init__(self, schema: Schema, key: str = "") -> None:
        self._schema, self._key = schema, key
        self._request = schema.message(_DISCOVERY + "DiscoveryRequest")
        self._response = schema.message(_DISCOVERY + "DiscoveryResponse")
        self._leased = schema.message(_DISCOVERY + "Resource")
        self._snapshots: dict[str, Snapshot] = {}
        self._streams: set[_Stream] = set()
        self._nonce = 0
        self.refused: dict[str, str] = {}

    def publish(self, type_url: str, items: Iterable[Mapping[str, Any]], ttl: float | None = None) -> None:
        """Makes `items` all resources of this type. Envoy is sent them only when something changed. ttl: in seconds."""
        kind = self._schema.message(type_url.removeprefix(_TYPE))
        resources = {
            item["name"]: json_format.ParseDict(
                dict(item), kind(), descriptor_pool=self._schema.pool
            ).SerializeToString(deterministic=True)
            for item in items
        }
        version = hashlib.sha256(repr((sorted(resources.items()), ttl)).encode()).hexdigest()[:12]
        published = self._snapshots.get(type_url)
        if published is None or published.version != version:
            self._snapshots[type_url] = Snapshot(version, resources, ttl)
            self._wake(type_url, renew=False)

    def renew(self) -> None:
        """Renews the lease. The loop that decides the weights calls this, never a timer: a loop that hangs must lose the
        lease."""
        for type_url in dict.fromkeys((RUNTIME, *self.refused)):  # what was refused may be right by now
            self._wake(type_url, renew=True)

    def followed(self) -> bool:
        """Whether an Envoy is connected."""
        return any(stream.subscriptions for stream in self._streams)

    def settled(self) -> bool:
        """Whether every connected Envoy runs everything that was published, and there is one."""
        streams = [stream for stream in self._streams if stream.subscriptions]
        return bool(streams) and all(
            stream.subscriptions[kind].acknowledged == snapshot.version
            for stream in streams
            for kind, snapshot in self._snapshots.items()
            if kind in stream.subscriptions
        )

    async def serve(self, address: str) -> grpc.aio.Server:
        """Starts listening. Publish first: an empty first answer would delete what a running Envoy has."""
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        method = grpc.stream_stream_rpc_method_handler(
            self._stream,
            request_deserializer=self._request.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
        service = {"StreamAggregatedResources": method}
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_DISCOVERY + "AggregatedDiscoveryService", service),)
        )
        server.add_insecure_port(address)
        await server.start()
        return server

    def _wake(self, type_url: str, *, renew: bool) -> None:
        for stream in self._streams:
            stream.inbox.put_nowait(_Wake(type_url, renew))

    async def _stream(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        if self._key and not self._authorised(context):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "show the gateway's key")
        stream = _Stream()

        async def pump() -> None:
            try:
                async for request in requests:
                    stream.inbox.put_nowait(request)
            finally:
                stream.inbox.put_nowait(None)

        reader = asyncio.create_task(pump())
        self._streams.add(stream)
        try:
            while (item := await stream.inbox.get()) is not None:
                if self._due(stream, item):
                    yield self._answer(stream.subscriptions[item.type_url], item.type_url)
        finally:
            self._streams.discard(stream)
            reader.cancel()

    def _authorised(self, context: Any) -> bool:
        shown = dict(context.invocation_metadata() or ()).get("authorization", "")
        return hmac.compare_digest(str(shown), f"Bearer {self._key}")

    def _due(self, stream: _Stream, item: Any) -> bool:
        """Whether this wake-up or request needs an answer now."""
        snapshot = self._snapshots.get(item.type_url)
        if isinstance(item, _Wake):
            subscription = stream.subscriptions.get(item.type_url)
            return (
                subscription is not None
                and snapshot is not None
                and (item.renew or subscription.sent != snapshot.version)
            )
        return self._accept(stream, item) and snapshot is not None

    def _accept(self, stream: _Stream, request: Any) -> bool:
        """Takes a subscription, an acknowledgement or a refusal; returns whether it asks for something new."""
        names = frozenset(request.resource_names)
        subscription = stream.subscriptions.get(request.type_url)
        if subscription is None:  # the first of its type on this stream is answered in full, whatever it claims to have
            stream.subscriptions[request.type_url] = _Subscription(names)
            return True
        if request.response_nonce != subscription.nonce:
            return False  # about an answer that is no longer the last one
        if request.HasField("error_detail"):
            self.refused[request.type_url] = request.error_detail.message
            log.error("Envoy refuses %s: %s", request.type_url, request.error_detail.message)
        else:
            subscription.acknowledged = request.version_info
            self.refused.pop(request.type_url, None)
        changed, subscription.names = names != subscription.names, names
        return changed

    def _answer(self, subscription: _Subscription, type_url: str) -> Any:
        snapshot = self._snapshots[type_url]
        self._nonce += 1
        subscription.nonce, subscription.sent = str(self._nonce), snapshot.version
        response = self._response(type_url=type_url, version_info=snapshot.version, nonce=subscription.nonce)
        for name, body in snapshot.resources.items():
            if subscription.names and name not in subscription.names:
                continue
            packed = response.resources.add()
            if snapshot.ttl is None:
                packed.type_url, packed.value = type_url, body
                continue
            # Always with its body: a heartbeat without one does not bring back a layer that has expired once.
            leased = self._leased(name=name, version=snapshot.version)
            leased.ttl.FromMilliseconds(int(snapshot.ttl * 1000))
            leased.resource.type_url, leased.resource.value = type_url, body
            packed.type_url, packed.value = _TYPE + _DISCOVERY + "Resource", leased.SerializeToString()
        return response
