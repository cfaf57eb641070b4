"""Answers the requests of pods: asks the record what the attempt may do, and the store for signed addresses."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import islice
from threading import Lock

from jinsu.broker.rules import START_SECONDS, Standing, Way
from jinsu.errors import ForbiddenError
from jinsu.objects.s3 import S3
from jinsu.steps.access_token import Holder
from jinsu.steps.record import URL_SECONDS, StepRecord

REMEMBERED_SECONDS = 5.0
"""For how long what is recorded about an attempt is not asked again. Writing a document or an object in parts always asks."""
_MOST_REMEMBERED = 10_000
_PAGE = 1000


class Desk:
    """The verbs of the broker. Each raises ForbiddenError, ConflictError, NotFoundError or TransientError."""

    def __init__(self, store: S3, clock: Callable[[], float] = time.time) -> None:
        """clock: the time in seconds since the epoch."""
        self._store, self._clock = store, clock
        self._remembered: OrderedDict[Holder, tuple[float, Standing]] = OrderedDict()
        self._lock = Lock()

    def begin(self, holder: Holder) -> None:
        """The attempt's pod has begun. The attempt becomes the current one unless a later one is."""
        record = StepRecord(self._store, holder.run_key)
        noted = record.read_noted(holder.attempt)
        if noted is None:
            raise ForbiddenError(f"step {holder.run_key[:12]} has no attempt {holder.attempt}.")
        record.advance(noted)
        if record.read_began(holder.attempt) is None:
            record.write_began(holder.attempt, self._clock())
        self._standing(holder, fresh=True)

    def get(self, holder: Holder, key: str) -> str:
        """An address to read the object from."""
        self._standing(holder).require_readable(key)
        return self._store.signed_get(key, URL_SECONDS)

    def put(self, holder: Holder, key: str, digest: str) -> str:
        """An address to write the object to. digest: its sha256, which becomes its metadata."""
        self._standing(holder).require_writable(key, Way.DATA)
        return self._store.signed_put(key, digest, URL_SECONDS)

    def write(self, holder: Holder, key: str, data: bytes) -> None:
        """Writes a document."""
        self._standing(holder, fresh=True).require_writable(key, Way.DOCUMENT)
        self._store.write(key, data)

    def begin_parts(self, holder: Holder, key: str, digest: str) -> str:
        """Begins an upload in parts; returns its id."""
        self._standing(holder).require_writable(key, Way.DATA)
        return self._store.begin_parts(key, digest)

    def sign_part(self, holder: Holder, key: str, upload: str, number: int) -> str:
        """An address to write part `number` to, from 1 on."""
        self._standing(holder).require_writable(key, Way.DATA)
        return self._store.signed_part(key, upload, number, URL_SECONDS)

    def complete_parts(self, holder: Holder, key: str, upload: str, tags: Sequence[str]) -> None:
        """Makes the object of its parts."""
        self._standing(holder, fresh=True).require_writable(key, Way.DATA)
        self._store.complete_parts(key, upload, tags)

    def abort_parts(self, holder: Holder, key: str, upload: str) -> None:
        """Removes the parts of an upload that failed; also an attempt that may do nothing else any more may do this."""
        if not key.startswith((f"work/{holder.run_key}/", f"steps/{holder.run_key}/")):
            raise ForbiddenError(f"{key}: is not written by step {holder.run_key[:12]}.")
        self._store.abort_parts(key, upload)

    def list(self, holder: Holder, prefix: str, after: str) -> tuple[list[str], bool]:
        """The next keys with the prefix that sort behind `after`, and whether there may be more."""
        self._standing(holder).require_listable(prefix)
        keys = list(islice(self._store.keys(prefix, after), _PAGE))
        return keys, len(keys) == _PAGE

    def delete(self, holder: Holder, prefix: str) -> None:
        """Deletes every object with the prefix."""
        self._standing(holder, fresh=True).require_deletable(prefix)
        self._store.delete(prefix)

    def _standing(self, holder: Holder, *, fresh: bool = False) -> Standing:
        """What is recorded about the attempt. Raises ForbiddenError for one that has no business any more."""
        now = self._clock()
        with self._lock:
            at, standing = self._remembered.get(holder, (0.0, None))
        if standing is None or fresh or not at <= now < at + REMEMBERED_SECONDS:
            standing = self._read(holder)
            with self._lock:
                self._remembered[holder] = (now, standing)
                self._remembered.move_to_end(holder)
                while len(self._remembered) > _MOST_REMEMBERED:
                    self._remembered.popitem(last=False)
        standing.require_alive(now)
        return standing

    def _read(self, holder: Holder) -> Standing:
        record = StepRecord(self._store, holder.run_key)
        current, step = record.read_attempt(), record.read_step()
        began = record.read_began(holder.attempt)
        lasts = START_SECONDS + (step.limits.seconds if step else 0.0)
        return Standing(
            run_key=holder.run_key,
            attempt=holder.attempt,
            current=current.id if current else None,
            inputs=tuple(item.uri for item in step.inputs) if step else (),
            ends=0.0 if began is None else began + lasts,
            given_up=record.read_given_up(holder.attempt) is not None,
            cancelled=record.read_cancel(holder.attempt) is not None,
            sealed=record.is_sealed(),
        )
