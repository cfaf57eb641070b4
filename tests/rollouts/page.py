"""The page and the picture of simulated rollouts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import beta

from jinsu.release.advance import Policy

if TYPE_CHECKING:
    from tests.rollouts.__main__ import Equal, Found

_MISSING = {
    "errors": "Share of errors; the champion has 1 %",
    "latency": "Times the champion's latency; both medians and tails",
}


def page(equals: Sequence[Equal], harms: Sequence[Found], requests: int, policy: Policy) -> str:
    """The page as Markdown."""
    return "\n".join([*_head(policy), *_equal(equals), "", *_harmful(harms, requests)]) + "\n"


def _head(policy: Policy) -> Iterator[str]:
    gates = policy.gates
    yield "# How often a rollout is wrong\n"
    yield "<!-- Written by `make rollouts`. -->\n"
    yield (
        "Simulated rollouts, decided as `jinsu.release` decides them ([ADR 41](adr/0041-bets-of-both-arms.md)); a unit test compares "
        "the two. "
        f"Steps of {', '.join(map(str, policy.steps))} %, at least {policy.every:g} s each, {gates.min_requests} answers at least, "
        f"{gates.max_error_increase:.0%} more errors tolerated, a latency ratio of {gates.max_latency_ratio:g} and a budget of "
        f"{gates.max_latency_ms:g} ms. A version that has passed is judged for another minute, until its alias would move. "
        "Seeds are the places in the lists.\n"
    )


def _equal(equals: Sequence[Equal]) -> Iterator[str]:
    yield "## Two equal versions\n"
    worst = max(one.reverted / one.rollouts for one in equals)
    yield (
        f"Of {equals[0].rollouts:,} rollouts of each kind of traffic at most {worst:.2%} were taken back; the limit is 1 %. "
        "The interval is that of Clopper and Pearson, 95 %.\n"
    )
    yield "| traffic | taken back | interval | undecided in a day | median time | median requests |"
    yield "|---|---|---|---|---|---|"
    for one in equals:
        low, high = interval(one.reverted, one.rollouts)
        yield (
            f"| {one.shape} | {one.reverted} | {low:.2%} to {high:.2%} | {one.undecided} | {_time(one.seconds)} "
            f"| {one.requests:,.0f} |"
        )


def _harmful(harms: Sequence[Found], requests: int) -> Iterator[str]:
    yield "## A worse challenger\n"
    yield (
        f"At 50 requests/s, in a canary that spends {requests:,} requests evenly on its steps whatever is found: after how many of them, "
        "of both versions, the challenger is taken back.\n"
    )
    yield "![share of worse challengers that are found after so many requests](images/rollouts.svg)\n"
    for kind, title in _MISSING.items():
        yield f"| {title} | found | median requests | 95 of 100 found after |"
        yield "|---|---|---|---|"
        for one in harms:
            if one.kind == kind:
                share = np.isfinite(one.requests).mean()
                yield f"| {one.size:g} | {share:.1%} | {_count(one.requests, 0.5)} | {_count(one.requests, 0.95)} |"
        yield ""


def interval(events: int, trials: int) -> tuple[float, float]:
    """The share of events, by Clopper and Pearson at 95 %."""
    low = float(beta.ppf(0.025, events, trials - events + 1)) if events else 0.0
    high = float(beta.ppf(0.975, events + 1, trials - events)) if events < trials else 1.0
    return low, high


def _count(requests: np.ndarray, share: float) -> str:
    found = requests[int(np.ceil(share * len(requests))) - 1]
    return f"{found:,.0f}" if np.isfinite(found) else "not found"


def _time(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def draw(harms: Sequence[Found], path: Path, requests: int) -> None:
    """How many challengers are found after so many requests, a curve each."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "jinsu"
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, (kind, title) in zip(figure.subplots(1, 2, sharey=True), _MISSING.items(), strict=True):
        shown = [one for one in harms if one.kind == kind]
        for place, one in enumerate(shown):
            share = np.arange(1, len(one.requests) + 1) / len(one.requests)
            kept = np.isfinite(one.requests)
            steps = np.concatenate([[1.0], one.requests[kept], [float(requests)]])
            heights = np.concatenate([[0.0], share[kept], [kept.mean()]])
            shade = mpl.colormaps["viridis"](place / len(shown))
            axes.step(steps, heights, where="post", color=shade, label=f"{one.size:g}")
        axes.set(xscale="log", xlim=(20, requests), ylim=(-0.02, 1.02), xlabel="requests of both versions", title=title)
        axes.legend(fontsize="small", loc="center right")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("taken back")
    figure.savefig(path, metadata={"Date": None})
