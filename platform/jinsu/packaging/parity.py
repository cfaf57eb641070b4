"""The check of parity: the packaged model answers as the original did, and the same alone as in a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.arrays import Arrays, joined, part_of, rows_of
from jinsu.packaging.findings import Parity
from jinsu.packaging.manifest import Output
from jinsu.packaging.model import Model


def check_quantized(model: Model, inputs: Arrays, expected: Arrays, tolerance: float) -> float:
    """The largest difference of a quantised model's answers to the original's, relative to 1 + |answer|.

    The metric judges that difference. Raises GateFailedError when a row's answer depends on its batch, or is not finite.
    """
    batched = model.run_all(inputs)
    alone = joined([model.run(part_of(inputs, row, row + 1)) for row in range(rows_of(inputs))])
    outputs = model.manifest.outputs
    for output, answers, together in zip(outputs, alone, batched, strict=True):
        _compare(_Pair(output, "in a batch it answers", tolerance), answers, together)
    pairs = [_Pair(output, "the original answered", np.inf) for output in outputs]
    return max(
        _compare(pair, answers, original).relative
        for pair, answers, original in zip(pairs, batched, expected, strict=True)
    )


def check_parity(model: Model, inputs: Arrays, expected: Arrays, tolerance: float) -> Parity:
    """Runs the probe rows `inputs`, once in batches and once each alone, and compares with the original's answers.

    A difference of numbers is relative to 1 + |answer|; whole numbers and texts must be equal. Raises GateFailedError with
    the row and the output that differ by more than `tolerance`.
    """
    batched = model.run_all(inputs)
    alone = joined([model.run(part_of(inputs, row, row + 1)) for row in range(rows_of(inputs))])
    against_original = [
        _compare(_Pair(output, "the original answered", tolerance), answers, original)
        for output, answers, original in zip(model.manifest.outputs, batched, expected, strict=True)
    ]
    against_batch = [
        _compare(_Pair(output, "in a batch it answers", tolerance), answers, together)
        for output, answers, together in zip(model.manifest.outputs, alone, batched, strict=True)
    ]
    return Parity(
        rows_of(inputs),
        tolerance,
        max(found.absolute for found in against_original),
        max(found.relative for found in against_original),
        max(found.relative for found in against_batch),
    )


@dataclass(frozen=True)
class _Pair:
    """Which answers are compared. reference: how a message calls what they are compared with."""

    output: Output
    reference: str
    tolerance: float


@dataclass(frozen=True)
class _Differences:
    """The largest differences: in the output's unit, and relative to 1 + |answer|."""

    absolute: float
    relative: float


def _compare(pair: _Pair, actual: np.ndarray, reference: np.ndarray) -> _Differences:
    if actual.shape != reference.shape:
        raise GateFailedError(
            f"{pair.output.name}: its shape is {list(actual.shape)}, {pair.reference} with {list(reference.shape)}."
        )
    if pair.output.dtype in ("string", "bool") or "int" in pair.output.dtype:
        relative = (actual != reference).astype(float)
        _require_within(pair, pair.tolerance if np.isinf(pair.tolerance) else 0.0, relative, actual, reference)
        return _Differences(0.0, 0.0)
    if not np.isfinite(reference).all():
        row = int(np.argwhere(~np.isfinite(reference))[0][0])
        raise GateFailedError(
            f"{pair.output.name}: the original's answer to probe row {row} is not finite; the model is broken."
        )
    exact, wanted = actual.astype(np.float64), reference.astype(np.float64)
    difference = np.abs(exact - wanted)
    relative = difference / (1.0 + np.abs(wanted))
    _require_within(pair, pair.tolerance, relative, exact, wanted)
    return _Differences(float(difference.max(initial=0.0)), float(relative.max(initial=0.0)))


def _require_within(
    pair: _Pair, tolerance: float, relative: np.ndarray, actual: np.ndarray, reference: np.ndarray
) -> None:
    if np.all(relative <= tolerance):  # not (any >), which would let NaN through
        return
    worst = np.unravel_index(np.argmax(np.where(np.isnan(relative), np.inf, relative)), relative.shape)
    row, place = int(worst[0]), ", ".join(str(int(index)) for index in worst[1:])
    raise GateFailedError(
        f"{pair.output.name}{f'[{place}]' if place else ''} of probe row {row}: the packaged model answers "
        f"{_shown(actual[worst])}, {pair.reference} {_shown(reference[worst])}; "
        f"the tolerance is {tolerance:g} (serve.parity_tolerance)."
    )


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)[:60]
