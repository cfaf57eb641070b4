"""The launcher for Kubernetes keeps every launcher's promises: the real programs of a pod, the real broker, a real S3 server.

The pods are processes of this machine. `tests/cluster/test_kubernetes_launcher.py` runs the same suite on a real cluster.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from tests.contract.launcher_suite import *  # noqa: F403
from tests.contract.launcher_suite import MODEL, Bench, Own
from tests.support.broker_server import STEP_KEY, broker_server
from tests.support.object_store import KEYS, running_store
from tests.support.process_kubernetes import ProcessKubernetes
from tests.support.waiting import eventually
from tests.support.wheels import make_wheel, python_index

from jinsu.broker.desk import Desk
from jinsu.confined.tasks import ENVIRONMENT_FILE, INDEX, LOCK_FILE, Install, Lock, confined_step
from jinsu.launchers.kubernetes_launcher import KubernetesLauncher
from jinsu.objects.mirror import Mirror
from jinsu.objects.s3 import S3, S3Settings
from jinsu.placement.kubernetes import Cluster
from jinsu.sdk.step_files import PACKAGES_NAME
from jinsu.steps.destinations import PYTHON_INDEX
from jinsu.steps.folders import StepFolders
from jinsu.steps.processes import processes_of
from jinsu.steps.spec import Input, Limits, StepKind, StepSpec
from jinsu.steps.status import Phase


class PodBench(Bench):
    """Steps as the processes of their pods."""

    patience = 25.0

    def __init__(self, store: S3, broker: str, folder: Path) -> None:
        self.kube, self.store = ProcessKubernetes(), store
        cluster = Cluster({"default": "team"}, "i", "i", platform_namespace="jinsu", broker=broker)
        launcher = KubernetesLauncher(self.kube, store, cluster, S3Settings("objects"), STEP_KEY)  # type: ignore[arg-type]
        super().__init__(launcher, Mirror(folder / "objects", store), folder)

    def lose(self, step: StepSpec, name: str) -> None:
        self.store.delete(f"{step.output_uri}/out/{name}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_store() as port:
        yield port


@pytest.fixture
def bench(server: int, tmp_path: Path) -> Iterator[PodBench]:
    endpoint = f"http://127.0.0.1:{server}"
    store = S3(S3Settings("objects", endpoint, prefix=uuid4().hex, access_key=KEYS[0], secret_key=KEYS[1], attempts=3))
    with broker_server(Desk(store)) as broker:
        found = PodBench(store, broker, tmp_path)
        yield found
        found.kube.close()


@pytest.fixture
def own(bench: PodBench) -> Own:
    """Living processes of any step's script."""

    def look() -> list[psutil.Process]:
        return [process for files in bench.kube.step_files() for process in processes_of(files.root)]

    return look


def test_a_program_of_the_platform_finds_its_secrets_and_folders(bench: PodBench) -> None:
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


def test_a_pod_deleted_by_hand_resumes_from_its_checkpoint(bench: PodBench) -> None:
    step = bench.step(
        """
        last = root / "checkpoints" / "last"
        if last.exists():
            print("resumed at", last.read_text(), flush=True)
            save()
        else:
            (root / "checkpoints" / "draft").write_text("3")
            (root / "checkpoints" / "draft").replace(last)
            print("epoch 3", flush=True)
            time.sleep(100)
        """,
        requires=MODEL,
    )
    bench.launcher.start(step)
    assert eventually(lambda: bench.log(step) == "epoch 3\n", within=30)
    (pod,) = bench.kube.pods.values()
    pod.stop()
    status = bench.end(step)

    assert (status.phase, status.interrupted) == (Phase.FAILED, True)
    assert bench.run(step).phase is Phase.DONE
    assert bench.log(step) == "epoch 3\nresumed at 3\n"


def test_a_pod_builds_an_environment_and_another_trains_in_it(bench: PodBench, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "fast-tables", "1.2", needs=["numpy"])
    limits, reach, steps = Limits(2**30, 60.0), (PYTHON_INDEX,), StepFolders(bench.objects)
    with python_index(wheels) as (port, _):
        secrets = {INDEX: f"http://127.0.0.1:{port}/simple"}
        asked = Lock("fast-tables\n", "requirements.txt", ())
        lock = confined_step(asked, (), limits, uuid4().hex, {}, secrets, egress=reach, image="i")
        assert bench.run(lock).phase is Phase.DONE, bench.log(lock)
        inputs = steps.inputs(lock.run_key, {LOCK_FILE: LOCK_FILE})
        install = confined_step(Install((), 2**26, 1000), inputs, limits, "t", {}, secrets, egress=reach, image="i")
        assert bench.run(install).phase is Phase.DONE, bench.log(install)
    step = bench.step("import fast_tables; print(fast_tables.VERSION)")
    packages = steps.inputs(install.run_key, {PACKAGES_NAME: ENVIRONMENT_FILE})

    status = bench.run(replace(step, inputs=(*step.inputs, *packages)))

    assert status.phase is Phase.DONE, status.message
    assert bench.log(step) == "1.2\n"
