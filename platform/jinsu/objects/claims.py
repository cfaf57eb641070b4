"""Claims: of several machines with one store, one alone uploads a folder object.

Claims of an object are numbered, and the last one counts. A claim that its holder has not renewed for minutes may be followed
by the next; the earlier holder, should it still live, notices before its next upload.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from threading import Lock
from uuid import uuid4

from jinsu.errors import TransientError
from jinsu.objects.store import PlatformStore

EXPIRES_SECONDS = 300.0
_RENEW_SECONDS = 30.0


@dataclass(frozen=True)
class _Holder:
    """cache: the folder of objects that the holder's process works in. at: the last renewal, in seconds since the epoch."""

    claim: str
    cache: str
    at: float


class Claim:
    """The right to upload one folder object, for as long as it is renewed."""

    def __init__(self, store: PlatformStore, name: str, number: int, claim: str, cache: str) -> None:
        self._store, self._name, self._number, self._claim, self._cache = store, name, number, claim, cache
        self._renewed, self._mutex = time.monotonic(), Lock()

    def renew(self) -> None:
        """Renews the claim when that is due. Raises TransientError when another machine has claimed the object meanwhile."""
        with self._mutex:
            if time.monotonic() - self._renewed < _RENEW_SECONDS:
                return
            if _last(self._store, self._name) != self._number or not self._is_mine():
                raise TransientError(f"{self._name}: another machine publishes it meanwhile; it is tried again.", 10.0)
            self._store.write(_key(self._name, self._number), _document(self._claim, self._cache))
            self._renewed = time.monotonic()

    def release(self) -> None:
        """Ends this claim."""
        if self._is_mine():
            self._store.delete(_key(self._name, self._number))

    def _is_mine(self) -> bool:
        """Whether the claim of this number is this one: numbers begin anew when all claims have ended."""
        holder = _holder(self._store, _key(self._name, self._number))
        return holder is not None and holder.claim == self._claim


def claim(store: PlatformStore, name: str, cache: str) -> Claim | None:
    """A claim on the object `name`, or None while another machine has one.

    cache: names this process's folder of objects. A claim of the same folder is followed at once: the caller holds the
    folder's lock on this object, so whoever made that claim is dead.
    """
    last = _last(store, name)
    if last:
        holder = _holder(store, _key(name, last))
        if holder is not None and holder.cache != cache and time.time() - holder.at < EXPIRES_SECONDS:
            return None
    mine = uuid4().hex
    if not store.create(_key(name, last + 1), _document(mine, cache)):
        return None
    if last:
        store.delete(_key(name, last))
    return Claim(store, name, last + 1, mine, cache)


def _last(store: PlatformStore, name: str) -> int:
    """The highest number of a claim on the object; 0 when there is none."""
    numbers = (key.rpartition("/")[2] for key in store.keys(f"claims/{name}/"))
    return max((int(number) for number in numbers if number.isdigit()), default=0)


def _holder(store: PlatformStore, key: str) -> _Holder | None:
    data = store.read(key)
    return None if data is None else _Holder(**json.loads(data))


def _document(claim: str, cache: str) -> bytes:
    return json.dumps({"claim": claim, "cache": cache, "at": time.time()}).encode()


def _key(name: str, number: int) -> str:
    return f"claims/{name}/{number:06d}"
