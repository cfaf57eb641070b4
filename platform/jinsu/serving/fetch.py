"""Brings a model's package from the object store, before its server starts.

python -m jinsu.serving.fetch RUN_KEY FOLDER [CONTENTS]
"""

from __future__ import annotations

import sys
from pathlib import Path

from jinsu.errors import JinsuError
from jinsu.objects.store import Store
from jinsu.packaging.contents import verify_contents
from jinsu.sdk.step_files import RESULT_NAME
from jinsu.steps.pod_context import store_from_environment
from jinsu.steps.result import StepResult, read_result


def fetch(store: Store, run_key: str, folder: Path, contents: str = "") -> None:
    """Downloads the outputs of a step and verifies each against its digest in the step's result.

    contents: the digest of the package that was registered. The store's own result could have been replaced together with
    the files; this digest comes from the database. Raises JinsuError when a file differs, NotFoundError when one is
    missing, and TransientError when the store fails.
    """
    store.get(f"steps/{run_key}/{RESULT_NAME}", folder / RESULT_NAME)
    result = StepResult.from_json((folder / RESULT_NAME).read_bytes())
    for name in output_names(result):
        store.get(f"steps/{run_key}/out/{name}", folder / "out" / name)
    if read_result(folder, run_key, verify=True) is None:
        raise JinsuError(f"package {run_key[:12]}: its files are not what was sealed; roll back to another version.")
    if contents:
        verify_contents(folder / "out", contents)


def output_names(result: StepResult | None) -> list[str]:
    """The outputs, none of which may lie outside their folder. Raises JinsuError."""
    names = list(result.outputs) if result else []
    if not names or any(Path(name).is_absolute() or ".." in Path(name).parts for name in names):
        raise JinsuError("the package's result cannot be read; roll back to another version.")
    return names


def main() -> None:
    try:
        fetch(store_from_environment(), sys.argv[1], Path(sys.argv[2]), *sys.argv[3:4])
    except JinsuError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
