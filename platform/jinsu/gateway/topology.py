"""What the data plane should look like, and its translation into Envoy's resources. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinsu.gateway.backend import Backend
from jinsu.serving.key import KEY_HEADER

RUNTIME_LAYER = "canary"
ROUTES = "models"
_HTTP = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_EXTENSIONS = "type.googleapis.com/envoy.extensions"
MAX_BODY = 4 << 20


@dataclass(frozen=True)
class Route:
    """One model's endpoint. `weight` is the challenger's share in percent, a lease that must be renewed."""

    model: str
    champion: Backend
    challenger: Backend | None = None
    weight: int = 0


def clusters(routes: list[Route]) -> list[dict[str, Any]]:
    backends = {b.name: b for route in routes for b in (route.champion, route.challenger) if b is not None}
    return [_cluster(backends[name]) for name in sorted(backends)]


def _cluster(backend: Backend) -> dict[str, Any]:
    if backend.address.startswith("/"):
        address: dict[str, Any] = {"pipe": {"path": backend.address}}
    else:
        host, _, port = backend.address.rpartition(":")
        address = {"socket_address": {"address": host, "port_value": int(port)}}
    return {
        "name": backend.name,
        "type": "STATIC",
        "connect_timeout": "0.5s",
        "load_assignment": {
            "cluster_name": backend.name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        # Shorter than the server's own keep-alive: a connection is never used while its other end closes it.
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _HTTP,
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {"idle_timeout": "30s"},
            }
        },
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": 256, "max_pending_requests": 256, "max_requests": 512, "max_retries": 64}
            ]
        },
    }


def routes(wanted: list[Route], server_key: str = "") -> list[dict[str, Any]]:
    """The route table. Static weights give everything to the champion: what holds when no lease does.

    server_key: what model servers on a network ask for; whatever a client sends under that name is replaced.
    """
    entries = [_route(route) for route in sorted(wanted, key=lambda route: route.model)]
    host: dict[str, Any] = {"name": ROUTES, "domains": ["*"], "routes": entries}
    if server_key:
        host["request_headers_to_add"] = [_header(KEY_HEADER, server_key)]
    return [{"name": ROUTES, "virtual_hosts": [host]}]


def _header(name: str, value: str) -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _route(route: Route) -> dict[str, Any]:
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
            # version if the same draw says so. An answer of the model, even a 500, is never asked for twice.
            "retry_policy": {
                "retry_on": "connect-failure,refused-stream,reset",
                "num_retries": 3,
                "refresh_cluster_on_retry": True,
                "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
            },
        },
    }


def _share(backend: Backend, weight: int) -> dict[str, Any]:
    version = _header("x-jinsu-version", backend.version)
    return {"name": backend.name, "weight": weight, "response_headers_to_add": [version]}


def runtime(wanted: list[Route]) -> list[dict[str, Any]]:
    """The leased layer: weights of the routes that have a challenger. Both are written, so their sum is never zero."""
    layer: dict[str, int] = {}
    for route in wanted:
        if route.challenger is not None and route.weight:
            prefix = f"{RUNTIME_LAYER}.{route.model}"
            layer[f"{prefix}.{route.champion.name}"] = 100 - route.weight
            layer[f"{prefix}.{route.challenger.name}"] = route.weight
    return [{"name": RUNTIME_LAYER, "layer": layer}]


@dataclass(frozen=True)
class Gateway:
    """Where one Envoy listens, and where its controller is.

    On a network nothing answers without a key: `clients` are the keys of whoever may ask models, by their names, and
    `key` is shown to the controller and asked of whoever reads the statistics at `stats_port`. There it also waits for its
    controller without end: an Envoy that knows no model must not take the place of one that does.
    """

    port: int
    admin_port: int
    xds_port: int
    host: str = "127.0.0.1"
    xds_host: str = "127.0.0.1"
    stats_port: int = 0
    key: str = field(default="", repr=False)
    clients: Mapping[str, str] = field(default_factory=dict, repr=False)
    connections: int = 1000


def bootstrap(gateway: Gateway) -> dict[str, Any]:
    """Envoy's first configuration: one listener, everything else by discovery from the controller."""
    identity = {"initial_metadata": [{"key": "authorization", "value": f"Bearer {gateway.key}"}]} if gateway.key else {}
    clusters, listeners = [_controller(gateway)], [_listener(gateway)]
    if gateway.stats_port:
        clusters.append(_administration(gateway))
        listeners.append(_statistics(gateway))
    return {
        "node": {"id": "gateway", "cluster": "jinsu"},
        "admin": {"address": _address("127.0.0.1", gateway.admin_port), "ignore_global_conn_limit": True},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [
                    {
                        "envoy_grpc": {
                            "cluster_name": "controller",
                            "retry_policy": {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}},
                        },
                        **identity,
                    }
                ],
            },
            "cds_config": _discovered("0s" if gateway.stats_port else "5s"),
        },
        "stats_flush_on_admin": True,
        "stats_config": {
            "histogram_bucket_settings": [
                {
                    "match": {"suffix": "upstream_rq_time"},
                    "buckets": [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000],
                }
            ]
        },
        "layered_runtime": {
            "layers": [
                {"name": "static", "static_layer": {}},
                {
                    "name": RUNTIME_LAYER,
                    "rtds_layer": {"name": RUNTIME_LAYER, "rtds_config": _discovered("2s")},
                },
            ]
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": f"{_EXTENSIONS}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                        "max_active_downstream_connections": str(gateway.connections),
                    },
                }
            ]
        },
        "static_resources": {"clusters": clusters, "listeners": listeners},
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _discovered(timeout: str) -> dict[str, Any]:
    return {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": timeout}


def _controller(gateway: Gateway) -> dict[str, Any]:
    options = {"http2_protocol_options": {"connection_keepalive": {"interval": "5s", "timeout": "2s"}}}
    endpoint = {"endpoint": {"address": _address(gateway.xds_host, gateway.xds_port)}}
    by_name = {"type": "STRICT_DNS", "dns_lookup_family": "V4_PREFERRED", "dns_refresh_rate": "2s"}
    return {
        "name": "controller",
        **({"type": "STATIC"} if gateway.xds_host == "127.0.0.1" else by_name),
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _HTTP,
                "explicit_http_config": options,
                # A stream a connection: one that ended may have led to a place that is not the controller's any more.
                "common_http_protocol_options": {"max_requests_per_connection": 1},
            }
        },
        "load_assignment": {"cluster_name": "controller", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _listener(gateway: Gateway) -> dict[str, Any]:
    filters = f"{_EXTENSIONS}.filters"
    manager: Mapping[str, Any] = {
        "@type": f"{filters}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "codec_type": "HTTP1",
        "rds": {"route_config_name": ROUTES, "config_source": _discovered("0s" if gateway.stats_port else "5s")},
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        # An address nobody has: no client counts as internal, so none may steer Envoy with x-envoy-* headers.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "192.0.2.1", "prefix_len": 32}]},
        "server_header_transformation": "PASS_THROUGH",
        "generate_request_id": False,
        "common_http_protocol_options": {
            "idle_timeout": "60s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "request_headers_timeout": "5s",
        "request_timeout": "15s",
        "stream_idle_timeout": "30s",
        "drain_timeout": "2s",
        "http_filters": [
            *([_clients_only(gateway.clients)] if gateway.clients else []),
            {
                "name": "envoy.filters.http.buffer",
                "typed_config": {"@type": f"{filters}.http.buffer.v3.Buffer", "max_request_bytes": MAX_BODY},
            },
            _router(),
        ],
    }
    return {
        "name": "gateway",
        "address": _address(gateway.host, gateway.port),
        "per_connection_buffer_limit_bytes": 2 * MAX_BODY,
        "filter_chains": [_chain(manager)],
    }


def _router() -> dict[str, Any]:
    kind = f"{_EXTENSIONS}.filters.http.router.v3.Router"
    return {"name": "envoy.filters.http.router", "typed_config": {"@type": kind, "suppress_envoy_headers": True}}


def _chain(manager: Mapping[str, Any]) -> dict[str, Any]:
    return {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}


def _clients_only(clients: Mapping[str, str]) -> dict[str, Any]:
    """`Authorization: Bearer KEY` of a known client, or 401."""
    return {
        "name": "envoy.filters.http.api_key_auth",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.http.api_key_auth.v3.ApiKeyAuth",
            "credentials": [{"client": name, "key": key} for name, key in sorted(clients.items())],
            "key_sources": [{"header": "Authorization"}],
            "forwarding": {"header": "x-jinsu-client", "hide_credentials": True},
        },
    }


def _administration(gateway: Gateway) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address("127.0.0.1", gateway.admin_port)}}
    return {
        "name": "administration",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "administration", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _statistics(gateway: Gateway) -> dict[str, Any]:
    """Two pages of the administration, to be read only: readiness by anybody, statistics with the key."""
    filters = f"{_EXTENSIONS}.filters"
    shown = {"name": "authorization", "string_match": {"exact": f"Bearer {gateway.key}"}}
    pages = [
        {"match": {"path": "/ready", "headers": [_GET]}, "route": {"cluster": "administration"}},
        {"match": {"path": "/stats/prometheus", "headers": [_GET, shown]}, "route": {"cluster": "administration"}},
    ]
    manager: Mapping[str, Any] = {
        "@type": f"{filters}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "statistics",
        "common_http_protocol_options": {"idle_timeout": "60s"},
        "request_headers_timeout": "5s",
        "route_config": {"name": "statistics", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": pages}]},
        "http_filters": [_router()],
    }
    return {
        "name": "statistics",
        "address": _address(gateway.host, gateway.stats_port),
        "ignore_global_conn_limit": True,
        "filter_chains": [_chain(manager)],
    }


_GET = {"name": ":method", "string_match": {"exact": "GET"}}
