"""The data plane that follows from routes: weights that never vanish, and no door to the outside."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinsu.gateway.backend import Backend
from jinsu.gateway.bootstrap import Gateway, bootstrap
from jinsu.gateway.topology import MODEL_HEADER, RUNTIME_LAYER, Route, clusters, routes, runtime

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,6}[a-z0-9])?", fullmatch=True)
NUMBERS = st.integers(1, 99).map(str)


@st.composite
def route(draw: st.DrawFn, model: str) -> Route:
    versions = draw(st.lists(NUMBERS, min_size=2, max_size=2, unique=True))
    speaks = draw(st.booleans())
    champion, challenger = (
        Backend(model, version, f"/run/m/{model}-v{version}", f"/run/m/{model}-v{version}.g" if speaks else "")
        for version in versions
    )
    if draw(st.booleans()):
        return Route(model, champion)
    return Route(model, champion, challenger, draw(st.integers(0, 100)))


TABLES = st.lists(NAMES, unique=True, max_size=5).flatmap(lambda names: st.tuples(*map(route, names))).map(list)

CHAMPION, CHALLENGER = Backend("digits", "1", "/run/m/digits-v1"), Backend("digits", "2", "/run/m/digits-v2")


def model_of(entry: dict[str, Any]) -> str:
    """The model of a route for HTTP, "" of one for gRPC."""
    return str(entry["match"]["prefix"].split("/")[2])


def shares(table: list[Route]) -> dict[str, dict[str, int]]:
    """Weights written in the route table for HTTP, by model."""
    (configuration,) = routes(table)
    (host,) = configuration["virtual_hosts"]
    return {model_of(entry): weights_of(entry) for entry in host["routes"] if model_of(entry)}


def shares_over_grpc(table: list[Route]) -> dict[str, dict[str, int]]:
    """Weights written in the route table for gRPC, by model."""
    (host,) = routes(table)[0]["virtual_hosts"]
    found = {}
    for entry in host["routes"]:
        if not model_of(entry):
            (named,) = entry["match"]["headers"]
            assert named["name"] == MODEL_HEADER
            found[named["string_match"]["exact"]] = weights_of(entry)
    return found


def weights_of(entry: dict[str, Any]) -> dict[str, int]:
    return {share["name"]: share["weight"] for share in entry["route"]["weighted_clusters"]["clusters"]}


def leased(table: list[Route]) -> dict[str, dict[str, int]]:
    """Weights as Envoy uses them: those of the runtime layer where there are any, else those of the route table."""
    (layer,) = runtime(table)
    assert layer["name"] == RUNTIME_LAYER
    return {
        model: {name: layer["layer"].get(f"{RUNTIME_LAYER}.{model}.{name}", weight) for name, weight in part.items()}
        for model, part in shares(table).items()
    }


def places(tree: Any) -> Iterator[dict[str, Any]]:
    """Every network address in a configuration."""
    if isinstance(tree, dict):
        if "socket_address" in tree:
            yield tree["socket_address"]
        for value in tree.values():
            yield from places(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from places(value)


@given(TABLES)
def test_without_a_lease_everything_goes_to_the_champion(table: list[Route]) -> None:
    found = shares(table)
    assert set(found) == {route.model for route in table}
    for route in table:
        expected = {route.champion.name: 100}
        if route.challenger is not None:
            expected[route.challenger.name] = 0
        assert found[route.model] == expected


@given(TABLES)
def test_a_lease_gives_the_challenger_its_share_and_the_champion_the_rest(table: list[Route]) -> None:
    found = leased(table)
    for route in table:
        wanted = route.weight if route.challenger is not None else 0
        assert found[route.model][route.champion.name] == 100 - wanted
        assert sum(found[route.model].values()) == 100
        assert all(0 <= weight <= 100 for weight in found[route.model].values())


@given(TABLES)
def test_a_lease_names_only_what_the_routes_know(table: list[Route]) -> None:
    both = [*shares(table).items(), *shares_over_grpc(table).items()]
    known = {f"{RUNTIME_LAYER}.{model}.{name}" for model, part in both for name in part}
    assert set(runtime(table)[0]["layer"]) <= known


@given(TABLES)
def test_the_weights_over_grpc_are_those_over_http(table: list[Route]) -> None:
    (layer,) = runtime(table)
    weight = lambda model, name, written: layer["layer"].get(f"{RUNTIME_LAYER}.{model}.{name}", written)  # noqa: E731
    over_http, over_grpc = shares(table), shares_over_grpc(table)
    assert set(over_grpc) == {route.model for route in table if route.speaks_grpc}
    for model, part in over_grpc.items():
        assert part == {f"{name}-grpc": share for name, share in over_http[model].items()}
        for name, share in over_http[model].items():
            assert weight(model, f"{name}-grpc", share) == weight(model, name, share)


@given(TABLES)
def test_a_request_over_http_passes_no_route_of_grpc(table: list[Route]) -> None:
    (host,) = routes(table)[0]["virtual_hosts"]
    over_http = [bool(model_of(entry)) for entry in host["routes"]]
    assert over_http == sorted(over_http, reverse=True)


@given(TABLES)
def test_every_cluster_that_a_route_names_is_there_once(table: list[Route]) -> None:
    names = [cluster["name"] for cluster in clusters(table)]
    both = [*shares(table).values(), *shares_over_grpc(table).values()]
    assert sorted(names) == sorted({name for part in both for name in part})


@given(TABLES)
def test_the_order_of_routes_changes_nothing(table: list[Route]) -> None:
    assert routes(table) == routes(table[::-1])
    assert clusters(table) == clusters(table[::-1])


@given(NAMES, NUMBERS, NAMES, NUMBERS)
def test_two_versions_never_share_a_cluster(model: str, version: str, other: str, number: str) -> None:
    same = Backend(model, version, "").name == Backend(other, number, "").name
    assert same == ((model, version) == (other, number))


@given(st.lists(NAMES, unique=True, min_size=1, max_size=6))
def test_a_request_reaches_its_model_and_no_other(models: list[str]) -> None:
    table = [Route(model, Backend(model, "1", "/s")) for model in models]
    (host,) = routes(table)[0]["virtual_hosts"]
    for model in models:
        path = f"/models/{model}/invocations"
        matching = [entry for entry in host["routes"] if path.startswith(entry["match"]["prefix"])]
        assert [list(shares([r])) for r in table if r.model == model] == [[model]]
        assert [entry["match"]["prefix"] for entry in matching] == [f"/models/{model}/"]


def test_a_cluster_is_named_after_model_and_version() -> None:
    assert [cluster["name"] for cluster in clusters([Route("digits", CHAMPION, CHALLENGER)])] == [
        "digits-v1",
        "digits-v2",
    ]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/run/m/x", {"pipe": {"path": "/run/m/x"}}),
        ("10.0.0.7:8080", {"socket_address": {"address": "10.0.0.7", "port_value": 8080}}),
    ],
)
def test_a_server_listens_on_a_socket_or_a_port(address: str, expected: Any) -> None:
    (cluster,) = clusters([Route("m", Backend("m", "1", address))])
    (place,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert place["endpoint"]["address"] == expected


def test_an_answer_says_which_version_gave_it() -> None:
    (host,) = routes([Route("digits", CHAMPION, CHALLENGER, 25)])[0]["virtual_hosts"]
    said = {
        share["name"]: share["response_headers_to_add"][0]["header"]
        for share in host["routes"][0]["route"]["weighted_clusters"]["clusters"]
    }
    assert said == {
        "digits-v1": {"key": "x-jinsu-version", "value": "1"},
        "digits-v2": {"key": "x-jinsu-version", "value": "2"},
    }


def test_no_routes_are_a_table_too() -> None:
    assert shares([]) == {}
    assert clusters([]) == []
    assert runtime([]) == [{"name": RUNTIME_LAYER, "layer": {}}]


def test_envoy_listens_and_calls_on_this_machine_only() -> None:
    found = list(places(bootstrap(Gateway(8000, 9901, 18000))))
    assert {place["address"] for place in found} == {"127.0.0.1"}
    assert {place["port_value"] for place in found} == {8000, 9901, 18000}


def test_the_runtime_layer_of_the_weights_is_the_one_envoy_asks_for() -> None:
    layers = bootstrap(Gateway(1, 2, 3))["layered_runtime"]["layers"]
    assert [layer["rtds_layer"]["name"] for layer in layers if "rtds_layer" in layer] == [RUNTIME_LAYER]
    weighted = routes([Route("digits", CHAMPION)])[0]["virtual_hosts"][0]["routes"][0]["route"]["weighted_clusters"]
    assert weighted["runtime_key_prefix"] == f"{RUNTIME_LAYER}.digits"
