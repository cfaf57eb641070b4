"""From a model's answers to a verdict: overall, by slice, and against the champion. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jinsu.evaluation.audit import Audit, Look, Seen, audit, short
from jinsu.evaluation.estimates import Case, Metric
from jinsu.evaluation.kinds.kind import Held
from jinsu.evaluation.labels import as_text
from jinsu.evaluation.metrics import difference, score_of
from jinsu.evaluation.quantized import Original
from jinsu.evaluation.registry import KINDS
from jinsu.evaluation.score import Score
from jinsu.evaluation.usefulness import warnings_of
from jinsu.evaluation.verdict import reasons_of
from jinsu.spec.problem import Judging

MAX_SLICES = 20


@dataclass(frozen=True)
class Report:
    """The scores of a candidate on the held-out rows, and the rules that it breaks.

    others: the other metrics of the same kind, by name. slices: scores by column and value. champion, gain: the
    champion's score on the same rows, and how much better the candidate is; None when there is no champion, or when the
    champion could not answer (`note` says why). confusion: counts of rows; the first axis is the truth, the second the
    answer, both in the order of `labels`. folded: share of rows in the model's `other` label. reasons: one sentence for
    each rule that the candidate breaks; empty when it passed. warnings: one sentence for each sign that it is of no use, which
    decides nothing. audit: rows that a reviewer should look at. known_rows: held-out rows that the champion trained on, which do
    not count in the comparison. original: the model before it was quantised; None when it was not.
    """

    metric: str
    overall: Score
    others: Mapping[str, Score]
    slices: Mapping[str, Mapping[str, Score]]
    champion: Score | None
    gain: Score | None
    confusion: Sequence[Sequence[int]] = ()
    labels: Sequence[Any] = ()
    reasons: Sequence[str] = field(default_factory=tuple)
    folded: float = 0.0
    note: str = ""
    warnings: Sequence[str] = ()
    audit: Audit = field(default_factory=Audit)
    known_rows: int = 0
    original: Original | None = None

    @property
    def passed(self) -> bool:
        return not self.reasons


def judge(
    held: Held,
    ours: Case,
    theirs: Case | None,
    groups: np.ndarray | None = None,
    folded: float = 0.0,
    note: str = "",
    look: Look = lambda rows: Seen(),
    fresh: np.ndarray | None = None,
) -> Report:
    """The verdict on held-out rows.

    ours, theirs: the candidate's answers, and the champion's to the same rows if there is one that could answer.
    groups: a whole number a row, the same for rows that belong together. folded: the share of rows in the model's
    `other` class; a model that puts every row into that class scores perfectly, so the share is a gate of its own.
    look: gives what the candidate reads of some rows. fresh: which rows the champion did not train on; None for all.
    Both are compared on these alone.
    """
    if fresh is not None and not fresh.any() and theirs is not None:
        theirs, note = None, "the champion trained on every held-out row, so it is compared on none"
    rules, kind = held.judging, KINDS[held.judging.judged_as]
    metric = kind.metric(rules.metric, rules)
    estimate = metric(ours)
    overall = score_of(estimate, groups)
    named = dict.fromkeys([*rules.guardrails, *kind.beside(ours, rules)])
    others = {name: score_of(kind.metric(name, rules)(ours), groups) for name in named if name != rules.metric}
    slices = {name: _by_slice(held, ours, name, groups) for name in rules.slices}
    champion = gain = None
    if theirs is not None:
        champion, gain = _compared(rules, metric, ours, theirs, groups, fresh)
    confusion, labels = _confusion(ours) if ours.classes else ((), ())
    warnings = tuple(warnings_of(kind, rules, ours, groups))
    reasons = tuple(reasons_of(rules, overall, others, slices, gain, folded))
    rows = audit(rules.judged_as, kind, ours, theirs, look)
    return Report(
        rules.metric,
        overall,
        others,
        slices,
        champion,
        gain,
        confusion,
        labels,
        reasons,
        folded,
        note,
        warnings,
        rows,
        0 if fresh is None else int(np.sum(~fresh)),
    )


def _compared(
    rules: Judging, metric: Metric, ours: Case, theirs: Case, groups: np.ndarray | None, fresh: np.ndarray | None
) -> tuple[Score, Score]:
    """The champion's score and the candidate's gain, on the rows that neither trained on."""
    if fresh is not None and not fresh.all():
        ours, theirs = ours.take(fresh), theirs.take(fresh)
        groups = None if groups is None else np.unique(groups[fresh], return_inverse=True)[1]
    mine, other = metric(ours), metric(theirs)
    return score_of(other, groups), difference(mine, other, rules.better, groups, ours.same_answers(theirs))


def _by_slice(held: Held, case: Case, name: str, groups: np.ndarray | None) -> dict[str, Score]:
    metric = KINDS[held.judging.judged_as].metric(held.judging.metric, held.judging)
    text = as_text(held.column(name, "slices"))
    values, counts = np.unique(text, return_counts=True)
    largest = values[np.argsort(-counts, kind="stable")][:MAX_SLICES]
    return {short(value): _of_rows(metric, case, text == value, groups) for value in largest}


def _of_rows(metric: Metric, case: Case, rows: np.ndarray, groups: np.ndarray | None) -> Score:
    own = None if groups is None else np.unique(groups[rows], return_inverse=True)[1]
    return score_of(metric(case.take(rows)), own)


def _confusion(case: Case) -> tuple[Sequence[Sequence[int]], Sequence[str]]:
    """Counts of (truth, answer) among the most frequent classes of the truth, and those classes."""
    counts = np.bincount(case.truth, minlength=len(case.classes))
    frequent = [place for place in np.argsort(-counts, kind="stable")[:MAX_SLICES].tolist() if counts[place]]
    shown = sorted(frequent, key=lambda place: _natural_order(case.classes[place]))
    place_of = np.full(len(case.classes), -1)
    place_of[shown] = np.arange(len(shown))
    rows, columns = place_of[case.truth], place_of[case.answers]
    known = (rows >= 0) & (columns >= 0)
    matrix = np.bincount(rows[known] * len(shown) + columns[known], minlength=len(shown) ** 2)
    return matrix.reshape(len(shown), len(shown)).tolist(), [short(case.classes[place]) for place in shown]


def _natural_order(text: str) -> tuple[int, float, str]:
    """Sort key: whole numbers by value, then other texts by alphabet."""
    number = re.fullmatch(r"-?[0-9]+", text)
    return (0, float(text), text) if number else (1, 0.0, text)
