"""What a training script logged with `jinsu.log`: lines of `metrics.jsonl`. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

_LONGEST_NAME = 200
_LONGEST_LINE = 64 << 10
MOST_NAMES = 1000
"""Of how many metrics the last value or the curve is kept: those that were logged first."""
MOST_POINTS = 1000
"""How many points of one metric a curve has at most."""


@dataclass(frozen=True)
class MetricPoint:
    """One value of one metric; `time` in seconds since the epoch."""

    name: str
    value: float
    step: int
    time: float


def parse_metrics(block: bytes) -> tuple[list[MetricPoint], int]:
    """The points in a block of the file, and how many bytes of it were read.

    A line that is still being written is left for the next block. A broken line is left out, and so is one of more than
    64 KiB: the file belongs to the script, and a training is worth more than one line of it.
    """
    end = block.rfind(b"\n") + 1
    points = [point for line in block[:end].splitlines() if (point := _point(line)) is not None]
    return points, end if len(block) - end <= _LONGEST_LINE else len(block)


def all_points(read: Callable[[int], bytes]) -> Iterator[MetricPoint]:
    """Every point of a stream of which `read` gives the next block from a byte offset on, and nothing at the end.

    One block is in memory at a time.
    """
    offset = 0
    while block := read(offset):
        points, size = parse_metrics(block)
        yield from points
        offset += size or len(block)  # what is left at the end is no whole line


def last_values(points: Iterable[MetricPoint]) -> dict[str, float]:
    """The last value of each of the first 1000 metrics, by name."""
    values: dict[str, float] = {}
    for point in points:
        if point.name in values or len(values) < MOST_NAMES:
            values[point.name] = point.value
    return values


def curve(points: Iterable[MetricPoint], most: int = MOST_POINTS) -> list[MetricPoint]:
    """At most `most` points of each metric, evenly spread over all of them, with the first and the last one.

    The points of one metric are kept in their order, and the metrics in the order of their first points.
    """
    series: dict[str, _Thinned] = {}
    for point in points:
        if point.name in series or len(series) < MOST_NAMES:
            series.setdefault(point.name, _Thinned(most - 1)).add(point)
    return [point for thinned in series.values() for point in thinned.all()]


@dataclass
class _Thinned:
    """Every n-th point of a series of any length; n doubles each time when the points become too many."""

    most: int
    kept: list[MetricPoint] = field(default_factory=list)
    every: int = 1
    count: int = 0
    last: MetricPoint | None = None

    def add(self, point: MetricPoint) -> None:
        self.last = point
        if self.count % self.every == 0:
            if len(self.kept) == self.most:
                self.kept, self.every = self.kept[::2], self.every * 2
            if self.count % self.every == 0:
                self.kept.append(point)
        self.count += 1

    def all(self) -> list[MetricPoint]:
        if self.last is None or self.kept[-1] is self.last:
            return self.kept
        return [*self.kept, self.last]


def _point(line: bytes) -> MetricPoint | None:
    try:
        entry = json.loads(line)
        name = str(entry["name"])[:_LONGEST_NAME]
        name.encode()  # half of a surrogate pair cannot be shown anywhere
        return MetricPoint(name, float(entry["value"]), int(entry["step"]), float(entry["time"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
