"""Dataset versions: put once, never changed, found by name and digest.

A table becomes a Delta table; a folder of files is kept as it is, beside a list of digests. A confined step reads what was
sent and writes the content; `manifest.json`, which names that step, and the `latest` pointer come last, so a reader sees a
whole version or none.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from jinsu.data.content import CONTENT_FOLDER, Content, ContentKind
from jinsu.errors import BadInputError, NotFoundError, TransientError
from jinsu.objects.mirror import Mirror
from jinsu.sdk.step_files import OUT_NAME

_VERSION_DIGITS = 16
_MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True)
class DatasetVersion:
    """One version, as its `manifest.json` describes it.

    version: the first digits of the digest. rows: table rows, or files. size: bytes on disk. schema: type of each
    column, by name. created: seconds since the epoch. step: run key of the step whose outputs hold the content; "" for a
    version that version 0.1 made, which holds it itself. note: what whoever put it says about it. packed: as in `Content`;
    the schema is that of the table of the files.
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
    step: str = ""
    note: str = ""
    packed: bool = False

    @property
    def reference(self) -> str:
        """`NAME@VERSION`, as a spec names this very version."""
        return f"{self.name}@{self.version}"

    @property
    def has_rows(self) -> bool:
        """Whether a problem can judge by it: a table, or a set of files with one."""
        return self.kind == "table" or self.packed


class DatasetStore:
    """All dataset versions among the objects, each below `datasets/NAME/VERSION/`."""

    def __init__(self, objects: Mirror) -> None:
        self._objects = objects

    def add(self, name: str, content: Content, step: str, created_by: str, note: str = "") -> DatasetVersion:
        """Makes what a step left in `out/content` a version; the same content again gives the same version.

        step: the run key of the step that read what was sent. note: kept with a version that is new.
        """
        version = DatasetVersion(
            name=name,
            version=content.digest[:_VERSION_DIGITS],
            digest=content.digest,
            kind=content.kind,
            rows=content.rows,
            size=content.size,
            schema=content.schema,
            created=round(time.time(), 3),
            created_by=created_by,
            step=step,
            note=note,
            packed=content.packed,
        )
        manifest = f"datasets/{name}/{version.version}/{_MANIFEST_NAME}"
        try:
            self._objects.write_once(manifest, json.dumps(asdict(version), indent=1).encode())
            self._objects.write(f"datasets/{name}/latest", version.version.encode())
        except OSError as problem:
            raise TransientError(
                f"dataset {name}: cannot be stored: {problem.strerror or problem}; free disk space and try again.", 30
            ) from problem
        return self.resolve(version.reference)

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
            gone = "" if matches else " (retention may have removed it)"
            raise NotFoundError(f"dataset {name!r} has no single version {digits!r}{gone}; see: jinsu data list")
        return matches[0]

    def all(self) -> Iterator[DatasetVersion]:
        """The latest version of every dataset, by name."""
        for name in self._objects.folders("datasets"):
            if self._objects.read(f"datasets/{name}/latest", fresh=True) is not None:
                yield self.resolve(name)

    def versions(self, name: str) -> list[DatasetVersion]:
        """Every version of a dataset, newest first. Raises NotFoundError for an unknown name."""
        self.resolve(name)
        return sorted(self._versions(name), key=lambda version: -version.created)

    def every(self) -> Iterator[DatasetVersion]:
        """Every version of every dataset."""
        for name in self._objects.folders("datasets"):
            yield from self._versions(name)

    def make_latest(self, version: DatasetVersion) -> None:
        """Has the name alone stand for this version."""
        self._objects.write(f"datasets/{version.name}/latest", version.version.encode())

    def forget(self, name: str) -> None:
        """Has the name stand for nothing, so that the dataset is unknown. Its versions are removed by the caller."""
        self._objects.remove(f"datasets/{name}/latest")

    def object(self, version: DatasetVersion) -> str:
        """Name of the object that says what the version is."""
        return f"datasets/{version.name}/{version.version}"

    def content(self, version: DatasetVersion) -> str:
        """Name of the object that holds the version's content: the folder of a Delta table, or of the files."""
        if version.step:
            return f"steps/{version.step}/{OUT_NAME}/{CONTENT_FOLDER}"
        return f"datasets/{version.name}/{version.version}/{CONTENT_FOLDER}"  # as version 0.1 kept it

    def table(self, version: DatasetVersion) -> str:
        """As `content`; for a set of files its table. Raises BadInputError for files of an earlier version, which have none."""
        if not version.has_rows:
            raise BadInputError(f"dataset {version.reference} is a set of files without a table; put the folder again.")
        return self.content(version)

    def _versions(self, name: str) -> Iterator[DatasetVersion]:
        for version in self._objects.folders(f"datasets/{name}"):
            manifest = self._objects.read(f"datasets/{name}/{version}/{_MANIFEST_NAME}")
            if manifest is not None:
                yield DatasetVersion(**json.loads(manifest))
