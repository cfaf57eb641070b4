"""Routes of the gateway, and their translation into the resources that Envoy discovers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinsu.gateway.backend import Backend
from jinsu.serving.grpc_service import SERVICE
from jinsu.serving.key import KEY_HEADER

Resource = dict[str, Any]
"""A part of Envoy's configuration as JSON; Envoy's own schema checks it when it is published."""

RUNTIME_LAYER = "canary"
ROUTES = "models"
EXTENSIONS = "type.googleapis.com/envoy.extensions"
MODEL_HEADER = "x-jinsu-model"
"""The metadata in which a request over gRPC names its model, because its path names none."""
GRPC_STATISTICS = "envoy.filters.http.grpc_stats"
"""Envoy's filter that counts gRPC's own statuses; off, so that it costs HTTP nothing, but for the routes of gRPC."""
_SWITCHED_ON = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}
GRPC_SUFFIX = "-grpc"
"""What the name of a backend's cluster for gRPC ends with."""
_DEADLINE = "10s"


@dataclass(frozen=True)
class Route:
    """One model's endpoint. `weight` is the challenger's share in percent, a lease that must be renewed."""

    model: str
    champion: Backend
    challenger: Backend | None = None
    weight: int = 0

    @property
    def backends(self) -> tuple[Backend, ...]:
        return (self.champion,) if self.challenger is None else (self.champion, self.challenger)

    @property
    def speaks_grpc(self) -> bool:
        """Whether every version does, so that the weights hold for gRPC as well."""
        return all(backend.grpc for backend in self.backends)


# --- Clusters: Envoy's word for what it sends requests to ---


def clusters(table: Iterable[Route]) -> list[Resource]:
    """Every backend that a route names, once for each protocol that it speaks."""
    backends = {backend.name: backend for route in table for backend in route.backends}
    found = [cluster for backend in backends.values() for cluster in _clusters(backend)]
    return sorted(found, key=lambda cluster: str(cluster["name"]))


def http_cluster(backend: Backend) -> str:
    """`digits-v3`, as the backend."""
    return backend.name


def grpc_cluster(backend: Backend) -> str:
    """`digits-v3-grpc`; no backend has such a name."""
    return backend.name + GRPC_SUFFIX


def _clusters(backend: Backend) -> list[Resource]:
    # Shorter than the server's own keep-alive: a connection is never used while its other end closes it.
    idle = {"idle_timeout": "30s"}
    found = [_cluster(http_cluster(backend), backend.address, http_options({"http_protocol_options": {}}, idle))]
    if backend.grpc:
        # A connection leads to one pod of a version: one request at a time spreads gRPC over the pods as HTTP/1 is spread.
        explicit = {"http2_protocol_options": {"max_concurrent_streams": 1}}
        found.append(_cluster(grpc_cluster(backend), backend.grpc, http_options(explicit, idle)))
    return found


def _cluster(name: str, address: str, options: Resource) -> Resource:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(address)}}]}]
    limits = {"max_connections": 256, "max_pending_requests": 256, "max_requests": 512, "max_retries": 64}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.5s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        "typed_extension_protocol_options": options,
        "circuit_breakers": {"thresholds": [limits]},
    }


def _address(address: str) -> Resource:
    if address.startswith("/"):
        return {"pipe": {"path": address}}
    host, _, port = address.rpartition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}


def http_options(explicit: Mapping[str, Any], common: Mapping[str, Any]) -> Resource:
    """How Envoy speaks HTTP to a cluster: `explicit` chooses the version, `common` holds for each."""
    return {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": f"{EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": explicit,
            "common_http_protocol_options": common,
        }
    }


# --- Routes, with the weights that hold when no lease does ---


def routes(table: Iterable[Route], server_key: str = "") -> list[Resource]:
    """The route table. Its static weights give everything to the champion.

    server_key: what model servers on a network ask for; whatever a client sends under that name is replaced.
    """
    ordered = sorted(table, key=lambda route: route.model)
    # Envoy looks from the first to the last, so the many requests over HTTP never pass the routes of gRPC.
    entries = [*map(_route, ordered), *(_grpc_route(route) for route in ordered if route.speaks_grpc)]
    host: Resource = {"name": ROUTES, "domains": ["*"], "routes": entries}
    if server_key:
        host["request_headers_to_add"] = [_header(KEY_HEADER, server_key)]
    return [{"name": ROUTES, "virtual_hosts": [host]}]


def _header(name: str, value: str) -> Resource:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _route(route: Route) -> Resource:
    return {
        "match": {"prefix": f"/models/{route.model}/"},
        "route": {"prefix_rewrite": "/", **_action(route, http_cluster)},
    }


def _grpc_route(route: Route) -> Resource:
    """The model's route for gRPC, whose path names the method alone; so the client names the model in its metadata."""
    named = {"name": MODEL_HEADER, "string_match": {"exact": route.model}}
    # A client ends its request at its own deadline, and the model server hears that nobody waits. A server that watched the
    # deadline as well would answer with an error, which would count against its version.
    return {
        "match": {"prefix": f"/{SERVICE}/", "grpc": {}, "headers": [named]},
        "route": _action(route, grpc_cluster),
        "request_headers_to_remove": ["grpc-timeout"],
        "typed_per_filter_config": {GRPC_STATISTICS: _SWITCHED_ON},
    }


def _action(route: Route, cluster: Callable[[Backend], str]) -> Resource:
    """Which version answers, and when another is asked. cluster: the name of a backend's cluster for this protocol."""
    shares = [_share(cluster(route.champion), route.champion, 100)]
    if route.challenger is not None:
        shares.append(_share(cluster(route.challenger), route.challenger, 0))
    return {
        "timeout": _DEADLINE,
        "weighted_clusters": {"runtime_key_prefix": f"{RUNTIME_LAYER}.{route.model}", "clusters": shares},
        # A prediction changes nothing, so it may be sent again when a server dies under it; and then to the other
        # version if the same draw falls on it. An answer of the model, even a 500, is never asked for twice.
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset",
            "num_retries": 3,
            "refresh_cluster_on_retry": True,
            "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
        },
    }


def _share(cluster: str, backend: Backend, weight: int) -> Resource:
    version = _header("x-jinsu-version", backend.version)
    return {"name": cluster, "weight": weight, "response_headers_to_add": [version]}


# --- Weights, as a lease ---


def runtime(table: Iterable[Route]) -> list[Resource]:
    """The leased layer: weights of the routes that have a challenger. Both are written, so their sum is never zero."""
    layer: dict[str, int] = {}
    for route in table:
        if route.challenger is not None and route.weight:
            for cluster in (http_cluster, grpc_cluster) if route.speaks_grpc else (http_cluster,):
                prefix = f"{RUNTIME_LAYER}.{route.model}"
                layer[f"{prefix}.{cluster(route.champion)}"] = 100 - route.weight
                layer[f"{prefix}.{cluster(route.challenger)}"] = route.weight
    return [{"name": RUNTIME_LAYER, "layer": layer}]
