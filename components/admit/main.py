"""admit: Pins the dataset, checks spec, code snapshot and quota, and opens the MLflow run.

python components/admit/main.py --submission RUN
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from jinsu.errors import JinsuError


def work(given: argparse.Namespace) -> dict[str, Any]:
    from jinsu.installation import connect
    from jinsu.lifecycle import admit

    submission, trials = admit.run(connect(), {"submission": given.submission}, given.submission, "component")
    return {"submission": submission, "trials": trials}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submission", required=True, help="id of the run, as `jinsu runs` shows it")
    try:
        print(json.dumps(work(parser.parse_args())))
    except JinsuError as problem:
        print(f"admit: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)


if __name__ == "__main__":
    main()
