"""Uploads the files of one attempt: the log and the metrics while they grow, checkpoints, and the outputs.

The uploader reads what the script writes and never runs any of it. Every method raises TransientError when the store does
not answer, and may then be called again.
"""

from __future__ import annotations

import hashlib
from io import BufferedReader
from pathlib import Path

from jinsu.errors import StepFailedError
from jinsu.objects.store import Store
from jinsu.sdk.step_files import OUT_NAME, StepFiles
from jinsu.steps.record import BLOCK_BYTES, StepRecord, Stream
from jinsu.steps.safe_open import FileStamp, file_stamps, is_safe_name, open_regular, regular_files
from jinsu.steps.status import no_output_message

_PIECE_BYTES = 256 << 10
_MAX_METRICS_BYTES = 64 << 20


class _PieceWriter:
    """Uploads a growing file piece by piece: the last piece is written anew until it is full.

    base: the offset in the record of the file's first byte; a log goes on where the last attempt's log ended.
    uploaded: how many bytes of the file are in the record already.
    """

    def __init__(self, record: StepRecord, stream: Stream, base: int, uploaded: int) -> None:
        self._record, self._stream, self._base = record, stream, base
        self._start, self._piece = uploaded, b""

    @property
    def uploaded(self) -> int:
        """How many bytes of the file have been uploaded."""
        return self._start + len(self._piece)

    def upload(self, data: bytes) -> None:
        """Uploads the bytes of the file that follow the uploaded ones."""
        piece = self._piece + data
        self._record.write_piece(self._stream, self._base + self._start, piece)
        self._piece = piece
        if len(piece) >= _PIECE_BYTES:
            self._start, self._piece = self.uploaded, b""


class Uploader:
    """Uploads the files of one attempt, and remembers what it has uploaded."""

    def __init__(self, store: Store, record: StepRecord, files: StepFiles) -> None:
        self._store, self._record, self._files = store, record, files
        # Metrics were restored with the checkpoint that they belong to, so they are in the file already.
        metrics_length = record.length(Stream.METRICS)
        self._writers = {
            Stream.LOG: _PieceWriter(record, Stream.LOG, base=record.length(Stream.LOG), uploaded=0),
            Stream.METRICS: _PieceWriter(record, Stream.METRICS, base=0, uploaded=metrics_length),
        }
        self._names = {Stream.LOG: files.relative(files.log), Stream.METRICS: files.relative(files.metrics)}
        self._checkpoints = files.relative(files.checkpoints)
        self._last_stamps: dict[str, FileStamp] = {}
        self._uploaded_set = record.read_checkpoints()
        self._digests: dict[str, tuple[FileStamp, str]] = {}

    def sync(self, last: bool = False) -> None:
        """Uploads what is new.

        Checkpoints are uploaded when two calls in a row find the same files, so that none is half written. `last`: the
        script has ended, so checkpoints are uploaded at once.
        """
        for stream in Stream:
            while self._upload_next(stream):
                pass
        stamps = file_stamps(self._files.root, self._checkpoints)
        stamps = {name: stamp for name, stamp in stamps.items() if is_safe_name(name)}
        if stamps and (last or stamps == self._last_stamps):
            self._upload_checkpoints(stamps)
        self._last_stamps = stamps

    def upload_outputs(self, required: str = "") -> dict[str, str]:
        """Uploads every output of a script that has ended; returns their digests by name.

        Raises StepFailedError for anything but readable, regular files with names that an object may have, and when the
        output `required` is missing.
        """
        names = regular_files(self._files.root, OUT_NAME)
        if required and required not in names:
            raise StepFailedError(no_output_message(required))
        if any(not is_safe_name(name) for name in names):
            raise StepFailedError("its outputs have names that cannot be kept; use printable ones.")
        return {name: self._upload_output(name) for name in names}

    def _upload_output(self, name: str) -> str:
        path = f"{OUT_NAME}/{name}"
        with open_regular(self._files.root, path) as file:
            if file is None:
                raise StepFailedError(f"{path}: cannot be read; write regular files that their owner may read.")
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            self._store.put(_same_file(file), self._record.output_key(name))
            return digest

    def _upload_next(self, stream: Stream) -> bool:
        """Uploads the next part of a growing file; returns whether more may follow at once."""
        writer = self._writers[stream]
        with open_regular(self._files.root, self._names[stream]) as file:
            if file is None or (stream is Stream.METRICS and writer.uploaded >= _MAX_METRICS_BYTES):
                return False
            file.seek(writer.uploaded)
            data = file.read(BLOCK_BYTES)
        if data:
            writer.upload(data)
        return len(data) == BLOCK_BYTES

    def _upload_checkpoints(self, stamps: dict[str, FileStamp]) -> None:
        current: dict[str, str] = {}
        for name, stamp in stamps.items():
            uploaded = self._digests.get(name)
            if uploaded is None or uploaded[0] != stamp:
                digest = self._upload_checkpoint(f"{self._checkpoints}/{name}")
                if digest is None or file_stamps(self._files.root, self._checkpoints).get(name) != stamp:
                    return  # the script wrote to it meanwhile: the next call finds it whole
                uploaded = self._digests[name] = (stamp, digest)
            current[name] = uploaded[1]
        if current != self._uploaded_set:
            self._record.write_checkpoints(current)
            self._uploaded_set = current
            self._digests = {name: uploaded for name, uploaded in self._digests.items() if name in current}

    def _upload_checkpoint(self, name: str) -> str | None:
        with open_regular(self._files.root, name) as file:
            if file is None:
                return None
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest not in self._uploaded_set.values():
                self._store.put(_same_file(file), self._record.checkpoint_key(digest))
            return digest


def _same_file(file: BufferedReader) -> Path:
    """A path that means the opened file, whatever its name means by now."""
    return Path(f"/proc/self/fd/{file.fileno()}")
