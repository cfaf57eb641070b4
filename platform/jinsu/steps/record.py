"""Where a step that runs in a cluster is told about in the object store, and what is told.

`steps/KEY/` holds the sealed result alone. `work/KEY/` holds what goes on meanwhile: the step itself, its attempts, the
pieces of its log and metrics by byte offset, and its checkpoints by digest with a manifest that is written last. The last
piece is written anew until it is full, so that a long training leaves few.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from jinsu.objects.store import Store
from jinsu.steps.result import RESULT_NAME, StepResult
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import Phase

PIECE = 1 << 20


@dataclass(frozen=True)
class Attempt:
    """One start of a step, and the namespace its Job is in. `at` in seconds since the epoch."""

    id: str
    namespace: str
    at: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Ended:
    """How an attempt ended. DONE is told just before the result is written, which alone means that the step is done."""

    attempt: str
    phase: Phase
    message: str
    interrupted: bool = False


class Work:
    """Reads and writes what is known of one step. Every verb may be repeated; all raise TransientError."""

    def __init__(self, store: Store, run_key: str) -> None:
        self._store, self.run_key = store, run_key
        self.home = f"work/{run_key}"
        self.outputs = f"steps/{run_key}"

    # --- The step and its attempts ---

    def tell(self, step: StepSpec) -> None:
        self._store.write(f"{self.home}/step.json", step.to_json().encode())

    def step(self) -> StepSpec | None:
        data = self._store.read(f"{self.home}/step.json")
        return None if data is None else StepSpec.from_json(data.decode())

    def begin(self, attempt: Attempt) -> None:
        self._store.write(f"{self.home}/attempt.json", json.dumps(asdict(attempt)).encode())

    def attempt(self) -> Attempt | None:
        document = self._read("attempt.json")
        return None if document is None else Attempt(**document)

    def end(self, ended: Ended) -> None:
        self._store.write(f"{self.home}/ended/{ended.attempt}.json", json.dumps(asdict(ended)).encode())

    def ended(self, attempt: str) -> Ended | None:
        document = self._read(f"ended/{attempt}.json")
        if document is None:
            return None
        return Ended(**{**document, "phase": Phase(document["phase"])})

    def cancel(self, attempt: str, reason: str) -> None:
        """A person's wish; what the attempt says of its own end does not change it."""
        self._store.write(f"{self.home}/cancelled.json", json.dumps({"attempt": attempt, "reason": reason}).encode())

    def cancelled(self, attempt: str) -> str | None:
        """Why the attempt was cancelled, if it was."""
        document = self._read("cancelled.json")
        return str(document["reason"]) if document is not None and document["attempt"] == attempt else None

    # --- The result ---

    def finish(self, result: StepResult) -> None:
        """Written last: from here on the step is done."""
        self._store.write(f"{self.outputs}/{RESULT_NAME}", json.dumps(asdict(result), indent=1).encode())

    def result(self) -> StepResult | None:
        """The result, if all of its outputs are there."""
        data = self._store.read(f"{self.outputs}/{RESULT_NAME}")
        if data is None:
            return None
        result = StepResult(**json.loads(data))
        kept = set(self._store.keys(f"{self.outputs}/out/"))
        whole = result.run_key == self.run_key and all(f"{self.outputs}/out/{name}" in kept for name in result.outputs)
        return result if whole else None

    def forget_result(self) -> None:
        self._store.delete(f"{self.outputs}/")

    # --- Logs and metrics ---

    def keep(self, kind: str, offset: int, data: bytes) -> None:
        """Has these bytes at that offset; the same offset again replaces the piece."""
        self._store.write(self._piece(kind, offset), data)

    def length(self, kind: str) -> int:
        """How many bytes are kept."""
        pieces = self._pieces(kind)
        return 0 if not pieces else pieces[-1] + len(self._store.read(self._piece(kind, pieces[-1])) or b"")

    def bytes_from(self, kind: str, offset: int, most: int = PIECE) -> bytes:
        """What was written from a byte offset on; pieces may overlap."""
        pieces = self._pieces(kind)
        begin = max((start for start in pieces if start <= offset), default=None)
        if begin is None:
            return b""
        found = b""
        for start in (start for start in pieces if start >= begin):
            data = self._store.read(self._piece(kind, start))
            if data is None or len(found) >= most:
                break
            found += data[max(0, offset + len(found) - start) :]
        return found[:most]

    def forget(self, kind: str) -> None:
        self._store.delete(f"{self.home}/{kind}/")

    def _piece(self, kind: str, offset: int) -> str:
        return f"{self.home}/{kind}/{offset:020d}"

    def _pieces(self, kind: str) -> list[int]:
        found = (key.rpartition("/")[2] for key in self._store.keys(f"{self.home}/{kind}/"))
        return [int(name) for name in found if name.isdigit()]  # some servers list what is still being uploaded

    # --- Checkpoints ---

    def checkpoints(self) -> dict[str, str]:
        """Digests of the last whole set of checkpoint files, by name."""
        return dict(self._read("checkpoints.json") or {})

    def checkpoint(self, digest: str) -> str:
        """The object that holds a checkpoint file."""
        return f"{self.home}/checkpoints/{digest}"

    def keep_checkpoints(self, files: Mapping[str, str]) -> None:
        """Declares an uploaded set the last one, then removes what it no longer names."""
        self._store.write(f"{self.home}/checkpoints.json", json.dumps(dict(files)).encode())
        wanted = {self.checkpoint(digest) for digest in files.values()}
        for key in list(self._store.keys(f"{self.home}/checkpoints/")):
            if key not in wanted:
                self._store.delete(key)

    def _read(self, name: str) -> dict[str, Any] | None:
        data = self._store.read(f"{self.home}/{name}")
        return None if data is None else json.loads(data)
