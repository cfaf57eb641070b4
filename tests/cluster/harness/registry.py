"""The half of a registry that a push needs. It keeps in a folder what a node lacks, for an import of only that."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

_LAYOUT = {"imageLayoutVersion": "1.0.0"}
# Always the same: buildah remembers by it which compressed blob is which layer, and does not compress it again.
_PORT = 15000


class Pushed:
    """What was pushed: blobs, each a file named by its digest, and the manifests by `name:tag`."""

    def __init__(self, folder: Path, known: Mapping[str, int]) -> None:
        self.folder = folder
        self.known = known
        self.manifests: dict[str, dict[str, object]] = {}
        self.address = f"127.0.0.1:{_PORT}"

    def archive(self, prefix: str) -> Path:
        """An OCI archive. A name is `prefix` and what was pushed; blobs that the node has are not in it."""
        index = {
            "schemaVersion": 2,
            "manifests": [self._entry(f"{prefix}{name}", m) for name, m in self.manifests.items()],
        }
        (self.folder / "oci-layout").write_text(json.dumps(_LAYOUT))
        (self.folder / "index.json").write_text(json.dumps(index))
        path = self.folder / "images.tar"
        with tarfile.open(path, "w") as tar:
            for name in ("oci-layout", "index.json"):
                tar.add(self.folder / name, name)
            for blob in self.folder.glob("sha256:*"):
                tar.add(blob, f"blobs/sha256/{blob.name.removeprefix('sha256:')}")
                blob.unlink()
        return path

    def size_of(self, digest: str) -> int | None:
        path = self.folder / digest
        return path.stat().st_size if path.exists() else self.known.get(digest)

    @staticmethod
    def _entry(name: str, manifest: dict[str, object]) -> dict[str, object]:
        # containerd reads the first annotation as the whole name.
        return {
            **manifest,
            "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name},
        }


@contextmanager
def registry(known: Mapping[str, int]) -> Iterator[Pushed]:
    """`known` are the digests and sizes of blobs that need no push."""
    with TemporaryDirectory(prefix="jinsu-push-") as folder:
        pushed = Pushed(Path(folder), known)
        server = ThreadingHTTPServer(("127.0.0.1", _PORT), type("Handler", (_Handler,), {"pushed": pushed}))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield pushed
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pushed: Pushed

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        size = self.pushed.size_of(self.path.rpartition("/")[2]) if "/blobs/" in self.path else None
        self._answer(404 if size is None else 200, {"Content-Length": str(size or 0)})

    def do_POST(self) -> None:
        self._take(None)
        self._answer(202, {"Location": f"{urlsplit(self.path).path.rstrip('/')}/{uuid4().hex}"})

    def do_PATCH(self) -> None:
        size = self._take(self._upload())
        self._answer(202, {"Location": self.path, "Range": f"0-{max(size - 1, 0)}"})

    def do_PUT(self) -> None:
        if "/manifests/" in self.path:
            return self._manifest()
        self._take(self._upload())
        digest = parse_qs(urlsplit(self.path).query)["digest"][0]
        self._upload().rename(self.pushed.folder / digest)
        return self._answer(201, {"Docker-Content-Digest": digest})

    def _manifest(self) -> None:
        path = self.pushed.folder / uuid4().hex
        self._take(path)
        digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        size = path.stat().st_size
        path.rename(self.pushed.folder / digest)
        name = self.path.removeprefix("/v2/").replace("/manifests/", ":")
        self.pushed.manifests[name] = {"mediaType": self.headers["Content-Type"], "digest": digest, "size": size}
        self._answer(201, {"Docker-Content-Digest": digest})

    def _upload(self) -> Path:
        return self.pushed.folder / urlsplit(self.path).path.rpartition("/")[2]

    def _take(self, path: Path | None) -> int:
        """Adds the body to a file; returns how large that is then."""
        with (path or Path("/dev/null")).open("ab") as file:
            for piece in self._pieces():
                file.write(piece)
            return file.tell()

    def _pieces(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": "0", **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""
