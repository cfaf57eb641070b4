"""Executes a compiled Kubeflow pipeline, task by task, as its executor specs say.

There is no engine of Kubeflow's to be had as a package, so this module stands in for its driver: it reads the two documents
of the compiled file (the pipeline, and its platform spec), fills in placeholders, follows dependencies and loops, and hands
each container to a function that runs it. It knows what Jinsu's pipeline uses; anything else raises NotImplementedError, so
that nothing in the file is passed over. docs/adr/0014-kubeflow.md lists where each rule was read.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
Values = dict[str, Any]

OUTPUTS = "/tmp/kfp/outputs"  # where Kubeflow's launcher looks for output parameters
CHANNEL = "pipelinechannel--"
RUN_ID = "{{$.pipeline_job_uuid}}"
_INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")
_OUTPUT = re.compile(r"\{\{\$\.outputs\.parameters\['([^']+)'\]\.output_file\}\}")
_PLACEHOLDER = re.compile(r"\{\{\$.*?\}\}")
_JSON = {"LIST": list, "STRUCT": dict, "BOOLEAN": bool, "NUMBER_INTEGER": int, "NUMBER_DOUBLE": (int, float)}


class TaskFailedError(Exception):
    """A container ended in error, and so does the run once no retry is left."""


@dataclass(frozen=True)
class SecretVariable:
    """A variable of the environment from a key of a Secret."""

    name: str
    secret: str
    key: str
    optional: bool


@dataclass(frozen=True)
class Container:
    """One attempt of one task, with every placeholder filled in.

    task: its path in the pipeline, with the number of the iteration for a task in a loop. config_maps: names by the folder
    that each is mounted at. folders: size limits of empty folders, by where each is mounted. outputs: the type of each
    output parameter, which the container writes into the file of its name in OUTPUTS.
    """

    task: str
    attempt: int
    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    secrets: tuple[SecretVariable, ...]
    config_maps: Mapping[str, str]
    folders: Mapping[str, str]
    labels: Mapping[str, str]
    pull_policy: str
    requests: Mapping[str, str]
    limits: Mapping[str, str]
    outputs: Mapping[str, str]


Launch = Callable[[Container], Mapping[str, str]]
"""Runs a container; returns the text of each of its output files. Raises TaskFailedError."""


# --- Values ---


def as_text(value: Any) -> str:
    """A parameter as an argument shows it: a string as it is, anything else as JSON, whole numbers without a fraction."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, separators=(",", ":"))


def from_text(text: str, kind: str) -> Any:
    """The value of an output file. A string is taken with its white space; the others must be JSON of their type."""
    if kind == "STRING":
        return text
    value = json.loads(text, parse_constant=_no_constant)
    if not isinstance(value, _JSON[kind]) or (kind != "BOOLEAN" and isinstance(value, bool)):
        raise TypeError(f"{kind} expected, got {text!r}")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def as_input(value: Any, kind: str) -> Any:
    """A value as a component's input. A STRING takes any value as text, the other types only their own."""
    if kind == "STRING":
        return as_text(value)
    if kind == "NUMBER_INTEGER" and isinstance(value, float) and value.is_integer():
        value = int(value)  # the compiled file writes every number as a double
    return from_text(json.dumps(value), kind)


def filled(words: Sequence[str], given: Mapping[str, Any]) -> tuple[str, ...]:
    """Arguments with their placeholders filled in. Values are put in last: a value may hold braces of its own."""
    for word in words:
        for found in _PLACEHOLDER.findall(word):
            if not (_INPUT.fullmatch(found) or _OUTPUT.fullmatch(found)):
                raise NotImplementedError(found)
        if word.startswith(('{"Concat": ', '{"IfPresent": ')):
            raise NotImplementedError(word)

    def value(match: re.Match[str]) -> str:
        return as_text(given[match[1]]) if match.re is _INPUT else f"{OUTPUTS}/{match[1]}"

    return tuple(_OUTPUT.sub(value, word) if _OUTPUT.search(word) else _INPUT.sub(value, word) for word in words)


# --- The compiled file ---


