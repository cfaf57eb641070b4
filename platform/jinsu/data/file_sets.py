"""Files become the content of a dataset version: a listing, and a table with a row a file, of packs that were sent before.

`copy_files` keeps an archive as earlier versions of the command line send it: each file by itself.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from jinsu.data.content import CONTENT_FOLDER, Content
from jinsu.data.file_paths import Names
from jinsu.data.tables import open_delta, write_delta
from jinsu.errors import BadInputError
from jinsu.files import file_digest, write_atomic
from jinsu.sdk.file_listing import LISTING_FILE, Entry, Header, Part, read_entries, read_header, write_listing

_DIGESTS_NAME = "files.json"
MOST_FILES = 2_000_000
"""Files of one set: each takes some hundred bytes of memory while the set is put."""
PATH_COLUMN = "path"
"""The column of the table of files by which a row names its file."""
_BATCH_ROWS = 65536


def copy_files(source: Path, target: Path) -> Content:
    """Copies every file below `source` to `target`, and writes `files.json` (sha256 by path) beside `target`.

    Raises BadInputError for a symbolic link, and for a folder without files.
    """
    digests: dict[str, str] = {}
    size = 0
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_symlink():
            raise BadInputError(f"{path}: is a symbolic link; a dataset holds plain files.")
        if path.is_file():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            digests[name] = file_digest(copy)
            size += copy.stat().st_size
    if not digests:
        raise BadInputError(f"{source}: holds no file; a dataset needs at least one.")
    text = json.dumps(digests, sort_keys=True, indent=0)
    write_atomic(target.parent / _DIGESTS_NAME, text)
    schema = {"path": "string", "sha256": "string"}
    return Content("files", hashlib.sha256(text.encode()).hexdigest(), len(digests), size, schema)


def keep_listing(sent: Path, published: Iterable[Path], index: Path | None, out: Path, scratch: Path) -> Content:
    """Checks a listing as it was sent; writes it and the table of the files below the folder `out`.

    published: listings of versions that have packs in common with this one. index: the table as it was sent; None for one
    of paths and sizes. scratch: an empty folder. Raises BadInputError with what is wrong.
    """
    header, entries = read_listing(sent)
    _refuse_borrowed(header, entries, published)
    with (out / LISTING_FILE).open("wb") as stream:
        write_listing(stream, header, entries)
    table = out / CONTENT_FOLDER
    if index is None:
        rows = write_delta(_paths_and_sizes(entries, scratch / "files.parquet"), table)
    else:
        rows = write_delta(index, table)
        _check_index(table, rows.schema, {entry.path for entry in entries})
    digest = hashlib.sha256(f"files\0{rows.digest}\0".encode())
    for entry in entries:
        digest.update(f"{entry.path}\0{entry.sha256}\n".encode())
    size = sum(entry.size for entry in entries)
    return Content("files", digest.hexdigest(), len(entries), size, rows.schema, packed=True)


def read_listing(path: Path) -> tuple[Header, list[Entry]]:
    """A listing with its files, sorted by path. Raises BadInputError for what is none, and for names that cannot be kept."""
    names, entries = Names(), list[Entry]()
    try:
        with path.open("rb") as stream:
            header = read_header(stream)
            for entry in read_entries(stream, header):
                names.add(entry.path)
                entries.append(entry)
                if len(entries) > MOST_FILES:
                    raise BadInputError(f"more than {MOST_FILES} files; put them as several datasets.")
    except ValueError as problem:
        raise BadInputError(f"{problem}; put the folder again with this version of jinsu.") from None
    if not entries:
        raise BadInputError("no file was sent; a dataset needs at least one.")
    entries.sort(key=lambda entry: entry.path)
    return header, entries


def _refuse_borrowed(header: Header, entries: Sequence[Entry], published: Iterable[Path]) -> None:
    """Raises BadInputError for a file whose bytes are those of another file of an earlier version.

    Whoever knows digests could show a training, under a new name, files that a problem holds out; whoever sends the bytes
    has them anyway.
    """
    packs, tables = set[str](), set[tuple[Part, ...]]()
    known: dict[str, set[Entry]] = {}
    for listing in published:
        with listing.open("rb") as stream:
            earlier = read_header(stream)
            packs.update(pack.sha256 for pack in earlier.packs)
            tables.add(earlier.index)
            for entry in read_entries(stream, earlier):
                known.setdefault(entry.path, set()).add(entry)
    if any(part.pack in packs for part in header.index) and header.index not in tables:
        raise BadInputError(
            "the table of the files was not sent, but bytes of other files are named; put the folder again."
        )
    for entry in entries:
        if any(part.pack in packs for part in entry.parts) and entry not in known.get(entry.path, ()):
            raise BadInputError(
                f"{entry.path!r}: its bytes were not sent with it, but those of another file are named; put the folder again."
            )


def _paths_and_sizes(entries: Sequence[Entry], target: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema({PATH_COLUMN: pa.string(), "size": pa.int64()})
    with pq.ParquetWriter(target, schema) as writer:
        for start in range(0, len(entries), _BATCH_ROWS):
            some = entries[start : start + _BATCH_ROWS]
            columns = [[entry.path for entry in some], [entry.size for entry in some]]
            writer.write_table(pa.table(columns, schema=schema))
    return target


def _check_index(table: Path, schema: Mapping[str, str], paths: set[str]) -> None:
    """Raises BadInputError for a table without a column of paths, and for a row of a file that is not there."""
    if not schema.get(PATH_COLUMN, "").endswith("string"):
        raise BadInputError(
            f"the table of the files needs a column {PATH_COLUMN!r} of texts, such as cats/1.jpg; it has {', '.join(schema)}."
        )
    for place, path in enumerate(_column(table), 1):
        if path not in paths:
            raise BadInputError(
                f"the table of the files: row {place} names {str(path)[:120]!r}, and no file has this path; paths are below the "
                "folder that is put, with '/' between folders."
            )


def _column(table: Path) -> Iterator[str | None]:
    for batch in open_delta(table).batches([PATH_COLUMN]):
        yield from batch.column(0).to_pylist()
