"""Dataset versions: put once, never changed, found by name and digest.

A table becomes a Delta table, a folder of files is kept as it is beside a manifest of digests. Everything is written
below a draft folder and renamed; `manifest.json` and the `latest` pointer come last, so a reader sees all or nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from jinsu.errors import BadInputError, NotFoundError
from jinsu.files import file_digest, write_atomic
from jinsu.objects.mirror import Mirror

if TYPE_CHECKING:
    import pyarrow as pa

VERSION_DIGITS = 16
_MARK = "manifest.json"
TABLE_SUFFIXES = (".parquet", ".csv", ".jsonl")


@dataclass(frozen=True)
class DatasetVersion:
    """What is known of one version. `rows` counts table rows, or files; `size` is in bytes."""

    name: str
    version: str
    digest: str
    kind: Literal["table", "files"]
    rows: int
    size: int
    schema: Mapping[str, str]
    created: float
    created_by: str

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"


class DatasetStore:
    """All dataset versions among the objects, each below `datasets/NAME/VERSION/`."""

    def __init__(self, objects: Mirror) -> None:
        self._objects, self._root = objects, objects.root / "datasets"

    def put(self, name: str, source: Path, created_by: str) -> DatasetVersion:
        """Makes a version from a table file or a folder; the same content again gives the same version."""
        if not source.exists():
            raise BadInputError(f"{source}: there is no such file or folder.")
        draft = self._root / name / f".draft-{uuid4().hex}"
        draft.mkdir(parents=True)
        try:
            version = self._write(name, source, draft, created_by)
            home = self._home(version)
            if not (home / _MARK).exists():
                write_atomic(draft / _MARK, json.dumps(asdict(version), indent=1))
                _rename(draft, home)
                self._objects.publish(f"datasets/{name}/{version.version}", _MARK)
            write_atomic(self._root / name / "latest", version.version)
            self._objects.publish(f"datasets/{name}/latest")
        except OSError as problem:
            raise BadInputError(f"dataset {name}: cannot be stored: {problem.strerror or problem}.") from problem
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return self.resolve(f"{name}@{version.version}")

    def resolve(self, reference: str) -> DatasetVersion:
        """The version that `name`, `name@latest` or `name@DIGITS` stands for now."""
        name, _, wanted = reference.partition("@")
        latest = self._objects.read(f"datasets/{name}/latest", fresh=True)
        if latest is None:
            known = ", ".join(version.name for version in self.all()) or "none yet"
            raise NotFoundError(f"dataset {name!r} does not exist; known: {known}. Add it: jinsu data put {name} PATH")
        if wanted in ("", "latest"):
            wanted = latest.decode().strip()
        found = (self._objects.read(f"datasets/{name}/{v}/{_MARK}") for v in self._objects.folders(f"datasets/{name}"))
        kept = [DatasetVersion(**json.loads(manifest)) for manifest in found if manifest is not None]
        matches = [version for version in kept if version.digest.startswith(wanted)]
        if len(matches) != 1:
            raise NotFoundError(f"dataset {name!r} has no single version {wanted!r}; see: jinsu data list")
        return matches[0]

    def all(self) -> Iterator[DatasetVersion]:
        """The latest version of every dataset, by name."""
        for name in self._objects.folders("datasets"):
            if self._objects.read(f"datasets/{name}/latest", fresh=True) is not None:
                yield self.resolve(name)

    def path(self, version: DatasetVersion) -> Path:
        return self._home(version) / "content"

    def _home(self, version: DatasetVersion) -> Path:
        return self._objects.folder(f"datasets/{version.name}/{version.version}", _MARK)

    def table(self, version: DatasetVersion) -> pa.Table:
        """The rows of a table version, in their original order."""
        import deltalake
        import pyarrow.parquet as pq

        if version.kind != "table":
            raise BadInputError(f"dataset {version.reference} is a set of files, not a table.")
        files = deltalake.DeltaTable(str(self.path(version))).file_uris()
        return pq.ParquetDataset([uri.removeprefix("file://") for uri in sorted(files)]).read()

    def _write(self, name: str, source: Path, draft: Path, created_by: str) -> DatasetVersion:
        content = draft / "content"
        if source.is_dir():
            digest, rows, schema = _copy_files(source, content)
        else:
            digest, rows, schema = _write_table(source, content)
        size = sum(path.stat().st_size for path in content.rglob("*") if path.is_file())
        kind: Literal["table", "files"] = "files" if source.is_dir() else "table"
        return DatasetVersion(
            name, digest[:VERSION_DIGITS], digest, kind, rows, size, schema, round(time.time(), 3), created_by
        )


def _rename(draft: Path, home: Path) -> None:
    try:
        draft.replace(home)
    except OSError:
        if not (home / _MARK).exists():  # else somebody put the same content first
            raise


def read_table(source: Path) -> pa.Table:
    """Rows of a Parquet, CSV or JSON-lines file."""
    import pyarrow as pa

    try:
        if source.suffix == ".parquet":
            import pyarrow.parquet as pq

            return pq.read_table(source)
        if source.suffix == ".csv":
            from pyarrow import csv

            return csv.read_csv(source)
        if source.suffix == ".jsonl":
            from pyarrow import json as arrow_json

            return arrow_json.read_json(source)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as problem:
        raise BadInputError(f"{source}: not a readable {source.suffix[1:]} table: {problem}.") from None
    raise BadInputError(f"{source}: a table is {', '.join(TABLE_SUFFIXES)}; for other files put their folder.")


def table_digest(table: pa.Table) -> str:
    """sha256 of the schema and the values, independent of file format, compression, chunking and null bitmaps."""
    digest = hashlib.sha256()
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        digest.update(f"{name}\0{column.type}\0{len(column)}\0".encode())
        _feed(digest, column)
    return digest.hexdigest()


def _feed(digest: hashlib._Hash, array: Any) -> None:
    """Where values are missing, then the values that are there; nested ones by their lengths and their content."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    digest.update(np.packbits(array.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    values, kind = array.drop_null(), array.type
    if pa.types.is_dictionary(kind):
        _feed(digest, values.cast(kind.value_type))
    elif pa.types.is_struct(kind):
        for part in values.flatten():
            _feed(digest, part)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        digest.update(pc.list_value_length(values).cast(pa.int64()).to_numpy().tobytes())
        _feed(digest, values.flatten())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        digest.update(pc.binary_length(values).cast(pa.int64()).to_numpy().tobytes())
        for start in range(0, len(values), 65536):
            digest.update(b"".join(scalar.as_buffer() for scalar in values.slice(start, 65536).cast(pa.large_binary())))
    elif pa.types.is_boolean(kind) or pa.types.is_primitive(kind):
        digest.update(np.ascontiguousarray(values.to_numpy(zero_copy_only=False)).tobytes())
    else:
        digest.update(repr(values.to_pylist()).encode())


