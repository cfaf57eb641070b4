"""Kubernetes whose pods are processes of this machine: the real `stage`, runner and uploader, in folders of their own.

Containers, networks and limits are left out; what they keep apart is tested on a real cluster.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.fake_kubernetes import Document, FakeKubernetes, stamp
from tests.support.waiting import eventually

import jinsu
from jinsu.clients.kubernetes import Kind
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.pod_layout import LINE_SOCKET, STEP_FOLDER
from jinsu.steps.processes import end_processes_of

_SOURCE = str(Path(jinsu.__file__).parents[1])


class ProcessPod:
    """One pod: `stage`, then `work` beside `upload`."""

    def __init__(self, job: Document, secrets: Mapping[str, Document]) -> None:
        self.job, self.secrets = job, secrets
        self.folder = Path(tempfile.mkdtemp(prefix="jinsu-pod-"))  # short: it holds a socket
        (self.folder / "step").mkdir()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ended: dict[str, Document] = {}
        self.stopping = threading.Event()
        self.deleted = False
        self.created = stamp()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        spec = self.job["spec"]["template"]["spec"]
        (stage,) = spec["initContainers"]
        if self._start(spec, stage).wait() == 0 and not self.stopping.is_set():
            for container in spec["containers"]:
                self._start(spec, container)
        for process in tuple(self.processes.values()):
            process.wait()
        end_processes_of(self.folder / "step")

    def _start(self, spec: Document, container: Document) -> subprocess.Popen[bytes]:
        name = container["name"]
        access = self.folder / f"access-{name}"
        for volume in spec["volumes"]:
            if volume["name"] == access.name:
                self._mount(volume["secret"], access)
        places = {STEP_FOLDER: str(self.folder / "step"), LINE_SOCKET: str(self.folder / "line")}
        _, *command = [places.get(word, word) for word in container["command"]]
        given = {entry["name"]: entry["value"] for entry in container.get("env", [])}
        ours = {
            "JINSU_STEP_FOLDER": places[STEP_FOLDER],
            "JINSU_ACCESS_FOLDER": str(access),
            "JINSU_LINE": places[LINE_SOCKET],
        }
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": _SOURCE, **(given | ours if given else {})}
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *command], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self.processes[name] = process
        return process

    def _mount(self, volume: Document, folder: Path) -> None:
        """A volume waits for its Secret."""
        eventually(lambda: volume["secretName"] in self.secrets, within=10)
        folder.mkdir()
        for item in volume["items"]:
            text = self.secrets[volume["secretName"]]["stringData"][item["key"]]
            (folder / item["path"]).write_text(text)

    def stop(self, grace: float = 25.0) -> None:
        """As the kubelet ends a pod."""
        self.stopping.set()
        for process in tuple(self.processes.values()):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self.thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in tuple(self.processes.values()):
            process.kill()
        self.thread.join(10)
        end_processes_of(self.folder / "step")

    def remove(self) -> None:
        self.stop(0.0)
        shutil.rmtree(self.folder, ignore_errors=True)

    def document(self, name: str) -> Document:
        """The pod as Kubernetes shows it."""
        states = {one: self._state(one) for one in ("stage", "work", "upload")}
        codes = [state["terminated"]["exitCode"] for state in states.values() if "terminated" in state]
        over = not self.thread.is_alive()
        begun = "running" in states["work"] or "terminated" in states["work"]
        phase = "Failed" if over and any(codes) else "Succeeded" if over else "Running" if begun else "Pending"
        template = self.job["spec"]["template"]["metadata"]
        condition = {"type": "PodScheduled", "status": "True", "lastTransitionTime": self.created}

        def shown(one: str) -> Document:
            return {"name": one, "image": "i", "state": states[one]}

        return {
            "metadata": {
                "name": name,
                "namespace": self.job["metadata"]["namespace"],
                "labels": template["labels"],
                "creationTimestamp": self.created,
                **({"deletionTimestamp": stamp()} if self.stopping.is_set() else {}),
            },
            "status": {
                "phase": phase,
                "conditions": [condition],
                "initContainerStatuses": [shown("stage")],
                "containerStatuses": [shown("work"), shown("upload")],
            },
        }

    def _state(self, name: str) -> Document:
        process = self.processes.get(name)
        if process is None:
            return {"terminated": {"exitCode": 0}} if not self.thread.is_alive() else {"waiting": {"reason": "Wait"}}
        code = process.poll()
        if code is None:
            return {"running": {}}
        if name not in self.ended:
            text = (self.folder / f"{name}.log").read_text(errors="replace") if code else ""
            self.ended[name] = {"exitCode": code, "finishedAt": stamp(), **({"message": text[-2000:]} if text else {})}
        return {"terminated": self.ended[name]}


class ProcessKubernetes(FakeKubernetes):
    """Runs the pod of every Job that is made."""

    def __init__(self) -> None:
        super().__init__()
        self.pods: dict[tuple[str, str], ProcessPod] = {}
        self._secrets: dict[str, Document] = {}
        self._mutex = threading.Lock()

    def create(self, kind: Kind, namespace: str, body: Mapping[str, Any]) -> Document:
        with self._mutex:
            made = super().create(kind, namespace, body)
            if kind is Kind.SECRET:
                self._secrets[body["metadata"]["name"]] = dict(body)
            if kind is Kind.JOB:
                self.pods[namespace, body["metadata"]["name"]] = ProcessPod(made, self._secrets)
            return made

    def list(self, kind: Kind, namespace: str, labels: str = "", fields: str = "") -> list[Document]:
        for (place, name), pod in tuple(self.pods.items()):
            self.objects[Kind.POD, place, f"{name}-pod"] = pod.document(f"{name}-pod")
        return super().list(kind, namespace, labels, fields)

    def delete(self, kind: Kind, namespace: str, name: str, grace: int | None = None) -> None:
        with self._mutex:
            pod = self.pods.get((namespace, name)) if kind is Kind.JOB else None
            if pod is None or pod.deleted:
                return
            pod.deleted = True
            pod.stopping.set()

        def end() -> None:
            pod.stop()
            self.pods.pop((namespace, name), None)
            self.objects.pop((Kind.POD, namespace, f"{name}-pod"), None)
            super(ProcessKubernetes, self).delete(kind, namespace, name)
            pod.remove()

        threading.Thread(target=end, daemon=True).start()

    def step_files(self) -> tuple[StepFiles, ...]:
        """The folders of the steps whose pods are here."""
        return tuple(StepFiles(pod.folder / "step") for pod in tuple(self.pods.values()))

    def close(self) -> None:
        for pod in tuple(self.pods.values()):
            pod.remove()
