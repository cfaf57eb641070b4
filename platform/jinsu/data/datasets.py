"""Dataset versions: put once, never changed, found by name and digest.

A table becomes a Delta table; a folder of files is kept as it is, beside a list of digests. A version is written to a
draft folder, which is renamed at the end; `manifest.json` and the `latest` pointer come last, so a reader sees a whole
version or none.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from jinsu.data.content import ContentKind
from jinsu.data.file_sets import copy_files
from jinsu.data.tables import read_delta, write_delta
from jinsu.errors import BadInputError, NotFoundError
from jinsu.files import write_atomic
from jinsu.objects.mirror import Mirror

if TYPE_CHECKING:
    import pyarrow as pa

_VERSION_DIGITS = 16
_MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True)
class DatasetVersion:
    """One version, as its `manifest.json` describes it.

    version: the first digits of the digest. rows: table rows, or files. size: bytes on disk. schema: type of each
    column, by name. created: seconds since the epoch.
    """

    name: str
    version: str
    digest: str
    kind: ContentKind
    rows: int
    size: int
    schema: Mapping[str, str]
    created: float
    created_by: str

    @property
    def reference(self) -> str:
        """`NAME@VERSION`, as a spec names this very version."""
        return f"{self.name}@{self.version}"


class DatasetStore:
    """All dataset versions among the objects, each below `datasets/NAME/VERSION/`."""

    def __init__(self, objects: Mirror) -> None:
        self._objects, self._root = objects, objects.root / "datasets"

    def put(self, name: str, source: Path, created_by: str) -> DatasetVersion:
        """Makes a version from a table file or a folder; the same content again gives the same version.

        Raises BadInputError for a source that does not exist or cannot be stored.
        """
        if not source.exists():
            raise BadInputError(f"{source}: there is no such file or folder.")
        draft = self._root / name / f".draft-{uuid4().hex}"
        draft.mkdir(parents=True)
        try:
            version = _write(name, source, draft, created_by)
            folder = self._folder(version)
            if not (folder / _MANIFEST_NAME).exists():
                write_atomic(draft / _MANIFEST_NAME, json.dumps(asdict(version), indent=1))
                _rename(draft, folder)
                self._objects.publish(f"datasets/{name}/{version.version}", _MANIFEST_NAME)
            write_atomic(self._root / name / "latest", version.version)
            self._objects.publish(f"datasets/{name}/latest")
        except OSError as problem:
            raise BadInputError(f"dataset {name}: cannot be stored: {problem.strerror or problem}.") from problem
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return self.resolve(f"{name}@{version.version}")

    def resolve(self, reference: str) -> DatasetVersion:
        """The version that `name`, `name@latest` or `name@DIGITS` stands for now.

        Raises NotFoundError for an unknown name, and for digits that name no version or several.
        """
        name, _, digits = reference.partition("@")
        latest = self._objects.read(f"datasets/{name}/latest", fresh=True)
        if latest is None:
            existing = ", ".join(version.name for version in self.all()) or "none yet"
            raise NotFoundError(
                f"dataset {name!r} does not exist; known: {existing}. Add it: jinsu data put {name} PATH"
            )
        if digits in ("", "latest"):
            digits = latest.decode().strip()
        matches = [version for version in self._versions(name) if version.digest.startswith(digits)]
        if len(matches) != 1:
            raise NotFoundError(f"dataset {name!r} has no single version {digits!r}; see: jinsu data list")
        return matches[0]

    def all(self) -> Iterator[DatasetVersion]:
        """The latest version of every dataset, by name."""
        for name in self._objects.folders("datasets"):
            if self._objects.read(f"datasets/{name}/latest", fresh=True) is not None:
                yield self.resolve(name)

    def path(self, version: DatasetVersion) -> Path:
        """Folder of the version's content: a Delta table, or the files."""
        return self._folder(version) / "content"

    def table(self, version: DatasetVersion) -> pa.Table:
        """The rows of a table version, in their original order. Raises BadInputError for a version of files."""
        if version.kind != "table":
            raise BadInputError(f"dataset {version.reference} is a set of files, not a table.")
        return read_delta(self.path(version))

    def _versions(self, name: str) -> Iterator[DatasetVersion]:
        for version in self._objects.folders(f"datasets/{name}"):
            manifest = self._objects.read(f"datasets/{name}/{version}/{_MANIFEST_NAME}")
            if manifest is not None:
                yield DatasetVersion(**json.loads(manifest))

    def _folder(self, version: DatasetVersion) -> Path:
        return self._objects.folder(f"datasets/{version.name}/{version.version}", _MANIFEST_NAME)


def _write(name: str, source: Path, draft: Path, created_by: str) -> DatasetVersion:
    target = draft / "content"
    content = copy_files(source, target) if source.is_dir() else write_delta(source, target)
    return DatasetVersion(
        name=name,
        version=content.digest[:_VERSION_DIGITS],
        digest=content.digest,
        kind=content.kind,
        rows=content.rows,
        size=sum(path.stat().st_size for path in target.rglob("*") if path.is_file()),
        schema=content.schema,
        created=round(time.time(), 3),
        created_by=created_by,
    )


def _rename(draft: Path, folder: Path) -> None:
    try:
        draft.replace(folder)
    except OSError:
        if not (folder / _MANIFEST_NAME).exists():  # else another process stored the same content first
            raise
