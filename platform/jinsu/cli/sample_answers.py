"""What a model's answers to a sample of rows show: answers that are no numbers, and answers that say nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.packaging.arrays import Arrays
from jinsu.packaging.manifest import Output
from jinsu.sdk.outputs import OutputKind

_OF_CLASSES = (OutputKind.SCORES, OutputKind.LOGITS, OutputKind.PROBABILITIES)


def check_finite(outputs: Sequence[Output], answers: Arrays) -> None:
    """Raises GateFailedError with the number of rows whose answer is NaN or infinite: a server refuses to send it."""
    for output, answer in zip(outputs, answers, strict=True):
        if answer.dtype.kind == "f":
            bad = int((~np.isfinite(answer.reshape(len(answer), -1))).any(axis=1).sum())
            if bad:
                raise GateFailedError(
                    f"{output.name}: the answer is no finite number for {bad} of {len(answer)} rows of the sample; look for a "
                    "division by zero, a logarithm of zero, or missing values among the features."
                )


def useless(outputs: Sequence[Output], answers: Arrays, target: np.ndarray) -> Iterator[str]:
    """A sentence for each output that is the same whatever the row, although the target is not.

    target: of the same rows. Texts and whole numbers are taken for classes.
    """
    values = set(target.tolist())
    if len(values) < 2:
        return
    for output, answer in zip(outputs, answers, strict=True):
        rows = len(answer)
        flat = answer.reshape(rows, -1)
        if (flat == flat[:1]).all():
            yield f"{output.name}: the answer is the same for each of {rows} rows of the sample."
        elif (
            target.dtype.kind in "OUiub"
            and output.kind in _OF_CLASSES
            and flat.shape[1] > 1
            and len(places := np.unique(flat.argmax(axis=1))) == 1
        ):
            name = output.labels[int(places[0])] if output.labels else int(places[0])
            yield f"{output.name}: class {name!r} has the highest score for each of {rows} rows of the sample."
