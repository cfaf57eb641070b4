"""The `agent` container beside a training: carries its log, metrics, checkpoints and outputs to the object store.

Only this container and `stage` hold the store's credentials. It reads what the script writes and never runs any of it.
An outage of the store holds up the shipping and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import signal
import time
from pathlib import Path
from typing import Any

from jinsu.errors import JinsuError, TransientError
from jinsu.objects.store import Store
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.lock import held
from jinsu.steps.pod_context import Place, here
from jinsu.steps.record import Ended, Work
from jinsu.steps.result import RESULT_NAME, StepResult
from jinsu.steps.runner import AgentState
from jinsu.steps.safe_open import is_below, names, opened
from jinsu.steps.status import TERMINAL, Phase

log = logging.getLogger("jinsu.agent")

_FAST, _SLOW = 0.2, 1.0
_FAST_SECONDS = 20.0
_SILENCE = 3.0
_LAST_ROUND = 20.0
_MOST = 8 << 20
_PIECE = 256 << 10
_METRICS_BYTES = 64 << 20
_FILES = {"log": "log.txt", "metrics": "metrics.jsonl"}
_KILLED = "its process was killed; a retry resumes from the last checkpoint."


class _Stream:
    """A growing file, shipped piece by piece: the last piece is sent anew until it is full.

    `base` is where the file's first byte belongs: a log goes on where the last attempt's ended.
    """

    def __init__(self, work: Work, kind: str, base: int, begun: int) -> None:
        self._work, self._kind, self._base = work, kind, base
        self._start, self._piece = begun, b""

    @property
    def read(self) -> int:
        """How far the file has been shipped."""
        return self._start + len(self._piece)

    def ship(self, data: bytes) -> None:
        piece = self._piece + data
        self._work.keep(self._kind, self._base + self._start, piece)
        self._piece = piece
        if len(piece) >= _PIECE:
            self._start, self._piece = self.read, b""


class Shipper:
    """What was shipped so far, of one attempt."""

    def __init__(self, store: Store, work: Work, files: StepFiles) -> None:
        self._store, self._work, self._files = store, work, files
        # Metrics were restored with the checkpoint that they belong to, so they are in the file already.
        self._streams = {
            "log": _Stream(work, "log", work.length("log"), 0),
            "metrics": _Stream(work, "metrics", 0, work.length("metrics")),
        }
        self._seen: dict[str, tuple[int, int]] = {}
        self._kept = work.checkpoints()
        self._digests: dict[str, tuple[tuple[int, int], str]] = {}

    def sync(self, last: bool = False) -> None:
        """Ships what is new. Checkpoints wait until a look finds them as the look before did, so that none is half written."""
        for kind in _FILES:
            while self._ship(kind):
                pass
        found = names(self._files.root, "checkpoints")
        found = {name: look for name, look in found.items() if is_below(name)}
        if found and (last or found == self._seen):
            self._keep(found)
        self._seen = found

    def outputs(self, result: StepResult) -> None:
        """Uploads every output, having made sure that each is what was sealed."""
        for name, digest in result.outputs.items():
            with opened(self._files.root, f"out/{name}") as stream:
                if stream is None or hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                    raise JinsuError(f"out/{name}: changed after the script had ended; submit again.")
                self._store.put(_same_file(stream), f"{self._work.outputs}/out/{name}")

    def _ship(self, kind: str) -> bool:
        stream = self._streams[kind]
        with opened(self._files.root, _FILES[kind]) as file:
            if file is None or (kind == "metrics" and stream.read >= _METRICS_BYTES):
                return False
            file.seek(stream.read)
            data = file.read(_MOST)
        if data:
            stream.ship(data)
        return len(data) == _MOST

    def _keep(self, found: dict[str, tuple[int, int]]) -> None:
        wanted: dict[str, str] = {}
        for name, look in found.items():
            known = self._digests.get(name)
            if known is None or known[0] != look:
                digest = self._upload_checkpoint(f"checkpoints/{name}")
                if digest is None or names(self._files.root, "checkpoints").get(name) != look:
                    return  # it was written to meanwhile: the next look finds it whole
                known = self._digests[name] = (look, digest)
            wanted[name] = known[1]
        if wanted != self._kept:
            self._work.keep_checkpoints(wanted)
            self._kept = wanted
            self._digests = {name: known for name, known in self._digests.items() if name in wanted}

    def _upload_checkpoint(self, name: str) -> str | None:
        with opened(self._files.root, name) as stream:
            if stream is None:
                return None
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest not in self._kept.values():
                self._store.put(_same_file(stream), self._work.checkpoint(digest))
            return digest


def _same_file(stream: Any) -> Path:
    """A path that means the opened file, whatever its name means by now."""
    return Path(f"/proc/self/fd/{stream.fileno()}")


# --- One attempt, from its first line to its end ---


def follow(place: Place, stopping: list[bool]) -> Ended:
    """Ships until the training is over; returns how it ended."""
    shipper = _patiently(lambda: Shipper(place.store, place.work, place.files))
    begun, problem = time.monotonic(), ""
    watch = _Watch(place.files)
    while not watch.over(stopping):
        try:
            shipper.sync()
            problem = ""
        except TransientError as trouble:
            problem = _say_once(problem, str(trouble))
        time.sleep(_FAST if time.monotonic() - begun < _FAST_SECONDS else _SLOW)
    return _finish(place, shipper, watch)


class _Watch:
    """Whether the training is over: its runner has let go of the lock and said how it ended, or never will."""

    def __init__(self, files: StepFiles) -> None:
        self._files = files
        self._silent: float | None = None
        self._told: float | None = None

    def state(self) -> AgentState | None:
        document = _read_json(self._files.root, "state.json")
        try:
            return AgentState(**{**document, "phase": Phase(document["phase"])}) if document else None
        except (TypeError, ValueError, KeyError):
            return None

    def over(self, stopping: list[bool]) -> bool:
        now, alive, state = time.monotonic(), held(self._files.lock), self.state()
        if stopping and self._told is None:
            self._told = now
        if self._told is not None and now - self._told > _LAST_ROUND:
            return True
        if alive or state is None:
            self._silent = None
            return bool(stopping) and state is None
        if state.phase in TERMINAL:
            return True
        self._silent = self._silent or now
        return now - self._silent > _SILENCE


def _finish(place: Place, shipper: Shipper, watch: _Watch) -> Ended:
    """The last round. Truth is written last: the result, or how the attempt ended."""
    state = watch.state()
    result = _result(place)
    _patiently(lambda: shipper.sync(last=True))
    ended = _verdict(place, shipper, state, result)
    _patiently(lambda: place.work.end(ended))
    if ended.phase is Phase.DONE and result is not None:
        _patiently(lambda: place.work.finish(result))
    return ended


def _verdict(place: Place, shipper: Shipper, state: AgentState | None, result: StepResult | None) -> Ended:
    if state is None or state.phase not in TERMINAL:
        return Ended(place.attempt, Phase.FAILED, _KILLED, interrupted=True)
    if state.phase is not Phase.DONE:
        return Ended(place.attempt, state.phase, state.message, state.interrupted)
    if result is None:
        return Ended(place.attempt, Phase.FAILED, "its outputs have names that cannot be kept; use printable ones.")
    try:
        _patiently(lambda: shipper.outputs(result))
    except JinsuError as problem:
        return Ended(place.attempt, Phase.FAILED, str(problem))
    return Ended(place.attempt, Phase.DONE, "")


def _result(place: Place) -> StepResult | None:
    document = _read_json(place.files.root, RESULT_NAME)
    try:
        result = StepResult(**document) if document else None
    except TypeError:
        return None
    if result is None or result.run_key != place.run_key or not isinstance(result.outputs, dict):
        return None
    return result if all(is_below(f"out/{name}") for name in result.outputs) else None


def _read_json(root: Path, name: str) -> Any:
    with opened(root, name) as stream:
        if stream is None:
            return None
        try:
            document = json.loads(stream.read(_MOST))
        except ValueError:
            return None
    return document if isinstance(document, dict) else None


def _patiently(work: Any) -> Any:
    """Until the store answers; the pod's deadline is the only limit."""
    said, pause = "", 0.5
    while True:
        try:
            return work()
        except TransientError as problem:
            said = _say_once(said, str(problem))
            time.sleep(pause)
            pause = min(30.0, pause * 2)


def _say_once(said: str, problem: str) -> str:
    if problem != said:
        log.warning("%s", problem)
    return problem


def main() -> None:
    """Entry point of the `agent` container: `python -m jinsu.steps.uploader`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stopping: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    place = here()
    try:
        ended = follow(place, stopping)
    except Exception as problem:  # whatever a script did to its files, somebody must be told
        log.exception("the agent failed")
        ended = Ended(place.attempt, Phase.FAILED, f"its files could not be kept: {problem}.")
        _patiently(lambda: place.work.end(ended))
    log.info("%s %s", ended.phase, ended.message)


if __name__ == "__main__":
    main()
