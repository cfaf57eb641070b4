"""What Envoy's statistics say of a version, over both protocols."""

import pytest

from jinsu.gateway.statistics import parse_envoy
from jinsu.release.counters import Counters


def line(name: str, value: int, cluster: str = "toy-v2", **labels: str) -> str:
    written = ",".join(f'{key}="{label}"' for key, label in {**labels, "envoy_cluster_name": cluster}.items())
    return f"envoy_cluster_{name}{{{written}}} {value}\n"


def answers(kind: str, value: int, cluster: str = "toy-v2") -> str:
    return line("upstream_rq_xx", value, cluster, envoy_response_code_class=kind)


def statuses(cluster: str = "toy-v2-grpc", **by_status: int) -> str:
    """Counts by gRPC's status, written as s13=5."""
    return "".join(line(f"grpc_{status[1:]}", count, cluster) for status, count in by_status.items())


def test_answers_over_both_protocols_are_those_of_one_version() -> None:
    text = answers("2", 10) + answers("5", 3) + answers("2", 7, "toy-v2-grpc") + statuses(s0=5, s13=2)
    assert parse_envoy(text) == {"toy-v2": Counters(20, 5, 0, {})}


def test_an_error_under_the_status_200_is_an_error() -> None:
    text = answers("2", 9, "toy-v2-grpc") + statuses(s0=1, s13=4, s14=3, s16=1)
    assert parse_envoy(text)["toy-v2"] == Counters(9, 8)


def test_a_clients_mistake_is_no_evidence() -> None:
    text = answers("2", 9, "toy-v2-grpc") + statuses(s0=2, s3=4, s5=2, s12=1)
    assert parse_envoy(text)["toy-v2"] == Counters(2, 0)


def test_what_envoy_answered_itself_is_one_error() -> None:
    """Envoy counts it under HTTP's 504 and under gRPC's own status."""
    text = answers("5", 4, "toy-v2-grpc") + answers("2", 6, "toy-v2-grpc") + statuses(s0=5, s14=4, s13=1)
    assert parse_envoy(text)["toy-v2"] == Counters(10, 5)


def test_a_server_that_cannot_be_reached_over_grpc_leaves_a_trace() -> None:
    text = line("upstream_cx_connect_fail", 3, "toy-v2-grpc") + answers("2", 1)
    assert parse_envoy(text)["toy-v2"] == Counters(4, 3)


@pytest.mark.parametrize("cluster", ["toy-v2", "toy-v2-grpc"])
def test_the_latency_of_both_protocols_is_added(cluster: str) -> None:
    text = "# TYPE envoy_cluster_upstream_rq_time histogram\n" + "".join(
        line("upstream_rq_time_bucket", count, place, le=bound)
        for place in dict.fromkeys(("toy-v2", cluster))
        for bound, count in (("5", 1), ("+Inf", 2))
    )
    found = parse_envoy(text + answers("2", 2) + answers("2", 2, "toy-v2-grpc"))["toy-v2"].latency
    times = 1 if cluster == "toy-v2" else 2
    assert found == {5.0: times, float("inf"): 2 * times}


def test_a_version_that_was_never_asked_is_not_there() -> None:
    assert parse_envoy(statuses(s0=0)) == {}
