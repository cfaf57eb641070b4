"""The test cluster is a real one: it schedules, runs, resolves, counts GPUs and gives logs back."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from kubernetes import client
from tests.support.waiting import until

pytestmark = pytest.mark.slow


def pod(name: str, image: str, script: str, gpus: int = 0) -> dict[str, Any]:
    limits = {"memory": "32Mi", "cpu": "100m", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "imagePullPolicy": "Never",
                    "args": [script],
                    "resources": {"limits": limits, "requests": limits},
                }
            ],
        },
    }


@pytest.fixture
def namespace(api: client.ApiClient) -> Iterator[str]:
    core, name = client.CoreV1Api(api), f"test-{uuid4().hex[:8]}"
    core.create_namespace({"metadata": {"name": name}})
    yield name
    core.delete_namespace(name, grace_period_seconds=0)


def log(core: client.CoreV1Api, name: str, namespace: str) -> str:
    # The client's own decoding of plain text gives the Python representation of the bytes.
    return str(core.read_namespaced_pod_log(name, namespace, _preload_content=False).data.decode())


def test_a_pod_with_a_gpu_runs_and_its_log_comes_back(api: client.ApiClient, namespace: str, busybox: str) -> None:
    core = client.CoreV1Api(api)
    core.create_namespaced_pod(namespace, pod("one", busybox, "echo launched", gpus=1))
    until(lambda: core.read_namespaced_pod("one", namespace).status.phase == "Succeeded", 60, "the pod to end")
    assert log(core, "one", namespace) == "launched\n"


def test_more_gpus_than_there_are_wait(api: client.ApiClient, namespace: str, busybox: str) -> None:
    core = client.CoreV1Api(api)
    core.create_namespaced_pod(namespace, pod("greedy", busybox, "true", gpus=5))

    def reason() -> str:
        conditions = core.read_namespaced_pod("greedy", namespace).status.conditions or []
        return next((c.message for c in conditions if c.reason == "Unschedulable"), "")

    assert "Insufficient nvidia.com/gpu" in until(reason, 30, "the scheduler's word")


def test_services_have_names_and_are_reached(api: client.ApiClient, namespace: str, busybox: str) -> None:
    core = client.CoreV1Api(api)
    serving = pod("server", busybox, "while true; do echo hello | nc -l -p 8080; done")
    serving["metadata"]["labels"] = {"app": "server"}
    core.create_namespaced_pod(namespace, serving)
    core.create_namespaced_service(
        namespace,
        {
            "metadata": {"name": "hello"},
            "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8080}]},
        },
    )
    until(lambda: core.read_namespaced_pod("server", namespace).status.phase == "Running", 60, "the server")
    script = f"for i in 1 2 3 4 5 6 7 8 9; do nc -w 2 hello.{namespace}.svc.cluster.local 80 && exit 0; sleep 1; done; exit 1"
    core.create_namespaced_pod(namespace, pod("client", busybox, script))
    phase = until(
        lambda: core.read_namespaced_pod("client", namespace).status.phase in ("Succeeded", "Failed"), 60, "the client"
    )
    assert phase
    assert log(core, "client", namespace) == "hello\n"
