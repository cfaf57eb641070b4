"""Runs one confined program in the folder of its step: `python -m jinsu.confined TASK`.

A program that refuses what it was given prints one sentence as its last line and ends with the status REFUSED; one that
found no room on the disk, or no answer of another server, ends with TRY_AGAIN.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from importlib import import_module
from pathlib import Path

from jinsu.confined.tasks import Task
from jinsu.errors import JinsuError, TransientError
from jinsu.sdk.step_files import STEP_DIR_VARIABLE, StepFiles
from jinsu.steps.status import REFUSED, TRY_AGAIN


def main() -> None:
    task = Task(sys.argv[1])
    try:
        perform(task, StepFiles(Path(os.environ[STEP_DIR_VARIABLE])))
    except JinsuError as problem:
        print(" ".join(str(problem).split()), flush=True)
        sys.exit(TRY_AGAIN if isinstance(problem, TransientError) else REFUSED)
    except OSError as problem:
        if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"{problem.strerror}; free disk space, it is tried again.", flush=True)
        sys.exit(TRY_AGAIN)


def perform(task: Task, files: StepFiles) -> None:
    """Does the task in the folder of its step. Raises JinsuError with a sentence for whoever sent the input."""
    document = json.loads(files.params.read_text(encoding="utf-8"))
    secrets = json.loads(files.secrets.read_text(encoding="utf-8")) if files.secrets.is_file() else {}
    import_module(f"jinsu.confined.{task}").run(document, secrets, files)


if __name__ == "__main__":
    main()
