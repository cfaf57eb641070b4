"""The check of parity: the packaged model answers as the original did, and the same alone as in a batch."""

from __future__ import annotations

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.findings import Parity
from jinsu.packaging.onnx_model import OnnxModel


def check_parity(model: OnnxModel, inputs: np.ndarray, expected: np.ndarray, tolerance: float) -> Parity:
    """Runs the probe rows `inputs`, once in batches and once each alone; the first axis of both arrays is the rows.

    `expected` are the original's answers. A difference is relative to 1 + |answer|. Raises GateFailedError with the row
    and the output that differ by more than `tolerance`.
    """
    batched = model.run_all(inputs)
    if batched.shape != expected.shape:
        raise GateFailedError(f"output: its shape is {batched.shape}, the original's was {expected.shape}.")
    if not np.isfinite(expected).all():
        row = int(np.argwhere(~np.isfinite(expected))[0][0])
        raise GateFailedError(f"output: the original's answer to probe row {row} is not finite; the model is broken.")
    difference = np.abs(batched - expected)
    relative = difference / (1.0 + np.abs(expected))
    _require_within(tolerance, relative, batched, expected, "the original answered")
    alone = np.concatenate([model.run(inputs[row : row + 1]) for row in range(len(inputs))])
    effect = np.abs(alone - batched) / (1.0 + np.abs(batched))
    _require_within(tolerance, effect, alone, batched, "in a batch it answers")
    return Parity(len(inputs), tolerance, float(difference.max()), float(relative.max()), float(effect.max()))


def _require_within(
    tolerance: float, relative: np.ndarray, actual: np.ndarray, reference: np.ndarray, reference_words: str
) -> None:
    if np.all(relative <= tolerance):  # not (any >), which would let NaN through
        return
    worst = np.unravel_index(np.argmax(np.where(np.isnan(relative), np.inf, relative)), relative.shape)
    row, output = int(worst[0]), ", ".join(str(int(index)) for index in worst[1:])
    raise GateFailedError(
        f"output[{output}] of probe row {row}: the packaged model answers {float(actual[worst]):.6g}, {reference_words} "
        f"{float(reference[worst]):.6g}; the tolerance is {tolerance:g} (serve.parity_tolerance)."
    )
