"""The test cluster: the one of $JINSU_TEST_KUBECONFIG, or one of this machine's own that is up (`make cluster`)."""

import os
from pathlib import Path

import pytest
from kubernetes import client, config
from tests.cluster.harness import node
from tests.cluster.harness.debian import run


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    given = os.environ.get("JINSU_TEST_KUBECONFIG")
    if given:
        return Path(given)
    if not node.alive():
        pytest.fail("there is no test cluster; start one: make cluster")
    return node.KUBECONFIG


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> client.ApiClient:
    return config.new_client_from_config(str(kubeconfig))


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with a shell, from Debian's static busybox."""
    name, archive = "localhost/busybox:test", tmp_path_factory.mktemp("image") / "busybox.tar"
    container = run("buildah", "from", "scratch").strip()
    try:
        run("buildah", "copy", container, "/bin/busybox", "/bin/sh")
        run("buildah", "config", "--entrypoint", '["/bin/sh", "-c"]', "--user", "65534", container)
        run("buildah", "commit", container, f"oci-archive:{archive}:{name}")
    finally:
        run("buildah", "rm", container)
    node.import_image(archive)
    return name
