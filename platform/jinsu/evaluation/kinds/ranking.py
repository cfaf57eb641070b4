"""Metrics of rankings: one score a row, where the rows of a query are ranked, or a score for each item, where a row is a query.

Either way a case holds one entry for each relevant item of a query, in arrays that the row of the case points into:
`ranks` (from 1), `gains` (how relevant). An item ranks behind every irrelevant item of an equal score, so that equal scores
earn nothing. NDCG is that of Järvelin & Kekäläinen (2002) with linear gains, as scikit-learn's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case, Estimate, Metric, ratio_of, undefined
from jinsu.evaluation.kinds.kind import Answers, Held, JudgedKind, Output, answering, finite
from jinsu.evaluation.kinds.regression import numbers
from jinsu.evaluation.labels import groups_of, labels_as_text
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.metrics import number_in
from jinsu.spec.problem import Judging

FITTING = (OutputKind.ITEM_SCORES, OutputKind.SCORES, OutputKind.PROBABILITIES, OutputKind.LOGITS, OutputKind.VALUE)
NEEDS = "item scores, or with `query` one score a row"
USUAL = 10
"""The `k` of the metrics that are reported beside the problem's own."""
_BLOCK = 256
"""Rows whose items are put in order at a time."""


def read(held: Held, answers: Answers, candidate: Case | None) -> Case:
    """The ranks of the relevant items.

    truth: an object array with the gains of a row's relevant items. answers: their ranks. scores: with item scores, the best
    items of each row, best first. columns: with one score a row, `query`.
    """
    output = answering(answers.outputs, FITTING, NEEDS, held.judging)
    finite(output.values, "scores")
    if held.judging.query is not None:
        return _by_query(held, output)
    return _by_item(held, output)


def groups(held: Held) -> np.ndarray | None:
    """Rows of one query belong together."""
    return None if held.judging.query is None else groups_of(held.column(held.judging.query, "query"))


def _by_query(held: Held, output: Output) -> Case:
    if output.values.size != len(output.values):
        raise GateFailedError(
            f"output: its shape is {output.values.shape}; with `query` a model answers one score a row."
        )
    query = groups(held)
    assert query is not None
    gains, scores = numbers(held.target), output.values.reshape(len(output.values)).astype(float)
    if gains.min(initial=0) < 0:
        raise GateFailedError("problem: target: how relevant a row is cannot be below zero.")
    order = np.lexsort((gains, -scores, query))  # among equal scores the less relevant come first
    first = np.concatenate([[0], np.flatnonzero(np.diff(query[order])) + 1])
    ranks = np.empty(len(order))
    ranks[order] = np.arange(len(order)) - np.repeat(first, np.diff([*first, len(order)])) + 1
    return Case(gains, ranks, columns={"query": query})


def _by_item(held: Held, output: Output) -> Case:
    if output.values.ndim != 2:
        raise GateFailedError(f"output: its shape is {output.values.shape}; {held.judging.metric} needs {NEEDS}.")
    relevant = _relevant(held.target, output)
    deepest = min(output.values.shape[1], max(_depths(held.judging)))
    ranks = np.empty(len(relevant), dtype=object)
    for row, items in enumerate(relevant):
        ranks[row] = _ranks(output.values[row], items)
    best = _best_items(output.values, deepest)
    width = np.full(len(relevant), output.values.shape[1])
    return Case(relevant, ranks, best, columns={"items": width})


def _best_items(scores: np.ndarray, deepest: int) -> np.ndarray:
    """The places of the best items of each row, best first, shape (rows, deepest); block by block, since an order of all needs
    three times the memory of the scores."""
    best = np.empty((len(scores), deepest), dtype=np.int64)
    for start in range(0, len(scores), _BLOCK):
        block = slice(start, start + _BLOCK)
        best[block] = np.argsort(-scores[block], axis=1, kind="stable")[:, :deepest]
    return best


def _depths(judging: Judging) -> list[int]:
    return [USUAL, *(number_in(name) for name in (judging.metric, *judging.guardrails) if re.search("_[0-9]+$", name))]


