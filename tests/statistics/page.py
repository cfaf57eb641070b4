"""The table of coverages, and docs/statistics.md around it."""

from collections.abc import Iterable, Iterator

from tests.statistics.coverage import Coverage

from jinsu.evaluation.intervals import wilson

LEAST, MOST = 0.93, 0.97


def table(found: Iterable[Coverage]) -> Iterator[str]:
    """One line for each metric, size and grouping; a coverage beyond 93 to 97 % by more than chance is in bold."""
    yield "| world | metric | rows | groups | draws | without an interval | score covered | gain covered |"
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


def page(found: Iterable[Coverage], draws: int) -> str:
    """docs/statistics.md."""
    lines = list(table(found))
    return f"{_HEAD}\n    make statistics\n\n{_METHOD.format(draws=draws)}\n" + "\n".join(lines) + "\n"


_HEAD = ""
_METHOD = ""
