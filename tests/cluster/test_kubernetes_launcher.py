"""The launcher of a cluster keeps every launcher's promises: real Jobs, real pods, and a real S3 server."""

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from kubernetes import client
from tests.cluster.harness import node
from tests.cluster.harness.roles import trial_roles
from tests.cluster.harness.store import TrialStore
from tests.contract.launcher_suite import *  # noqa: F403
from tests.contract.launcher_suite import MODEL, Bench, Own
from tests.support.broker_server import STEP_KEY, broker_server
from tests.support.waiting import eventually, until

from jinsu.broker.desk import Desk
from jinsu.clients.kubernetes import Kube
from jinsu.launchers.kubernetes_launcher import KubernetesLauncher
from jinsu.objects.mirror import Mirror
from jinsu.objects.s3 import S3, S3Settings
from jinsu.placement.kubernetes import Cluster, Gpu
from jinsu.steps.environment import STEP_ROOT_VARIABLE
from jinsu.steps.pod_layout import STEP_FOLDER
from jinsu.steps.spec import Input, StepKind, StepSpec
from jinsu.steps.status import Phase, StepStatus


class ClusterBench(Bench):
    """Steps as pods; `outside` is a folder of the node."""

    patience = 40.0

    def __init__(self, kube: Kube, cluster: Cluster, address: S3Settings, folder: Path, outside: Path) -> None:
        self.kube, self.cluster, self.address = kube, cluster, address
        self.store = S3(address)
        super().__init__(self.launcher_with(), Mirror(folder / "objects", self.store), folder)
        self.image, self.outside, self.seen_outside = cluster.trainer_image, outside / "notes", "/outside/notes"

    def launcher_with(self, **changes: Any) -> KubernetesLauncher:
        """A launcher for a cluster with other values."""
        return KubernetesLauncher(self.kube, self.store, replace(self.cluster, **changes), self.address, STEP_KEY)

    def lose(self, step: StepSpec, name: str) -> None:
        self.store.delete(f"{step.output_uri}/out/{name}")


@pytest.fixture(scope="module")
def namespace(api: client.ApiClient) -> Iterator[str]:
    """A team's namespace. It holds no key of the store."""
    name = f"team-{uuid4().hex[:8]}"
    core = client.CoreV1Api(api)
    core.create_namespace({"metadata": {"name": name}})
    yield name
    core.delete_namespace(name)


@pytest.fixture
def outside() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="jinsu-outside-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def bench(
    kubeconfig: Path,
    api: client.ApiClient,
    namespace: str,
    store: TrialStore,
    runtime_image: str,
    tmp_path: Path,
    outside: Path,
) -> Iterator[ClusterBench]:
    cluster = Cluster(
        namespaces={"default": namespace},
        platform_namespace=namespace,
        platform_image=runtime_image,
        trainer_image=runtime_image,  # as good for scripts that need no torch
        runtime_image=runtime_image,
        pull_policy="Never",
        gpus={"": Gpu()},
        volumes=({"name": "outside", "hostPath": {"path": str(outside)}},),
        mounts=({"name": "outside", "mountPath": "/outside"},),
    )
    address = replace(store.settings, prefix=uuid4().hex)
    with broker_server(Desk(S3(address)), node.address()) as broker:
        yield ClusterBench(Kube(str(kubeconfig)), replace(cluster, broker=broker), address, tmp_path, outside)
    # A pod that is left would look for its broker, and keep its processors, until its deadline.
    client.BatchV1Api(api).delete_collection_namespaced_job(namespace, propagation_policy="Background")
    client.CoreV1Api(api).delete_collection_namespaced_pod(namespace, grace_period_seconds=0)


@pytest.fixture
def own() -> Own:
    """Living processes of any step's script in a pod on this node; beside the pods, this machine may have steps too."""

    def look() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                in_pod = "kubepods" in Path(f"/proc/{process.pid}/cgroup").read_text()
                if in_pod and process.environ().get(STEP_ROOT_VARIABLE) == STEP_FOLDER:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    return look


# --- Who dies, and who goes on ---

RESUMES = """
last = root / "checkpoints" / "last"
if last.exists():
    print("resumed at", last.read_text(), flush=True)
    save()
else:
    (root / "checkpoints" / "draft").write_text("3")
    (root / "checkpoints" / "draft").replace(last)
    print("epoch 3", flush=True)
    time.sleep(100)
"""


# --- What a researcher reads ---


