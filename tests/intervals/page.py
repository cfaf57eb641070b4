"""The table of coverages, and docs/statistics.md around it."""

from collections.abc import Iterable, Iterator

from tests.intervals.coverage import Coverage

from jinsu.evaluation.intervals import LEAST as LEAST_UNITS
from jinsu.evaluation.intervals import wilson

LEAST, MOST = 0.93, 0.97
"""Between these shares a coverage of 95 % is as it should be."""


def table(found: Iterable[Coverage]) -> Iterator[str]:
    """One line for each metric, size and grouping; a coverage beyond 93 to 97 % by more than chance is in bold."""
    yield "| world | metric | rows | groups | draws | no interval | score covered | difference covered |"
    yield "|---|---|---|---|---|---|---|---|"
    for item in sorted(found, key=lambda one: (one.world, one.metric, one.rows, one.grouped)):
        yield (
            f"| {item.world} | `{item.metric}` | {item.rows} | {'yes' if item.grouped else 'no'} | {item.draws} "
            f"| {1 - item.known / item.draws:.1%} | {_cell(item, item.score)} | {_cell(item, item.gain)} |"
        )


def _cell(item: Coverage, hits: int) -> str:
    if not item.known:
        return "none"
    low, high = wilson(hits, item.known)
    text = f"{hits / item.known:.1%} ({low:.1%} to {high:.1%})"
    return text if item.possible(hits, LEAST, MOST) else f"**{text}**"


def page(found: list[Coverage]) -> str:
    """docs/statistics.md."""
    cells = [(item, hits) for item in found if item.known for hits in (item.score, item.gain)]
    beyond = sum(not item.possible(hits, LEAST, MOST) for item, hits in cells)
    low = min((hits / item.known for item, hits in cells), default=float("nan"))
    high = max((hits / item.known for item, hits in cells), default=float("nan"))
    summary = (
        f"Of {len(cells)} coverages below, {len(cells) - beyond} lie in {LEAST:.0%} to {MOST:.0%}, as far as chance in the "
        f"simulation lets one tell, and {beyond} do not (in bold); the least is {low:.1%} and the greatest {high:.1%}."
    )
    return "\n".join([_TEXT.format(least=LEAST_UNITS), summary, "", *table(found), ""])


_TEXT = """<!-- Written by `make statistics`. -->
# How often an interval covers the truth

A report gives each metric a 95 % interval, and the difference to the champion one too. A 95 % interval is right when it
covers the true value in 95 of 100 samples of held-out rows. This page shows how often ours do, by simulation:

    make statistics

The command draws held-out rows, and two models' answers to them, from worlds of which the true values are known
(`tests/intervals/worlds.py`); computes the intervals as the stage *evaluate* does; and counts. It takes about twenty minutes on two
cores and finds the same numbers each time, because its seeds follow from what it measures. `make test` runs a small part of it.

## How intervals are made

- **Rows that belong together count together.** Rows with equal values in the columns of `split.by` belong together, and so do
  those of one `series`, `query` or group of embeddings. A metric says how much each row moves it (its influence: Hampel 1974);
  the sums of the influences over the groups are what varies independently.
- **Shares** (accuracy, recall, F1) get Wilson's interval (1927) on as many rows as would say as much if they were independent;
  weighted sums of shares combine the intervals of their parts (Zou & Donner 2008).
- **Means and what is made of them** get Student's interval with Hall's correction for skewness (1992) and degrees of freedom
  that follow from the tails, on the scale on which the errors are nearly normal.
- **Differences are paired**: a row that both models get wrong does not widen the interval. Where values are counts, one more
  disagreement in each direction is assumed (Agresti & Min 2005). Two models that answer every row alike, with equal scores,
  differ by 0.
- **Too few rows get no interval**: fewer than {least} rows of a mean or {least} groups (20 for the calibration error), or fewer
  than 5 rows of a class for an area under a curve. The report says so, and a comparison with the champion fails with *not enough
  rows*.

## What is not covered

- With one to nine rows in a group, 50 rows are about ten groups, often fewer: such samples get no interval (column *no interval*).
- Rows that depend on each other in a way that no column says, such as forecasts of many series for one day.
- A model that was chosen among many by the same held-out rows: see how often a problem was looked at.
- `item_coverage_at_{{k}}` has no interval, because it grows with the number of rows.

## The table

*score covered*: how often the interval of the candidate's score covers its true value; *difference covered*: the same of the difference
to the champion. In parentheses: the 95 % interval of the simulation itself.
"""
