"""Metrics of embeddings: how near the rows of one group lie to each other, among all other rows.

truth: the group of each row. answers: its embedding at unit length, so that a product of two is their cosine similarity.
Every row is a query against all others; more than 20,000 rows are queried in part, by a fixed choice.
Beside an equally near row of another group, a row of its own group ranks last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from jinsu.errors import GateFailedError
from jinsu.evaluation.estimates import Case, Estimate, Metric, Scale, undefined
from jinsu.evaluation.kinds.kind import Answers, Held, JudgedKind, answering, finite
from jinsu.evaluation.labels import as_text, groups_of
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.metrics import number_in
from jinsu.spec.problem import Judging

FITTING = (OutputKind.EMBEDDING,)
NEEDS = "embedding"
USUAL = 0.5
"""The threshold of a problem that names none."""
MOST_QUERIES = 20_000
_BLOCK = 256
_FEW = 8
"""Rows of a group, on average, up to which ranks are counted; beyond, similarities are sorted."""


def read(held: Held, answers: Answers, candidate: Case | None) -> Case:
    """The embeddings at unit length; one of length zero is like no other."""
    output = answering(answers.outputs, FITTING, NEEDS, held.judging)
    if output.values.ndim != 2:
        raise GateFailedError(f"output: its shape is {output.values.shape}; an embedding is one vector a row.")
    finite(output.values, "embeddings")
    values = output.values.astype(np.float64)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    unit = np.divide(values, length, out=np.zeros_like(values), where=length > 0)
    texts = as_text(held.target)
    return Case(groups_of(texts), unit.astype(np.float32))


def groups(held: Held) -> np.ndarray:
    """Rows of one group belong together."""
    return groups_of(as_text(held.target))


def _queries(rows: int) -> np.ndarray:
    if rows <= MOST_QUERIES:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, MOST_QUERIES, replace=False))


def _similar(case: Case, queries: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Blocks of queries, their similarities to all rows, and whether the rows are of the same group; never of themselves."""
    for start in range(0, len(queries), _BLOCK):
        block = queries[start : start + _BLOCK]
        similarity = case.answers[block] @ case.answers.T
        same = case.truth[block][:, None] == case.truth[None, :]
        own = np.arange(len(block)), block
        similarity[own], same[own] = -np.inf, False
        yield block, similarity, same


def _ranks(similarity: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each pair of a query and a row of its group, sorted: the query, the row's rank among all, and among its group."""
    query, row = np.nonzero(same)
    own = similarity[query, row]
    order = np.lexsort((-own, query))
    query, own = query[order], own[order]
    counts = same.sum(axis=1)
    place = np.arange(len(query)) - (np.cumsum(counts) - counts)[query] + 1
    if len(query) <= _FEW * len(same):
        ahead = ((similarity[query] >= own[:, None]) & ~same[query]).sum(axis=1)
    else:
        others = np.sort(np.where(same, -np.inf, similarity), axis=1)
        ends = np.cumsum(counts)
        ahead = np.empty(len(query), dtype=np.int64)
        for number, end in enumerate(ends):
            part = slice(end - counts[number], end)
            ahead[part] = others.shape[1] - np.searchsorted(others[number], own[part], "left")
    return query, ahead + place, place


def _by_query(case: Case, measure: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """The mean over the rows of its group of a number made of their ranks, for each query.

    measure: its arguments are the rank of each row among all and among its group. NaN for rows that are not queried, or alone.
    """
    values = np.full(len(case.truth), np.nan)
    for block, similarity, same in _similar(case, _queries(len(case.truth))):
        query, ranks, place = _ranks(similarity, same)
        counts = np.bincount(query, minlength=len(block))
        sums = np.bincount(query, weights=measure(ranks, place), minlength=len(block))
        values[block] = np.divide(sums, counts, out=np.full(len(block), np.nan), where=counts > 0)
    return values


def _mean(values: np.ndarray) -> Estimate:
    counted = ~np.isnan(values)
    if not counted.any():
        return undefined(float("nan"), len(values))
    value = float(values[counted].mean())
    influence = np.where(counted, values - value, 0.0) * len(values) / counted.sum()
    return Estimate(value, influence, low=0.0, high=1.0)


def recall(k: int) -> Metric:
    """Mean over the rows of the share of their group that is among their `k` nearest rows."""
    return lambda case: _mean(_by_query(case, lambda ranks, _: ranks <= k))


def average_precisions(case: Case) -> np.ndarray:
    """Of each row: the mean precision at the place of each other row of its group."""
    return _by_query(case, lambda ranks, place: place / ranks)


def mean_average_precision(case: Case) -> Estimate:
    """Mean over the rows of the mean precision at the place of each other row of their group."""
    return _mean(average_precisions(case))


def pair_f1(threshold: float) -> Metric:
    """F1 of all pairs of rows: a pair is answered where the similarity is at least the threshold, and true in one group.

    The influence of a group of n rows counts each of its wrong pairs with other groups once; so do those groups.
    """

    def metric(case: Case) -> Estimate:
        queries = np.arange(len(case.truth))
        hits, answered, true = np.zeros((3, len(queries)))
        for block, similarity, same in _similar(case, queries):
            near = similarity >= threshold
            hits[block], answered[block], true[block] = (near & same).sum(axis=1), near.sum(axis=1), same.sum(axis=1)
        total = float((answered + true).sum()) / 2
        if not total:
            return undefined(float("nan"), len(queries))
        value = float(hits.sum()) / total
        moved = hits - value * (hits + (true - hits) / 2 + (answered - hits))
        influence = (moved - moved.mean()) / total * len(queries)
        return Estimate(value, influence, Scale.LOGIT, low=0.0, high=1.0)

    return metric


def metric_of(name: str, judging: Judging) -> Metric:
    """The metric of a name; pairs are judged at the problem's threshold."""
    if name == "pair_f1":
        return pair_f1(USUAL if judging.threshold is None else judging.threshold)
    return mean_average_precision if name == "mean_average_precision" else recall(number_in(name))


def beside(case: Case, judging: Judging) -> list[str]:
    """The metrics that are reported beside the problem's own."""
    return ["pair_f1", "recall_at_1", "recall_at_10", "mean_average_precision"]


def errors(case: Case) -> np.ndarray:
    """How much each row lacks to an average precision of 1; 0 for a row that is alone in its group."""
    lacking: np.ndarray = 1 - np.nan_to_num(average_precisions(case), nan=1.0)
    return lacking


RETRIEVAL = JudgedKind(FITTING, NEEDS, read, metric_of, beside, errors, groups=groups)