@dataclass(frozen=True)
class Pipeline:
    """The two documents of a compiled pipeline."""

    spec: Document
    platform: Document = field(default_factory=dict)

    @staticmethod
    def read(path: Path) -> Pipeline:
        spec, *more = yaml.safe_load_all(path.read_text(encoding="utf-8"))
        return Pipeline(spec, more[0] if more else {})

    def component(self, task: Document) -> Document:
        return dict(self.spec["components"][task["componentRef"]["name"]])

    def executor(self, label: str) -> Document:
        return dict(self.spec["deploymentSpec"]["executors"][label]["container"])

    def on_kubernetes(self, label: str) -> Document:
        """What the platform spec says of an executor."""
        kubernetes = self.platform.get("platforms", {}).get("kubernetes", {})
        return dict(kubernetes.get("deploymentSpec", {}).get("executors", {}).get(label, {}))


def parameters(component: Document, direction: str) -> Document:
    return dict(component.get(f"{direction}Definitions", {}).get("parameters", {}))


def bound(component: Document, values: Values) -> Values:
    """A component's inputs, given or by default. Raises ValueError for one that is neither and not optional."""
    found = {name: value for name, value in values.items() if name.startswith(CHANNEL)}
    for name, spec in parameters(component, "input").items():
        value = values.get(name, spec.get("defaultValue"))
        if value is not None:
            found[name] = as_input(value, spec["parameterType"])
        elif not spec.get("isOptional"):
            raise ValueError(f"no value for {name}")
    return found


# --- Containers ---

_PLATFORM = {"configMapAsVolume", "emptyDirMounts", "secretAsEnv", "imagePullPolicy", "podMetadata"}
_RESOURCES = {"resourceCpuRequest", "resourceMemoryRequest", "resourceCpuLimit", "resourceMemoryLimit"}
# The same amounts as numbers, for older backends.
_NUMBERS = {"cpuRequest", "memoryRequest", "cpuLimit", "memoryLimit"}


def container(pipeline: Pipeline, path: str, component: Document, given: Values, scope: Values) -> Container:
    """The container of a task. given: the task's inputs; scope: those of the DAG around it, which the platform spec names."""
    label = component["executorLabel"]
    executor, extra = pipeline.executor(label), pipeline.on_kubernetes(label)
    resources = executor.get("resources", {})
    _known(executor, {"image", "command", "args", "env", "resources"}, path)
    _known(extra, _PLATFORM, path)
    _known(resources, _RESOURCES | _NUMBERS, path)
    if "artifacts" in component.get("outputDefinitions", {}):
        raise NotImplementedError(f"{path}: artifacts")
    (image,) = filled([executor["image"]], given)
    return Container(
        task=path,
        attempt=0,
        image=image,
        command=filled([*executor["command"], *executor.get("args", [])], given),
        environment={item["name"]: item.get("value", "") for item in executor.get("env", [])},
        secrets=_secrets(extra, scope),
        config_maps={
            item["mountPath"]: _name(item["configMapNameParameter"], scope)
            for item in extra.get("configMapAsVolume", [])
        },
        folders={item["mountPath"]: item.get("sizeLimit", "") for item in extra.get("emptyDirMounts", [])},
        labels=extra.get("podMetadata", {}).get("labels", {}),
        pull_policy=extra.get("imagePullPolicy", ""),
        requests=_amounts(resources, "Request"),
        limits=_amounts(resources, "Limit"),
        outputs={name: spec["parameterType"] for name, spec in parameters(component, "output").items()},
    )


def _known(document: Document, keys: set[str], path: str) -> None:
    if unknown := document.keys() - keys:
        raise NotImplementedError(f"{path}: {', '.join(sorted(unknown))}")


def _secrets(extra: Document, scope: Values) -> tuple[SecretVariable, ...]:
    return tuple(
        SecretVariable(pair["envVar"], _name(item["secretNameParameter"], scope), pair["secretKey"], item["optional"])
        for item in extra.get("secretAsEnv", [])
        for pair in item["keyToEnv"]
    )


def _name(parameter: Document, scope: Values) -> str:
    if "runtimeValue" in parameter:
        return str(parameter["runtimeValue"]["constant"])
    return str(scope[parameter["componentInputParameter"]])


def _amounts(resources: Document, end: str) -> dict[str, str]:
    named = {kind: resources.get(f"resource{kind.capitalize()}{end}") for kind in ("cpu", "memory")}
    return {kind: amount for kind, amount in named.items() if amount}


# --- Runs ---


