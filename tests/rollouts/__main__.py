"""Simulates rollouts and writes docs/rollouts.md with its pictures; `--help` lists the arguments.

The seed of a kind of traffic is its place in the list, so a later run with the same arguments finds the same numbers.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.rollouts.page import draw, page
from tests.rollouts.shapes import HARM, POLICY, USUAL, equal_versions
from tests.rollouts.simulation import Rollouts, detected
from tests.rollouts.traffic import Shape

DOCS = Path(__file__).parents[2] / "docs"
REQUESTS = 40_000


@dataclass(frozen=True)
class Equal:
    """What became of rollouts of equal versions: how many there were, were taken back, and did not end in time; the median of
    their seconds and of the requests of both versions."""

    shape: str
    rollouts: int
    reverted: int
    undecided: int
    seconds: float
    requests: float


@dataclass(frozen=True)
class Found:
    """After how many requests each rollout of a harmful challenger was taken back, sorted; infinite for never."""

    kind: str
    size: float
    requests: np.ndarray


def equal(job: tuple[int, str, int]) -> Equal:
    seed, name, number = job
    shape = equal_versions()[name]
    outcome = Rollouts(POLICY, shape, number, seed).run(max(0.4, 4 / shape.rate), limit=24 * 3600.0)
    return Equal(
        name,
        number,
        int(outcome.reverted.sum()),
        int(outcome.undecided.sum()),
        float(np.median(outcome.seconds)),
        float(np.median(outcome.requests)),
    )


def found(job: tuple[int, str, float, int]) -> Found:
    seed, kind, size, number = job
    shape = Shape(50.0, USUAL, HARM[kind][size])
    return Found(kind, size, np.sort(detected(shape, REQUESTS, number, seed, POLICY)))


def main() -> None:
    """Runs the simulation on two cores."""
    options = argparse.ArgumentParser(prog="python -m tests.rollouts")
    options.add_argument("--rollouts", type=int, default=10_000, help="of equal versions, for each kind of traffic")
    options.add_argument("--harmful", type=int, default=400, help="of each harmful challenger")
    options.add_argument("--processes", type=int, default=2)
    asked = options.parse_args()
    started, names = time.monotonic(), list(equal_versions())
    sizes = [(kind, size) for kind, versions in HARM.items() for size in versions]
    equals, harms = [], []
    with ProcessPoolExecutor(asked.processes) as pool:
        for item in pool.map(found, [(1000 + seed, *one, asked.harmful) for seed, one in enumerate(sizes)]):
            harms.append(item)
            print(f"{time.monotonic() - started:.0f} s: {item.kind} {item.size:g}", file=sys.stderr, flush=True)
        for result in pool.map(equal, [(seed, name, asked.rollouts) for seed, name in enumerate(names)]):
            equals.append(result)
            print(f"{time.monotonic() - started:.0f} s: {result.shape}: {result.reverted}", file=sys.stderr, flush=True)
    draw(harms, DOCS / "images" / "rollouts.svg", REQUESTS)
    (DOCS / "rollouts.md").write_text(page(equals, harms, REQUESTS, POLICY), encoding="utf-8")


if __name__ == "__main__":
    main()
