"""The stand-in for Kubeflow's engine: it fills in what the compiled pipeline leaves open, follows its tasks, and refuses the rest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.kubeflow_pipeline import (
    OUTPUTS,
    Container,
    Execution,
    Pipeline,
    TaskFailedError,
    as_input,
    as_text,
    bound,
    containers,
    filled,
    from_text,
    waits,
)
from tests.support.kubeflow_pod import COLLECT, STAGE, pod

COMPILED = Pipeline.read(Path(__file__).parents[2] / "components" / "pipeline.yaml")
STAGES = ["admit", "validate-data", "train", "package", "evaluate", "register", "review", "canary", "promote"]
FORM = {"model": "digits", "user": "jane"}


class Engine:
    """Remembers the containers that it was given; a task fails as often as `failing` says."""

    def __init__(self, failing: Mapping[str, int] | None = None, trials: int = 1) -> None:
        self.started: list[Container] = []
        self._failing, self._trials = dict(failing or {}), trials

    def launch(self, one: Container) -> Mapping[str, str]:
        self.started.append(one)
        if self._failing.get(one.task, 0) > one.attempt:
            raise TaskFailedError("it was interrupted")
        values = {"STRING": "a text\n", "NUMBER_INTEGER": "3", "NUMBER_DOUBLE": "0.25", "STRUCT": '{"a": 1.5}'}
        values["LIST"] = as_text([str(number) for number in range(self._trials)])
        return {name: values[kind] for name, kind in one.outputs.items()}

    def run(self, pipeline: Pipeline = COMPILED, **values: Any) -> dict[str, dict[str, Any]]:
        return Execution(pipeline, self.launch, "run-7", pause=0).run(**{**FORM, **values})


# --- Jinsu's pipeline ---


def test_the_nine_stages_follow_each_other() -> None:
    engine = Engine()
    engine.run()
    assert [one.task.rpartition("/")[2] for one in engine.started] == STAGES


def test_each_trial_is_a_container_of_its_own() -> None:
    engine = Engine(trials=3)
    engine.run()
    trials = {one.task: one.command for one in engine.started if one.task.endswith("/train")}
    assert sorted(trials) == [f"/for-loop-1[{number}]/train" for number in range(3)]
    for number in range(3):
        command = trials[f"/for-loop-1[{number}]/train"]
        assert command[: command.index("--write")] == (
            "python", "-m", "jinsu.lifecycle", "train", "--submission", "a text\n", "--trial", str(number),
        )  # fmt: skip


def test_the_form_reaches_admit_word_for_word() -> None:
    engine = Engine()
    hostile = "{{$.inputs.parameters['image']}} $(id) ' \""
    engine.run(model=hostile, problem="numbers", train_params={"epochs": 3.0, "lr": 0.5}, team="toys")
    command = engine.started[0].command
    given = dict(zip(command[4:-9:2], command[5:-9:2], strict=True))
    assert given == {
        "--model": hostile,
        "--problem": "numbers",
        "--train-params": '{"epochs":3.0,"lr":0.5}',
        "--submission": "",
        "--run-name": "run-7",
        "--user": "jane",
        "--team": "toys",
    }
    assert command[-9:] == (
        "--write", "submission", f"{OUTPUTS}/submission",
        "--write", "dataset", f"{OUTPUTS}/dataset",
        "--write", "trials", f"{OUTPUTS}/trials",
    )  # fmt: skip


def test_image_and_installation_are_chosen_when_a_run_starts() -> None:
    for one in containers(COMPILED, 2, **FORM, image="images.example/jinsu@sha256:1", installation="other"):
        assert one.image == "images.example/jinsu@sha256:1"
        assert set(one.config_maps.values()) == {variable.secret for variable in one.secrets} == {"other"}
        assert one.pull_policy == "IfNotPresent"
        assert one.requests.keys() == {"cpu", "memory"}
        assert one.limits.keys() == {"memory"}


def test_outputs_are_read_by_their_types() -> None:
    left = Engine().run()
    assert left["admit"] == {"submission": "a text\n", "dataset": "a text\n", "trials": ["0"]}
    assert left["validate-data"]["rows"] == 3
    assert left["evaluate"]["gain"] == {"a": 1.5}


def test_an_interrupted_stage_is_started_again() -> None:
    engine = Engine({"/evaluate": 2})
    engine.run()
    assert [one.attempt for one in engine.started if one.task == "/evaluate"] == [0, 1, 2]


def test_a_stage_that_keeps_failing_ends_the_run() -> None:
    engine = Engine({"/for-loop-1[1]/train": 99}, trials=2)
    with pytest.raises(TaskFailedError):
        engine.run()
    failed = [one.attempt for one in engine.started if one.task == "/for-loop-1[1]/train"]
    assert failed == [0, 1, 2, 3, 4]
    assert not [one for one in engine.started if one.task == "/package"]


@pytest.mark.parametrize("name", ["model", "user"])
def test_a_run_without_a_model_or_a_person_does_not_start(name: str) -> None:
    engine = Engine()
    with pytest.raises(ValueError, match=f"no value for {name}"):
        engine.run(**{name: None})
    assert engine.started == []


def test_a_pod_has_what_the_platform_spec_says() -> None:
    (first, *_) = containers(COMPILED, **FORM)
    document = pod(first, "stage-0", "kubeflow", "jinsu-kubeflow")
    spec = document["spec"]
    (stage,), (collect,) = spec["initContainers"], spec["containers"]
    assert (stage["name"], collect["name"]) == (STAGE, COLLECT)
    assert stage["command"] == list(first.command)
    assert document["metadata"]["labels"] == {"app.kubernetes.io/name": "jinsu-stage"}
    assert spec["serviceAccountName"] == "jinsu-kubeflow"
    variables = {one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"] for one in stage["env"]}
    assert variables["JINSU_HOME"] == "/jinsu/settings"
    assert variables["JINSU_DATABASE_PASSWORD"] == {
        "name": "jinsu-kubeflow", "key": "JINSU_DATABASE_PASSWORD", "optional": False,
    }  # fmt: skip
    assert variables["AWS_ACCESS_KEY_ID"]["optional"] is True
    mounts = {mount["mountPath"]: mount["name"] for mount in stage["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes[mounts["/jinsu/settings"]]["configMap"] == {"name": "jinsu-kubeflow"}
    assert volumes[mounts["/jinsu/home"]]["emptyDir"] == {"sizeLimit": "10Gi"}


# --- Rules of the engine ---


@pytest.mark.parametrize(
    ("value", "text"),
    [("a b", "a b"), ("", ""), (3.0, "3"), (0.5, "0.5"), (True, "true"), (["0"], '["0"]'), ({}, "{}")],
)
def test_a_value_as_an_argument(value: Any, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (" a\n", "STRING", " a\n"),
        ("", "STRING", ""),
        ("7", "NUMBER_INTEGER", 7),
        ("0.5", "NUMBER_DOUBLE", 0.5),
        ("7", "NUMBER_DOUBLE", 7),
        ("[]", "LIST", []),
        ("{}", "STRUCT", {}),
    ],
)
def test_an_output_file_of_its_type_is_read(text: str, kind: str, value: Any) -> None:
    assert from_text(text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("null", "STRUCT"),
        ("", "STRUCT"),
        ("null", "LIST"),
        ('{"loss": NaN}', "STRUCT"),
        ("[1, Infinity]", "LIST"),
        ("0.5", "NUMBER_INTEGER"),
        ("true", "NUMBER_INTEGER"),
        ('"x"', "NUMBER_DOUBLE"),
    ],
)
def test_an_output_file_of_another_type_fails_the_run(text: str, kind: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        from_text(text, kind)


def test_only_a_string_takes_other_types() -> None:
    assert as_input(3.0, "STRING") == "3"
    assert as_input(3.0, "NUMBER_INTEGER") == 3
    with pytest.raises(TypeError):
        as_input("3", "NUMBER_INTEGER")


@pytest.mark.parametrize("word", ["{{$.pipeline_job_name}}", '{"IfPresent": {}}', '{"Concat": []}', "{{$}}"])
def test_a_placeholder_that_is_not_known_is_refused(word: str) -> None:
    with pytest.raises(NotImplementedError):
        filled([word], {})


def test_defaults_and_optional_inputs() -> None:
    component = {
        "inputDefinitions": {
            "parameters": {
                "given": {"parameterType": "STRING"},
                "usual": {"parameterType": "STRING", "defaultValue": "", "isOptional": True},
                "absent": {"parameterType": "STRUCT", "isOptional": True},
            }
        }
    }
    assert bound(component, {"given": "x"}) == {"given": "x", "usual": ""}


def test_waits_grow_up_to_their_limit() -> None:
    policy = {"maxRetryCount": 4, "backoffDuration": "10s", "backoffFactor": 2.0, "backoffMaxDuration": "60s"}
    assert waits(policy) == [0, 10, 20, 40, 60]
    assert waits({}) == [0]


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (("root", "dag", "tasks", "admit"), "triggerPolicy"),
        (("root", "dag", "tasks", "for-loop-1"), "artifactIterator"),
        (("deploymentSpec", "executors", "exec-admit", "container"), "lifecycle"),
    ],
)
def test_what_the_engine_does_not_know_is_not_passed_over(place: tuple[str, ...], key: str) -> None:
    changed = Pipeline.read(Path(__file__).parents[2] / "components" / "pipeline.yaml")
    document: Any = changed.spec
    for name in place:
        document = document[name]
    document[key] = {"x": 1}
    with pytest.raises(NotImplementedError, match=key):
        Engine().run(changed)


def test_what_the_platform_spec_adds_is_not_passed_over() -> None:
    changed = Pipeline.read(Path(__file__).parents[2] / "components" / "pipeline.yaml")
    changed.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-admit"]["pvcMount"] = [{}]
    with pytest.raises(NotImplementedError, match="pvcMount"):
        Engine().run(changed)


def test_a_cached_task_is_refused() -> None:
    changed = Pipeline.read(Path(__file__).parents[2] / "components" / "pipeline.yaml")
    changed.spec["root"]["dag"]["tasks"]["admit"]["cachingOptions"] = {"enableCache": True}
    with pytest.raises(NotImplementedError, match="caching"):
        Engine().run(changed)
