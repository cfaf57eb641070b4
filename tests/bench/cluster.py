"""What the cluster adds to a training, and what the idle platform weighs there. Needs `make cluster`.

The first line of a script is timed by the script itself; the node is this machine, so all clocks are one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import psutil
import yaml
from kubernetes import config
from tests.bench.figure import Figure, Say, at_most, plain
from tests.bench.machine import folder
from tests.bench.memory import SETTLE_SECONDS, _bare, _weigh
from tests.chart.helm import CHART
from tests.cluster.harness.clusters import TARGETS, chosen
from tests.cluster.installation import NAMESPACE, TEAM, Installation, installed, values
from tests.support.points_model import SPEC, write_points_table
from tests.support.waiting import until

from jinsu.runs.snapshots import pack
from jinsu.spec.quantities import parse_bytes

ROUNDS = 5
_FIRST_LINE = "import time; print('first line at', time.time(), flush=True)"
_SCRIPT = _FIRST_LINE + "\nimport jinsu\njinsu.params(round=0)\nraise SystemExit('enough')\n"


def measure(say: Say) -> list[Figure]:
    cluster = chosen()
    if not cluster.own_node or not cluster.alive():
        say("left out: it needs a test cluster whose node is this machine; start one: make cluster")
        return []
    api = config.new_client_from_config(str(cluster.kubeconfig))
    names = cluster.images(TARGETS)
    with installed(api, cluster.kubeconfig, values(names.__getitem__)) as jinsu:
        say("submissions")
        startup = _startup(jinsu, names["trainer"], say)
        say(f"idle for {SETTLE_SECONDS:g} s")
        weight = _weight(jinsu)
    say("the same servers, bare")
    with folder() as place, _bare(place) as leaders:
        bare = _weigh(leaders, say)
    return [*startup, *_memory(weight, sum(bare.memory.values()))]


# --- From a submission to the script's first line ---


def _startup(jinsu: Installation, image: str, say: Say) -> list[Figure]:
    with TemporaryDirectory() as place:
        jinsu.jinsu("data", "put", "points", write_points_table(Path(place)))
        model = Path(place) / "model"
        model.mkdir()
        (model / "model.yaml").write_text(SPEC.replace("params: {features: 2}", "params: {round: 0}"))
        (model / "train.py").write_text(_SCRIPT)
        jinsu.code = jinsu.api.post("/code", content=pack(model, 2**20)[0]).json()["digest"]
    resources = {"cpu": 1, "memory": "512Mi"}
    splits, bare = list[tuple[float, float, float]](), list[float]()
    for number in range(ROUNDS + 1):
        splits.append(_round(jinsu, number, resources))
        bare.append(_bare_job(jinsu, image, resources))
        say(f"round {number}: platform {splits[-1][0]:.2f} s, scheduling {splits[-1][1]:.2f} s, "
            f"start {splits[-1][2]:.2f} s; a bare Job {bare[-1]:.2f} s")  # fmt: skip
    # The first round warms what is warm afterwards: page cache, Airflow's workers.
    platform, scheduling, start = (median(column) for column in zip(*splits[1:], strict=True))
    alone = median(bare[1:])
    how = f"Median of {ROUNDS} submissions after a first one, on an idle platform."
    return [
        plain("cluster: submission to first line", platform + scheduling + start, "s", how),
        plain("cluster: of it in the platform", platform, "s", "From the API's request until training is started: admission, "
              "Airflow, data validation."),
        plain("cluster: of it scheduling", scheduling, "s", "From there, over the Job's creation, to the scheduler's event for its pod."),
        plain("cluster: of it starting", start, "s", "From that event to the script's first line: volumes, inputs, images, "
              "Python."),
        plain("cluster: a bare Job to its first line", alone, "s", "The same image and resources with `python -c`, from "
              "its creation to its first line."),
        at_most("cluster: added to a bare Job", scheduling + start - alone, "s", 2.0,
                "Scheduling and start of a step without those of a bare Job of the same image."),
    ]  # fmt: skip


def _round(jinsu: Installation, number: int, resources: dict[str, Any]) -> tuple[float, float, float]:
    asked = time.time()
    run = jinsu.submit(
        f"bench-{number}-{uuid4().hex[:6]}", train={"resources": resources, "params.round": number + asked}
    )
    ended = jinsu.ended(run, 120)
    assert "enough" in ended["why"], ended["why"]
    first = _line(jinsu.jinsu("logs", run))
    pod = jinsu.step(run)
    started, placed = float(jinsu.stage(run, "train")["started"]), _placed(jinsu, pod.metadata.name)
    return started - asked, placed - started, first - placed


def _placed(jinsu: Installation, pod: str) -> float:
    """When the pod was given its node: the scheduler's event tells microseconds."""
    events = jinsu.core.list_namespaced_event(TEAM, field_selector=f"involvedObject.name={pod}").items
    placed = next(event for event in events if event.reason == "Scheduled")
    return float((placed.event_time or placed.first_timestamp).timestamp())