@dataclass(frozen=True)
class Execution:
    """One run of a pipeline. run_id: what Kubeflow calls it. pause: scales the waits before retries."""

    pipeline: Pipeline
    launch: Launch
    run_id: str
    pause: float = 1.0

    def run(self, **values: Any) -> dict[str, Values]:
        """The outputs of the pipeline's tasks, by name. Raises TaskFailedError when one fails for good."""
        root = self.pipeline.spec["root"]
        return self._tasks("", root, bound(root, values))

    def _tasks(self, path: str, component: Document, scope: Values) -> dict[str, Values]:
        done: dict[str, Values] = {}
        left = dict(component["dag"]["tasks"])
        while left:
            ready = [name for name, task in left.items() if done.keys() >= set(task.get("dependentTasks", []))]
            if not ready:
                raise ValueError(f"tasks that wait for each other: {sorted(left)}")
            for name in ready:
                done[name] = self._task(f"{path}/{name}", left.pop(name), scope, done)
        return done

    def _task(self, path: str, task: Document, scope: Values, done: Mapping[str, Values]) -> Values:
        keys = {"componentRef", "inputs", "dependentTasks", "taskInfo", "cachingOptions", "retryPolicy",
                "parameterIterator", "iteratorPolicy"}  # fmt: skip
        _known(task, keys, path)
        if task.get("cachingOptions"):
            raise NotImplementedError(f"{path}: caching")
        component = self.pipeline.component(task)
        specs = task.get("inputs", {}).get("parameters", {})
        inputs = {name: self._value(spec, scope, done) for name, spec in specs.items()}
        if "parameterIterator" not in task:
            return self._once(path, task, component, inputs, scope)
        return self._loop(path, task, component, inputs, scope)

    def _value(self, spec: Document, scope: Values, done: Mapping[str, Values]) -> Any:
        _known(spec, {"componentInputParameter", "taskOutputParameter", "runtimeValue"}, "an input")
        if "componentInputParameter" in spec:
            return scope[spec["componentInputParameter"]]
        if "taskOutputParameter" in spec:
            source = spec["taskOutputParameter"]
            return done[source["producerTask"]][source["outputParameterKey"]]
        constant = spec["runtimeValue"]["constant"]
        return self.run_id if constant == RUN_ID else constant

    def _loop(self, path: str, task: Document, component: Document, inputs: Values, scope: Values) -> Values:
        """Runs the component once for each item. Nothing in the pipeline reads what such a task leaves."""
        iterator = task["parameterIterator"]
        items = inputs[iterator["items"]["inputParameter"]]
        limit = task.get("iteratorPolicy", {}).get("parallelismLimit") or len(items) or 1

        def once(number: int) -> Values:
            given = {**inputs, iterator["itemInput"]: items[number]}
            return self._once(f"{path}[{number}]", task, component, given, scope)

        with ThreadPoolExecutor(limit) as pool:
            list(pool.map(once, range(len(items))))
        return {}

    def _once(self, path: str, task: Document, component: Document, inputs: Values, scope: Values) -> Values:
        given = bound(component, inputs)
        if "dag" in component:
            self._tasks(path, component, given)
            return {}
        first = container(self.pipeline, path, component, given, scope)
        written = self._tried(first, task.get("retryPolicy", {}))
        return {name: from_text(written[name], kind) for name, kind in first.outputs.items()}

    def _tried(self, first: Container, policy: Document) -> Mapping[str, str]:
        for attempt, wait in enumerate(waits(policy)):
            time.sleep(wait * self.pause)
            try:
                return self.launch(replace(first, attempt=attempt))
            except TaskFailedError as problem:
                last = problem
        raise last


def waits(policy: Document) -> list[float]:
    """Seconds to wait before each attempt, the first among them."""
    delay, most = (
        float(policy.get(name, "0s").removesuffix("s")) for name in ("backoffDuration", "backoffMaxDuration")
    )
    factor = policy.get("backoffFactor", 2.0)
    return [0.0, *(min(delay * factor**number, most) for number in range(int(policy.get("maxRetryCount", 0))))]


_MADE_UP: Mapping[str, Any] = {"STRUCT": {}, "STRING": "x", "NUMBER_INTEGER": 1, "NUMBER_DOUBLE": 0.5}


def containers(pipeline: Pipeline, items: int = 1, **values: Any) -> list[Container]:
    """Every container of a run in which nothing fails, outputs are made up, and every list has `items` items."""
    found: list[Container] = []
    made_up = {**_MADE_UP, "LIST": [str(number) for number in range(items)]}

    def launch(one: Container) -> Mapping[str, str]:
        found.append(one)
        return {name: as_text(made_up[kind]) for name, kind in one.outputs.items()}

    Execution(pipeline, launch, "run-1").run(**values)
    return found
