"""The test cluster (`harness/clusters.py` says which), and what its tests share."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config
from tests.cluster.harness import node
from tests.cluster.harness.clusters import Cluster, chosen
from tests.cluster.harness.debian import run
from tests.cluster.harness.store import TrialStore, trial_store
from tests.cluster.installation import Installation


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    installation = getattr(item, "funcargs", {}).get("jinsu")
    if report.failed and isinstance(installation, Installation):
        report.sections.append(("the cluster", installation.picture()))
    return report


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    found = chosen()
    if reason := found.impossible():
        pytest.fail(reason)
    if not found.alive():
        pytest.fail("there is no test cluster; start one: make cluster")
    return found


@pytest.fixture(scope="session")
def kubeconfig(cluster: Cluster) -> Path:
    return cluster.kubeconfig


@pytest.fixture(scope="session")
def own_node(cluster: Cluster) -> None:
    """For tests that look at the node's processes, files and images."""
    if not cluster.own_node:
        pytest.skip("the cluster's node is not this machine")


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> client.ApiClient:
    return config.new_client_from_config(str(kubeconfig))


@pytest.fixture(scope="session")
def busybox(own_node: None, tmp_path_factory: pytest.TempPathFactory) -> str:
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


@pytest.fixture(scope="session")
def image(cluster: Cluster) -> Callable[[str], str]:
    """Names of our images in the cluster."""
    return lambda name: cluster.images([name])[name]


@pytest.fixture(scope="session")
def runtime_image(image: Callable[[str], str]) -> str:
    return image("runtime")


@pytest.fixture(scope="session")
def store(own_node: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrialStore]:
    with trial_store(tmp_path_factory.mktemp("store"), node.address()) as running:
        yield running
