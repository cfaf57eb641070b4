"""The names that Airflow's trigger form offers, in one small file that a DAG can read without asking anybody."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

from jinsu.steps.result import write_atomic


def _change(path: Path, **changes: Any) -> None:
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            known = {"models": {}, "datasets": []}
        after = {
            "models": {**known["models"], **changes.get("models", {})},
            "datasets": sorted({*known["datasets"], *changes.get("datasets", ())}),
        }
        if after != known or not path.exists():
            write_atomic(path, json.dumps(after, indent=1))


def remember_model(path: Path, model: str, code_digest: str, *, replace: bool = True) -> None:
    """The latest code of a model; without `replace`, only of one that is not known yet."""
    if replace or not path.exists() or model not in json.loads(path.read_text(encoding="utf-8"))["models"]:
        _change(path, models={model: code_digest})


def remember_dataset(path: Path, name: str) -> None:
    _change(path, datasets=[name])


def create_catalog(path: Path) -> None:
    """Has the file there, empty at first."""
    _change(path)
