"""What a kind of problem says about judging: what a model must answer, how the answers are read, and what is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case, Metric
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.problem import Judging


@dataclass(frozen=True)
class Output:
    """One output of a model: an array whose first axis is the rows, and what the manifest says about it."""

    values: np.ndarray
    kind: OutputKind = OutputKind.SCORES
    labels: Sequence[Any] | None = None
    levels: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Answers:
    """What a model answers to the held-out rows. other: the label of every class that has none of its own, if there is one.

    scored: what the problem's own scorer says of them, by metric: one number a row, a boolean, or two numbers whose sums are
    divided.
    """

    outputs: Sequence[Output]
    other: Any = None
    scored: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Held:
    """The held-out rows: how they are judged, the column of the target, and every other column by name."""

    judging: Judging
    target: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def column(self, name: str | None, line: str) -> np.ndarray:
        """The column that the line `line` of the problem names. Raises GateFailedError when it is not there."""
        if name is None or name not in self.columns:
            raise GateFailedError(f"problem: {line}: the dataset has no column {name!r}.")
        return self.columns[name]


@dataclass(frozen=True)
class JudgedKind:
    """One kind of problem.

    outputs: what an output may be. needs: the same in words, for messages. read: the case of a model; its third argument is
    the candidate's case when the champion's is read. metric: the metric of a name. beside: the metrics that are reported
    beside the problem's own, where the model answers what they need. errors: how wrong each row is, for lists of the worst;
    None where one row alone has no error. constant: the case of the best model that answers every row alike; None where
    no such model is worth a comparison. groups: which rows belong together by the kind; None where each stands for itself.
    """

    outputs: tuple[OutputKind, ...]
    needs: str
    read: Callable[[Held, Answers, Case | None], Case]
    metric: Callable[[str, Judging], Metric]
    beside: Callable[[Case, Judging], Sequence[str]]
    errors: Callable[[Case], np.ndarray] | None = None
    constant: Callable[[Case, str], Case] | None = None
    groups: Callable[[Held], np.ndarray | None] = lambda held: None


def answering(outputs: Sequence[Output], fitting: Sequence[OutputKind], needs: str, judging: Judging) -> Output:
    """The first output that can answer the problem. Raises GateFailedError when none can."""
    for output in outputs:
        if output.kind in fitting:
            return output
    raise GateFailedError(
        f"the model answers {', '.join(output.kind for output in outputs)}; {judging.metric} needs {needs}; say what the "
        "outputs are with jinsu.save(outputs=…)."
    )


def finite(values: np.ndarray, what: str) -> None:
    """Raises GateFailedError for rows that are not finite: a comparison with NaN looks like an answer."""
    numbers = values if values.dtype.kind in "fiu" else values.astype(float)
    if bad := int(np.sum(~np.isfinite(numbers).reshape(len(values), -1).all(axis=1))):
        raise GateFailedError(f"output: {bad} of {len(values)} held-out rows got {what} that are not finite.")
