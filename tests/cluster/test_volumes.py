"""An installation whose volumes do not fit ends in a sentence, before anything is installed."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from tests.chart.helm import CHART, helm
from tests.cluster.installation import values
from tests.support.waiting import eventually

NAMESPACE, RELEASE, CLASS = "jinsu-volumes", "volumes", "closed-folder"


@pytest.fixture
def core(own_node: None, api: client.ApiClient) -> Iterator[client.CoreV1Api]:
    """With a namespace, and a volume that is a folder of the node which root alone may write."""
    found, storage = client.CoreV1Api(api), client.StorageV1Api(api)
    folder = tempfile.mkdtemp(prefix="jinsu-closed-", dir="/var/tmp")
    Path(folder).chmod(0o755)
    found.create_namespace({"metadata": {"name": NAMESPACE}})
    storage.create_storage_class({"metadata": {"name": CLASS}, "provisioner": "kubernetes.io/no-provisioner"})
    found.create_persistent_volume(
        {
            "metadata": {"name": CLASS},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": CLASS,
                "hostPath": {"path": folder},
            },
        }
    )
    yield found
    found.delete_persistent_volume(CLASS)
    storage.delete_storage_class(CLASS)
    found.delete_namespace(NAMESPACE)
    eventually(
        lambda: NAMESPACE not in {one.metadata.name for one in found.list_namespace().items}, within=90, every=0.5
    )
    Path(folder).rmdir()


def refused(kubeconfig: Path, chosen: dict[str, Any]) -> str:
    """What Helm says of an installation that it gives up."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    done = subprocess.run(
        [str(helm()), "install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", "-", "--timeout", "2m"],
        input=yaml.safe_dump(chosen), env=environment, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    with contextlib.suppress(subprocess.TimeoutExpired):
        command = [str(helm()), "uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found"]
        subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


def kept(storage_class: str) -> dict[str, Any]:
    return {"bundled": {"persistence": {"enabled": True, "storageClass": storage_class}}}


def test_a_volume_that_cannot_be_written_ends_the_installation_with_a_sentence(
    core: client.CoreV1Api, kubeconfig: Path, image: Callable[[str], str]
) -> None:
    chosen = {**values(image), "kubeflow": {"enabled": False}, "database": kept(CLASS), "objectStore": kept(CLASS)}
    said = refused(kubeconfig, chosen)
    (pod,) = core.list_namespaced_pod(NAMESPACE, label_selector="app.kubernetes.io/component=preflight").items
    ended = pod.status.container_statuses[0].state.terminated
    assert "the volume at /data cannot be written by user 10001" in ended.message
    assert "fsGroup" in ended.message
    assert "the volume at /data cannot be written" in said or "failed" in said
    names = [one.metadata.name for one in core.list_namespaced_pod(NAMESPACE).items]
    assert not [name for name in names if "preflight" not in name], "something was installed"


def test_a_cluster_without_a_default_class_is_refused_at_once(
    core: client.CoreV1Api, api: client.ApiClient, kubeconfig: Path, image: Callable[[str], str]
) -> None:
    marked = "storageclass.kubernetes.io/is-default-class"
    classes = client.StorageV1Api(api).list_storage_class().items
    if any((one.metadata.annotations or {}).get(marked) == "true" for one in classes):
        pytest.skip("this cluster has a default StorageClass")
    chosen = {**values(image), "kubeflow": {"enabled": False}, "database": kept(""), "objectStore": kept("")}
    said = refused(kubeconfig, chosen)
    assert "no default StorageClass" in said
    assert "kubectl get storageclass" in said
    assert core.list_namespaced_pod(NAMESPACE).items == []
