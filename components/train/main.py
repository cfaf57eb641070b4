"""train: Runs the researcher's process on the installation's launcher and records how it ended.

python components/train/main.py --submission RUN
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
    from jinsu.lifecycle import train
    from jinsu.steps.status import WAITING

    platform = connect()
    key = train.start(platform, given.submission, given.trial)
    while platform.launcher.status(key).phase in WAITING:
        time.sleep(0.5)
    return train.finish(platform, given.submission, given.trial, key)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submission", required=True, help="id of the run, as `jinsu runs` shows it")
    parser.add_argument("--trial", type=int, default=0)
    try:
        print(json.dumps(work(parser.parse_args())))
    except JinsuError as problem:
        print(f"train: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)


if __name__ == "__main__":
    main()
