"""A dataset of many small files: put, copied and read, beside reading the files themselves.

The API runs in a process of its own, with real records, objects and confined programs (the programs run within it).
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.figure import Figure, Say, at_least, plain
from tests.support.waiting import until

from jinsu.sdk.file_listing import LISTING_FILE
from jinsu.sdk.files import PACKS_FOLDER, Files

FILES = int(os.environ.get("JINSU_BENCH_FILES", "200000"))
_FOLDERS = 100
_ROUNDS = 3
_SERVER = """
import sys
from pathlib import Path
import uvicorn
from tests.support.stage_bench import StageBench, make_home
from jinsu.api.app import create_app
from jinsu.web.options import OPTIONS
home = Path(sys.argv[1])
make_home(home)
bench = StageBench(home)
server = uvicorn.Server(uvicorn.Config(create_app(bench.installation), host="127.0.0.1", port=0, access_log=False, **OPTIONS))
started = server.startup
async def startup(sockets=None):
    await started(sockets)
    (home / "port").write_text(str(server.servers[0].sockets[0].getsockname()[1]))
server.startup = startup
server.run()
"""


def measure(say: Say) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="jinsu-files-") as folder:
        return _measured(Path(folder), say)


def _measured(root: Path, say: Say) -> list[Figure]:
    pictures, home = root / "pictures", root / "home"
    home.mkdir()
    say(f"writing {FILES} files")
    paths, size = _write(pictures)
    with _api(home) as environment:
        say("putting them")
        first = _timed(lambda: _jinsu(environment, "data", "put", "pictures", pictures))
        peak = _peak_children()
        say("putting them again")
        again = _timed(lambda: _jinsu(environment, "data", "put", "pictures", pictures))
        say("copying them")
        copied = _timed(lambda: _jinsu(environment, "data", "get", "pictures", root / "copy"))
        assert (root / "copy" / paths[-1]).read_bytes() == (pictures / paths[-1]).read_bytes()
    shutil.rmtree(root / "copy")
    staged = _staged(home, root / "step")
    say("reading them")
    random.Random(0).shuffle(paths)
    direct, packed = [], []
    opening = _timed(lambda: Files(staged))
    files = Files(staged)
    for _ in range(_ROUNDS):
        direct.append(_timed(lambda: [(pictures / path).read_bytes() for path in paths]))
        packed.append(_timed(lambda: [files[path] for path in paths]))
    assert all(files[path] == (pictures / path).read_bytes() for path in paths[::997])
    direct_s, packed_s = statistics.median(direct), statistics.median(packed)
    what = f"{FILES} files of {size / FILES:.0f} bytes, in a random order, warm; median of {_ROUNDS}, taken in turns."
    return [
        plain("files.direct_per_second", FILES / direct_s, "files/s", f"Path.read_bytes of {what}"),
        plain("files.packed_per_second", FILES / packed_s, "files/s", f"jinsu.sdk.files.Files of {what}"),
        at_least("files.read_share", 100 * direct_s / packed_s, "%", 80, f"Packed beside direct: {what}"),
        plain("files.open", opening, "s", f"Files(folder): reading the listing of {FILES} files."),
        plain(
            "files.put", first, "s", f"jinsu data put of {FILES} files, {size / 1e6:.0f} MB; the API on this machine."
        ),
        plain("files.put_peak", peak / 2**20, "MiB", "Largest resident size of that command's process."),
        plain("files.put_again", again, "s", "The same folder put once more: nothing is sent."),
        plain("files.get", copied, "s", "jinsu data get of the version."),
    ]


def _write(folder: Path) -> tuple[list[str], int]:
    """Files of 1 to 4 KiB, as small pictures are; returns their paths, and their bytes together."""
    numbers, total, paths = random.Random(1), 0, []
    for number in range(_FOLDERS):
        (folder / f"{number:03}").mkdir(parents=True)
    for number in range(FILES):
        path = f"{number % _FOLDERS:03}/{number:07}.png"
        data = b"\x89PNG\r\n\x1a\n" + numbers.randbytes(numbers.randrange(1000, 4000))
        (folder / path).write_bytes(data)
        total += len(data)
        paths.append(path)
    return paths, total


def _staged(home: Path, step: Path) -> Path:
    """The listing and the packs side by side, as a step's inputs."""
    (step / PACKS_FOLDER).mkdir(parents=True)
    for pack in (home / "objects" / "packs" / "pictures").iterdir():
        shutil.copyfile(pack, step / PACKS_FOLDER / pack.name)
    listing = next((home / "objects" / "steps").glob(f"*/out/{LISTING_FILE}"))
    shutil.copyfile(listing, step / LISTING_FILE)
    return step


@contextlib.contextmanager
def _api(home: Path) -> Iterator[dict[str, str]]:
    """The environment in which `jinsu` reaches an API of its own."""
    server = subprocess.Popen([sys.executable, "-c", _SERVER, str(home)])
    try:
        until(lambda: (home / "port").exists(), 120, "the API listens")
        url = f"http://127.0.0.1:{(home / 'port').read_text()}"
        yield {**os.environ, "JINSU_API": url, "JINSU_TOKEN": "token of ann"}
    finally:
        server.terminate()
        server.wait()


def _jinsu(environment: dict[str, str], *arguments: object) -> None:
    command = [sys.executable, "-c", "from jinsu.cli.main import main; main()", *map(str, arguments)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _peak_children() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
