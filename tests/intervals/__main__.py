"""Simulates every metric, prints the table of coverages and keeps it in docs/statistics.md; `--help` lists the arguments.

The seeds follow from what is measured, so a later run with the same arguments finds the same numbers. Runs that measure a part
replace their part of `build/statistics.json`, of which the page is made.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from tests.intervals.coverage import Coverage, measured, truths
from tests.intervals.page import page, table
from tests.intervals.worlds import WORLDS

SIZES = (50, 500, 5000)
ROOT = Path(__file__).parents[2]
PAGE, KEPT = ROOT / "docs" / "statistics.md", ROOT / "build" / "statistics.json"


def draws_of(draws: int, world: int, rows: int) -> int:
    """Fewer draws of more rows, and fewest where one takes long."""
    if rows < SIZES[-1]:
        return draws if rows < SIZES[1] else draws * 3 // 4
    return draws // 20 if WORLDS[world].always_grouped else draws // 4


def simulated(job: tuple[int, int, bool, int]) -> list[Coverage]:
    """One world at one number of rows."""
    world, rows, grouped, draws = job
    known = truths(WORLDS[world], rows, grouped)
    return measured(WORLDS[world], rows, grouped, draws_of(draws, world, rows), known)


def merged(found: list[Coverage]) -> list[Coverage]:
    """What is found, with what earlier runs found of the rest; kept for later ones."""
    earlier = [Coverage(**item) for item in json.loads(KEPT.read_text(encoding="utf-8"))] if KEPT.exists() else []
    known = {(item.world, item.metric, item.rows, item.grouped): item for item in [*earlier, *found]}
    names = {(world.name, metric) for world in WORLDS for metric in world.metrics}
    everything = [item for item in known.values() if (item.world, item.metric) in names]
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps([asdict(item) for item in everything]), encoding="utf-8")
    return everything


def main() -> None:
    """Runs the simulation on two cores."""
    options = argparse.ArgumentParser(prog="python -m tests.intervals")
    options.add_argument("--draws", type=int, default=2000, help="of 50 rows from each world; fewer of more rows")
    options.add_argument("--world", choices=[world.name for world in WORLDS])
    options.add_argument("--rows", type=int, nargs="+", default=SIZES)
    options.add_argument("--processes", type=int, default=2)
    asked = options.parse_args()
    jobs = [
        (place, rows, grouped, asked.draws)
        for rows in asked.rows
        for place, world in enumerate(WORLDS)
        for grouped in (False, True)
        if (grouped or not world.always_grouped) and asked.world in (None, world.name)
    ]
    started, found = time.monotonic(), []
    with ProcessPoolExecutor(asked.processes) as pool:
        for part in pool.map(simulated, jobs):
            found += part
            PAGE.write_text(page(merged(part)), encoding="utf-8")
            print(
                f"{time.monotonic() - started:.0f} s: {part[0].world}, {part[0].rows} rows", file=sys.stderr, flush=True
            )
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
