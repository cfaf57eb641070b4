"""What a container of a step's pod is told about where it is: the store, the step, the attempt, the folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from jinsu.objects.s3 import S3, S3Settings
from jinsu.objects.store import Store
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.record import Work

STEP_FOLDER = "/jinsu/step"


@dataclass(frozen=True)
class Place:
    """One attempt of one step, seen from inside its pod."""

    store: Store
    run_key: str
    attempt: str
    namespace: str
    files: StepFiles

    @property
    def work(self) -> Work:
        return Work(self.store, self.run_key)


def variables(store: S3Settings, run_key: str, attempt: str, namespace: str) -> dict[str, str]:
    """The environment that `here` reads. The store's keys are not among them: they come from a Secret."""
    public = {
        name: getattr(store, name)
        for name in ("bucket", "endpoint", "region", "prefix", "path_style", "ca_file", "attempts")
    }
    return {
        "JINSU_STORE": json.dumps(public, sort_keys=True),
        "JINSU_RUN_KEY": run_key,
        "JINSU_ATTEMPT": attempt,
        "JINSU_NAMESPACE": namespace,
    }


def store_here() -> S3:
    """The store that this container was told of."""
    return S3(S3Settings(**json.loads(os.environ["JINSU_STORE"])))


def here() -> Place:
    """Where this process is, from its environment."""
    return Place(
        store_here(),
        os.environ["JINSU_RUN_KEY"],
        os.environ["JINSU_ATTEMPT"],
        os.environ["JINSU_NAMESPACE"],
        StepFiles(Path(os.environ.get("JINSU_STEP_FOLDER", STEP_FOLDER))),
    )
