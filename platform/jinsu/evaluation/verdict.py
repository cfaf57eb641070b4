"""Which rules of its problem a candidate breaks: one sentence for each. Pure.

Floors are held against the measured value, and so is the bound of a slice unless its rows are few. The comparison with the
champion is one of non-inferiority: the worse end of the interval of the difference must keep `vs_champion`, so that too few
rows are no excuse for a worse model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from jinsu.evaluation.score import Score
from jinsu.spec.metrics import Better
from jinsu.spec.problem import Judging

SHOWN = 3
"""Values of a slice that a sentence names."""
ENOUGH = 30
"""From so many rows on, a slice is held against its bound whatever its interval says."""


def reasons_of(
    rules: Judging,
    overall: Score,
    others: Mapping[str, Score],
    slices: Mapping[str, Mapping[str, Score]],
    gain: Score | None,
    folded: float,
) -> Iterator[str]:
    """One sentence for each rule that is broken."""
    for name, bound in rules.guardrails.items():
        if not within(measured(rules, name, others[name]), bound):
            yield f"{name} is {others[name].value:.4f}, guardrails.{name} asks for {bound}"
    if folded > rules.max_folded:
        yield f"the model gives up the class of {folded:.1%} of the rows, max_folded allows {rules.max_folded:.0%}"
    for column, bound in rules.slice_bounds.items():
        yield from _slices(rules, column, bound, slices[column])
    value = measured(rules, rules.metric, overall)
    if rules.min is not None and not value >= rules.min:
        yield f"{rules.metric} is {overall.value:.4f}, min asks for {rules.min:g}"
    if rules.max is not None and not value <= rules.max:
        yield f"{rules.metric} is {overall.value:.4f}, max allows {rules.max:g}"
    if rules.vs_champion is not None and gain is not None and not gain.low >= rules.vs_champion:
        yield _worse(rules.metric, rules.vs_champion, gain)
    if not math.isfinite(overall.value):
        yield f"{rules.metric} is {overall.value}, which is no number"


def _slices(rules: Judging, column: str, bound: str, values: Mapping[str, Score]) -> Iterator[str]:
    """One sentence for all values of a column that break its bound."""
    broken = [
        f"{value!r} has {score.in_words()} on {score.rows} rows"
        for value, score in values.items()
        if not within(measured(rules, rules.metric, score), bound) and not unsure(rules, score, bound)
    ]
    if broken:
        more = f", and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
        yield f"{rules.metric} by {column}: {'; '.join(broken[:SHOWN])}{more}; slices.{column} asks for {bound}"


def unsure(rules: Judging, score: Score, bound: str) -> bool:
    """Whether a slice that breaks its bound has so few rows that it may keep it for all one can tell."""
    if score.rows >= ENOUGH:
        return False
    if not score.certain:
        return True
    near = rules.better is Better.NEAR_ZERO
    best = (
        [0.0] if near and score.low < 0 < score.high else [abs(end) if near else end for end in (score.low, score.high)]
    )
    return any(within(value, bound) for value in best)


def measured(rules: Judging, name: str, score: Score) -> float:
    """What is held against a bound: the value, or its distance from zero where that is what counts."""
    return abs(score.value) if rules.better_of(name) is Better.NEAR_ZERO else score.value


def within(value: float, bound: str) -> bool:
    """Whether a value keeps a bound such as `>= 0.9`; one that is no number does not."""
    sign, _, limit = bound.partition(" ")
    return value >= float(limit) if sign == ">=" else value <= float(limit)


def _worse(metric: str, least: float, gain: Score) -> str:
    """Why a candidate is not shown to be as good as the champion."""
    if not gain.value >= least:
        return f"{metric} differs from the champion's by {gain.in_words('+')}, vs_champion asks for >= {least:g}"
    if not gain.certain:
        return (
            f"not enough rows to compare {metric} with the champion's ({gain.note or 'no interval'}), "
            f"vs_champion asks for >= {least:g}"
        )
    text = (
        f"{metric} differs from the champion's by {gain.in_words('+')}, and {gain.rows} held-out rows are not enough to show "
        f"that the difference is >= {least:g}, as vs_champion asks"
    )
    if gain.value > least:
        wanted = gain.rows * ((gain.value - gain.low) / (gain.value - least)) ** 2
        text += f"; about {_rounded(wanted)} rows would be, at this difference"
    return text


def _rounded(rows: float) -> str:
    """A number of rows with two digits that count."""
    size = 10 ** max(0, math.floor(math.log10(rows)) - 1)
    return f"{math.ceil(rows / size) * size:,}"