def _write_table(source: Path, content: Path) -> tuple[str, int, dict[str, str]]:
    import deltalake
    import pyarrow.parquet as pq

    table = read_table(source)
    if len(set(table.column_names)) < table.num_columns:
        raise BadInputError(f"{source}: has two columns of one name; rename one.")
    if table.num_rows == 0:
        raise BadInputError(f"{source}: has zero rows; a dataset needs at least one.")
    table = table.replace_schema_metadata(None)
    content.mkdir()
    try:
        # One Parquet file, which Delta then takes as it is: its own writer may split and reorder the rows.
        pq.write_table(table, content / "part-0.parquet", compression="zstd")
        deltalake.convert_to_deltalake(str(content))
    except Exception as problem:  # the libraries raise one type for each layer
        reason = str(problem).strip().splitlines()[0]
        raise BadInputError(f"{source}: cannot become a Delta table: {reason}; cast that column first.") from None
    return table_digest(table), table.num_rows, {field.name: str(field.type) for field in table.schema}


def _copy_files(source: Path, content: Path) -> tuple[str, int, dict[str, str]]:
    digests: dict[str, str] = {}
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_symlink():
            raise BadInputError(f"{path}: is a symbolic link; a dataset holds plain files.")
        if path.is_file():
            target = content / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            digests[name] = file_digest(target)
    if not digests:
        raise BadInputError(f"{source}: holds no file; a dataset needs at least one.")
    text = json.dumps(digests, sort_keys=True, indent=0)
    write_atomic(content.parent / "files.json", text)
    return hashlib.sha256(text.encode()).hexdigest(), len(digests), {"path": "string", "sha256": "string"}


def free_bytes(root: Path) -> int:
    """Space left where datasets are kept."""
    status = os.statvfs(root)
    return status.f_bavail * status.f_frsize