def _line(text: str) -> float:
    return float(text.partition("first line at")[2].split()[0])


def _bare_job(jinsu: Installation, image: str, resources: dict[str, Any]) -> float:
    name = f"bare-{uuid4().hex[:8]}"
    amounts = {"cpu": str(resources["cpu"]), "memory": resources["memory"]}
    container = {
        "name": "train", "image": image, "imagePullPolicy": "Never", "command": ["python", "-c", _FIRST_LINE],
        "resources": {"requests": amounts, "limits": amounts},
    }  # fmt: skip
    body = {
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
    asked = time.time()
    jinsu.batch.create_namespaced_job("default", body)
    try:
        until(lambda: jinsu.batch.read_namespaced_job(name, "default").status.succeeded, 60, "a bare Job")
        pod = jinsu.core.list_namespaced_pod("default", label_selector=f"job-name={name}").items[0].metadata.name
        raw = jinsu.core.read_namespaced_pod_log(pod, "default", _preload_content=False).data.decode()
        return _line(raw) - asked
    finally:
        jinsu.batch.delete_namespaced_job(name, "default", propagation_policy="Background")


# --- What the idle platform weighs ---


def _weight(jinsu: Installation) -> dict[str, float]:
    """PSS in MB of every part's processes, by component."""
    time.sleep(SETTLE_SECONDS)
    components = {
        pod.metadata.uid: pod.metadata.labels["app.kubernetes.io/component"]
        for pod in jinsu.core.list_namespaced_pod(NAMESPACE).items
        if pod.status.phase == "Running"
    }
    found: dict[str, float] = dict.fromkeys(components.values(), 0.0)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            groups = Path(f"/proc/{process.pid}/cgroup").read_text()
            uid = next((uid for uid in components if uid in groups or uid.replace("-", "_") in groups), None)
            if uid is not None:
                found[components[uid]] += process.memory_full_info().pss / 1e6
    return found


def _memory(weight: dict[str, float], bare: float) -> list[Figure]:
    total, requested = sum(weight.values()), _requested() / 1e6
    how = f"PSS of all processes in the release's pods, {SETTLE_SECONDS:g} s after they were idle"
    rows = sorted(weight.items(), key=lambda item: -item[1])
    return [
        plain("cluster memory: idle platform", total, "MB", f"{how}."),
        plain("cluster memory: requested by default", requested, "MB", "Sum of the requests in values.yaml."),
        plain("cluster memory: idle platform to bare servers", total / bare, "×", "Beside PostgreSQL, Airflow, MLflow and "
              "Envoy started bare on the same machine; the cluster also has the object store."),
        *(plain(f"cluster memory: {name}", megabytes, "MB", f"{how}.") for name, megabytes in rows),
    ]  # fmt: skip


def _requested() -> float:
    chart = yaml.safe_load((CHART / "values.yaml").read_text())
    return sum(_requests(chart))


def _requests(tree: Any) -> Iterator[float]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == "modelServers":
                continue  # none runs while it idles
            if key == "resources":
                yield parse_bytes(str(value["requests"]["memory"]))
            else:
                yield from _requests(value)
