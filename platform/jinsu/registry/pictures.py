"""Small pictures as SVG text: a learning curve, a confusion matrix and an interval. A browser alone shows them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from jinsu.steps.metrics import MetricPoint

_COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700", "#8250df", "#bf3989")
_WIDTH, _HEIGHT, _MARGIN = 560, 240, 44


def learning_curve(points: Sequence[MetricPoint]) -> str:
    """Every logged metric over its steps, each scaled to its own range, which stands beside the metric's name."""
    series: dict[str, list[tuple[float, float]]] = {}
    for point in points:
        if point.value == point.value and abs(point.value) != float("inf"):
            series.setdefault(point.name, []).append((point.step, point.value))
    series = {name: sorted(values) for name, values in sorted(series.items())[: len(_COLOURS)] if len(values) > 1}
    if not series:
        return "<p>The script logged no curve.</p>"
    first = min(step for values in series.values() for step, _ in values)
    last = max(step for values in series.values() for step, _ in values)
    lines = [_curve(values, first, last, colour) for values, colour in zip(series.values(), _COLOURS, strict=False)]
    legend = [_legend(line, name, values) for line, (name, values) in enumerate(series.items())]
    axis = (
        f'<path d="M{_MARGIN} 12V{_HEIGHT - 24}H{_WIDTH - 12}" fill="none" stroke="#8c959f"/>'
        f'<text x="{_MARGIN}" y="{_HEIGHT - 8}">step {first:g}</text>'
        f'<text x="{_WIDTH - 12}" y="{_HEIGHT - 8}" text-anchor="end">step {last:g}</text>'
    )
    return f'<svg viewBox="0 0 {_WIDTH + 230} {_HEIGHT}" role="img" aria-label="learning curve">{axis}{"".join(lines + legend)}</svg>'


def _curve(values: Sequence[tuple[float, float]], first: float, last: float, colour: str) -> str:
    low, high = min(value for _, value in values), max(value for _, value in values)
    coordinates = (
        f"{_MARGIN + (_WIDTH - _MARGIN - 12) * (step - first) / ((last - first) or 1):.1f},"
        f"{_HEIGHT - 30 - (_HEIGHT - 48) * (value - low) / ((high - low) or 1):.1f}"
        for step, value in values
    )
    return f'<polyline points="{" ".join(coordinates)}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _legend(line: int, name: str, values: Sequence[tuple[float, float]]) -> str:
    low, high = min(value for _, value in values), max(value for _, value in values)
    y, colour = 24 + 22 * line, _COLOURS[line]
    return (
        f'<rect x="{_WIDTH + 4}" y="{y - 9}" width="12" height="4" fill="{colour}"/>'
        f'<text x="{_WIDTH + 22}" y="{y}">{escape(name)} {low:.3g} … {high:.3g}</text>'
    )


def confusion_matrix(matrix: Sequence[Sequence[int]], labels: Sequence[Any]) -> str:
    """Rows are the truth, columns the answers; a darker cell holds a larger share of its row."""
    if not matrix:
        return ""
    cell, left = 34, 150
    size = left + cell * len(labels)
    parts = [f'<text x="{left}" y="14">answered</text>']
    for row, (label, counts) in enumerate(zip(labels, matrix, strict=True)):
        y, total = 30 + cell * row, sum(counts) or 1
        parts.append(f'<text x="{left - 6}" y="{y + 22}" text-anchor="end">{escape(str(label)[:20])}</text>')
        for column, count in enumerate(counts):
            share = count / total
            fill = "#1f6feb" if row == column else "#d1242f"
            parts.append(
                f'<rect x="{left + cell * column}" y="{y}" width="{cell - 2}" height="{cell - 2}" fill="{fill}" '
                f'fill-opacity="{0.06 + 0.94 * share:.2f}"><title>{escape(str(label))} answered as '
                f"{escape(str(labels[column]))}: {count}</title></rect>"
            )
            if count:
                colour = "#fff" if share > 0.5 else "#24292f"
                parts.append(
                    f'<text x="{left + cell * column + cell / 2 - 1}" y="{y + 20}" text-anchor="middle" '
                    f'fill="{colour}" font-size="11">{count}</text>'
                )
    return (
        f'<svg viewBox="0 0 {size} {34 + cell * len(labels)}" style="max-width:{size}px" role="img" '
        f'aria-label="confusion matrix">{"".join(parts)}</svg>'
    )


def reliability_diagram(bins: Sequence[tuple[float, float, int]]) -> str:
    """Confidence to the right, the share of right answers upwards; a larger circle stands for more rows."""
    size, most = _HEIGHT, max(rows for _, _, rows in bins)

    def at(share: float) -> float:
        return 30 + (size - 42) * share

    circles = "".join(
        f'<circle cx="{at(sure):.1f}" cy="{size - at(right):.1f}" r="{3 + 6 * (rows / most) ** 0.5:.1f}" fill="#1f6feb" '
        f'fill-opacity=".7"><title>{rows} rows: sure by {sure:.1%}, right in {right:.1%}</title></circle>'
        for sure, right, rows in bins
    )
    axes = (
        f'<path d="M{at(0)} {size - at(1)}V{size - at(0)}H{at(1)}" fill="none" stroke="#8c959f"/>'
        f'<path d="M{at(0)} {size - at(0)}L{at(1)} {size - at(1)}" stroke="#d0d7de"/>'
        f'<text x="{at(0)}" y="{size - 8}">0</text><text x="{at(1)}" y="{size - 8}" text-anchor="end">sure by 1</text>'
        f'<text x="{at(0) + 4}" y="{size - at(1) + 4}">right</text>'
    )
    return f'<svg viewBox="0 0 {size} {size}" style="max-width:{size}px" role="img" aria-label="calibration">{axes}{circles}</svg>'


def interval_bar(value: float, low: float, high: float, floor: float, ceiling: float) -> str:
    """A value with its interval on a scale from `floor` to `ceiling`."""
    span = (ceiling - floor) or 1

    def at(number: float) -> float:
        return 4 + 152 * (min(max(number, floor), ceiling) - floor) / span

    return (
        '<svg viewBox="0 0 160 14" width="160" height="14"><path d="M4 7H156" stroke="#d0d7de"/>'
        f'<path d="M{at(low):.1f} 7H{at(high):.1f}" stroke="#1f6feb" stroke-width="4"/>'
        f'<circle cx="{at(value):.1f}" cy="7" r="4" fill="#24292f"/></svg>'
    )
