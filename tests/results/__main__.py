"""Runs the examples on all of their rows, and writes docs/results.json, docs/results.md and its pictures.

Names of examples as arguments run these alone; the others keep their figures. `--page` only writes the page and the pictures anew.
"""

import argparse
import signal
import sys

import pytest
from tests.e2e.test_examples import EXAMPLES
from tests.results.page import page
from tests.results.plots import draw
from tests.results.records import ROOT, ExampleResult, keep, read
from tests.results.running import result_of

PAGE = ROOT / "docs" / "results.md"


def write(results: list[ExampleResult]) -> None:
    """The page and the picture of each example."""
    PAGE.write_text(page(results), encoding="utf-8")
    for item in results:
        draw(item)


def main() -> None:
    """One example after the other; what is found of one is kept before the next begins."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it early leaves no platform running
    known = {example.name for example in EXAMPLES}
    options = argparse.ArgumentParser(prog="python -m tests.results", description=__doc__)
    options.add_argument("names", nargs="*", metavar="NAME", help=", ".join(sorted(known)))
    options.add_argument("--page", action="store_true", help="write the page from docs/results.json and run nothing")
    asked = options.parse_args()
    if unknown := sorted(set(asked.names) - known):
        options.error(f"there is no example {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    if asked.page:
        write(read())
        return
    for example in EXAMPLES:
        if asked.names and example.name not in asked.names:
            continue
        try:
            write(keep(result_of(example, lambda text: print(text, file=sys.stderr, flush=True))))
        except pytest.skip.Exception as reason:
            print(f"{example.name}: left out: {reason}", file=sys.stderr)


if __name__ == "__main__":
    main()
