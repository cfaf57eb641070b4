"""The chart, installed on the test cluster, as its users see it: Helm, the command line from outside, the endpoint."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml
from kubernetes import client
from tests.chart.helm import CHART, helm, kubectl
from tests.cluster.picture import picture
from tests.support.installation_client import InstallationClient
from tests.support.ports import free_ports, listens
from tests.support.waiting import eventually, until

JINSU = str(Path(sys.executable).parent / "jinsu")
NAMESPACE, RELEASE, TEAM = "jinsu", "jinsu", "jinsu-default"
PIPELINES = "jinsu-pipelines"  # stands for the namespace where Kubeflow runs pipelines
ADMIN = "admin"
_FORWARDED = {"api": 8080, "airflow": 8080, "mlflow": 5000}
# kubectl ends its forward with the pod, and with any connection that breaks.
_FOREVER = 'while :; do "$@"; sleep 0.2; done'
_LITTLE = {"resources": {"requests": {"cpu": "10m", "memory": "64Mi"}}}


def values(image: Callable[[str], str]) -> dict[str, Any]:
    """A whole trial on a node of two cores: everything bundled, little reserved, nothing kept."""
    names = {name: image(name) for name in ("platform", "runtime", "trainer", "gateway")}
    bundled = {**_LITTLE, "persistence": {"enabled": False}}
    return {
        "images": {
            "pullPolicy": "IfNotPresent",
            "tag": names["platform"].rpartition(":")[2],
            **{name: {"repository": full.rpartition(":")[0]} for name, full in names.items()},
        },
        "database": {"bundled": bundled},
        "objectStore": {"bundled": bundled},
        "airflow": dict.fromkeys(("apiServer", "scheduler", "dagProcessor", "triggerer"), _LITTLE),
        **dict.fromkeys(("mlflow", "api", "broker", "controller", "modelServers"), _LITTLE),
        "gateway": {**_LITTLE, "service": {"type": "NodePort"}},
        # A model asks for a reviewer where its test wants one.
        "teams": [{"name": "default", "policy": {"review": {"approvers": 0}}}],
        "kubeflow": {"enabled": True, "namespace": PIPELINES},
    }


class Installation(InstallationClient):
    """One release. Browsers are sent to ports of this machine, which stay the same and are forwarded to its parts.

    secret: the Secret that holds the release's keys. models: whether the model servers can start.
    """

    def __init__(
        self, api_client: client.ApiClient, kubeconfig: Path, *, secret: str = RELEASE, models: bool = True
    ) -> None:
        self.core, self.apps = client.CoreV1Api(api_client), client.AppsV1Api(api_client)
        self.batch = client.BatchV1Api(api_client)
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        first = free_ports(len(_FORWARDED))
        self.ports = dict(zip(_FORWARDED, range(first, first + len(_FORWARDED)), strict=True))
        self.tokens: dict[str, str] = {}
        self._secret, self._models = secret, models
        self._forwards: dict[str, subprocess.Popen[bytes]] = {}

    # --- Helm ---

    def helm(self, *arguments: str, chosen: dict[str, Any] | None = None, within: float = 300) -> str:
        """Runs Helm on this release, with values from standard input."""
        done = subprocess.run(
            [str(helm()), *arguments, "-n", NAMESPACE, *(["-f", "-"] if chosen is not None else [])],
            input=yaml.safe_dump(chosen) if chosen is not None else None,
            env=self._environment, capture_output=True, text=True, timeout=within,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def kubectl(self, *arguments: str) -> str:
        """Runs kubectl in the release's namespace."""
        command = [str(kubectl()), "--namespace", NAMESPACE, *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def install(self, chosen: dict[str, Any]) -> None:
        self.helm("install", RELEASE, str(CHART), "--create-namespace", chosen=self._public(chosen))
        self.wait()

    def upgrade(self, chosen: dict[str, Any]) -> None:
        self.helm("upgrade", RELEASE, str(CHART), chosen=self._public(chosen))
        self.wait()

    def _public(self, chosen: dict[str, Any]) -> dict[str, Any]:
        return {**chosen, "public": {part: self.address(part) for part in _FORWARDED}}

    def wait(self, within: float = 240) -> None:
        """Until every workload is what it should be, then opens the doors anew."""
        until(lambda: not self.unready(), within, lambda: f"the pods to be ready: {self.unready()}")
        self.open()
        until(self._answers, 60, "the API to answer")

    def picture(self) -> str:
        """For the report of a failed test."""
        return picture(self._environment, NAMESPACE, RELEASE)

    def unready(self) -> list[str]:
        found = []
        for one in self.apps.list_namespaced_deployment(NAMESPACE).items:
            if not self._models and one.metadata.labels["app.kubernetes.io/component"] == "model-server":
                continue
            status = one.status
            ready = status.ready_replicas == status.replicas == status.updated_replicas == one.spec.replicas
            if not ready or status.observed_generation != one.metadata.generation:
                found.append(one.metadata.name)
        return found

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.api.get("/runs").is_success
        return False

    # --- Doors ---

    def open(self) -> None:
        """Forwards a port of this machine to each part, as NOTES say. Models are asked at the node itself."""
        self.close()
        services = {one.metadata.name for one in self.core.list_namespaced_service(NAMESPACE).items}
        forwarded = {part: port for part, port in _FORWARDED.items() if f"{RELEASE}-{part}" in services}
        for part, port in forwarded.items():
            place = (f"service/{RELEASE}-{part}", f"{self.ports[part]}:{port}")
            self._forwards[part] = subprocess.Popen(
                ["/bin/sh", "-c", _FOREVER, "forward", str(kubectl()), "-n", NAMESPACE, "port-forward", *place],
                env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        for part in forwarded:
            until(lambda part=part: listens(self.ports[part]), 20, f"the way to {part}")
        self.tokens[ADMIN] = self.secret("JINSU_ADMIN_TOKEN")
        self.api = self.api_as(ADMIN)
        self.endpoint_url = self._gateway()
        key = self.secret("JINSU_ENDPOINT_KEY_DEFAULT")
        self.endpoint_headers = {"authorization": f"Bearer {key}"}
        places = {"JINSU_API": self.address("api"), "JINSU_ENDPOINT": self.endpoint_url, "JINSU_HOME": "/nonexistent"}
        self._outside = {**os.environ, **places, "JINSU_ENDPOINT_KEY": key}

    def address(self, part: str) -> str:
        """Where a browser on this machine finds a part."""
        return f"http://127.0.0.1:{self.ports[part]}"

    def api_as(self, name: str) -> httpx.Client:
        """The API for a person whose token is in `tokens`."""
        headers = {"authorization": f"Bearer {self.tokens[name]}"}
        return httpx.Client(base_url=f"{self.address('api')}/v1", headers=headers, timeout=30)

    def airflow(self, name: str) -> httpx.Client:
        """Airflow's REST API for a person who shows an API token."""
        url = self.address("airflow")
        answer = httpx.post(f"{url}/auth/token", json={"token": self.tokens[name]}, timeout=30)
        assert answer.status_code == 201, answer.text
        headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
        return httpx.Client(base_url=f"{url}/api/v2", headers=headers, timeout=30)

    def mlflow(self, name: str) -> httpx.Client:
        """MLflow for a person, as MLflow's own client signs in."""
        return httpx.Client(base_url=self.address("mlflow"), auth=(name, self.tokens[name]), timeout=30)

    def know(self, name: str, **roles: str) -> None:
        """Has a person with the password `password of NAME`, an API token, and a role in each of these teams."""
        password = f"password of {name}"
        added = self.api.post("/users", json={"name": name, "password": password})
        assert added.is_success, added.text
        for team, role in roles.items():
            assert self.api.put(f"/teams/{team}/members/{name}", json={"role": role}).is_success
        signed_in = httpx.post(f"{self.address('api')}/v1/login", json={"name": name, "password": password}, timeout=30)
        assert signed_in.is_success, signed_in.text
        self.tokens[name] = signed_in.json()["token"]

    def close(self) -> None:
        for forward in self._forwards.values():
            os.killpg(forward.pid, signal.SIGKILL)
            forward.wait()
        self._forwards.clear()

    def _gateway(self) -> str:
        addresses = self.core.list_node().items[0].status.addresses
        door = self.core.read_namespaced_service(f"{RELEASE}-gateway", NAMESPACE).spec.ports[0]
        return f"http://{next(one.address for one in addresses if one.type == 'InternalIP')}:{door.node_port}"

    def secret(self, key: str) -> str:
        found = self.core.read_namespaced_secret(self._secret, NAMESPACE).data[key]
        return base64.b64decode(found).decode()

    def jinsu(self, *arguments: object, person: str = ADMIN) -> str:
        """The command line on this machine, which knows an address and a person's token only."""
        environment = {**self._outside, "JINSU_TOKEN": self.tokens[person]}
        done = subprocess.run(
            [JINSU, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def why(self, run: str) -> str:
        return str(self.run(run)["why"])

    # --- The cluster ---

    def namespaces(self) -> set[str]:
        return {one.metadata.name for one in self.core.list_namespace().items}

    def pods(self) -> dict[str, list[str]]:
        """Names of the pods that are there to stay, by component."""
        found: dict[str, list[str]] = {}
        for one in self.core.list_namespaced_pod(NAMESPACE, field_selector="status.phase=Running").items:
            if one.metadata.deletion_timestamp is None:
                found.setdefault(one.metadata.labels["app.kubernetes.io/component"], []).append(one.metadata.name)
        return found

    def steps(self) -> list[Any]:
        """Pods of trainings, oldest first. `helm test` leaves a pod of its own there for a moment."""
        found = self.core.list_namespaced_pod(TEAM, label_selector="jinsu.dev/submission").items
        return sorted(found, key=lambda pod: pod.metadata.creation_timestamp)

    def step(self, run: str) -> Any:
        """The newest pod of the run's training, or None."""
        return next((pod for pod in reversed(self.steps()) if pod.metadata.labels["jinsu.dev/submission"] == run), None)


@contextlib.contextmanager
def installed(
    api_client: client.ApiClient,
    kubeconfig: Path,
    chosen: dict[str, Any],
    before: Callable[[], None] = lambda: None,
    **more: Any,
) -> Iterator[Installation]:
    """Installs the chart; afterwards the release and its namespaces are gone, whatever happened.

    before: puts what is to be there already into the release's namespace. more: as `Installation` takes it.
    """
    it = Installation(api_client, kubeconfig, **more)
    there = it.namespaces()
    # What was there before us may be somebody's; it is never removed.
    for name in (NAMESPACE, PIPELINES):
        assert name not in there, f"the cluster has a namespace {name} already; remove it, or use another cluster"
    try:
        for name in (NAMESPACE, PIPELINES):
            it.core.create_namespace({"metadata": {"name": name}})
        before()
        try:
            it.install(chosen)
        except AssertionError as failed:
            failed.add_note(it.picture())
            raise
        yield it
    finally:
        it.close()
        with contextlib.suppress(AssertionError):
            it.helm("uninstall", RELEASE, "--ignore-not-found")
        for name in (NAMESPACE, PIPELINES):
            with contextlib.suppress(client.ApiException):
                it.core.delete_namespace(name)
        eventually(lambda: it.namespaces().isdisjoint({NAMESPACE, TEAM, PIPELINES}), within=90, every=0.5)
