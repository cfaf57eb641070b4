"""Which files of a set belong to the rows of one side of a split, and held-out rows with their files in them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

from jinsu.data.file_sets import PATH_COLUMN
from jinsu.data.tables import open_parquet
from jinsu.errors import BadInputError
from jinsu.sdk.file_listing import Header, Pack, read_entries, read_header, write_listing

_FILLED_ROWS = 256
"""Rows whose files are in memory at a time."""


def choose_files(listing: Path, train: Path, held: Path, target: Path) -> int:
    """Writes the part of a listing whose files training rows name; returns how many files that are.

    train, held: both sides of a split, as Parquet files. Raises BadInputError for a file that rows of both sides name: whoever
    trains on it has seen what the model is judged on.
    """
    ours, theirs = set(_paths(train)), set(_paths(held))
    if both := sorted(ours & theirs):
        raise BadInputError(
            f"{len(both)} files, such as {both[0]!r}, are named by training rows and by held-out rows; make a problem whose "
            f"split is by {PATH_COLUMN}, or by what the rows of one file have in common."
        )
    with listing.open("rb") as stream:
        header = read_header(stream)
        chosen = [entry for entry in read_entries(stream, header) if entry.path in ours]
    used = {part.pack for entry in chosen for part in entry.parts}
    packs: tuple[Pack, ...] = tuple(pack for pack in header.packs if pack.sha256 in used)
    with target.open("wb") as stream:
        write_listing(stream, Header(packs), chosen)
    return len(chosen)


def fill_rows(rows: Path, read: Callable[[str], bytes], target: Path) -> None:
    """Writes the rows with the content of the file in base64 in place of its path: what a request to the model holds.

    read: the bytes of a file by its path.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = open_parquet(rows)
    place = source.schema.get_field_index(PATH_COLUMN)
    schema = source.schema.set(place, pa.field(PATH_COLUMN, pa.string()))
    with pq.ParquetWriter(target, schema) as writer:
        for batch in source.batches():
            for start in range(0, batch.num_rows, _FILLED_ROWS):
                some = batch.slice(start, _FILLED_ROWS)
                texts = [base64.b64encode(read(path)).decode() for path in some.column(place).to_pylist()]
                columns = [*some.columns[:place], pa.array(texts, pa.string()), *some.columns[place + 1 :]]
                writer.write_batch(pa.record_batch(columns, schema=schema))


def _paths(rows: Path) -> Iterator[str]:
    for batch in open_parquet(rows).batches([PATH_COLUMN]):
        yield from batch.column(0).to_pylist()
