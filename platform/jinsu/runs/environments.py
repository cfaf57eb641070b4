"""The environment of a run's training: what its requirements ask for, locked by one step and installed by another.

Both steps run before anything is trained, each once for what it is made from, whichever run or team asks for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from jinsu.confined import tasks
from jinsu.confined.base import base_digest
from jinsu.confined.tasks import ENVIRONMENT_FILE, FINDINGS, INDEX, LOCK_FILE, PLATFORM_IMAGE, Locked, confined_step
from jinsu.errors import BadInputError
from jinsu.runs.journal import labels_of, spec_of
from jinsu.runs.snapshots import SnapshotStore, read_member
from jinsu.sdk.step_files import PACKAGES_NAME
from jinsu.spec.load import FILE_NAME as MODEL_YAML
from jinsu.spec.model import ModelSpec
from jinsu.spec.requirements import FILE_NAME, read_requirements
from jinsu.state.tables import Submission
from jinsu.steps.destinations import PYTHON_INDEX
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Input, Limits, StepSpec, image_part

MOST_FILES = 60_000
"""The most files that one environment may have."""


@dataclass(frozen=True)
class PackageSource:
    """index: an address, "" for none; it may hold an account. links: folders of wheels, or pages that link to them.

    most_bytes: of one environment.
    """

    index: str
    links: tuple[str, ...]
    most_bytes: int

    @property
    def digest(self) -> str:
        """What identifies the source, without the account."""
        scheme, _, rest = self.index.rpartition("://")
        return hashlib.sha256("\n".join([scheme, rest.rpartition("@")[2], *self.links]).encode()).hexdigest()


@dataclass(frozen=True)
class Environment:
    """What a training has beside the base. lock: run key of the step that locked it; installed: of the one that installed it.

    Both are "" where nothing is asked for; installed alone, where the base has everything.
    """

    lock: str = ""
    installed: str = ""


def with_requirements(spec: ModelSpec, code: bytes) -> ModelSpec:
    """The spec with the requirements that its training has: a `requirements.txt` that it does not name counts as named.

    Raises BadInputError for a file that is not there, or is no list of packages.
    """
    train = spec.train
    named = train.requirements
    if named is None:
        if "requirements" in train.model_fields_set or read_member(code, FILE_NAME) is None:
            return spec
        if train.image:
            raise BadInputError(
                f"{MODEL_YAML}: train.image: the folder has a {FILE_NAME} too, which an image does not read; remove the file, "
                "or write `requirements: null` beside the image."
            )
        named = FILE_NAME
    text = read_member(code, named)
    if text is None:
        raise BadInputError(f"{MODEL_YAML}: train.requirements: the folder has no file {named!r}.")
    read_requirements(text, named)
    return spec.model_copy(update={"train": train.model_copy(update={"requirements": named})})


@dataclass(frozen=True)
class Environments:
    """Names the steps that build a run's environment. trainer_image: of trainings on Kubernetes, None on one machine."""

    snapshots: SnapshotStore
    steps: StepFolders
    platform_limits: Limits
    packages_from: PackageSource
    trainer_image: str | None

    def next_step(self, row: Submission) -> StepSpec | None:
        """The next step that is not done; None when the environment is there, or nothing is asked for."""
        lock = self._lock(row)
        if lock is None:
            return None
        if self.steps.result(lock.run_key) is None:
            return lock
        install = self._install(row, lock)
        return install if install is not None and self.steps.result(install.run_key) is None else None

    def of(self, row: Submission) -> Environment:
        """The environment, once no step is left."""
        lock = self._lock(row)
        if lock is None:
            return Environment()
        install = self._install(row, lock)
        return Environment(lock.run_key, install.run_key if install else "")

    def inputs(self, installed: str) -> tuple[Input, ...]:
        """The packages as an input of a training. Raises NotFoundError when retention removed them."""
        return self.steps.inputs(installed, {PACKAGES_NAME: ENVIRONMENT_FILE}) if installed else ()

    def lock_digest(self, lock: str) -> str:
        """The sha256 of the lock; "" without one."""
        return self.steps.inputs(lock, {LOCK_FILE: LOCK_FILE})[0].digest if lock else ""

    def locked(self, lock: str) -> Locked:
        """What the lock names."""
        return self.steps.document(Locked, lock, FINDINGS) if lock else Locked((), ())

    def _lock(self, row: Submission) -> StepSpec | None:
        """The step that resolves what is asked for. A resolution is kept: the same text gives the same lock to every run."""
        file = spec_of(row).train.requirements
        text = read_member(self.snapshots.get(row.code_digest), file) if file else None
        if file is None or text is None:
            return None
        asked = read_requirements(text, file)
        if not asked:
            return None
        known_as = {
            "asked": [(item.line, item.text) for item in asked],
            "file": file,
            "base": self._base(row),
            "source": self.packages_from.digest,
        }
        return self._step(row, tasks.Lock(text, file, self.packages_from.links), (), "lock-1", known_as)

    def _install(self, row: Submission, lock: StepSpec) -> StepSpec | None:
        """The step that installs what was locked; None when the base has everything."""
        if not self.locked(lock.run_key).packages:
            return None
        source = self.packages_from
        details = tasks.Install(source.links, source.most_bytes, MOST_FILES)
        inputs = self.steps.inputs(lock.run_key, {LOCK_FILE: LOCK_FILE})
        return self._step(row, details, inputs, "install-1", {"base": self._base(row)})

    def _step(
        self,
        row: Submission,
        details: tasks.Details,
        inputs: tuple[Input, ...],
        edition: str,
        known_as: Mapping[str, object],
    ) -> StepSpec:
        return confined_step(
            details,
            inputs,
            self.platform_limits,
            edition,
            labels_of(row),
            secrets={INDEX: self.packages_from.index},
            known_as=known_as,
            egress=(PYTHON_INDEX,),
            image=self.trainer_image or PLATFORM_IMAGE,
        )

    def _base(self, row: Submission) -> str:
        """What identifies the packages that every training has."""
        if self.trainer_image is not None:
            return image_part(self.trainer_image, row.id)
        return base_digest()
