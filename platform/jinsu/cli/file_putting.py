"""Puts a set of files: what the latest version has is not sent again, nor is what an earlier try sent."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from jinsu.cli.file_sources import SourceFile
from jinsu.data.file_paths import Names
from jinsu.data.packing import PACK_BYTES, Packer
from jinsu.errors import BadInputError, ForbiddenError, NotFoundError, TransientError
from jinsu.sdk.file_listing import LISTING_FILE, Entry, Header, Pack, read_entries, read_header, write_listing
from jinsu.spec.quantities import format_bytes

if TYPE_CHECKING:
    from jinsu.api.models import Dataset
    from jinsu.cli.client import Client

Say = Callable[[str], None]
_AT_ONCE = 2
_WAITS = (1.0, 3.0, 10.0)
"""Seconds before a pack is sent again that could not be received."""


@dataclass
class Putting:
    """Sends the files of a source as packs, then their listing.

    append: keeps the files of the latest version that the source does not have. known: the listing of that version, by path.
    """

    client: Client
    name: str
    team: str
    say: Say
    append: bool = False
    known: dict[str, Entry] = field(default_factory=dict)
    known_packs: dict[str, Pack] = field(default_factory=dict)
    sent: int = 0
    _pending: list[Future[None]] = field(default_factory=list)

    def put(self, files: Iterable[SourceFile], index: Path | None, note: str) -> Dataset:
        """Returns the version. Raises BadInputError for files that cannot be kept, and what the API refuses."""
        self._read_latest()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            packer = Packer(lambda pack, data: self._queue(pool, pack, data), PACK_BYTES)
            kept = list(self._add(files, packer))
            entries = self._whole([*kept, *packer.finish()])
            table = self._index(packer, index) if index is not None else ()
            self._wait(0)
        used = {part.pack for entry in entries for part in (*entry.parts, *(table and table[0].parts))}
        new = {pack.sha256: pack for pack in packer.packs}
        packs = tuple((new.get(digest) or self.known_packs[digest]) for digest in sorted(used))
        header = Header(packs, table[0].parts if table else (), index.suffix if index is not None else "")
        self.say(f"{len(entries)} files, {format_bytes(self.sent)} sent; publishing")
        return self._publish(header, entries, note)

    def _whole(self, found: list[Entry]) -> list[Entry]:
        """The files of the new version, sorted by path."""
        every = {**self.known, **{entry.path: entry for entry in found}} if self.append else {e.path: e for e in found}
        if not every:
            raise BadInputError("no file is there; a dataset needs at least one.")
        return [every[path] for path in sorted(every)]

    def _add(self, files: Iterable[SourceFile], packer: Packer) -> Iterator[Entry]:
        """Packs every file that the latest version does not have; gives the entries of those that it has."""
        names, told = Names(), time.monotonic()
        for number, file in enumerate(files, 1):
            names.add(file.path)
            if time.monotonic() - told > 1:
                told = time.monotonic()
                self.say(f"{number} files, {format_bytes(self.sent)} sent")
            earlier = self.known.get(file.path)
            if earlier is not None and earlier.size == file.size and _digest(file) == earlier.sha256:
                yield earlier
            else:
                packer.add(file.path, file.read(), file.size)

    def _index(self, packer: Packer, index: Path) -> tuple[Entry, ...]:
        from jinsu.cli.client import stream_file

        packer.add(f"index{index.suffix}", stream_file(index), index.stat().st_size)
        return tuple(packer.finish())

    def _queue(self, pool: ThreadPoolExecutor, pack: Pack, data: bytes) -> None:
        self._wait(_AT_ONCE - 1)  # so that no more packs than are being sent lie in memory
        self._pending.append(pool.submit(self._send, pack, data))

    def _wait(self, most: int) -> None:
        while len(self._pending) > most:
            self._pending.pop(0).result()

    def _send(self, pack: Pack, data: bytes) -> None:
        from jinsu.api.models import Done, MissingPacks, PacksBody
        from jinsu.cli.client import path as api_path

        question = PacksBody(packs=[pack.sha256])
        asked = f"{api_path('datasets', self.name, 'missing-packs')}?team={self.team}"
        for wait in (*_WAITS, None):
            try:
                if self.client.post(asked, MissingPacks, question).missing:
                    target = api_path("datasets", self.name, "packs", pack.sha256)
                    self.client.upload(target, Done, data, team=self.team)
                    self.sent += pack.size
                return
            except TransientError as problem:
                if wait is None:
                    raise TransientError(
                        f"{problem} Put the folder again: what was sent is not sent again.", 5
                    ) from None
                time.sleep(max(wait, min(problem.retry_after, 10.0)))

    def _publish(self, header: Header, entries: list[Entry], note: str) -> Dataset:
        from jinsu.api.models import Dataset
        from jinsu.cli.client import path as api_path
        from jinsu.cli.client import stream_file

        with tempfile.NamedTemporaryFile(suffix=LISTING_FILE) as listing:
            write_listing(listing, header, entries)
            listing.flush()
            path, content = api_path("datasets", self.name, "file-sets"), stream_file(Path(listing.name))
            return self.client.upload(path, Dataset, content, team=self.team, note=note)

    def _read_latest(self) -> None:
        """What the latest version holds; nothing for a new dataset, and where the caller may have no copy of it.

        With `append`, raises ForbiddenError for the latter.
        """
        from jinsu.api.models import Dataset
        from jinsu.cli.client import path as api_path

        try:
            versions = self.client.get(api_path("datasets", self.name, "versions"), list[Dataset])
        except NotFoundError:
            return
        for version in versions:
            if self.append and version.latest and not version.packed:
                raise BadInputError(f"{self.name}@{version.version} is {_kind(version)}, to which no files are added.")
            if version.latest and version.packed:
                with tempfile.TemporaryFile() as listing:
                    path = api_path("datasets", self.name, "files", LISTING_FILE)

                    def write(data: bytes) -> None:
                        listing.write(data)

                    try:
                        self.client.download(path, write, version=version.version)
                    except ForbiddenError:
                        if self.append:
                            raise
                        return
                    listing.seek(0)
                    header = read_header(listing)
                    self.known_packs = {pack.sha256: pack for pack in header.packs}
                    self.known = {entry.path: entry for entry in read_entries(listing, header)}


def _kind(version: Dataset) -> str:
    return "a table" if version.kind == "table" else "a set of files of an earlier version of jinsu"


def _digest(file: SourceFile) -> str:
    digest = hashlib.sha256()
    for block in file.read():
        digest.update(block)
    return digest.hexdigest()


def refuse_index(index: Path | None) -> None:
    """Raises BadInputError for a table of the files that is none."""
    if index is not None and (not index.is_file() or index.suffix not in (".csv", ".parquet", ".jsonl")):
        raise BadInputError(f"--index {index}: is no .csv, .parquet or .jsonl file with a column `path`.")
