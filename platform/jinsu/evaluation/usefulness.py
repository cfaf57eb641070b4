"""Names models that are of no use, whatever their bounds say: one sentence for a reviewer each. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jinsu.evaluation.estimates import Case
from jinsu.evaluation.kinds.kind import JudgedKind
from jinsu.evaluation.metrics import difference
from jinsu.spec.metrics import Better
from jinsu.spec.problem import Judging


def warnings_of(kind: JudgedKind, rules: Judging, case: Case, groups: np.ndarray | None) -> Iterator[str]:
    """What speaks against a candidate at first sight."""
    estimate = kind.metric(rules.metric, rules)(case)
    if estimate.value == 0 and estimate.low == 0 and rules.better is Better.GREATER:
        yield f"{rules.metric} is 0: the model gets nothing right"
    if _alike(case.answers) and len(case.answers) > 1:
        only = f" {case.classes[int(case.answers[0])]!r}" if case.classes else ""
        yield f"the model answers every row alike{only and ','}{only}"
    elif case.classes:
        yield from _never_answered(case)
    if kind.constant is not None and not _alike(case.truth):
        yield from _no_better(kind, rules, case, groups)


def _alike(values: np.ndarray) -> bool:
    return values.dtype != object and bool(np.all(values == values[:1]))


def _never_answered(case: Case) -> Iterator[str]:
    """Classes with a tenth of the rows that the model never answers."""
    shares = np.bincount(case.truth, minlength=len(case.classes)) / len(case.truth)
    answered = np.bincount(case.answers, minlength=len(case.classes)) > 0
    for place in np.flatnonzero((shares >= 0.1) & ~answered).tolist():
        yield f"the model never answers {case.classes[place]!r}, the class of {shares[place]:.0%} of the rows"


def _no_better(kind: JudgedKind, rules: Judging, case: Case, groups: np.ndarray | None) -> Iterator[str]:
    assert kind.constant is not None
    constant = kind.constant(case, rules.metric)
    if rules.metric not in kind.beside(constant, rules):
        return
    metric = kind.metric(rules.metric, rules)
    ours, base = metric(case), metric(constant)
    gain = difference(ours, base, rules.better, groups)
    if np.isfinite(gain.value) and (gain.value <= 0 or (gain.certain and gain.low <= 0)):
        words = "is no better" if gain.value <= 0 else "is not shown to be better"
        yield (
            f"{rules.metric} {ours.value:.4f} {words} than {base.value:.4f}, that of a model which answers every row alike"
        )
