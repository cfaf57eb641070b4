"""What a training script logged with `jinsu.log`: lines of `metrics.jsonl`. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST_NAME = 200


@dataclass(frozen=True)
class MetricPoint:
    """One value of one metric; `time` in seconds since the epoch."""

    name: str
    value: float
    step: int
    time: float


def parse_metrics(block: bytes) -> tuple[list[MetricPoint], int]:
    """The points in a block of the file, and how many bytes of it were read.

    A line that is still being written is left for the next block. A broken line is left out: the file belongs to the
    script, and a training is worth more than one line of it.
    """
    whole = block[: block.rfind(b"\n") + 1]
    points = [point for line in whole.splitlines() if (point := _point(line)) is not None]
    return points, len(whole)


def last_values(points: Iterable[MetricPoint]) -> dict[str, float]:
    """The last value of every metric, by name."""
    return {point.name: point.value for point in points}


def _point(line: bytes) -> MetricPoint | None:
    try:
        entry = json.loads(line)
        name = str(entry["name"])[:_LONGEST_NAME]
        name.encode()  # half of a surrogate pair cannot be shown anywhere
        return MetricPoint(name, float(entry["value"]), int(entry["step"]), float(entry["time"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
