"""Rows of a Parquet file as batches of columns, in memory that does not grow with the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.sdk.columns import Columns, columns_of
from jinsu.sdk.parquet_reading import batch_rows, opened, schema_with_gaps

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from torch.utils.data import IterableDataset

POOL_ROWS = 1 << 17
"""How many rows are mixed with each other at a time. Groups of rows of the file come in a random order before that."""
_POOL_PARTS, _PART_ROWS = 16, 1 << 14
"""Of wide rows, this many parts are mixed; a part has this many rows at most."""


class Batches:
    """Batches of rows, each a dictionary of arrays by column name as `jinsu.dataset` gives them.

    Every loop over it is an epoch: without a seed the rows come as they stand, with one in an order that follows from the seed and
    the epoch's number. rows: of all batches together. columns: by name.
    """

    def __init__(self, path: Path, size: int, columns: Sequence[str] | None = None, seed: int | None = None) -> None:
        metadata = _metadata(path)
        if size < 1:
            raise SystemExit(f"jinsu.batches({size}): a batch has at least one row.")
        self.columns = _chosen(columns, metadata.schema.to_arrow_schema().names)
        self.rows = int(metadata.num_rows)
        self._path, self._size, self._seed, self._next = path, size, seed, 0
        self._schema = schema_with_gaps(metadata)

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-self.rows // self._size)

    def __iter__(self) -> Iterator[Columns]:
        self._next += 1
        return self.epoch(self._next - 1)

    def epoch(self, number: int) -> Iterator[Columns]:
        """The batches of one epoch, from 0: a script that resumes goes on where it stopped."""
        return self.share(number, 0, 1)

    def torch(self) -> IterableDataset[Any]:
        """A dataset for `torch.utils.data.DataLoader(..., batch_size=None)`, whose workers divide the rows among them."""
        from jinsu.sdk.torch_batches import TorchBatches

        return TorchBatches(self)

    def share(self, epoch: int, worker: int, workers: int) -> Iterator[Columns]:
        """What one of several workers reads: every so many group of rows."""
        import numpy as np

        chance = None if self._seed is None else np.random.default_rng([self._seed, epoch])
        rest = None
        for piece in self._pieces(chance, worker, workers):
            table = piece if rest is None else _joined([rest, piece])
            whole = table.num_rows - table.num_rows % self._size
            for start in range(0, whole, self._size):
                yield columns_of(table.slice(start, self._size))
            rest = table.slice(whole) if whole < table.num_rows else None
        if rest is not None:
            yield columns_of(rest)

    def _pieces(self, chance: np.random.Generator | None, worker: int, workers: int) -> Iterator[pa.Table]:
        with opened(self._path) as file:
            every = range(file.num_row_groups)
            order = list(every) if chance is None else chance.permutation(len(every)).tolist()
            # From all columns, so that the order of the rows does not depend on which of them are read.
            size = batch_rows(file, file.schema_arrow.names, _PART_ROWS)
            tables = self._tables(file, order[worker::workers], size)
            yield from tables if chance is None else _pools(tables, chance, min(POOL_ROWS, size * _POOL_PARTS))

    def _tables(self, file: pq.ParquetFile, groups: list[int], size: int) -> Iterator[pa.Table]:
        """The rows of these groups in their order, so many at a time."""
        import pyarrow as pa

        for batch in file.iter_batches(size, row_groups=groups, columns=self.columns, use_threads=False):
            yield self._cast(pa.Table.from_batches([batch]))

    def _cast(self, table: pa.Table) -> pa.Table:
        """In the order of the columns that were asked for, and of one type in every batch."""
        import pyarrow as pa

        return table.select(self.columns).cast(
            pa.schema([self._schema.field(name) for name in self.columns]), safe=False
        )


def _metadata(path: Path) -> pq.FileMetaData:
    """What the file says of itself. Raises SystemExit for what is no Parquet file, and for two columns of one name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        raise SystemExit(f"jinsu.batches: {path} is no Parquet file that can be read; write the rows as one.") from None
    names = metadata.schema.to_arrow_schema().names
    for name in names:
        if names.count(name) > 1:
            raise SystemExit(f"jinsu.batches: {path} has two columns of one name ({name!r}); rename one.")
    return metadata


def _chosen(columns: Sequence[str] | None, names: Sequence[str]) -> list[str]:
    """The columns that are read, of those that are there."""
    if isinstance(columns, str) or (columns is not None and not columns):
        raise SystemExit(
            f"jinsu.batches: columns={columns!r} is no list of names; write such as columns=[{names[0]!r}]."
        )
    for name in columns or ():
        if name not in names:
            raise SystemExit(f"jinsu.batches: columns: there is no {name!r}; the rows have {', '.join(names)}.")
    return list(names if columns is None else columns)


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(tables)


def _pools(tables: Iterable[pa.Table], chance: np.random.Generator, size: int) -> Iterator[pa.Table]:
    """The rows, so many of them mixed with each other at a time."""
    pool: list[pa.Table] = []
    for table in tables:
        pool.append(table)
        while sum(one.num_rows for one in pool) >= size:
            rows = _joined(pool)
            yield _mixed(rows.slice(0, size), chance)
            pool = [rows.slice(size)]
    if any(one.num_rows for one in pool):
        yield _mixed(_joined(pool), chance)


def _mixed(table: pa.Table, chance: np.random.Generator) -> pa.Table:
    return table.take(chance.permutation(table.num_rows))