def _relevant(target: np.ndarray, output: Output) -> np.ndarray:
    """The places of the relevant items of each row, shape (rows,) of whole numbers."""
    labels = None if output.labels is None else labels_as_text(output.labels).tolist()
    place = {text: number for number, text in enumerate(labels or map(str, range(output.values.shape[1])))}
    relevant = np.empty(len(target), dtype=object)
    rows: Iterable[Any] = target.tolist() if target.ndim == 1 else target
    for row, value in enumerate(rows):
        items: Iterable[Any] = value if isinstance(value, list | np.ndarray) else [] if value is None else [value]
        texts = [str(int(item)) if isinstance(item, float) and item.is_integer() else str(item) for item in items]
        relevant[row] = np.asarray([place.get(text, -1) for text in dict.fromkeys(texts)], dtype=np.int64)
    return relevant


def _ranks(scores: np.ndarray, items: np.ndarray) -> np.ndarray:
    """The rank of each relevant item; infinite for an item that the model does not know."""
    known = items[items >= 0]
    own = scores[known]
    above = (scores[None, :] > own[:, None]).sum(axis=1)
    equal = (scores[None, :] == own[:, None]).sum(axis=1) - (own[None, :] == own[:, None]).sum(axis=1)
    among = (np.tril(own[None, :] == own[:, None], -1)).sum(axis=1)
    ranks = np.full(len(items), np.inf)
    ranks[items >= 0] = above + equal + among + 1
    return ranks


