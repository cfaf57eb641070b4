"""An object store that a pod reaches without its keys: a broker signs an address for each transfer, the data goes straight.

The broker (room `broker`) decides what the token of this pod may read and write. Small JSON documents travel through the
broker itself, so that it can refuse each of them at the moment at which it would be written.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from jinsu.errors import ConflictError, ForbiddenError, JinsuError, NotFoundError, TransientError
from jinsu.objects.downloads import BLOCK_BYTES, drafted, write_blocks
from jinsu.objects.s3 import DIGEST_HEADER, PART_BYTES, Damaged, digest_header

log = logging.getLogger("jinsu.broker")

_Answer = TypeVar("_Answer")
_ATTEMPTS = 5
_PARALLEL_PARTS = 4
_MOST_PARTS = 10_000
_REFUSALS: dict[int, type[JinsuError]] = {
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
}


class BrokeredStore:
    """The part of the object store that one attempt of one step may use. The methods keep the promises of `Store`.

    They also raise ForbiddenError for what the broker does not allow, and ConflictError for a write into a sealed result.
    """

    def __init__(self, broker: str, token: str, ca_file: str | None = None) -> None:
        """broker: its URL. ca_file: certificates for TLS with the store, where they are a private authority's."""
        self._broker, self._token, self._ca_file = broker, token, ca_file

    @cached_property
    def _http(self) -> Any:
        import ssl

        import httpx

        verify = ssl.create_default_context(cafile=self._ca_file) if self._ca_file else True
        return httpx.Client(verify=verify, timeout=httpx.Timeout(30.0, connect=5.0), trust_env=False)

    def begin(self) -> None:
        """Says that the attempt's pod has begun, and makes it the step's current attempt."""
        self._ask("begin", {})

    def put(self, path: Path, key: str) -> None:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = os.fstat(stream.fileno()).st_size
            if size <= PART_BYTES:
                self._put_whole(stream.fileno(), size, key, digest)
            else:
                self._put_parts(stream.fileno(), size, key, digest)

    def get(self, key: str, path: Path) -> None:
        def download(draft: Path) -> None:
            with self._http.stream("GET", self._ask("get", {"key": key})["url"]) as answer:
                _check(answer, key)
                _verify(key, answer, write_blocks(draft, answer.iter_bytes(BLOCK_BYTES)))

        with drafted(path) as draft:
            self._with_retries(lambda: download(draft), f"download of {key}")

    def write(self, key: str, data: bytes) -> None:
        if key.endswith(".json"):
            self._send("PUT", f"document/{quote(key, safe='')}", content=data)
            return
        digest = hashlib.sha256(data).hexdigest()

        def upload() -> None:
            url = self._ask("put", {"key": key, "sha256": digest})["url"]
            _check(self._http.put(url, content=data, headers=digest_header(digest)), key)

        self._with_retries(upload, f"upload of {key}")

    def read(self, key: str) -> bytes | None:
        def download() -> bytes:
            answer = self._http.get(self._ask("get", {"key": key})["url"])
            _check(answer, key)
            data = bytes(answer.content)
            _verify(key, answer, hashlib.sha256(data).hexdigest())
            return data

        try:
            return self._with_retries(download, f"download of {key}")
        except NotFoundError:
            return None

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        while True:
            page = self._ask("list", {"prefix": prefix, "after": after})
            yield from page["keys"]
            if not page["more"]:
                return
            after = page["keys"][-1]

    def folders(self, prefix: str) -> Iterator[str]:
        seen = {key[len(prefix) :].partition("/")[0] for key in self.keys(prefix) if "/" in key[len(prefix) :]}
        yield from sorted(seen)

    def delete(self, prefix: str) -> None:
        self._ask("delete", {"prefix": prefix})

    # --- Uploads of files ---

    def _put_whole(self, file: int, size: int, key: str, digest: str) -> None:
        def upload() -> None:
            url = self._ask("put", {"key": key, "sha256": digest})["url"]
            self._put_range(url, file, 0, size, digest_header(digest), key)

        self._with_retries(upload, f"upload of {key}")

    def _put_parts(self, file: int, size: int, key: str, digest: str) -> None:
        step = max(PART_BYTES, -(-size // _MOST_PARTS))
        upload = self._ask("parts/begin", {"key": key, "sha256": digest})["upload"]

        def put_part(start: int) -> str:
            def send() -> str:
                question = {"key": key, "upload": upload, "number": start // step + 1}
                url = self._ask("parts/sign", question)["url"]
                return self._put_range(url, file, start, min(step, size - start), {}, key)

            return self._with_retries(send, f"upload of {key}")

        try:
            with ThreadPoolExecutor(_PARALLEL_PARTS) as pool:
                tags = list(pool.map(put_part, range(0, size, step)))
            self._ask("parts/complete", {"key": key, "upload": upload, "tags": tags})
        except JinsuError:
            self._abort(key, upload)
            raise

    def _abort(self, key: str, upload: str) -> None:
        """Parts that stay would be paid for; a broker that does not answer now is not waited for."""
        try:
            self._ask("parts/abort", {"key": key, "upload": upload})
        except JinsuError as problem:
            log.warning("the parts of %s stay: %s", key, problem)

    def _put_range(self, url: str, file: int, start: int, length: int, headers: dict[str, str], key: str) -> str:
        """Sends a part of the file; returns the store's tag."""
        sizes = {"content-length": str(length), **headers}
        answer = self._http.put(url, content=_blocks(file, start, length), headers=sizes)
        _check(answer, key)
        return str(answer.headers.get("etag", ""))

    # --- Requests ---

    def _ask(self, verb: str, question: dict[str, Any]) -> dict[str, Any]:
        return self._send("POST", verb, json=question)

    def _send(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """The broker's answer to one request, repeated while the broker fails."""

        def request() -> dict[str, Any]:
            headers = {"authorization": f"Bearer {self._token}"}
            answer = self._http.request(method, f"{self._broker}/{path}", headers=headers, **body)
            document = answer.json() if answer.headers.get("content-type") == "application/json" else {}
            if answer.status_code in _REFUSALS:
                raise _REFUSALS[answer.status_code](str(document.get("error", answer.status_code)))
            if answer.status_code != 200:
                raise Damaged(str(document.get("error", f"the broker answered {answer.status_code}")))
            return dict(document)

        return self._with_retries(request, path.partition("/")[0])

    def _with_retries(self, request: Callable[[], _Answer], action: str) -> _Answer:
        """The request's answer; raises TransientError when it still fails after a few attempts."""
        import httpx

        attempt = 0
        while True:
            attempt += 1
            try:
                return request()
            except (httpx.HTTPError, Damaged, ValueError, OSError) as problem:
                full = isinstance(problem, OSError) and problem.errno is not None
                if attempt == _ATTEMPTS or full:
                    raise TransientError(f"object store: {action}: {problem}; it is tried again.", 10.0) from problem
                log.warning("%s: %s; it is tried again", action, problem)
                time.sleep(0.1 * 2**attempt)


def _blocks(file: int, start: int, length: int) -> Iterator[bytes]:
    """The bytes of a part of a file; each call of this function begins anew."""
    while length > 0 and (block := os.pread(file, min(BLOCK_BYTES, length), start)):
        yield block
        start, length = start + len(block), length - len(block)


def _check(answer: Any, key: str) -> None:
    """Raises NotFoundError, or Damaged for any other answer of the store that is no success."""
    if answer.status_code == 404:
        raise NotFoundError(f"{key}: it is not in the object store.")
    if answer.status_code not in (200, 204):
        raise Damaged(f"{key}: the store answered {answer.status_code}")


def _verify(key: str, answer: Any, digest: str) -> None:
    """Raises Damaged when `digest`, of what arrived, is not the digest in the object's metadata."""
    sent = answer.headers.get(DIGEST_HEADER)
    if sent is not None and sent != digest:
        raise Damaged(f"{key}: arrived with sha256 {digest[:12]}, was sent with {sent[:12]}")
