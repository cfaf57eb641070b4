"""The file that a training script logs to: whatever is in it, each whole and right line counts, in bounded memory."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinsu.steps.metrics import MOST_NAMES, MetricPoint, all_points, curve, last_values, parse_metrics


def line(name: object = "loss", value: object = 0.5, step: object = 0, at: object = 1.0) -> bytes:
    return json.dumps({"name": name, "value": value, "step": step, "time": at}).encode() + b"\n"


def point(step: int, name: str = "loss") -> MetricPoint:
    return MetricPoint(name, float(step), step, 1.0)


@pytest.mark.parametrize(
    "broken",
    [
        line(step=float("inf")),
        line(step=float("nan")),
        line(step="five"),
        line(value="high"),
        line(value=None),
        line(value=[1]),
        line(name="\ud800"),
        b'{"name": "loss", "value": 1' + b"0" * 400 + b', "step": 0, "time": 1}\n',
        b'{"name": "loss", "value": 0, "step": 1' + b"0" * 5000 + b', "time": 1}\n',
        b"[" * 100_000 + b"\n",
        b"{}\n",
        b"null\n",
        b"\xff\xfe\n",
        b"\0" * 100 + b"\n",
    ],
    ids=lambda text: repr(text[:40]),
)
def test_a_broken_line_costs_no_other(broken: bytes) -> None:
    points, size = parse_metrics(line(step=1) + broken + line(step=2))
    assert [found.step for found in points] == [1, 2]
    assert size == len(line(step=1)) * 2 + len(broken)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_are_read_to_their_last_line(lines: list[bytes]) -> None:
    block = b"\n".join(lines)
    _, size = parse_metrics(block)
    assert size == block.rfind(b"\n") + 1


def test_a_line_that_is_still_written_waits() -> None:
    assert parse_metrics(line() + b'{"name": "lo') == ([MetricPoint("loss", 0.5, 0, 1.0)], len(line()))


def test_a_line_that_never_ends_holds_up_nothing() -> None:
    """Whoever follows the file would otherwise be given the same block for ever."""
    endless = b"x" * (1 << 20)
    assert parse_metrics(endless) == ([], len(endless))
    stream = line(step=1) + endless * 3 + b"\n" + line(step=2)
    assert [found.step for found in all_points(lambda offset: stream[offset : offset + (1 << 20)])] == [1, 2]


@pytest.mark.parametrize("block", [60, 100, 1000, 1 << 20])
def test_a_stream_is_read_block_by_block(block: int) -> None:
    stream = b"".join(line(step=number) for number in range(100)) + b'{"name": "half'
    found = all_points(lambda offset: stream[offset : offset + block])
    assert [point.step for point in found] == list(range(100))


def test_the_last_values_of_many_points_need_little_memory() -> None:
    stream = b"".join(line(step=number, value=number) for number in range(50_000))
    tracemalloc.start()
    try:
        values = last_values(all_points(lambda offset: stream[offset : offset + (64 << 10)]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert values == {"loss": 49_999.0}
    assert peak < 2 << 20


def test_very_many_names_are_cut() -> None:
    points = [point(number, f"metric {number}") for number in range(3 * MOST_NAMES)]
    assert list(last_values(points)) == [f"metric {number}" for number in range(MOST_NAMES)]
    assert len(curve(points)) == MOST_NAMES


@given(st.integers(1, 3000), st.integers(2, 50))
def test_a_curve_keeps_its_ends_and_its_shape(length: int, most: int) -> None:
    steps = [found.step for found in curve(map(point, range(length)), most)]
    assert steps[0] == 0
    assert steps[-1] == length - 1
    assert len(steps) <= most
    assert steps == sorted(set(steps))
    assert len(steps) >= min(length, most // 2)
    gaps = {after - before for before, after in zip(steps[:-1], steps[1:-1], strict=False)}
    assert len(gaps) <= 1  # evenly spread, but for the last one


def test_each_metric_has_a_curve_of_its_own() -> None:
    points = [point(number, name) for number in range(3) for name in ("loss", "accuracy")]
    assert [(found.name, found.step) for found in curve(points)] == [
        *(("loss", number) for number in range(3)),
        *(("accuracy", number) for number in range(3)),
    ]
