"""The packages that a training has beside the base, as its folder asks for them, and an environment of them on this machine."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jinsu.codec import encode
from jinsu.confined import tasks
from jinsu.confined.base import base_packages
from jinsu.confined.uv import index_named, links_named
from jinsu.errors import BadInputError, TransientError
from jinsu.sdk.step_files import PACKAGES_NAME, StepFiles
from jinsu.settings import PYPI
from jinsu.spec.model import ModelSpec
from jinsu.spec.requirements import FILE_NAME, Requirement, read_requirements
from jinsu.steps.spec import Input

_MOST_BYTES = 8 << 30
_MOST_FILES = 60_000
_KEPT = 5
"""Environments that stay in the cache of this machine."""


@dataclass(frozen=True)
class Asked:
    """file: that the packages are read from; "" for none. image: whether an image brings them, which nothing here shows."""

    file: str = ""
    text: str = ""
    packages: tuple[Requirement, ...] = ()
    image: bool = False

    @property
    def lacking(self) -> tuple[Requirement, ...]:
        """What the base does not have."""
        return tuple(item for item in self.packages if item.name not in base_packages())


def asked_packages(spec: ModelSpec, folder: Path) -> Asked:
    """What the folder asks for, by the rule of admission: a `requirements.txt` that the spec does not name counts as named.

    Raises BadInputError for a file that is missing, that is no list of packages, or that excludes the platform's version.
    """
    train = spec.train
    named = train.requirements
    if named is None:
        if "requirements" in train.model_fields_set or not (folder / FILE_NAME).is_file():
            return Asked(image=bool(train.image))
        if train.image:
            raise BadInputError(
                f"train.image: the folder has a {FILE_NAME} too, which an image does not read; remove the file, or write "
                "`requirements: null` beside the image."
            )
        named = FILE_NAME
    if not (folder / named).is_file():
        raise BadInputError(f"train.requirements: the folder has no file {named!r}.")
    from jinsu.confined.lock import check_base

    text = (folder / named).read_text(encoding="utf-8", errors="replace")
    packages = read_requirements(text, named)
    check_base(packages, named, base_packages())
    return Asked(named, text, packages)


@dataclass(frozen=True)
class PackagePlaces:
    """Where this machine takes packages from. index: an address. links: folders of wheels, or pages that link to them."""

    index: str
    links: tuple[str, ...]


def package_places(environment: Mapping[str, str] = os.environ) -> PackagePlaces:
    """The places that uv's and pip's own variables name."""
    return PackagePlaces(index_named(environment, PYPI), links_named(environment))


def resolve(asked: Asked, places: PackagePlaces) -> str:
    """The lock, as the platform will make it: every package that the base lacks, with its hashes. Nothing is executed.

    Raises BadInputError with the lines that do not resolve, and TransientError when the index does not answer.
    """
    from jinsu.confined.lock import lock

    os.environ.setdefault("UV_HTTP_RETRIES", "0")  # a person waits; the platform's own step tries several times
    with tempfile.TemporaryDirectory(prefix="jinsu-lock-") as folder, _said_of(asked):
        return lock(asked.packages, asked.file, places.index, places.links, Path(folder))


def install(asked: Asked, lock: str, places: PackagePlaces, cache: Path) -> Input:
    """The packages of a lock as an input of a step, kept in `cache`. Wheels are unpacked and nothing of them is executed.

    Raises what `resolve` raises.
    """
    kept = cache / f"{hashlib.sha256(lock.encode()).hexdigest()[:32]}.tar.gz"
    if kept.is_file():
        kept.touch()
        return Input(PACKAGES_NAME, str(kept), "")
    from jinsu.confined import install as program

    with tempfile.TemporaryDirectory(prefix="jinsu-packages-") as folder, _said_of(asked):
        files = StepFiles(Path(folder))
        files.inputs.mkdir()
        files.out.mkdir()
        (files.inputs / tasks.LOCK_FILE).write_text(lock, encoding="utf-8")
        details = tasks.Install(places.links, _MOST_BYTES, _MOST_FILES)
        program.run(encode(details), {tasks.INDEX: places.index}, files)
        _keep(files.out / tasks.ENVIRONMENT_FILE, kept)
    return Input(PACKAGES_NAME, str(kept), "")


def locked_packages(lock: str) -> list[str]:
    """`NAME==VERSION` of each package of a lock."""
    return re.findall(r"(?m)^[A-Za-z0-9._-]+==[^\s;\\]+", lock)


@contextmanager
def _said_of(asked: Asked) -> Iterator[None]:
    """An index that does not answer, said with the lines that need one."""
    try:
        yield
    except TransientError as problem:
        lines = ", ".join(f"line {item.line} ({item.text[:60]})" for item in asked.lacking[:5])
        raise TransientError(
            f"{asked.file}: {lines}: cannot be had on this machine, so the script cannot be tried here: {problem} Connect to "
            "an index, name one in PIP_INDEX_URL, or submit: the platform asks its own index when the run begins.",
            problem.retry_after,
        ) from None


def package_cache() -> Path:
    """Where this machine keeps the environments that `jinsu check` made."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jinsu" / "packages"


def _keep(made: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(f".{os.getpid()}")
    shutil.copyfile(made, draft)
    draft.replace(kept)
    for old in sorted(kept.parent.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        old.unlink(missing_ok=True)
