"""Builds Jinsu's container images with buildah, or with docker where there is no buildah.

The packages are downloaded once, as wheels, for the Python that runs this: run it with the Python version of the base
image. Where pip finds torch (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL, pip's configuration) decides between a build for CPUs
and the far larger one for GPUs. Nothing else needs a network, but a base image that is not on this machine yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

ROOT = Path(__file__).parents[2]
TARGETS = ("runtime", "gateway", "trainer", "platform")
EXAMPLE = """example:
  python platform/images/build.py --base registry.example/python@sha256:… --prefix registry.example/jinsu --push
  python platform/images/build.py --target runtime --archive /tmp   # then: ctr -n k8s.io images import /tmp/runtime.tar
"""


class BuildFailed(Exception):
    """A sentence for the person who builds."""


@dataclass(frozen=True)
class Image:
    name: str
    id: str
    bytes: int


Say = Callable[[str], None]


def wheels(say: Say) -> Path:
    """The folder of wheels for this lock and this Python, and uv in its `bin`; made once."""
    images = ROOT / "platform" / "images"
    lists = sorted(images.glob("*.txt"))
    uv = _find(r"(?m)^UV_VERSION := (\S+)", ROOT / "Makefile")
    key = hashlib.sha256(f"{sys.version_info[:2]} {platform.machine()} {uv}".encode())
    for path in (ROOT / "requirements.lock", *lists):
        key.update(path.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jinsu" / f"wheels-{key.hexdigest()[:12]}"
    if home.is_dir():
        return home
    say("downloading the packages, once for each requirements.lock")
    draft = home.with_suffix(f".{os.getpid()}")
    wanted = [argument for path in lists for argument in ("-r", str(path))]
    try:
        # `wheel` instead of `download`: a package without a wheel is built here, for there is no compiler in an image.
        _run(*_pip(), "wheel", "-qq", "-w", str(draft), "-c", str(ROOT / "requirements.lock"), *wanted, f"uv=={uv}")
        _extract_uv(draft)
        draft.replace(home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return home


def build(target: str, name: str, base: str | None, packages: Path) -> Image:
    """Builds one image and names it."""
    tool = _tool()
    arguments = [
        *("--file", str(ROOT / "platform" / "Dockerfile"), "--target", target, "--tag", name),
        *("--build-context", f"wheels={packages}"),
        *(("--build-arg", f"BASE={base}") if base else ()),
        # A chroot shares this machine's network.
        *(() if os.environ.get("BUILDAH_ISOLATION") == "chroot" else ("--network", "none")),
        str(ROOT),
    ]
    # Layers that did not change come from the cache.
    _run(*((tool, "build", "--layers") if tool == "buildah" else (tool, "build")), *arguments)
    return inspect(name)


def inspect(name: str) -> Image:
    """What this machine has by that name."""
    if _tool() == "docker":
        found = json.loads(_run("docker", "image", "inspect", name))[0]
        return Image(name, found["Id"], found["Size"])
    found = json.loads(_run("buildah", "inspect", "--type", "image", name))
    layers = _run("buildah", "images", "--format", "{{.Size}}", name).split()
    return Image(name, f"sha256:{found['FromImageID']}", _bytes(*layers[:2]))


def archive(image: Image, path: Path) -> None:
    """Writes an archive that `ctr images import` and `docker load` read."""
    path.unlink(missing_ok=True)
    if _tool() == "docker":
        _run("docker", "save", "--output", str(path), image.name)
    else:
        # Of the two kinds this is the one whose layers are not compressed, and so quick to write and to load.
        _run("buildah", "push", "--quiet", image.name, f"docker-archive:{path}:{image.name}")


def push(image: Image) -> str:
    """Sends the image to the registry in its name; returns the name that will always mean this very image."""
    repository = image.name.rpartition(":")[0]
    if _tool() == "docker":
        _run("docker", "push", "--quiet", image.name)
        pushed: list[str] = json.loads(_run("docker", "image", "inspect", image.name))[0]["RepoDigests"]
        return next(digest for digest in pushed if digest.startswith(f"{repository}@"))
    with NamedTemporaryFile("r") as file:
        _run("buildah", "push", "--quiet", "--digestfile", file.name, image.name, f"docker://{image.name}")
        return f"{repository}@{file.read().strip()}"


def version() -> str:
    return _find(r'__version__ = "(.+)"', ROOT / "platform" / "jinsu" / "__init__.py")


def _find(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text(encoding="utf-8"))
    assert found, f"{path} has nothing like {pattern}"
    return found[1]


def _tool() -> str:
    found = shutil.which("buildah") or shutil.which("docker")
    if not found:
        raise BuildFailed("neither buildah nor docker is installed; install one of them")
    return Path(found).name


def _pip() -> list[str]:
    """An environment may lack pip; the Python that it was made from has it then."""
    for python in (sys.executable, f"{sys.base_prefix}/bin/python3"):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return [python, "-m", "pip", "--disable-pip-version-check"]
    raise BuildFailed(f"{sys.executable} has no pip; run `make setup` and build with .venv/bin/python")


def _extract_uv(folder: Path) -> None:
    """The program out of its wheel: no image has pip."""
    (folder / "bin").mkdir()
    with zipfile.ZipFile(next(folder.glob("uv-*.whl"))) as wheel:
        member = next(name for name in wheel.namelist() if name.endswith("/scripts/uv"))
        program = folder / "bin" / "uv"
        program.write_bytes(wheel.read(member))
    program.chmod(0o755)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-3000:]
        raise BuildFailed(f"{' '.join(command[:3])} … exited with {done.returncode}:\n{said}")
    return done.stdout


def _bytes(number: str, unit: str) -> int:
    return int(float(number) * {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}[unit.upper()])


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--base", metavar="IMAGE", help="image to start from (default: the one platform/Dockerfile names)"
    )
    parser.add_argument(
        "--target", action="append", choices=TARGETS, help="which image (default: all); may be repeated"
    )
    parser.add_argument("--prefix", default="localhost/jinsu", metavar="NAME", help="images are NAME/runtime and so on")
    parser.add_argument("--tag", default=version(), help="default: Jinsu's version")
    parser.add_argument("--archive", type=Path, metavar="DIR", help="write DIR/runtime.tar and so on")
    parser.add_argument("--push", action="store_true", help="send the images to the registry of their prefix")
    return parser.parse_args()


def main() -> None:
    given, begun = _arguments(), time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {what}", flush=True)

    rows = [("image", "MB", "digest")]
    packages = wheels(say)
    for target in given.target or TARGETS:
        say(f"building {target}")
        image = build(target, f"{given.prefix}/{target}:{given.tag}", given.base, packages)
        digest = image.id
        if given.archive:
            given.archive.mkdir(parents=True, exist_ok=True)
            say(f"writing {given.archive / target}.tar")
            archive(image, given.archive / f"{target}.tar")
        if given.push:
            say(f"pushing {image.name}")
            digest = push(image)
        rows.append((image.name, f"{image.bytes / 1e6:.0f}", digest))
    say("done")
    print(_table(rows))


if __name__ == "__main__":
    try:
        main()
    except BuildFailed as problem:
        sys.exit(f"build.py: {problem}")
