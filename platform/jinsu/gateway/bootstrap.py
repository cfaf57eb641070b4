"""The first configuration of an Envoy: where it listens, and where it asks for clusters, routes and weights. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinsu.gateway.topology import (
    EXTENSIONS,
    GRPC_STATISTICS,
    MODEL_HEADER,
    ROUTES,
    RUNTIME_LAYER,
    Resource,
    http_options,
)
from jinsu.serving.grpc_service import SERVICE

MAX_BODY = 4 << 20
"""The longest request that the gateway takes, in bytes."""
_STREAMS = {
    "max_concurrent_streams": 64,
    "initial_stream_window_size": 1 << 16,
    "initial_connection_window_size": 1 << 20,
}
"""Of one HTTP/2 connection: as many requests as a model server takes into one batch, and bytes that may be on their way."""
_GRPC = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
_GET = {"name": ":method", "string_match": {"exact": "GET"}}
_WITHOUT_END = "0s"
"""As Envoy writes a wait that does not end."""
_FILTERS = f"{EXTENSIONS}.filters"


@dataclass(frozen=True)
class Gateway:
    """Where one Envoy listens, and where its controller is.

    On one machine the three ports are enough. On a network nothing answers without a key: `clients` are the keys of whoever may
    ask models, by their names; `key` is what the Envoy shows the controller, and what the readers of the statistics at
    `stats_port` show the Envoy. An Envoy waits for its first clusters and routes without end, and neither listens nor is
    ready before: one that knows no model must not say that there is none, or take the place of one that knows them.
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


def bootstrap(gateway: Gateway) -> Resource:
    """One listener for requests, and everything else by discovery from the controller."""
    clusters, listeners = [_controller(gateway)], [_listener(gateway)]
    if gateway.stats_port:
        clusters.append(_administration(gateway))
        listeners.append(_statistics(gateway))
    return {
        "node": {"id": "gateway", "cluster": "jinsu"},
        "admin": {"address": _address("127.0.0.1", gateway.admin_port), "ignore_global_conn_limit": True},
        "dynamic_resources": {"ads_config": _discovery(gateway), "cds_config": _discovered(_WITHOUT_END)},
        "stats_flush_on_admin": True,
        "stats_config": _latency_buckets(),
        "layered_runtime": _weights(),
        "overload_manager": _connection_limit(gateway.connections),
        "static_resources": {"clusters": clusters, "listeners": listeners},
    }


def _address(host: str, port: int) -> Resource:
    return {"socket_address": {"address": host, "port_value": port}}


# --- What is asked of the controller ---


def _discovery(gateway: Gateway) -> Resource:
    """One stream for all types, to which the gateway shows its key."""
    retries = {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}}
    service: Resource = {"envoy_grpc": {"cluster_name": "controller", "retry_policy": retries}}
    if gateway.key:
        service["initial_metadata"] = [{"key": "authorization", "value": f"Bearer {gateway.key}"}]
    return {
        "api_type": "GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [service],
    }


def _discovered(timeout: str) -> Resource:
    return {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": timeout}


def _weights() -> Resource:
    """The layer of leased weights, over one that is empty."""
    leased = {"name": RUNTIME_LAYER, "rtds_layer": {"name": RUNTIME_LAYER, "rtds_config": _discovered("2s")}}
    return {"layers": [{"name": "static", "static_layer": {}}, leased]}


def _controller(gateway: Gateway) -> Resource:
    options = {"http2_protocol_options": {"connection_keepalive": {"interval": "5s", "timeout": "2s"}}}
    by_name = {"type": "STRICT_DNS", "dns_lookup_family": "V4_PREFERRED", "dns_refresh_rate": "2s"}
    return {
        **_one_endpoint("controller", _address(gateway.xds_host, gateway.xds_port)),
        **({"type": "STATIC"} if gateway.xds_host == "127.0.0.1" else by_name),
        # A stream a connection: one that ended may have led to a place that is not the controller's any more.
        "typed_extension_protocol_options": http_options(options, {"max_requests_per_connection": 1}),
    }


def _one_endpoint(name: str, address: Mapping[str, Any]) -> Resource:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }


# --- What is counted and limited ---


def _latency_buckets() -> Resource:
    """Upper bounds in milliseconds of the histogram that the gates compare."""
    bounds = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000]
    return {"histogram_bucket_settings": [{"match": {"suffix": "upstream_rq_time"}, "buckets": bounds}]}


def _connection_limit(connections: int) -> Resource:
    monitor = {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": f"{EXTENSIONS}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            "max_active_downstream_connections": str(connections),
        },
    }
    return {"resource_monitors": [monitor]}


# --- Where requests for models arrive ---


def _listener(gateway: Gateway) -> Resource:
    filters = [_body_limit(), _grpc_statuses(), _router()]
    if gateway.clients:
        filters.insert(0, _clients_only(gateway.clients))
    manager = {
        "stat_prefix": "gateway",
        # HTTP/1 and, for gRPC, HTTP/2 without TLS: Envoy tells them apart by a connection's first bytes.
        "codec_type": "AUTO",
        "http2_protocol_options": _STREAMS,
        "rds": {"route_config_name": ROUTES, "config_source": _discovered(_WITHOUT_END)},
        **_suspicion(),
        "local_reply_config": _own_answers(),
        "server_header_transformation": "PASS_THROUGH",
        "generate_request_id": False,
        "common_http_protocol_options": {"idle_timeout": "60s", "headers_with_underscores_action": "REJECT_REQUEST"},
        "request_headers_timeout": "5s",
        "request_timeout": "15s",
        "stream_idle_timeout": "30s",
        "drain_timeout": "2s",
        "http_filters": filters,
    }
    return {
        "name": "gateway",
        "address": _address(gateway.host, gateway.port),
        "per_connection_buffer_limit_bytes": 2 * MAX_BODY,
        "filter_chains": [_chain(manager)],
    }


