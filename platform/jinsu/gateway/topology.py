"""Routes of the gateway, and their translation into the resources that Envoy discovers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinsu.gateway.backend import Backend
from jinsu.serving.key import KEY_HEADER

Resource = dict[str, Any]
"""A part of Envoy's configuration as JSON; Envoy's own schema checks it when it is published."""

RUNTIME_LAYER = "canary"
ROUTES = "models"
EXTENSIONS = "type.googleapis.com/envoy.extensions"


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


# --- Clusters: Envoy's word for what it sends requests to ---


def clusters(table: Iterable[Route]) -> list[Resource]:
    """Every backend that a route names, once."""
    backends = {backend.name: backend for route in table for backend in route.backends}
    return [_cluster(backends[name]) for name in sorted(backends)]


def _cluster(backend: Backend) -> Resource:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(backend)}}]}]
    limits = {"max_connections": 256, "max_pending_requests": 256, "max_requests": 512, "max_retries": 64}
    return {
        "name": backend.name,
        "type": "STATIC",
        "connect_timeout": "0.5s",
        "load_assignment": {"cluster_name": backend.name, "endpoints": endpoints},
        # Shorter than the server's own keep-alive: a connection is never used while its other end closes it.
        "typed_extension_protocol_options": http_options({"http_protocol_options": {}}, {"idle_timeout": "30s"}),
        "circuit_breakers": {"thresholds": [limits]},
    }


def _address(backend: Backend) -> Resource:
    if backend.address.startswith("/"):
        return {"pipe": {"path": backend.address}}
    host, _, port = backend.address.rpartition(":")
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
    entries = [_route(route) for route in sorted(table, key=lambda route: route.model)]
    host: Resource = {"name": ROUTES, "domains": ["*"], "routes": entries}
    if server_key:
        host["request_headers_to_add"] = [_header(KEY_HEADER, server_key)]
    return [{"name": ROUTES, "virtual_hosts": [host]}]


def _header(name: str, value: str) -> Resource:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _route(route: Route) -> Resource:
    shares = [_share(route.champion, 100)]
    if route.challenger is not None:
        shares.append(_share(route.challenger, 0))
    return {
        "match": {"prefix": f"/models/{route.model}/"},
        "route": {
            "prefix_rewrite": "/",
            "timeout": "10s",
            "weighted_clusters": {"runtime_key_prefix": f"{RUNTIME_LAYER}.{route.model}", "clusters": shares},
            # A prediction changes nothing, so it may be sent again when a server dies under it; and then to the other
            # version if the same draw falls on it. An answer of the model, even a 500, is never asked for twice.
            "retry_policy": {
                "retry_on": "connect-failure,refused-stream,reset",
                "num_retries": 3,
                "refresh_cluster_on_retry": True,
                "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
            },
        },
    }


def _share(backend: Backend, weight: int) -> Resource:
    version = _header("x-jinsu-version", backend.version)
    return {"name": backend.name, "weight": weight, "response_headers_to_add": [version]}


# --- Weights, as a lease ---


def runtime(table: Iterable[Route]) -> list[Resource]:
    """The leased layer: weights of the routes that have a challenger. Both are written, so their sum is never zero."""
    layer: dict[str, int] = {}
    for route in table:
        if route.challenger is not None and route.weight:
            prefix = f"{RUNTIME_LAYER}.{route.model}"
            layer[f"{prefix}.{route.champion.name}"] = 100 - route.weight
            layer[f"{prefix}.{route.challenger.name}"] = route.weight
    return [{"name": RUNTIME_LAYER, "layer": layer}]
