"""Cheap steps inside the Airflow worker, with the same identity and the same `result.json` as launched ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from jinsu.errors import TransientError
from jinsu.objects.mirror import Mirror
from jinsu.steps.result import RESULT_NAME, read_result, seal


def inline(objects: Mirror, run_key: str, work: Callable[[Path], None]) -> Path:
    """The outputs of the step `run_key`: found, or made by `work(out)` below a draft that is renamed when sealed."""
    import time

    steps, name = objects.root / "steps", f"steps/{run_key}"
    root = objects.folder(name, RESULT_NAME)
    if read_result(root, run_key) is not None:
        return root / "out"
    draft = steps / f".draft-{uuid4().hex}"
    try:
        (draft / "out").mkdir(parents=True)
        begun = time.monotonic()
        work(draft / "out")
        seal(draft, run_key, time.monotonic() - begun)
        if root.exists():
            shutil.rmtree(root)
        draft.replace(root)
        objects.publish(name, RESULT_NAME)
    except OSError as problem:
        if read_result(root, run_key) is not None:
            return root / "out"  # somebody else finished the same step first
        raise TransientError(
            f"{root}: the result cannot be written: {problem.strerror or problem}; free disk space, it is tried again.",
            30,
        ) from problem
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return root / "out"