def status_that_says(bench: ClusterBench, step: StepSpec, words: str, within: float = 60) -> StepStatus:
    """The first status with these words in its message."""

    def look() -> StepStatus | None:
        seen = bench.launcher.status(step.run_key)
        return seen if words in seen.message else None

    return until(look, within, words)


def test_gpus_that_nobody_has_are_waited_for(bench: ClusterBench) -> None:
    step = bench.step("save()", gpu=99, cpu=0.1)
    bench.launcher.start(step)

    status = status_that_says(bench, step, "no free GPU")

    assert status.phase is Phase.QUEUED
    assert status.message == "it waits for a place: the only node has no free GPU."
    bench.launcher.cancel(step.run_key, "enough")
    assert bench.end(step).phase is Phase.CANCELLED


def test_an_image_that_is_missing_is_named(bench: ClusterBench) -> None:
    step = replace(bench.step("save()"), image="localhost/nothing:1")
    bench.launcher.start(step)

    status = status_that_says(bench, step, "cannot be pulled")

    assert status.phase is Phase.STARTING
    assert status.message.startswith("image 'localhost/nothing:1' cannot be pulled")
    bench.launcher.cancel(step.run_key, "enough")
    assert bench.end(step).phase is Phase.CANCELLED


def test_a_full_quota_is_named(bench: ClusterBench, api: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api)
    core.create_namespaced_resource_quota(namespace, {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}})
    step = bench.step("save()")
    try:
        until(lambda: core.read_namespaced_resource_quota("none", namespace).status.hard, 30, "the quota to hold")
        bench.launcher.start(step)
        status = status_that_says(bench, step, "quota")
        assert status.phase is Phase.QUEUED
        assert "it waits for its team's quota" in status.message
    finally:
        core.delete_namespaced_resource_quota("none", namespace)
    bench.launcher.cancel(step.run_key, "enough")


def test_a_step_that_fills_its_disk_is_told_so(bench: ClusterBench) -> None:
    bench.launcher = bench.launcher_with(ephemeral_storage="64Mi")
    step = bench.step("(out / 'big').write_bytes(os.urandom(200 << 20)); time.sleep(100)", seconds=200.0)

    status = bench.run(step, within=120)

    assert status.phase is Phase.FAILED
    assert not status.interrupted
    assert "exceeds" in status.message, status
    assert "write less to disk" in status.message


# --- The store is away ---


def test_an_outage_of_the_store_harms_no_training(bench: ClusterBench, store: TrialStore) -> None:
    step = bench.step("for number in range(8): print(number, flush=True); time.sleep(1)\nsave()", requires=MODEL)
    bench.launcher.start(step)
    until(lambda: "1\n" in bench.log(step), 30, "the training to begin")

    os.kill(store.pid, signal.SIGSTOP)
    time.sleep(5)
    os.kill(store.pid, signal.SIGCONT)

    assert bench.end(step, within=90).phase is Phase.DONE
    assert bench.log(step) == "".join(f"{number}\n" for number in range(8))


def pods(api: client.ApiClient, namespace: str) -> list[Any]:
    return list(client.CoreV1Api(api).list_namespaced_pod(namespace).items)


def test_a_pod_deleted_by_hand_resumes_from_its_checkpoint(
    bench: ClusterBench, api: client.ApiClient, namespace: str
) -> None:
    step = bench.step(RESUMES, requires=MODEL)
    bench.launcher.start(step)
    assert eventually(lambda: bench.log(step) == "epoch 3\n", within=30)

    for pod in pods(api, namespace):
        client.CoreV1Api(api).delete_namespaced_pod(pod.metadata.name, namespace)
    status = bench.end(step)

    assert status.phase is Phase.FAILED
    assert status.interrupted
    assert "a retry resumes from the last checkpoint" in status.message
    assert bench.run(step).phase is Phase.DONE
    assert bench.log(step) == "epoch 3\nresumed at 3\n"


# --- A role of the store instead of its keys ---


