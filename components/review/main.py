"""review: Asks a person, and waits for the answer.

python components/review/main.py --submission RUN
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from jinsu.errors import JinsuError


def work(given: argparse.Namespace) -> dict[str, Any]:
    from jinsu.installation import connect
    from jinsu.lifecycle import review

    platform = connect()
    while review.ask(platform, given.submission).state == "open":
        time.sleep(1.0)
    return review.finish(platform, given.submission)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submission", required=True, help="id of the run, as `jinsu runs` shows it")
    try:
        print(json.dumps(work(parser.parse_args())))
    except JinsuError as problem:
        print(f"review: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)


if __name__ == "__main__":
    main()
