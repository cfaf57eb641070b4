"""Tiny wheels and published ones, and an index of packages on this machine that serves them."""

import base64
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest


def make_wheel(
    folder: Path, name: str, version: str, files: Mapping[str, str | bytes] | None = None, needs: Sequence[str] = ()
) -> Path:
    """A wheel of pure Python with these files. Without files: a module of its name whose VERSION is its version."""
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    if files is None:
        files = {f"{module}/__init__.py": f"VERSION = {version!r}\n"}
    info = f"{module}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {need}\n" for need in needs)
    content = {name: data.encode() if isinstance(data, str) else data for name, data in files.items()}
    content[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}".encode()
    content[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = [f"{place},sha256={_digest(data)},{len(data)}" for place, data in content.items()]
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, data in content.items():
            archive.writestr(place, data)
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))
    return path


def fetch_wheels(requirements: Path, folder: Path) -> None:
    """Puts the published wheels that the file names into the folder, as pip finds them. Skips the test, with the reason, without them.

    What these packages need themselves is not fetched: trainings have numpy, scipy and their like from the platform.
    """
    words = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", *words, "--requirement", str(requirements)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if ended.returncode:
        pytest.skip(f"pip does not find what {requirements} names: {ended.stderr.strip()[-300:]}")


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


class _Index(SimpleHTTPRequestHandler):
    """`/simple/NAME/` lists the wheels of a package; `/files/` serves them."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        kind, name = self.path.strip("/").split("/")[:2]
        if kind == "files":
            self.path = f"/{name}"
            return super().do_GET()
        found = sorted(Path(self.directory).glob(f"{name.replace('-', '_')}-*"))
        if not found:
            return self.send_error(404)
        page = "".join(
            f'<a href="/files/{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}">{path.name}</a>\n'
            for path in found
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        return None

    def log_message(self, *_: object) -> None:
        """The server's list of requests is enough."""


@contextmanager
def python_index(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """Serves the wheels of a folder under /simple; gives the port, and the paths that were asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Index, directory=str(folder)))
    server.asked = []  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, server.asked  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
