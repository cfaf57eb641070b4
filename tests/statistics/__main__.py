"""Simulates every metric and prints the table: `python -m tests.statistics [DRAWS] [WORLD]`; `--write` keeps it in docs/statistics.md."""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.statistics.coverage import Coverage, measured, truths
from tests.statistics.page import page, table
from tests.statistics.worlds import WORLDS

SIZES = (50, 500, 5000)
PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"


def draws_of(draws: int, world: int, rows: int) -> int:
    """Fewer draws where one takes long."""
    return max(200, draws // 10) if rows == SIZES[-1] and WORLDS[world].always_grouped else draws // 2 if rows == SIZES[-1] else draws


def simulated(job: tuple[int, int, bool, int]) -> list[Coverage]:
    """One world at one number of rows."""
    world, rows, grouped, draws = job
    known = truths(WORLDS[world], rows, grouped)
    return measured(WORLDS[world], rows, grouped, draws_of(draws, world, rows), known)


def main() -> None:
    """Runs on every core; a later run with the same arguments prints the same numbers."""
    options = argparse.ArgumentParser(prog="python -m tests.statistics")
    options.add_argument("draws", nargs="?", type=int, default=2000)
    options.add_argument("--world", choices=[world.name for world in WORLDS])
    options.add_argument("--most-rows", type=int, default=SIZES[-1])
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--write", action="store_true")
    asked = options.parse_args()
    jobs = [
        (place, rows, grouped, asked.draws)
        for rows in SIZES
        for place, world in enumerate(WORLDS)
        for grouped in (False, True)
        if (grouped or not world.always_grouped) and rows <= asked.most_rows and asked.world in (None, world.name)
    ]
    started, found = time.monotonic(), []
    with ProcessPoolExecutor(asked.processes) as pool:
        for part in pool.map(simulated, jobs):
            found += part
            print(f"{time.monotonic() - started:.0f} s: {part[0].world}, {part[0].rows} rows", file=sys.stderr, flush=True)
    print("\n".join(table(found)))
    if asked.write:
        PAGE.write_text(page(found, asked.draws), encoding="utf-8")


if __name__ == "__main__":
    main()
