"""The environment of a container in a step's pod: which step, attempt and folder it works for, and how it reaches the store.

`stage` and `upload` find a folder with the token of their attempt; the container of the script has neither that folder nor
any of these variables.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinsu.objects.brokered import BrokeredStore
from jinsu.objects.s3 import S3, S3Settings
from jinsu.objects.store import Store
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.pod_layout import ACCESS_FOLDER, SECRETS_NAME, STEP_FOLDER, STORE_VARIABLE, TOKEN_NAME
from jinsu.steps.record import StepRecord


@dataclass(frozen=True)
class PodContext:
    """One attempt of one step, seen from inside its pod. secrets: what only this step's process may know."""

    store: Store
    run_key: str
    attempt: str
    files: StepFiles
    secrets: Mapping[str, str]

    @staticmethod
    def from_environment() -> PodContext:
        """The context that `pod_variables` describes. Raises KeyError or OSError outside a step's pod."""
        return PodContext(
            brokered_store(),
            os.environ["JINSU_RUN_KEY"],
            os.environ["JINSU_ATTEMPT"],
            StepFiles(Path(os.environ.get("JINSU_STEP_FOLDER", STEP_FOLDER))),
            _secrets(_access_folder() / SECRETS_NAME),
        )

    @property
    def record(self) -> StepRecord:
        return StepRecord(self.store, self.run_key)


def store_from_environment() -> S3:
    """For the processes that hold the store's keys: the store that `JINSU_STORE` describes. Raises KeyError without it."""
    return S3(S3Settings(**json.loads(os.environ[STORE_VARIABLE])))


def brokered_store() -> BrokeredStore:
    """The object store as this attempt may use it."""
    token = (_access_folder() / TOKEN_NAME).read_text(encoding="ascii").strip()
    return BrokeredStore(os.environ["JINSU_BROKER"], token, os.environ.get("JINSU_CA_FILE"))


def _access_folder() -> Path:
    return Path(os.environ.get("JINSU_ACCESS_FOLDER", ACCESS_FOLDER))


def _secrets(path: Path) -> Mapping[str, str]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
