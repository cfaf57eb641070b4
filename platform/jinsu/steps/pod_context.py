"""The environment of a container in a step's pod: which store, step, attempt and folder the container works for."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from jinsu.objects.s3 import S3, S3Settings
from jinsu.objects.store import Store
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.record import StepRecord

STEP_FOLDER = "/jinsu/step"
STORE_VARIABLE = "JINSU_STORE"


@dataclass(frozen=True)
class PodContext:
    """One attempt of one step, seen from inside its pod."""

    store: Store
    run_key: str
    attempt: str
    namespace: str
    files: StepFiles

    @staticmethod
    def from_environment() -> PodContext:
        """The context that `pod_variables` describes. Raises KeyError outside a step's pod."""
        return PodContext(
            store_from_environment(),
            os.environ["JINSU_RUN_KEY"],
            os.environ["JINSU_ATTEMPT"],
            os.environ["JINSU_NAMESPACE"],
            StepFiles(Path(os.environ.get("JINSU_STEP_FOLDER", STEP_FOLDER))),
        )

    @property
    def record(self) -> StepRecord:
        return StepRecord(self.store, self.run_key)


def pod_variables(store: S3Settings, run_key: str, attempt: str, namespace: str) -> dict[str, str]:
    """The variables that `PodContext.from_environment` reads. The store's keys come from a Secret instead."""
    public = {
        name: getattr(store, name)
        for name in ("bucket", "endpoint", "region", "prefix", "path_style", "ca_file", "attempts")
    }
    return {
        STORE_VARIABLE: json.dumps(public, sort_keys=True),
        "JINSU_RUN_KEY": run_key,
        "JINSU_ATTEMPT": attempt,
        "JINSU_NAMESPACE": namespace,
    }


def store_from_environment() -> S3:
    """The object store that the variable `JINSU_STORE` describes. Raises KeyError when there is none."""
    return S3(S3Settings(**json.loads(os.environ[STORE_VARIABLE])))