def _entries(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Of every relevant item: its unit (query), its rank, its gain; and the number of units."""
    if "query" in case.columns:
        unit = np.unique(case.columns["query"], return_inverse=True)[1]
        relevant = case.truth > 0
        return unit[relevant], case.answers[relevant].astype(float), case.truth[relevant], int(unit.max(initial=-1)) + 1
    sizes = [len(items) for items in case.truth]
    ranks = np.concatenate([np.empty(0), *case.answers]).astype(float)
    return np.repeat(np.arange(len(sizes)), sizes), ranks, np.ones(len(ranks)), len(sizes)


def _over_queries(case: Case, measure: Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]) -> Estimate:
    """The mean of one number a query, over the queries that have a relevant item."""
    unit, ranks, gains, units = _entries(case)
    relevant = np.bincount(unit, minlength=units) > 0
    values = np.where(relevant, measure(unit, ranks, gains, units), 0.0)
    estimate = ratio_of(values, relevant.astype(float), low=0.0)
    influence = estimate.influence
    if "query" in case.columns:  # a query's influence is spread over its rows
        of_row = np.unique(case.columns["query"], return_inverse=True)[1]
        influence = (influence * len(of_row) / units / np.bincount(of_row))[of_row]
    return Estimate(estimate.value, influence, low=0.0, high=1.0)


def _discount(ranks: np.ndarray) -> np.ndarray:
    discount: np.ndarray = 1 / np.log2(ranks + 1)
    return discount


def ndcg(k: int) -> Metric:
    """Mean over the queries of the gains of the first `k`, each less by its rank, as a share of the best order's."""

    def of_queries(unit: np.ndarray, ranks: np.ndarray, gains: np.ndarray, units: int) -> np.ndarray:
        found = np.bincount(unit, weights=np.where(ranks <= k, gains * _discount(ranks), 0), minlength=units)
        order = np.lexsort((-gains, unit))
        start = np.concatenate([[0], np.cumsum(np.bincount(unit, minlength=units))[:-1]])
        place = np.arange(len(unit)) - start[unit[order]] + 1
        best = np.where(place <= k, gains[order] * _discount(place), 0)
        ideal = np.bincount(unit[order], weights=best, minlength=units)
        return np.divide(found, ideal, out=np.zeros(units), where=ideal > 0)

    return lambda case: _over_queries(case, of_queries)


def recall(k: int) -> Metric:
    """Mean over the queries of the share of the relevant items that are among the first `k`."""

    def of_queries(unit: np.ndarray, ranks: np.ndarray, gains: np.ndarray, units: int) -> np.ndarray:
        found = np.bincount(unit, weights=ranks <= k, minlength=units)
        count = np.bincount(unit, minlength=units)
        return np.divide(found, count, out=np.zeros(units), where=count > 0)

    return lambda case: _over_queries(case, of_queries)


def mrr(case: Case) -> Estimate:
    """Mean over the queries of 1 through the rank of the first relevant item."""

    def of_queries(unit: np.ndarray, ranks: np.ndarray, gains: np.ndarray, units: int) -> np.ndarray:
        best = np.zeros(units)
        np.maximum.at(best, unit, 1 / ranks)
        return best

    return _over_queries(case, of_queries)


def _best(case: Case, k: int, name: str) -> np.ndarray:
    if case.scores is None:
        raise GateFailedError(f"{name} needs item scores, one for each item; one score a row names no items.")
    return case.scores[:, :k]


def item_coverage(k: int) -> Metric:
    """Share of the items that are among the first `k` of a row at least once."""

    def metric(case: Case) -> Estimate:
        best = _best(case, k, f"item_coverage_at_{k}")
        share = len(np.unique(best)) / float(case.columns["items"][0])
        missing = "has none, because the share of items that are ever shown grows with the number of rows"
        return Estimate(share, np.zeros(len(best)), missing=missing)

    return metric


def popularity_bias(k: int) -> Metric:
    """How much more popular the first `k` items are than the relevant ones, as a share of these.

    An item's popularity is the share of the other rows that need it. Rows that need no known item do not count.
    """

    def metric(case: Case) -> Estimate:
        best = _best(case, k, f"popularity_bias_at_{k}")
        items = int(case.columns["items"][0])
        counted = np.asarray([bool(np.any(row >= 0)) for row in case.truth])
        needed = [row[row >= 0] for row in case.truth[counted]]
        return _spread_over(_bias(best[counted], needed, items), counted)

    return metric


def _bias(best: np.ndarray, needed: list[np.ndarray], items: int) -> Estimate:
    """The bias as a ratio of two means over pairs of rows: what one row is shown or needs, and what another needs."""
    rows = len(needed)
    if rows < 2:
        return undefined(float("nan"), rows)
    unit = np.repeat(np.arange(rows), [len(row) for row in needed])
    flat = np.concatenate(needed)
    share = 1 / np.bincount(unit, minlength=rows)[unit]
    popular = np.bincount(flat, minlength=items) / rows
    shown = np.bincount(best.ravel(), minlength=items) / best.size
    wanted = np.bincount(flat, weights=share, minlength=items) / rows
    hits = np.asarray([np.isin(row, own).sum() for row, own in zip(best, needed, strict=True)]) / best.shape[1]

    def pairs(own: np.ndarray, mean: np.ndarray, same: float) -> tuple[float, np.ndarray]:
        """The mean over pairs of different rows, and each row's influence on it."""
        whole = float(mean @ popular)
        others = np.bincount(unit, weights=mean[flat], minlength=rows)
        return (whole - same / rows) * rows / (rows - 1), own + others - 2 * whole

    above, moved = pairs(popular[best].mean(axis=1), shown, float(hits.mean()))
    below, sank = pairs(np.bincount(unit, weights=popular[flat] * share, minlength=rows), wanted, 1.0)
    if not below > 0:
        return undefined(float("nan"), rows)
    return Estimate(above / below - 1, (moved - above / below * sank) / below, low=-1.0)


def _spread_over(estimate: Estimate, counted: np.ndarray) -> Estimate:
    """The estimate of some rows as one of all."""
    influence = np.zeros(len(counted))
    influence[counted] = estimate.influence * len(counted) / max(1, int(counted.sum()))
    return replace(estimate, influence=influence)


_FAMILIES: dict[str, Callable[[int], Metric]] = {
    "ndcg_at": ndcg,
    "recall_at": recall,
    "item_coverage_at": item_coverage,
    "popularity_bias_at": popularity_bias,
}


def metric_of(name: str, judging: Judging) -> Metric:
    """The metric of a name, with its number."""
    return mrr if name == "mrr" else _FAMILIES[name.rpartition("_")[0]](number_in(name))


def beside(case: Case, judging: Judging) -> list[str]:
    """The metrics that are reported beside the problem's own."""
    families = _FAMILIES if case.scores is not None else ("ndcg_at", "recall_at")
    return [*(f"{family}_{USUAL}" for family in families), "mrr"]


def errors(case: Case) -> np.ndarray:
    """How far each query's first relevant item is from the first place, from 0 to 1; of a query without one it is 0."""
    unit, ranks, _, units = _entries(case)
    best = np.zeros(units)
    np.maximum.at(best, unit, 1 / ranks)
    lacking = np.where(np.bincount(unit, minlength=units) > 0, 1 - best, 0.0)
    if "query" not in case.columns:
        return lacking
    of_row = np.unique(case.columns["query"], return_inverse=True)[1]
    rows: np.ndarray = np.where(case.truth > 0, lacking[of_row], 0.0)  # a query is shown by its relevant rows
    return rows


RANKING = JudgedKind(FITTING, NEEDS, read, metric_of, beside, errors, groups=groups)
