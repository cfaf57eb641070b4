"""Brings a model's package from the object store, before its server starts.

python -m jinsu.serving.fetch RUN_KEY FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jinsu.errors import JinsuError
from jinsu.objects.s3 import S3
from jinsu.sdk.step_files import RESULT_NAME
from jinsu.steps.pod_context import store_from_environment
from jinsu.steps.result import read_result


def fetch(store: S3, run_key: str, folder: Path) -> None:
    """Downloads every output of a step and verifies each against its digest in the step's result.

    Raises JinsuError when a file differs, NotFoundError when one is missing, and TransientError when the store fails.
    """
    store.get(f"steps/{run_key}/{RESULT_NAME}", folder / RESULT_NAME)
    outputs = json.loads((folder / RESULT_NAME).read_text(encoding="utf-8"))["outputs"]
    for name in outputs:
        store.get(f"steps/{run_key}/out/{name}", folder / "out" / name)
    if read_result(folder, run_key, verify=True) is None:
        raise JinsuError(f"package {run_key[:12]}: its files are not what was sealed; roll back to another version.")


def main() -> None:
    try:
        fetch(store_from_environment(), sys.argv[1], Path(sys.argv[2]))
    except JinsuError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
