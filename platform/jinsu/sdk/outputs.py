"""What the outputs of a model can be."""

from __future__ import annotations

from enum import StrEnum


class OutputKind(StrEnum):
    """What the numbers or texts of one output are. The first axis is the rows."""

    SCORES = "scores"
    """One number a row, or one for each class: the problem decides whether they are logits or values."""
    PROBABILITIES = "probabilities"
    """Of each class, shape (rows, classes); or of the second of two classes, one a row."""
    LOGITS = "logits"
    """As probabilities, before the softmax or the sigmoid."""
    LABEL = "label"
    """The class itself, one a row: a text, a number, or the place of a class among the labels."""
    VALUE = "value"
    """A number, or several, in the target's unit."""
    QUANTILES = "quantiles"
    """Quantiles of the target, shape (rows, levels)."""
    EMBEDDING = "embedding"
    """A point of a space in which near points are alike, shape (rows, axes)."""
    ITEM_SCORES = "item scores"
    """How well each item suits, shape (rows, items); a greater score is better."""
    IMAGE = "image"
    """A picture, shape (rows, channels, height, width)."""
