"""The check of a code snapshot that a stranger may have made. It streams: neither a bomb nor a long archive fills memory.

Only what a snapshot needs is let through: plain files and folders, with names in UTF-8. Python's `tarfile` follows every
extension of the format, some of them by recursion or in quadratic time, so it sees an archive after this check alone.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from jinsu.errors import BadInputError
from jinsu.spec.characters import is_name
from jinsu.spec.quantities import format_bytes

MAX_FILES = 10_000
_BLOCK = 512
_PIECE = 1 << 20
_LONGEST_HEADER = 64 * 1024
_LONGEST_NAME, _LONGEST_PART, _DEEPEST = 4096, 255, 64
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_EXTENSIONS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME)


def inspect(data: bytes, limit: int) -> None:
    """Refuses an archive that is broken, too large unpacked, or holds anything but plain files below its folder.

    limit: bytes of all files together. Raises BadInputError.
    """
    most = limit + MAX_FILES * 2048
    total, seen = 0, _Names()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as plain:
            stream = _Stream(plain, most, _too_large(limit))
            for member in _members(stream):
                seen.add(member.name, folder=member.isdir())
                total += member.size
                if total > limit or seen.count > MAX_FILES:
                    raise _too_large(limit)
                stream.skip(member.size)
            stream.drain()  # a damaged checksum shows only at the end
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as problem:
        raise BadInputError(f"code snapshot: not a readable tar.gz archive: {problem}.") from None


def _too_large(limit: int) -> BadInputError:
    return BadInputError(
        f"code snapshot: more than {format_bytes(limit)} or {MAX_FILES} files unpacked; send code only."
    )


@dataclass
class _Stream:
    """The unpacked archive, read forwards once. over: what is raised after `most` bytes."""

    plain: gzip.GzipFile
    most: int
    over: BadInputError
    come: int = 0

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes. Raises EOFError when the archive ends before."""
        found = self.plain.read(size)
        while len(found) < size:
            more = self.plain.read(size - len(found))
            if not more:
                raise EOFError("it ends in the middle")
            found += more
        self._count(size)
        return found

    def skip(self, size: int) -> None:
        """Passes over the content of a member, which fills whole blocks."""
        left = -(-size // _BLOCK) * _BLOCK
        while left:
            left -= len(self.read(min(left, _PIECE)))

    def drain(self) -> None:
        """Reads to the end of the archive."""
        while found := self.plain.read(_PIECE):
            self._count(len(found))

    def _count(self, size: int) -> None:
        self.come += size
        if self.come > self.most:
            raise self.over


def _members(stream: _Stream) -> Iterator[tarfile.TarInfo]:
    """The files and folders of an archive. The stream stands at a member's content when it is given."""
    name, extensions = "", 0
    while (block := stream.read(_BLOCK)).strip(b"\0"):
        member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        member.name = name or member.name
        shown = repr(member.name[:60])
        if member.type in _EXTENSIONS:
            extensions += 1
            if not 0 <= member.size <= _LONGEST_HEADER or extensions > 2:
                raise BadInputError(f"code snapshot: {shown} has headers of over 64 KiB; it is refused.")
            text = stream.read(member.size)
            stream.read(-member.size % _BLOCK)
            if member.type == tarfile.GNUTYPE_LONGNAME:
                name = text.rstrip(b"\0").decode("utf-8", "surrogateescape")
            elif (given := _path_of(text, shown)) and member.type == tarfile.XHDTYPE:
                name = given
            elif given:
                raise BadInputError("code snapshot: one header names every file; it is refused.")
            continue
        if member.type not in (*_FILES, tarfile.DIRTYPE) or (member.isdir() and member.size):
            raise BadInputError(f"code snapshot: {shown} is a link or a device; send plain files.")
        if member.size < 0:
            raise tarfile.HeaderError("a size is negative")
        yield member
        name, extensions = "", 0


def _path_of(text: bytes, shown: str) -> str:
    """The name that a header of the format of POSIX.1-2001 gives a member; "" for none.

    A header may carry times, owners and comments too. One that changes where a member's content ends, or makes it a link,
    is refused: whoever unpacks the archive might read other members than were checked.
    """
    path = ""
    while text:
        digits, space, _ = text.partition(b" ")
        if not (space and digits.isdigit() and len(digits) < 6 and len(digits) + 4 <= int(digits) <= len(text)):
            raise tarfile.HeaderError("an extended header is broken")
        record, text = text[len(digits) + 1 : int(digits)], text[int(digits) :]
        keyword, sign, value = record.partition(b"=")
        if not sign or not value.endswith(b"\n"):
            raise tarfile.HeaderError("an extended header is broken")
        if keyword in (b"size", b"linkpath") or keyword.startswith(b"GNU.sparse"):
            raise BadInputError(f"code snapshot: {shown} is a sparse file or a link; send plain files.")
        if keyword == b"path":
            path = value[:-1].decode("utf-8", "surrogateescape")
    return path


@dataclass
class _Names:
    """The names of an archive so far: each leads below the folder, and no file stands in another's way."""

    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    count: int = 0

    def add(self, name: str, *, folder: bool) -> None:
        """Raises BadInputError for a name that cannot be unpacked, or would be unpacked elsewhere."""
        self.count += 1
        shown = repr(name[:60])
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts:
            raise BadInputError(f"code snapshot: {shown} leads out of the folder; it is refused.")
        longest = max((len(part.encode("utf-8", "replace")) for part in parts), default=0)
        if len(name) > _LONGEST_NAME or len(parts) > _DEEPEST or longest > _LONGEST_PART:
            raise BadInputError(f"code snapshot: {shown}… is too long a name, or too deep; it is refused.")
        if not is_name(name, _LONGEST_NAME):
            raise BadInputError(f"code snapshot: {shown} is no name in UTF-8, or holds control characters; rename it.")
        if not parts and not folder:
            raise BadInputError(f"code snapshot: {shown} is no name of a file; it is refused.")
        path = "/".join(parts)
        above = {"/".join(parts[:depth]) for depth in range(1, len(parts))} | ({path} if folder and parts else set())
        if above & self.files or (not folder and path in self.folders | self.files):
            raise BadInputError(f"code snapshot: {shown} stands in the way of another file; it is refused.")
        self.folders |= above
        if not folder:
            self.files.add(path)
