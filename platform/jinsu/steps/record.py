"""What the object store holds about a step that runs in Kubernetes.

`steps/KEY/` holds the outputs and the sealed result, nothing else. `work/KEY/` holds what changes while the step runs: its
spec, its attempts, the pieces of its log and metrics by byte offset, and its checkpoints by digest with a manifest that is
written last. The last piece of a log is written anew until it is full, so that a long training leaves few pieces.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from jinsu.objects.store import Store
from jinsu.sdk.step_files import OUT_NAME, RESULT_NAME
from jinsu.steps.result import StepResult
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import Phase

BLOCK_BYTES = 8 << 20
"""How much of a stream one read or write moves, where nothing asks for less."""

URL_SECONDS = 300
"""For how long an address that was signed for a pod may be used."""


class Stream(StrEnum):
    """A file of a step that grows while the script runs, and is stored in pieces."""

    LOG = "log"
    """What the script printed, in all attempts."""
    METRICS = "metrics"
    """What `jinsu.log` recorded. It goes on with the last checkpoint; without one it starts anew."""


@dataclass(frozen=True)
class Attempt:
    """One try of a step, and the namespace its Job is in.

    at: its start, in seconds since the epoch; of two attempts of a step the later one has the greater. number: part of the
    Job's name; it grows when an attempt was given up whose pod may still run.
    """

    id: str
    namespace: str
    at: float = field(default_factory=time.time)
    number: int = 0


@dataclass(frozen=True)
class AttemptEnd:
    """How an attempt ended.

    DONE is written just before the result is; the result alone means that the step is done. `interrupted`: the attempt
    failed through no fault of the script, and another attempt resumes from the last checkpoint.
    """

    attempt: str
    phase: Phase
    message: str
    interrupted: bool = False


class StepRecord:
    """Reads and writes what the object store holds about one step. Every verb may be repeated; all raise TransientError."""

    def __init__(self, store: Store, run_key: str) -> None:
        self._store, self.run_key = store, run_key
        self.work_prefix = f"work/{run_key}"
        self.result_prefix = f"steps/{run_key}"

    # --- The step and its attempts ---

    def write_step(self, step: StepSpec) -> None:
        self._store.write(f"{self.work_prefix}/step.json", step.to_json().encode())

    def read_step(self) -> StepSpec | None:
        data = self._store.read(f"{self.work_prefix}/step.json")
        return None if data is None else StepSpec.from_json(data.decode())

    def note_attempt(self, attempt: Attempt) -> None:
        """Notes an attempt before its Job is made, so that a cancel finds it from then on."""
        self._store.write(f"{self.work_prefix}/attempts/{attempt.id}.json", json.dumps(asdict(attempt)).encode())

    def read_noted(self, attempt: str) -> Attempt | None:
        """An attempt by its id, whether or not it is the current one."""
        document = self._read_document(f"attempts/{attempt}.json")
        return None if document is None else Attempt(**document)

    def noted_attempts(self) -> list[Attempt]:
        """Every attempt that was noted."""
        names = (key.rpartition("/")[2] for key in self._store.keys(f"{self.work_prefix}/attempts/"))
        found = (self.read_noted(name.removesuffix(".json")) for name in names if name.endswith(".json"))
        return [attempt for attempt in found if attempt is not None]

    def advance(self, attempt: Attempt) -> Attempt:
        """Makes the attempt the current one unless a later one is; returns the current one."""
        current = self.read_attempt()
        if current is not None and (current.at >= attempt.at or current.id == attempt.id):
            return current
        self._store.write(f"{self.work_prefix}/attempt.json", json.dumps(asdict(attempt)).encode())
        return attempt

    def read_attempt(self) -> Attempt | None:
        """The current attempt: the last one whose Job was made."""
        document = self._read_document("attempt.json")
        return None if document is None else Attempt(**document)

    def write_began(self, attempt: str, at: float) -> None:
        """Records when the attempt's pod began, in seconds since the epoch."""
        self._store.write(f"{self.work_prefix}/began/{attempt}.json", json.dumps({"at": at}).encode())

    def read_began(self, attempt: str) -> float | None:
        """When the attempt's pod began; None before."""
        document = self._read_document(f"began/{attempt}.json")
        return None if document is None else float(document["at"])

    def write_given_up(self, attempt: str, at: float) -> None:
        """Records that the attempt's pod may still run on a node that does not answer, and may write nothing any more."""
        self._store.write(f"{self.work_prefix}/given-up/{attempt}.json", json.dumps({"at": at}).encode())

    def read_given_up(self, attempt: str) -> float | None:
        """When the attempt was given up, in seconds since the epoch; None when it was not."""
        document = self._read_document(f"given-up/{attempt}.json")
        return None if document is None else float(document["at"])

    def write_end(self, end: AttemptEnd) -> None:
        self._store.write(f"{self.work_prefix}/ended/{end.attempt}.json", json.dumps(asdict(end)).encode())

    def read_end(self, attempt: str) -> AttemptEnd | None:
        """How the attempt ended; None while it runs, and when it was killed before it could write its end."""
        document = self._read_document(f"ended/{attempt}.json")
        if document is None:
            return None
        return AttemptEnd(**{**document, "phase": Phase(document["phase"])})

    def write_cancel(self, attempts: Collection[str], reason: str) -> None:
        """Records that a person cancelled the attempts, which holds whatever end an attempt writes itself."""
        document = {"attempts": sorted(attempts), "reason": reason}
        self._store.write(f"{self.work_prefix}/cancelled.json", json.dumps(document).encode())

    def read_cancel(self, attempt: str) -> str | None:
        """Why the attempt was cancelled; None when it was not."""
        document = self._read_document("cancelled.json")
        if document is None:
            return None
        cancelled = document["attempts"] if "attempts" in document else [document["attempt"]]  # version 0.1 named one
        return str(document["reason"]) if attempt in cancelled else None

    # --- The result ---

    def write_result(self, result: StepResult) -> None:
        """Marks the step as done; the caller has uploaded every output before."""
        self._store.write(f"{self.result_prefix}/{RESULT_NAME}", result.to_json().encode())

    def is_sealed(self) -> bool:
        """Whether a result was written, whatever became of its outputs."""
        return self._store.read(f"{self.result_prefix}/{RESULT_NAME}") is not None

    def read_result(self) -> StepResult | None:
        """The result; None unless all of its outputs are there."""
        data = self._store.read(f"{self.result_prefix}/{RESULT_NAME}")
        result = None if data is None else StepResult.from_json(data)
        if result is None or result.run_key != self.run_key:
            return None
        stored = set(self._store.keys(f"{self.result_prefix}/{OUT_NAME}/"))
        return result if all(self.output_key(name) in stored for name in result.outputs) else None

    def output_key(self, name: str) -> str:
        """The object that holds an output."""
        return f"{self.result_prefix}/{OUT_NAME}/{name}"

    def delete_result(self) -> None:
        """Deletes the result and every output."""
        self._store.delete(f"{self.result_prefix}/")

    # --- Logs and metrics ---

    def write_piece(self, stream: Stream, offset: int, data: bytes) -> None:
        """Stores the bytes that begin at a byte offset; the same offset again replaces the piece."""
        self._store.write(self._piece_key(stream, offset), data)

    def length(self, stream: Stream) -> int:
        """How many bytes are stored."""
        offsets = self._piece_offsets(stream)
        return 0 if not offsets else offsets[-1] + len(self._store.read(self._piece_key(stream, offsets[-1])) or b"")

    def read_bytes(self, stream: Stream, offset: int, most: int = BLOCK_BYTES) -> bytes:
        """At most `most` bytes from a byte offset on; pieces may overlap."""
        offsets = self._piece_offsets(stream)
        first = max((start for start in offsets if start <= offset), default=None)
        if first is None:
            return b""
        content = b""
        for start in (start for start in offsets if start >= first):
            piece = self._store.read(self._piece_key(stream, start))
            if piece is None or len(content) >= most:
                break
            content += piece[max(0, offset + len(content) - start) :]
        return content[:most]

    def delete_pieces(self, stream: Stream) -> None:
        self._store.delete(f"{self.work_prefix}/{stream}/")

    def _piece_key(self, stream: Stream, offset: int) -> str:
        return f"{self.work_prefix}/{stream}/{offset:020d}"

    def _piece_offsets(self, stream: Stream) -> list[int]:
        names = (key.rpartition("/")[2] for key in self._store.keys(f"{self.work_prefix}/{stream}/"))
        return [int(name) for name in names if name.isdigit()]  # some servers list what is still being uploaded

    # --- Checkpoints ---

    def read_checkpoints(self) -> dict[str, str]:
        """Digests of the last whole set of checkpoint files, by name."""
        return dict(self._read_document("checkpoints.json") or {})

    def checkpoint_key(self, digest: str) -> str:
        """The object that holds a checkpoint file."""
        return f"{self.work_prefix}/checkpoints/{digest}"

    def write_checkpoints(self, digests: Mapping[str, str]) -> None:
        """Makes an uploaded set (digests by name) the last one, then deletes the files that only earlier sets named."""
        self._store.write(f"{self.work_prefix}/checkpoints.json", json.dumps(dict(digests)).encode())
        current = {self.checkpoint_key(digest) for digest in digests.values()}
        for key in list(self._store.keys(f"{self.work_prefix}/checkpoints/")):
            if key not in current:
                self._store.delete(key)

    def _read_document(self, name: str) -> dict[str, Any] | None:
        data = self._store.read(f"{self.work_prefix}/{name}")
        return None if data is None else json.loads(data)