def _suspicion() -> Resource:
    """Paths mean one thing only, and no client is trusted."""
    return {
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        # No machine has this address, so no client counts as internal: none may steer Envoy with x-envoy-* headers.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "192.0.2.1", "prefix_len": 32}]},
    }


_OWN_GRPC_ANSWERS = {
    401: "show the key of a client of models, as metadata: authorization: Bearer KEY.",
    404: f"no such model is served; name it in the metadata {MODEL_HEADER}, and ask {SERVICE} alone.",
}
"""The sentences that differ for a client over gRPC."""
_OWN_ANSWERS = {
    401: ("UNAUTHENTICATED", "show the key of a client of models: Authorization: Bearer KEY."),
    404: ("RESOURCE_DOES_NOT_EXIST", "no model is served at this address; it is /models/NAME/invocations."),
    408: ("BAD_REQUEST", "the request did not arrive in time."),
    413: ("BAD_REQUEST", f"the request is longer than {MAX_BODY} bytes; send fewer rows at a time."),
    503: ("TEMPORARILY_UNAVAILABLE", "no server of this model answers just now; ask again in a second."),
    504: ("TEMPORARILY_UNAVAILABLE", "the model did not answer in time; ask again, or send fewer rows at a time."),
}
"""What Envoy says when no model answered, by HTTP status: an error code of MLflow's clients, and a sentence."""


def _own_answers() -> Resource:
    """Envoy's own answers with the two fields that a model server's refusals have, so that a client reads one form.

    A client over gRPC gets the sentence alone, and Envoy makes gRPC's status out of HTTP's.
    """
    over_grpc = [
        {
            "filter": {"and_filter": {"filters": [{"header_filter": {"header": _GRPC}}, _of_status(status)]}},
            "body_format_override": _text(_OWN_GRPC_ANSWERS.get(status, message)),
        }
        for status, (_, message) in _OWN_ANSWERS.items()
    ]
    over_grpc.append(
        {"filter": {"header_filter": {"header": _GRPC}}, "body_format_override": _text("%LOCAL_REPLY_BODY%")}
    )
    return {
        "mappers": [
            *over_grpc,
            *(
                {"filter": _of_status(status), "body_format_override": _json(code, message)}
                for status, (code, message) in _OWN_ANSWERS.items()
            ),
        ],
        "body_format": _json("BAD_REQUEST", "%LOCAL_REPLY_BODY%"),
    }


def _of_status(status: int) -> Resource:
    # Envoy wants a key of its runtime here, which nobody sets.
    value = {"default_value": status, "runtime_key": f"gateway.own_answer_{status}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _text(message: str) -> Resource:
    return {"text_format_source": {"inline_string": message}}


def _json(code: str, message: str) -> Resource:
    return {"json_format": {"error_code": code, "message": message}}


def _chain(manager: Mapping[str, Any]) -> Resource:
    config = {"@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager", **manager}
    return {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": config}]}


def _body_limit() -> Resource:
    config = {"@type": f"{_FILTERS}.http.buffer.v3.Buffer", "max_request_bytes": MAX_BODY}
    return {"name": "envoy.filters.http.buffer", "typed_config": config}


def _grpc_statuses() -> Resource:
    """Counts gRPC's own status of each answer, since gRPC reports an error under HTTP's status 200.

    It stands behind the filters that refuse a request, so that what never went to a version counts for none.
    """
    kind = f"{_FILTERS}.http.grpc_stats.v3.FilterConfig"
    return {
        "name": GRPC_STATISTICS,
        "typed_config": {"@type": kind, "stats_for_all_methods": False},
        "disabled": True,
    }


def _router() -> Resource:
    config = {"@type": f"{_FILTERS}.http.router.v3.Router", "suppress_envoy_headers": True}
    return {"name": "envoy.filters.http.router", "typed_config": config}


def _clients_only(clients: Mapping[str, str]) -> Resource:
    """`Authorization: Bearer KEY` of a known client, or 401."""
    return {
        "name": "envoy.filters.http.api_key_auth",
        "typed_config": {
            "@type": f"{_FILTERS}.http.api_key_auth.v3.ApiKeyAuth",
            "credentials": [{"client": name, "key": key} for name, key in sorted(clients.items())],
            "key_sources": [{"header": "Authorization"}],
            "forwarding": {"header": "x-jinsu-client", "hide_credentials": True},
        },
    }


# --- Where the statistics are read ---


def _administration(gateway: Gateway) -> Resource:
    return _one_endpoint("administration", _address("127.0.0.1", gateway.admin_port))


def _statistics(gateway: Gateway) -> Resource:
    """Two pages of the administration, to be read only: readiness without a key, statistics with it."""
    key = {"name": "authorization", "string_match": {"exact": f"Bearer {gateway.key}"}}
    pages = [
        {"match": {"path": "/ready", "headers": [_GET]}, "route": {"cluster": "administration"}},
        {"match": {"path": "/stats/prometheus", "headers": [_GET, key]}, "route": {"cluster": "administration"}},
    ]
    manager = {
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
