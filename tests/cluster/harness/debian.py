"""What the test cluster is made of: Debian's packages, and Kubernetes built from Debian's source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGES = (
    "buildah", "busybox-static", "conntrack", "containerd", "containernetworking-plugins", "debootstrap", "dpkg-dev",
    "etcd-server", "ethtool", "golang-1.19-go", "iproute2", "iptables", "jq", "rsync", "runc", "socat",
)  # fmt: skip
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet")
HOME = Path("/var/lib/jinsu-test-cluster")
KUBECONFIG = HOME / "kubeconfig"
_GO = Path("/usr/lib/go-1.19")
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")


def cache() -> Path:
    """Outside the repository, so that a clean checkout finds what an earlier one built."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jinsu"


def run(*command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Runs a command; on failure raises with the end of what it printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def impossible() -> str:
    """Why no cluster can be brought up on this machine; empty when one can."""
    if sys.platform != "linux" or not _SOURCES.exists() or not shutil.which("apt-get"):
        return "it is made of Debian's packages; give another one by JINSU_TEST_KUBECONFIG and JINSU_TEST_IMAGES"
    if os.geteuid() != 0:
        return "containers and a kubelet need root; or give another one by JINSU_TEST_KUBECONFIG and JINSU_TEST_IMAGES"
    return ""


def install_packages() -> None:
    """Installs what is missing. Services that packages would start are not wanted, and not started."""
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *PACKAGES], capture_output=True, text=True
    ).stdout
    missing = [name for name in PACKAGES if f"{name} installed" not in listed]
    if not missing:
        return
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    policy = Path("/usr/sbin/policy-rc.d")
    if own := not policy.exists():
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        run("apt-get", "update", "-qq", env=quiet)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=quiet)
    finally:
        if own:
            policy.unlink()


def kubernetes() -> Path:
    """The folder with Kubernetes' programs, built once for each version of Debian's source (minutes)."""
    version, archive = _fetch_source()
    home = cache() / "kubernetes" / re.sub(r"[^0-9A-Za-z.]+", "-", version)
    if all((home / name).is_file() for name in COMPONENTS):
        return home
    tree = cache() / "kubernetes" / "build"
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    run("dpkg-source", "--no-check", "-x", str(archive), str(tree))
    upstream = re.sub(r"^.*really|-.*$", "", version)
    run(
        "make",
        "WHAT=" + " ".join(f"cmd/{name}" for name in COMPONENTS),
        cwd=tree,
        env={
            "PATH": f"{_GO}/bin:{os.environ['PATH']}",
            "KUBE_GIT_VERSION": f"v{upstream}",
            "KUBE_GIT_TREE_STATE": "archive",
            "CGO_ENABLED": "0",
            "GOFLAGS": "-trimpath",
            "GOCACHE": str(cache() / "go-build"),
        },
    )
    draft = home.with_suffix(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name in COMPONENTS:
        shutil.copy2(tree / "_output" / "bin" / name, draft / name)
    draft.replace(home)
    shutil.rmtree(tree, ignore_errors=True)
    shutil.rmtree(cache() / "go-build", ignore_errors=True)
    return home


def _fetch_source() -> tuple[str, Path]:
    """Version and `.dsc` of Debian's kubernetes, through a source list made from the machine's own."""
    home = cache() / "kubernetes" / "source"
    if kept := sorted(home.glob("*.dsc")):
        return kept[-1].stem.partition("_")[2], kept[-1]
    (home / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    sources = home / "debian.sources"
    sources.write_text(re.sub(r"(?m)^Types: .*$", "Types: deb-src", _SOURCES.read_text()))
    configuration = home / "apt.conf"
    configuration.write_text(
        f'Dir::Etc::sourcelist "{sources}";\nDir::Etc::sourceparts "/dev/null";\n'
        f'Dir::State::lists "{home}/lists";\nAPT::Sandbox::User "root";\n'
    )
    environment = {"APT_CONFIG": str(configuration)}
    run("apt-get", "update", "-qq", env=environment)
    run("apt-get", "source", "-qq", "--download-only", "kubernetes", cwd=home, env=environment)
    return _fetch_source()
