"""Classes as text: the same class in a column of a dataset, among a model's labels and in its answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError


def as_text(values: np.ndarray) -> np.ndarray:
    """Class values as text, the same for 1, 1.0 and True: the type of the column is not part of the class.

    Raises GateFailedError for an array of more than one axis.
    """
    if values.ndim != 1:
        raise GateFailedError(f"a column of shape {values.shape} cannot hold classes; name one with a value a row.")
    if values.dtype.kind == "b" or (values.dtype.kind == "f" and np.all(values == np.floor(values))):
        values = values.astype(np.int64)
    return values.astype(str)


def labels_as_text(labels: Sequence[Any]) -> np.ndarray:
    """Saved labels as text, in the form that `as_text` gives the classes of a column."""
    return np.asarray([str(as_text(np.asarray([label]))[0]) for label in labels])


def fold(values: np.ndarray, labels: Sequence[Any] | None, other: Any) -> np.ndarray:
    """Class values as text; a class without a label of the model becomes the model's `other` label, if there is one."""
    texts = as_text(values)
    if labels is None or other is None:
        return texts
    labelled, other_text = set(labels_as_text(labels).tolist()), str(labels_as_text([other])[0])
    return np.asarray([text if text in labelled else other_text for text in texts.tolist()])


def folded_share(target: np.ndarray, labels: Sequence[Any] | None, other: Any) -> float:
    """Share of rows whose class has no label of its own in the model, so that it counts as `other`."""
    if labels is None or other is None:
        return 0.0
    labelled = set(labels_as_text(labels).tolist()) - set(labels_as_text([other]).tolist())
    return float(np.mean([text not in labelled for text in as_text(target).tolist()]))


def codes_of(texts: np.ndarray, classes: list[str]) -> np.ndarray:
    """The place of each text among the classes; texts that are new are added to `classes` in the order of the alphabet."""
    place = {text: number for number, text in enumerate(classes)}
    values = texts.tolist()
    for text in sorted(set(values) - place.keys()):
        place[text] = len(classes)
        classes.append(text)
    return np.fromiter((place[text] for text in values), dtype=np.int64, count=len(values))


def groups_of(*columns: np.ndarray) -> np.ndarray:
    """One whole number a row from 0, the same where the columns together are the same."""
    parts = [np.unique(as_text(column), return_inverse=True)[1] for column in columns]
    groups = parts[0]
    for part in parts[1:]:
        groups = np.unique(groups * (int(part.max(initial=0)) + 1) + part, return_inverse=True)[1]
    return groups
