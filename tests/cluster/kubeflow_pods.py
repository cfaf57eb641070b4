"""Runs the containers of a Kubeflow pipeline as pods of the test cluster, as an engine of Kubeflow's would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from kubernetes import client
from tests.support.kubeflow_pipeline import Container, TaskFailedError
from tests.support.kubeflow_pod import COLLECT, STAGE, pod, written
from tests.support.waiting import until

_ENDED = ("Succeeded", "Failed")
_SECONDS = 240.0


class KubeflowPods:
    """One namespace where pipelines run, and the account that a run is started with."""

    def __init__(self, core: client.CoreV1Api, namespace: str, account: str) -> None:
        self._core, self._namespace, self._account = core, namespace, account
        self.seconds: dict[str, float] = {}

    def launch(self, one: Container) -> Mapping[str, str]:
        """Runs one container to its end; returns its output files. Raises TaskFailedError with the end of its log."""
        name = f"stage-{uuid4().hex[:8]}"
        self._core.create_namespaced_pod(self._namespace, pod(one, name, self._namespace, self._account))
        ended = until(
            lambda: self._ended(name), _SECONDS, lambda: f"the end of {one.task}: {self._log(name, STAGE)}", 0.5
        )
        self.seconds[one.task] = _duration(ended.status.init_container_statuses[0].state.terminated)
        if ended.status.phase == "Failed":
            raise TaskFailedError(f"{one.task}: {self._log(name, STAGE)[-1000:]}")
        return written(self._log(name, COLLECT))

    def _ended(self, name: str) -> Any:
        found = self._core.read_namespaced_pod(name, self._namespace)
        return found if found.status.phase in _ENDED else None

    def _log(self, name: str, container: str) -> str:
        try:
            # As bytes: the client would turn JSON into the text of a dictionary.
            answer = self._core.read_namespaced_pod_log(
                name, self._namespace, container=container, _preload_content=False
            )
        except client.ApiException as problem:
            return f"no log: {problem.reason}"
        return str(answer.data.decode())


def _duration(terminated: Any) -> float:
    return float((terminated.finished_at - terminated.started_at).total_seconds()) if terminated else 0.0
