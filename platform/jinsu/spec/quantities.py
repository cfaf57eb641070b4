"""Amounts that people write in specs: memory (`1Gi`), durations (`5s`) and thresholds (`>= -0.002`).

The module imports the standard library alone: the runner beside a script formats amounts, and would otherwise wait for
pydantic before every step.
"""

from __future__ import annotations

import math
import re

_BYTES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_AMOUNT = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]*)")
_LARGEST = 1e300
_THRESHOLD = re.compile(r">=?\s*(-?\d+(?:\.\d+)?)")


def parse_bytes(value: object) -> int:
    """Bytes from `512Mi`, `2Gi`, or a whole number of bytes. Raises ValueError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
        return value
    match = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match and match["unit"] in _BYTES and 1 <= (count := float(match["number"]) * _BYTES[match["unit"]]) < 2**63:
        return int(count)
    raise ValueError("is not an amount of memory; write it like 512Mi or 2Gi")


def format_bytes(count: float) -> str:
    """An amount in the largest binary unit that it fills, with up to four digits: `1Gi`, `1.3Gi`, `512`."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if count >= _BYTES[unit]:
            return f"{count / _BYTES[unit]:.4g}{unit}"
    return str(int(count))


def parse_seconds(value: object) -> float:
    """Seconds from `500ms`, `5s`, `10m`, `1h`, or a number of seconds. Raises ValueError for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LARGEST:
        return float(value)
    match = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    if (
        match
        and match["unit"] in _SECONDS
        and 0 < (seconds := float(match["number"]) * _SECONDS[match["unit"]]) < _LARGEST
    ):
        return seconds
    raise ValueError("is not a duration; write it like 5s, 10m or 1h")


def parse_threshold(value: object) -> float:
    """The least allowed difference from `>= -0.002`, or a plain number. Raises ValueError for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST:
        return float(value)
    match = _THRESHOLD.fullmatch(value.strip()) if isinstance(value, str) else None
    if match and math.isfinite(number := float(match[1])):
        return number
    raise ValueError('is not a threshold; write it like ">= -0.002" (in quotes)')
