"""A step as a Job: restricted, without credentials or anything that a user wrote, and placed where its spec says."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.chart.restricted import violations
from tests.chart.schemas import faults

from jinsu.errors import BadInputError
from jinsu.launchers.job import ATTEMPT_LABEL, KEY_LABEL, job, name_of, secret, secret_name
from jinsu.placement.kubernetes import Cluster, Gpu
from jinsu.steps.access_token import Holder, holder_of
from jinsu.steps.record import Attempt
from jinsu.steps.spec import Input, Limits, StepKind, StepSpec

KEY = "0123456789abcdef" * 4
STEP_KEY = "hush-hush-key-of-tokens"
ATTEMPT = Attempt("attempt-1", "jinsu-default")
CLUSTER = Cluster(
    namespaces={"default": "jinsu-default"},
    trainer_image="images.example.com/trainer:1",
    runtime_image="images.example.com/runtime:1",
    platform_namespace="jinsu",
    platform_image="images.example.com/platform:1",
    broker="http://broker:8081",
)
STEP = StepSpec(
    name="train",
    image=CLUSTER.trainer_image,
    command=("python", "train.py"),
    params={"lr": 0.1},
    limits=Limits(memory=2 * 2**30, seconds=3600.0),
    inputs=(Input("code", "code/abc.tar.gz", "abc"),),
    output_uri=f"steps/{KEY}",
    run_key=KEY,
    labels={"submission": "digits-4f1c9a2b3d", "model": "digits", "team": "default", "requires": "model/model.onnx"},
)
RICH = replace(
    CLUSTER,
    gpus={"": Gpu(), "a100": Gpu("nvidia.com/gpu", {"gpu": "a100"}, ({"key": "gpu", "operator": "Exists"},))},
    priority_classes={"normal": "jinsu-normal", "high": "jinsu-high"},
    queues={"default": "gold"},
    node_selector={"pool": "training"},
    tolerations=({"key": "training", "operator": "Exists"},),
    volumes=({"name": "share", "persistentVolumeClaim": {"claimName": "share", "readOnly": True}},),
    mounts=({"name": "share", "mountPath": "/share", "readOnly": True},),
    pull_secrets=("pull-key", "other-key"),
    pull_policy="Always",
    ephemeral_storage="7Gi",
    ca_config_map="authority",
    ttl_seconds=77,
)
# What people write to see whether somebody reads it as more than text.
EVIL = st.one_of(
    st.sampled_from(
        ["{{ 7*7 }}", "{% raw %}", "$(HOME)", "$(id)", "`id`", "a\nb: c", "'\"\\", "---", "x" * 300, "é" * 70]
    ),
    st.text(min_size=4, max_size=300),
)
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")


def step_job(step: StepSpec = STEP, cluster: Cluster = CLUSTER) -> dict[str, Any]:
    return job(step, cluster, ATTEMPT)


def attempt_secret(step: StepSpec = STEP) -> dict[str, Any]:
    return secret(step, ATTEMPT, {"metadata": {"name": name_of(KEY), "uid": "uid-of-the-job"}}, STEP_KEY)


def pod(step: StepSpec = STEP, cluster: Cluster = CLUSTER) -> dict[str, Any]:
    return dict(step_job(step, cluster)["spec"]["template"]["spec"])


def containers(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in (*spec["initContainers"], *spec["containers"])}


def limited(**limits: Any) -> StepSpec:
    return replace(STEP, limits=replace(STEP.limits, **limits))


def texts(tree: Any) -> Iterator[str]:
    """Every string in a document, keys among them."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield str(key)
            yield from texts(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from texts(value)
    elif isinstance(tree, str):
        yield tree


# --- What no pod may have ---


@pytest.mark.parametrize("cluster", [CLUSTER, RICH], ids=["plain", "rich"])
@pytest.mark.parametrize("gpu", [0, 2])
def test_a_step_is_restricted(cluster: Cluster, gpu: int) -> None:
    assert violations(pod(limited(gpu=gpu), cluster)) == []
    assert all(one["securityContext"]["readOnlyRootFilesystem"] for one in containers(pod(STEP, cluster)).values())


@pytest.mark.parametrize("version", ["1.36.0", "1.37.0"])
@pytest.mark.parametrize("cluster", [CLUSTER, RICH], ids=["plain", "rich"])
def test_kubernetes_takes_the_job(version: str, cluster: Cluster) -> None:
    assert faults(step_job(limited(gpu=1, cpu=0.5), cluster), version) == []


def test_no_container_has_a_token_of_kubernetes() -> None:
    spec = pod()
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert "serviceAccountName" not in spec
    assert not any("projected" in volume for volume in spec["volumes"])


def test_no_container_has_a_key_of_the_store() -> None:
    for one in containers(pod()).values():
        assert "envFrom" not in one
        assert not any("AWS" in text or "JINSU_STORE" in text for text in texts(one))
    assert {one["name"] for one in containers(pod()).values()} == {"stage", "work", "upload"}


def test_the_container_of_the_script_has_no_part_of_the_attempts_secret() -> None:
    spec = pod()
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    holders = {
        name: [key["key"] for key in volumes[mount["name"]]["secret"]["items"]]
        for name, one in containers(spec).items()
        for mount in one["volumeMounts"]
        if "secret" in volumes[mount["name"]]
    }
    assert holders == {"stage": ["token", "secrets.json"], "upload": ["token"]}
    assert "env" not in containers(spec)["work"]
    named = {volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
    assert named == {attempt_secret()["metadata"]["name"]}


def test_the_secret_goes_with_its_job_and_opens_this_attempt_alone() -> None:
    document = attempt_secret(replace(STEP, secrets={"salt": "pepper"}))
    assert document["metadata"]["ownerReferences"] == [
        {"apiVersion": "batch/v1", "kind": "Job", "name": name_of(KEY), "uid": "uid-of-the-job"}
    ]
    assert document["metadata"]["namespace"] == "jinsu-default"
    assert holder_of(STEP_KEY, document["stringData"]["token"]) == Holder(KEY, "attempt-1")
    assert json.loads(document["stringData"]["secrets.json"]) == {"salt": "pepper"}
    assert faults(document, "1.37.0") == []
    assert secret_name(KEY, ATTEMPT) != secret_name(KEY, replace(ATTEMPT, id="attempt-2"))


def test_no_secret_is_written_into_a_job_or_into_the_store() -> None:
    step = replace(STEP, secrets={"salt": "hush-hush"})
    assert not any("hush" in text for text in texts(step_job(step)))
    assert "hush" not in step.to_json()


def test_our_containers_know_the_broker_and_their_attempt() -> None:
    for name in ("stage", "upload"):
        variables = {entry["name"]: entry["value"] for entry in containers(pod())[name]["env"]}
        assert variables == {"JINSU_BROKER": "http://broker:8081", "JINSU_RUN_KEY": KEY, "JINSU_ATTEMPT": "attempt-1"}


def test_runner_and_uploader_share_a_line_that_the_stage_does_not_see() -> None:
    mounts = {name: [m for m in one["volumeMounts"] if m["name"] == "line"] for name, one in containers(pod()).items()}
    assert mounts["stage"] == []
    assert mounts["work"] == mounts["upload"] != []
    assert containers(pod())["work"]["command"][-1].startswith(mounts["work"][0]["mountPath"])


def test_the_uploader_reads_the_steps_folder_and_cannot_write_it() -> None:
    found = containers(pod())
    mounts = {
        name: next(mount for mount in one["volumeMounts"] if mount["name"] == "step") for name, one in found.items()
    }
    assert mounts["upload"]["readOnly"] is True
    assert "readOnly" not in mounts["stage"]
    assert "readOnly" not in mounts["work"]
    assert len({mount["mountPath"] for mount in mounts.values()}) == 1


def test_no_two_containers_share_a_folder_for_temporary_files() -> None:
    shared = [
        mount["name"]
        for one in containers(pod()).values()
        for mount in one["volumeMounts"]
        if mount["mountPath"] == "/tmp"
    ]
    assert sorted(shared) == ["tmp-stage", "tmp-upload", "tmp-work"]


# --- What a user wrote ---


@given(EVIL, EVIL, EVIL, EVIL)
def test_nothing_that_a_user_wrote_is_in_the_job(param: str, word: str, label: str, uri: str) -> None:
    plain = set(texts(step_job()))
    step = replace(
        STEP,
        command=("python", word),
        params={word: param},
        inputs=(Input(word, uri, param),),
        labels={**STEP.labels, "requires": label, label: word},
    )
    assert set(texts(step_job(step))) == plain


@given(EVIL, EVIL, EVIL)
def test_labels_are_what_kubernetes_takes(team: str, model: str, submission: str) -> None:
    document = step_job(replace(STEP, labels={"team": team, "model": model, "submission": submission}), RICH)
    for labels in (document["metadata"]["labels"], document["spec"]["template"]["metadata"]["labels"]):
        for name, value in labels.items():
            assert _LABEL_NAME.fullmatch(name.rpartition("/")[2]), name
            assert _LABEL_VALUE.fullmatch(value), value
    assert faults(document, "1.37.0") == []


@given(EVIL)
def test_a_type_of_gpu_is_no_way_into_a_job(gpu_type: str) -> None:
    step = limited(gpu=1, gpu_type=gpu_type)
    try:
        spec = pod(step)
    except BadInputError:  # refusing it is as good
        return
    for name, value in spec["nodeSelector"].items():
        assert _LABEL_NAME.fullmatch(name.rpartition("/")[2])
        assert _LABEL_VALUE.fullmatch(value), value


# --- What a step asked for ---


@pytest.mark.parametrize(("cpu", "written"), [(1, "1000m"), (0.5, "500m"), (2.25, "2250m"), (64, "64000m")])
def test_a_step_has_what_it_asked_for_and_no_more(cpu: float, written: str) -> None:
    train = containers(pod(limited(cpu=cpu, memory=3 * 2**30, gpu=2)))["work"]
    wanted = {"cpu": written, "memory": str(3 * 2**30), "nvidia.com/gpu": "2"}
    for amounts in (train["resources"]["requests"], train["resources"]["limits"]):
        assert {name: amounts[name] for name in wanted} == wanted
    assert train["resources"]["limits"]["ephemeral-storage"] == CLUSTER.ephemeral_storage


@given(st.floats(min_value=0, max_value=256, exclude_min=True))
def test_a_limit_of_processor_time_is_never_zero_which_would_be_none(cpu: float) -> None:
    amount = containers(pod(limited(cpu=cpu)))["work"]["resources"]["limits"]["cpu"]
    assert re.fullmatch(r"[1-9]\d*m", amount), amount


def test_a_step_without_a_gpu_asks_for_none() -> None:
    spec = pod(STEP, RICH)
    assert set(containers(spec)["work"]["resources"]["limits"]) == {"cpu", "memory", "ephemeral-storage"}
    assert spec["nodeSelector"] == {"pool": "training"}
    assert spec["tolerations"] == [{"key": "training", "operator": "Exists"}]


def test_a_type_of_gpu_chooses_resource_nodes_and_tolerations() -> None:
    cluster = replace(RICH, gpus={"slice": Gpu("nvidia.com/mig-1g.10gb", {"mig": "on"}, ({"key": "mig"},))})
    spec = pod(limited(gpu=3, gpu_type="slice"), cluster)
    assert containers(spec)["work"]["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == "3"
    assert "nvidia.com/gpu" not in containers(spec)["work"]["resources"]["limits"]
    assert spec["nodeSelector"] == {"pool": "training", "mig": "on"}
    assert spec["tolerations"] == [{"key": "training", "operator": "Exists"}, {"key": "mig"}]


def test_only_the_training_has_a_gpu() -> None:
    for name, one in containers(pod(limited(gpu=1))).items():
        assert ("nvidia.com/gpu" in one["resources"]["limits"]) == (name == "work")


def test_any_gpu_is_the_one_without_a_type() -> None:
    cluster = replace(CLUSTER, gpus={"": Gpu("amd.com/gpu", {"maker": "amd"})})
    spec = pod(limited(gpu=1), cluster)
    assert containers(spec)["work"]["resources"]["limits"]["amd.com/gpu"] == "1"
    assert spec["nodeSelector"] == {"maker": "amd"}


@pytest.mark.parametrize(("priority", "written"), [("normal", "jinsu-normal"), ("high", "jinsu-high"), ("low", None)])
def test_a_priority_is_a_class_of_the_cluster(priority: str, written: str | None) -> None:
    assert pod(limited(priority=priority), RICH).get("priorityClassName") == written


def test_a_team_with_a_queue_waits_in_it() -> None:
    name = "kueue.x-k8s.io/queue-name"
    assert step_job(STEP, RICH)["metadata"]["labels"][name] == "gold"
    assert name not in step_job(STEP, RICH)["spec"]["template"]["metadata"]["labels"]
    assert name not in step_job(replace(STEP, labels={"team": "vision"}), RICH)["metadata"]["labels"]


def test_shared_memory_is_half_of_the_steps() -> None:
    spec = pod(limited(memory=8 * 2**30))
    (shared,) = [volume for volume in spec["volumes"] if volume["name"] == "shm"]
    assert shared["emptyDir"] == {"medium": "Memory", "sizeLimit": str(4 * 2**30)}
    holders = [name for name, one in containers(spec).items() for m in one["volumeMounts"] if m["name"] == "shm"]
    assert holders == ["work"]


def test_time_in_a_queue_is_not_counted() -> None:
    document = step_job(limited(seconds=7200.0))
    assert "activeDeadlineSeconds" not in document["spec"]  # a Job's would count from its creation
    assert document["spec"]["template"]["spec"]["activeDeadlineSeconds"] > 7200


def test_a_job_starts_one_pod_and_goes_when_it_is_old() -> None:
    spec = step_job(STEP, RICH)["spec"]
    assert spec["backoffLimit"] == 0
    assert spec["ttlSecondsAfterFinished"] == 77
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_a_private_authority_is_mounted_where_the_store_is_asked() -> None:
    spec = pod(STEP, RICH)
    assert {"name": "ca", "configMap": {"name": "authority"}} in spec["volumes"]
    for name, one in containers(spec).items():
        assert any(mount["mountPath"] == "/etc/jinsu-ca" for mount in one["volumeMounts"]) == (name != "work")


def test_every_mount_has_its_volume() -> None:
    for cluster in (CLUSTER, RICH):
        spec = pod(STEP, cluster)
        known = {volume["name"] for volume in spec["volumes"]}
        assert {mount["name"] for one in containers(spec).values() for mount in one["volumeMounts"]} == known


def test_images_are_pulled_as_the_cluster_says() -> None:
    spec = pod(STEP, RICH)
    assert spec["imagePullSecrets"] == [{"name": "pull-key"}, {"name": "other-key"}]
    assert {one["imagePullPolicy"] for one in containers(spec).values()} == {"Always"}
    assert "imagePullSecrets" not in pod()


def test_a_cluster_may_add_volumes_to_every_training() -> None:
    spec = pod(STEP, RICH)
    assert RICH.volumes[0] in spec["volumes"]
    holders = [name for name, one in containers(spec).items() if RICH.mounts[0] in one["volumeMounts"]]
    assert holders == ["work"]


# --- Its name ---


def test_the_same_step_has_the_same_name() -> None:
    first, second = step_job(), job(limited(memory=2**20), RICH, replace(ATTEMPT, id="attempt-2"))
    assert first["metadata"]["name"] == second["metadata"]["name"] == name_of(KEY)
    assert first["metadata"]["labels"][KEY_LABEL] == second["metadata"]["labels"][KEY_LABEL]
    assert first["metadata"]["labels"][ATTEMPT_LABEL] != second["metadata"]["labels"][ATTEMPT_LABEL]


def test_a_job_is_found_by_the_labels_of_its_pods() -> None:
    document = step_job()
    for name in (KEY_LABEL, ATTEMPT_LABEL):
        assert document["spec"]["template"]["metadata"]["labels"][name] == document["metadata"]["labels"][name]


@given(st.text("0123456789abcdef", min_size=64, max_size=64), st.text("0123456789abcdef", min_size=64, max_size=64))
def test_two_steps_have_two_names_that_kubernetes_takes(one: str, other: str) -> None:
    assert (name_of(one) == name_of(other)) == (one[:40] == other[:40])
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])", name_of(one))  # its pods add six characters


def test_an_attempt_after_one_whose_pod_may_still_be_there_has_another_name() -> None:
    names = {job(STEP, CLUSTER, replace(ATTEMPT, number=number))["metadata"]["name"] for number in range(4)}
    assert names == {name_of(KEY), *(f"{name_of(KEY)}-{number}" for number in (2, 3, 4))}


# --- Whose program it is ---


def test_a_program_of_the_platform_runs_in_the_platforms_image_without_what_trainings_share() -> None:
    step = replace(STEP, kind=StepKind.PLATFORM)
    spec = pod(step, RICH)
    assert containers(spec)["work"]["image"] == "images.example.com/platform:1"
    assert RICH.volumes[0] not in spec["volumes"]
    assert RICH.mounts[0] not in containers(spec)["work"]["volumeMounts"]
    assert "kueue.x-k8s.io/queue-name" not in step_job(step, RICH)["metadata"]["labels"]
    assert containers(pod(STEP, RICH))["work"]["image"] == STEP.image
    assert violations(spec) == []


def test_a_pod_says_what_it_may_reach() -> None:
    labels = step_job(replace(STEP, egress=("hub", "pypi-mirror")))["spec"]["template"]["metadata"]["labels"]
    assert {name for name in labels if "egress" in name} == {"jinsu.dev/egress-hub", "jinsu.dev/egress-pypi-mirror"}
    assert labels["jinsu.dev/egress-hub"] == "true"
    assert not any("egress" in name for name in step_job()["spec"]["template"]["metadata"]["labels"])


@pytest.mark.parametrize("name", ["", "Hub", "a/b", "a b", "-a", "a-", "x" * 51, "é", "a\nb"])
def test_a_destination_that_no_label_may_name_is_refused(name: str) -> None:
    with pytest.raises(BadInputError, match="egress"):
        step_job(replace(STEP, egress=(name,)))


def test_an_environment_is_built_in_the_image_that_it_is_for() -> None:
    step = replace(STEP, kind=StepKind.PLATFORM, egress=("python-index",))
    document = job(step, RICH, ATTEMPT)
    assert containers(pod(step, RICH))["work"]["image"] == STEP.image
    assert document["spec"]["template"]["metadata"]["labels"]["jinsu.dev/egress-python-index"] == "true"
