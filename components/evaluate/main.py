"""evaluate: Scores the packaged model and the champion on the same held-out rows.

python components/evaluate/main.py --submission RUN
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from jinsu.errors import JinsuError


def work(given: argparse.Namespace) -> dict[str, Any]:
    from jinsu.installation import connect
    from jinsu.lifecycle.evaluate import run

    return run(connect(), given.submission)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submission", required=True, help="id of the run, as `jinsu runs` shows it")
    try:
        print(json.dumps(work(parser.parse_args())))
    except JinsuError as problem:
        print(f"evaluate: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)


if __name__ == "__main__":
    main()
