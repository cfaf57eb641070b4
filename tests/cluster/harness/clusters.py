"""Which cluster the tests have: one that is given, one of kind, or one made of Debian's packages on this machine.

Standard library only until a cluster is started, so that Kubernetes is built while packages are installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from tests.cluster.harness import debian
from tests.cluster.harness.debian import cache, run

Say = Callable[[str], None]
GPUS = 4
TARGETS = ("runtime", "gateway", "trainer", "platform")


class Cluster(ABC):
    """One cluster for tests. `own_node`: its node is this very machine, so tests may look at processes and files."""

    own_node: ClassVar[bool] = False
    kubeconfig: Path

    def impossible(self) -> str:
        """Why it cannot be had here; empty when it can."""
        return ""

    def prepare(self, say: Say) -> None:
        """Does beforehand what takes minutes and needs nothing of ours."""
        say("nothing has to be prepared")

    @abstractmethod
    def up(self, say: Say) -> None:
        """Starts it, unless it runs; then `kubeconfig` leads to it."""

    @abstractmethod
    def alive(self) -> bool: ...

    @abstractmethod
    def images(self, targets: Sequence[str]) -> dict[str, str]:
        """Builds these of our images and brings them to the cluster; their names there."""

    @abstractmethod
    def down(self) -> None:
        """Stops it and leaves nothing."""


class Given(Cluster):
    """The cluster of $JINSU_TEST_KUBECONFIG, with the images of $JINSU_TEST_IMAGES (`registry/jinsu/{}:tag`)."""

    def __init__(self, kubeconfig: str) -> None:
        self.kubeconfig = Path(kubeconfig)

    def impossible(self) -> str:
        return (
            "" if self._named() else "JINSU_TEST_KUBECONFIG needs JINSU_TEST_IMAGES too, such as registry/jinsu/{}:tag"
        )

    def up(self, say: Say) -> None:
        say(f"the cluster of {self.kubeconfig} is used")

    def alive(self) -> bool:
        return self.kubeconfig.exists()

    def images(self, targets: Sequence[str]) -> dict[str, str]:
        return {target: self._named().format(target) for target in targets}

    def down(self) -> None:
        pass  # it was there before us

    def _named(self) -> str:
        return os.environ.get("JINSU_TEST_IMAGES", "")


class Kind(Cluster):
    """One node in a container of Docker's. Its kubeconfig is a file of its own."""

    name = "jinsu-test"

    def __init__(self) -> None:
        self.kubeconfig = cache() / "kind" / "kubeconfig"

    @staticmethod
    def possible() -> bool:
        if not shutil.which("kind") or not shutil.which("docker"):
            return False
        return subprocess.run(["docker", "info"], capture_output=True).returncode == 0

    def up(self, say: Say) -> None:
        if self.alive():
            return
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        say("creating a cluster of kind")
        run("kind", "create", "cluster", "--name", self.name, "--kubeconfig", str(self.kubeconfig), "--wait", "120s")
        from tests.chart.helm import kubectl

        gpus = {"nvidia.com/gpu": str(GPUS)}
        advertised = json.dumps({"status": {"capacity": gpus, "allocatable": gpus}})
        run(
            str(kubectl()), "--kubeconfig", str(self.kubeconfig), "patch", "node", f"{self.name}-control-plane",
            "--subresource", "status", "--type", "merge", "--patch", advertised,
        )  # fmt: skip

    def alive(self) -> bool:
        return self.kubeconfig.exists() and self.name in run("kind", "get", "clusters", "--quiet").split()

    def images(self, targets: Sequence[str]) -> dict[str, str]:
        from tests.cluster.harness.images import build

        with TemporaryDirectory(prefix="jinsu-images-") as folder:  # whichever program built them, kind reads archives
            names = build(targets, "--archive", folder)
            for target in targets:
                run("kind", "load", "image-archive", f"{folder}/{target}.tar", "--name", self.name)
        return names

    def down(self) -> None:
        run("kind", "delete", "cluster", "--name", self.name, "--kubeconfig", str(self.kubeconfig))
        shutil.rmtree(self.kubeconfig.parent, ignore_errors=True)


class Debian(Cluster):
    """This machine is the node."""

    own_node = True
    kubeconfig = debian.KUBECONFIG

    def impossible(self) -> str:
        return debian.impossible()

    def prepare(self, say: Say) -> None:
        say("installing Debian's packages")
        debian.install_packages()
        say("building Kubernetes (about ten minutes, once)")
        say(f"ready: {debian.kubernetes()}")

    def up(self, say: Say) -> None:
        from tests.cluster.harness import node

        debian.install_packages()
        node.up(debian.kubernetes(), GPUS, say)

    def alive(self) -> bool:
        from tests.cluster.harness import node

        return node.alive()

    def images(self, targets: Sequence[str]) -> dict[str, str]:
        from tests.cluster.harness.images import images

        return images(targets)

    def down(self) -> None:
        from tests.cluster.harness import node

        node.down()


def chosen() -> Cluster:
    """The one that this machine's tests use."""
    if given := os.environ.get("JINSU_TEST_KUBECONFIG"):
        return Given(given)
    return Kind() if Kind.possible() else Debian()
