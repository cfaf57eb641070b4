"""Files become packs: where each file's bytes lie, so that many small files are few objects.

A pack depends on the files in it alone, so whoever puts the same folder again, after a kill or with more files, makes the
same packs, and those that are there already are not sent again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from jinsu.sdk.file_listing import Entry, Pack, Part

PACK_BYTES = 64 * 2**20
"""Bytes of files in one pack at most."""
MOST_TRAILER = 16 * 2**20
"""Bytes that the names behind the files of a pack take at most."""


@dataclass
class Packer:
    """Fills packs with files in the order in which they come. send: takes each pack that is full, and its digest.

    packs: those that were made so far. It holds one pack in memory.
    """

    send: Callable[[Pack, bytes], None]
    pack_bytes: int = PACK_BYTES
    packs: list[Pack] = field(default_factory=list)
    _content: bytearray = field(default_factory=bytearray)
    _names: list[tuple[str, int, int]] = field(default_factory=list)
    _waiting: list[tuple[str, int, str, list[tuple[int, int, int]]]] = field(default_factory=list)
    _trailer: int = 0

    def add(self, path: str, blocks: Iterable[bytes], size: int) -> None:
        """Packs one file. size: as it was listed; a file that fits into an empty pack is never divided."""
        if self._content and (len(self._content) + size > self.pack_bytes or self._trailer > MOST_TRAILER // 2):
            self.flush()
        digest, places, total = hashlib.sha256(), list[tuple[int, int, int]](), 0
        begin = len(self._content)
        for block in blocks:
            digest.update(block)
            total += len(block)
            view = memoryview(block)
            while view:
                if len(self._content) >= self.pack_bytes:
                    self._note(path, places, begin)
                    self.flush()
                    begin = 0
                room = self.pack_bytes - len(self._content)
                self._content += view[:room]
                view = view[room:]
        self._note(path, places, begin)
        self._waiting.append((path, total, digest.hexdigest(), places))

    def finish(self) -> list[Entry]:
        """Every file that was added, after the last pack was sent."""
        self.flush()
        found = [
            Entry(
                path, size, sha256, tuple(Part(self.packs[number].sha256, at, length) for number, at, length in places)
            )
            for path, size, sha256, places in self._waiting
        ]
        self._waiting = []
        return found

    def flush(self) -> None:
        """Ends the pack that is being filled. Behind the files stand their names, so that packs of other files differ."""
        if not self._names:
            return
        self._content += json.dumps(self._names, ensure_ascii=False, separators=(",", ":")).encode()
        data = bytes(self._content)
        pack = Pack(hashlib.sha256(data).hexdigest(), len(data))
        self.packs.append(pack)
        self._content, self._names, self._trailer = bytearray(), [], 0
        self.send(pack, data)

    def _note(self, path: str, places: list[tuple[int, int, int]], begin: int) -> None:
        """The bytes of the present pack from `begin` on are the file's."""
        length = len(self._content) - begin
        if length:
            places.append((len(self.packs), begin, length))
            self._names.append((path, begin, length))
            self._trailer += len(path.encode()) + 32
