"""A small picture for each example: the scores of its models with their intervals, overall and by slice."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from tests.results.records import ROOT, ExampleResult, Figure

FOLDER = ROOT / "docs" / "images" / "results"
COLOURS = ("#0b6e8f", "#c8792b", "#7a7a7a", "#9b5fa5", "#5f8f3e")
MOST_SLICES = 10


def draw(item: ExampleResult) -> Path:
    """Writes the picture; the same figures give the same file."""
    names = list(dict.fromkeys(column for model in item.models for column in model.slices))
    mpl.rcParams["svg.hashsalt"] = item.name
    mpl.rcParams["svg.fonttype"] = "none"
    drawing = Drawing(figsize=(8, 1.2 + 0.35 * len(item.models) + (2.6 if names else 0)), layout="constrained")
    if names:
        above, below = drawing.subplots(2, 1, height_ratios=[0.6 + 0.35 * len(item.models), 2.6])
        _by_slice(below, item, names[0])
    else:
        above = drawing.subplots()
    _overall(above, item)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{item.name}.svg"
    drawing.savefig(path, metadata={"Date": None, "Creator": None})
    path.write_text("\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()) + "\n", "utf-8")
    return path


def _overall(axes: Axes, item: ExampleResult) -> None:
    for place, model in enumerate(item.models):
        _dot(axes, model.score, -place, COLOURS[place % len(COLOURS)])
    axes.set_yticks([-place for place in range(len(item.models))], [model.name for model in item.models])
    axes.set_ylim(-len(item.models) + 0.4, 0.6)
    _plain(axes)
    axes.set_xlabel(f"{item.metric}, with its 95 % interval", fontsize=9)


def _by_slice(axes: Axes, item: ExampleResult, column: str) -> None:
    own = item.models[0].slices.get(column, {})
    values = sorted(own)[:MOST_SLICES]
    for place, model in enumerate(item.models):
        for row, value in enumerate(values):
            if (score := model.slices.get(column, {}).get(value)) is not None:
                offset = 0.22 * (place - (len(item.models) - 1) / 2) / max(1, (len(item.models) - 1) / 2)
                _dot(axes, score, -row - offset, COLOURS[place % len(COLOURS)], small=True)
    axes.set_yticks([-row for row in range(len(values))], values)
    _plain(axes)
    axes.set_xlabel(f"{item.metric} by {column}", fontsize=9)


def _dot(axes: Axes, score: Figure, height: float, colour: str, *, small: bool = False) -> None:
    if score.low is not None and score.high is not None:
        axes.plot([score.low, score.high], [height, height], color=colour, linewidth=1.2 if small else 2, alpha=0.7)
    axes.plot([score.value], [height], "o", color=colour, markersize=3.5 if small else 6)


def _plain(axes: Axes) -> None:
    axes.tick_params(labelsize=9, left=False)
    axes.grid(axis="x", alpha=0.25)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
