"""Our images in the test node: built from a small Debian, and brought there without what the node has already."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cluster.harness import node
from tests.cluster.harness.debian import cache, run
from tests.cluster.harness.registry import registry

ROOT = Path(__file__).parents[3]
PREFIX, TAG = "localhost/jinsu", "test"
_SUITE = "bookworm"
_PACKAGES = ("ca-certificates", "libgomp1", "libstdc++6", "netbase", "python3", "python3-venv", "tzdata")
_USELESS = ("etc/hostname", "etc/resolv.conf", "usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt",
            "var/cache/ldconfig", "var/lib/apt/lists", "var/log")  # fmt: skip
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def images(targets: Sequence[str]) -> dict[str, str]:
    """Builds these images and brings them to the node; their names there. Seconds, if little has changed."""
    with _alone():
        names = built(targets)
        there = _in_node()
        if missing := [name for name in names.values() if there.get(name) != _id(name)]:
            _bring(missing)
        return names


def built(targets: Sequence[str]) -> dict[str, str]:
    """Builds these images from a Debian of our own; their names on this machine."""
    return build(targets, "--base", base_image())


def build(targets: Sequence[str], *options: str) -> dict[str, str]:
    """What `make images` does, under names for tests."""
    wanted = [argument for target in targets for argument in ("--target", target)]
    builder = str(ROOT / "platform" / "images" / "build.py")
    run(sys.executable, builder, "--prefix", PREFIX, "--tag", TAG, *options, *wanted)
    return {target: f"{PREFIX}/{target}:{TAG}" for target in targets}


def base_image() -> str:
    """A Debian with Python, as the official Python image is; made once, and then loaded from an archive."""
    digest = hashlib.sha256(" ".join((*_PACKAGES, *_USELESS)).encode()).hexdigest()[:8]
    name = f"localhost/jinsu-test/base:{_SUITE}-{digest}"
    if run("buildah", "images", "--quiet", "--filter", f"reference={name}"):
        return name
    archive = cache() / "base" / f"{_SUITE}-{digest}.tar"
    if not archive.exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="jinsu-base-") as folder:
            _bootstrap(Path(folder) / "root", Path(folder) / "wgetrc")
            _commit(Path(folder) / "root", f"oci-archive:{archive}.draft:{name}")
        Path(f"{archive}.draft").replace(archive)
    run("buildah", "pull", "--quiet", f"oci-archive:{archive}")
    return name


def _bootstrap(root: Path, wgetrc: Path) -> None:
    """Installs Debian into a folder, from where apt has it and as apt gets it."""
    proxies = _apt("http_proxy", "Acquire::http::Proxy", "https_proxy", "Acquire::https::Proxy")
    authority = _apt("ca_certificate", "Acquire::https::CaInfo")
    wgetrc.write_text("".join(f"{key} = {value}\n" for key, value in authority.items()))
    run("debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE, str(root), _mirror(),
        env={**proxies, "WGETRC": str(wgetrc)})  # fmt: skip
    run("rm", "-rf", *(str(root / place) for place in _USELESS))


def _mirror() -> str:
    form = ("--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)")
    for update in (False, True):  # without an update apt may know nothing yet
        if update:
            run("apt-get", "update", "-qq")
        if found := re.search(
            rf"(?m)^{_SUITE} main (\S+)$", run("apt-get", "indextargets", *form, "Created-By: Packages")
        ):
            return found[1]
    raise RuntimeError(f"apt has no source for Debian {_SUITE}")


def _apt(*names: str) -> dict[str, str]:
    """Settings of apt, each by a name of ours."""
    lines = run("apt-config", "shell", *names).splitlines()
    return dict(shlex.split(line)[0].split("=", 1) for line in lines)


def _commit(root: Path, destination: str) -> None:
    container = run("buildah", "from", "scratch").strip()
    try:
        run("buildah", "add", container, str(root), "/")
        run("buildah", "config", "--env", f"PATH={_PATH}", container)
        run("buildah", "commit", container, destination)
    finally:
        run("buildah", "rm", container)


# --- What the node has ---


def _id(name: str) -> str:
    """The digest of an image's configuration: the same here and there, however its layers are packed."""
    return str(json.loads(run("buildah", "inspect", "--type", "image", name))["FromImageID"])


def _blobs() -> Path:
    return node.HOME / "containerd" / "io.containerd.content.v1.content" / "blobs" / "sha256"


def _in_node() -> dict[str, str]:
    """Configurations' digests by image name."""
    found = {}
    for line in node.ctr("images", "ls").splitlines()[1:]:
        name, _, digest = line.split()[:3]
        manifest = _blobs() / digest.removeprefix("sha256:")
        if name.startswith(f"{PREFIX}/") and manifest.exists():
            found[name] = json.loads(manifest.read_text())["config"]["digest"].removeprefix("sha256:")
    return found


def _bring(names: Sequence[str]) -> None:
    known = {f"sha256:{blob.name}": blob.stat().st_size for blob in _blobs().glob("*")}
    try:
        _push(names, known)
    except RuntimeError:  # what the node no longer needs, it may forget at any moment
        _push(names, {})


def _push(names: Sequence[str], known: dict[str, int]) -> None:
    with registry(known) as pushed:
        for name in names:
            place = f"docker://{pushed.address}/{name.removeprefix('localhost/')}"
            # Quicker to write and to read than gzip, and than no compression.
            packing = ("--compression-format", "zstd", "--compression-level", "1")
            run("buildah", "push", "--quiet", "--tls-verify=false", *packing, name, place)
        node.import_image(pushed.archive("localhost/"))


@contextmanager
def _alone() -> Iterator[None]:
    """One build at a time; a second one finds everything done."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "images.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