def test_the_broker_takes_a_role_instead_of_keys(
    bench: ClusterBench, api: client.ApiClient, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audience, account = "store.example.com", "broker"
    core = client.CoreV1Api(api)
    core.create_namespaced_service_account(namespace, {"metadata": {"name": account}})
    asked = {"spec": {"audiences": [audience]}}
    (tmp_path / "token").write_text(
        core.create_namespaced_service_account_token(account, namespace, asked).status.token
    )
    with trial_roles(node.address(), api, audience, bench.address) as roles:
        for name, value in {
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/jinsu",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_STS": roles.url,
        }.items():
            monkeypatch.setenv(name, value)
        address = replace(bench.address, access_key=None, secret_key=None)
        with broker_server(Desk(S3(address)), node.address()) as broker:
            bench.launcher = bench.launcher_with(broker=broker)
            assert bench.run(bench.step("save()")).phase is Phase.DONE
    assert set(roles.taken) == {("arn:aws:iam::1:role/jinsu", f"system:serviceaccount:{namespace}:{account}")}


# --- A script that means harm ---

SEARCHES = """
import json, socket, ctypes
secret = {secret!r}

def refused(attempt):
    try:
        return not attempt()
    except Exception:
        return True

def holds(path):
    try:
        return any(word in path.read_bytes() for word in (b"AWS_", secret.encode(), b"JINSU_BROKER", b"eyJhbGciOi"))
    except OSError:
        return False

found = [name for name in os.environ if "AWS" in name or "TOKEN" in name or "BROKER" in name]
found += [str(path) for path in Path("/proc").glob("[0-9]*/environ") if holds(path)]
found += [str(path) for path in Path("/proc").glob("[0-9]*/cmdline") if holds(path)]
for place in ("/var/run/secrets", "/run/secrets", "/jinsu/access", "/etc/kubernetes", "/root/.aws"):
    found += [place] if os.path.exists(place) else []
for folder in ("/jinsu", "/tmp", "/var", "/run", "/home", "/etc"):
    for parent, _, names in os.walk(folder):
        if parent == str(root / "in/code"):
            continue  # this very text
        found += [f"{{parent}}/{{name}}" for name in names if holds(Path(parent) / name)]
libc, runner, line = ctypes.CDLL(None, use_errno=True), os.getppid(), "/jinsu/line/runner.sock"
note(json.dumps({{
    "found": found,
    "runner": runner,
    "uids": sorted({{os.getuid(), os.geteuid()}}),
    "line": refused(lambda: socket.socket(socket.AF_UNIX).connect(line) is None),
    "fds": refused(lambda: os.listdir(f"/proc/{{runner}}/fd")),
    "memory": refused(lambda: open(f"/proc/{{runner}}/mem", "rb")),
    "environ": refused(lambda: open(f"/proc/{{runner}}/environ", "rb").read()),
    "ptrace": libc.syscall(101, 16, runner, 0, 0) < 0,
    "pidfd": all(libc.syscall(438, os.pidfd_open(runner), number, 0) < 0 for number in range(64)),
    "others": [name for name in os.listdir("/proc") if name.isdigit() and b"jinsu.steps.upload" in
               Path(f"/proc/{{name}}/cmdline").read_bytes()],
}}))
for name in ("agent.lock", "state.json", "result.json", "step.json"):
    (root / name).unlink(missing_ok=True)
(root / "result.json").write_text(json.dumps({{"run_key": "x", "outputs": {{}}, "seconds": 0.001, "gpu_seconds": 0}}))
os.kill(runner, signal.SIGKILL)  # it is the first process of its container, which no process in there can kill
time.sleep(1.5)
save()
"""


def test_a_hostile_script_finds_no_key_no_token_and_no_way_to_forge(bench: ClusterBench) -> None:
    step = bench.step(SEARCHES.format(secret=bench.address.secret_key), requires=MODEL)

    status = bench.run(step)

    assert status.phase is Phase.DONE, status.message
    (note,) = bench.notes()
    assert json.loads(note) == {
        "found": [],
        "runner": 1,
        "uids": [10001],
        "line": True,
        "fds": True,
        "memory": True,
        "environ": True,
        "ptrace": True,
        "pidfd": True,
        "others": [],
    }
    assert status.result is not None
    assert set(status.result.outputs) == {MODEL}
    assert status.result.seconds > 1.5


def test_a_program_of_the_platform_finds_its_secrets_and_folders_in_its_pod(bench: ClusterBench) -> None:
    for number in range(3):
        bench.store.write(f"test/rows/part/{number}", b"%d" % number)
    step = bench.step(
        """
        import json
        print(json.loads((root / "in/secrets.json").read_text())["salt"])
        print(sorted(path.name for path in (root / "in/rows/part").iterdir()))
        """
    )
    rows = Input("rows", "test/rows", "")
    step = replace(step, kind=StepKind.PLATFORM, inputs=(*step.inputs, rows), secrets={"salt": "pepper"})
    assert bench.run(step).phase is Phase.DONE, bench.log(step)
    assert bench.log(step) == "pepper\n['0', '1', '2']\n"
