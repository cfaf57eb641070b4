"""MLflow in memory: the part of its REST API that `jinsu.registry.mlflow` asks.

It answers as a real server does, errors included: `tests/contract/test_fake_mlflow.py` puts the same questions to both.
"""

import copy
import posixpath
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import uuid4

import httpx
from tests.support.crash_points import CrashPoints
from tests.support.fake_http import FakeServer, Refusal

from jinsu.registry.mlflow import Mlflow
from jinsu.settings import Account

URL = "http://mlflow.test"
ACCOUNT = Account("admin", "only-for-tests")
_API = "/api/2.0/mlflow/"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"
_INT64 = range(-(2**63), 2**63)
_MAX_PARAMS, _MAX_METRICS, _MAX_NAME = 100, 1000, 250

Point = tuple[Any, int, int]
"""Value, step, and timestamp in milliseconds."""


@dataclass
class Run:
    id: str
    experiment: str
    tags: dict[str, str]
    status: str = "RUNNING"
    deleted: bool = False
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, list[Point]] = field(default_factory=dict)

    @property
    def info(self) -> dict[str, Any]:
        uri = f"mlflow-artifacts:/{self.experiment}/{self.id}/artifacts"
        return {"run_id": self.id, "experiment_id": self.experiment, "status": self.status, "artifact_uri": uri}

    @property
    def document(self) -> dict[str, Any]:
        latest = {name: max(points, key=lambda point: (point[1], point[2])) for name, points in self.metrics.items()}
        metrics = [
            {"key": name, "value": value, "step": step, "timestamp": at} for name, (value, step, at) in latest.items()
        ]
        return {
            "info": self.info,
            "data": {"tags": _pairs(self.tags), "params": _pairs(self.params), "metrics": metrics},
        }


@dataclass
class Version:
    name: str
    version: str
    source: str
    run_id: str
    description: str
    tags: dict[str, str]

    @property
    def document(self) -> dict[str, Any]:
        return {**vars(self), "status": "READY", "tags": _pairs(self.tags)}


@dataclass
class Model:
    tags: dict[str, str]
    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)


@lru_cache
def _client() -> Mlflow:
    """Making one reads the certificates of this machine, which costs more than most tests."""
    return Mlflow(URL, ACCOUNT)


class FakeMlflow(FakeServer):
    """One MLflow server. Its records are plain attributes, for tests to look at and to change by hand."""

    records = ("experiments", "runs", "models", "artifacts")

    def __init__(self, crash: CrashPoints | None = None) -> None:
        super().__init__(crash)
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, Run] = {}
        self.models: dict[str, Model] = {}
        self.artifacts: dict[str, bytes] = {}

    def connect(self) -> Mlflow:
        """Jinsu's own client, connected to this server."""
        mlflow = copy.copy(_client())
        mlflow._http = self.client(URL)
        return mlflow

    def artifact(self, run: str, path: str) -> bytes:
        return self.artifacts[f"{self.runs[run].experiment}/{run}/artifacts/{path}"]

    def handle(self, method: str, path: str, query: dict[str, str], body: Any, request: httpx.Request) -> Any:
        if path.startswith(_ARTIFACTS):
            return self._artifact(method, path.removeprefix(_ARTIFACTS), body)
        verbs = {
            "POST experiments/create": self._create_experiment,
            "GET experiments/search": lambda given: {"experiments": []},
            "GET experiments/get-by-name": self._find_experiment,
            "POST runs/search": self._search_runs,
            "POST runs/create": self._create_run,
            "POST runs/log-batch": self._log_batch,
            "POST runs/update": self._update_run,
            "POST runs/delete": self._delete_run,
            "GET runs/get": lambda given: {"run": self._run(given["run_id"]).document},
            "GET metrics/get-history": self._history,
            "POST registered-models/create": self._create_model,
            "GET registered-models/get": self._get_model,
            "POST registered-models/alias": self._set_alias,
            "DELETE registered-models/alias": self._drop_alias,
            "GET model-versions/search": self._search_versions,
            "POST model-versions/create": self._create_version,
            "GET model-versions/get": lambda given: {"model_version": self._version(given).document},
            "POST model-versions/set-tag": self._tag_version,
        }
        return verbs[f"{method} {path.removeprefix(_API)}"](body or query)

    # Experiments and runs

    def _create_experiment(self, given: dict[str, Any]) -> Any:
        if given["name"] in self.experiments:
            raise _exists(f"Experiment(name={given['name']}) already exists.")
        self.experiments[given["name"]] = str(len(self.experiments) + 1)
        return {"experiment_id": self.experiments[given["name"]]}

    def _find_experiment(self, given: dict[str, Any]) -> Any:
        name = given["experiment_name"]
        if name not in self.experiments:
            raise _missing(f"Could not find experiment with name '{name}'")
        return {"experiment": {"name": name, "experiment_id": self.experiments[name]}}

    def _search_runs(self, given: dict[str, Any]) -> Any:
        match = re.fullmatch(r"tags\.`([^`]+)` = '([^']*)'", given["filter"])
        assert match is not None, given["filter"]
        found = [
            run.document
            for run in self.runs.values()
            if run.experiment in given["experiment_ids"] and run.tags.get(match[1]) == match[2] and not run.deleted
        ]
        return {"runs": found[: given["max_results"]]} if found else {}

    def _create_run(self, given: dict[str, Any]) -> Any:
        run = Run(uuid4().hex, given["experiment_id"], _mapping(given["tags"]))
        self.runs[run.id] = run
        return {"run": run.document}

    def _run(self, run: str) -> Run:
        if run not in self.runs:
            raise _missing(f"Run with id={run} not found")
        return self.runs[run]

    def _active(self, run: str) -> Run:
        if self._run(run).deleted:
            raise _invalid(f"The run {run} must be in the 'active' state. Current state is deleted.")
        return self.runs[run]

    def _log_batch(self, given: dict[str, Any]) -> Any:
        metrics, params = given.get("metrics", []), _mapping(given.get("params", []))
        run = self._run(given["run_id"])
        for what, limit, entries in (("metrics", _MAX_METRICS, metrics), ("params", _MAX_PARAMS, params)):
            if len(entries) > limit:
                raise _invalid(
                    f"A batch logging request can contain at most {limit} {what}. Got {len(entries)} {what}."
                )
        for entry in metrics:
            _check_metric(entry)
        self._active(run.id)
        if changed := [name for name, value in params.items() if run.params.get(name, value) != value]:
            raise _invalid(f"Changing param values is not allowed. Params were already logged='{changed}'")
        run.params |= params
        run.tags |= _mapping(given.get("tags", []))
        for entry in metrics:
            points = run.metrics.setdefault(entry["key"], [])
            point = (_stored(entry["value"]), _long(entry["step"]), _long(entry["timestamp"]))
            if point not in points:
                points.append(point)
        return {}

    def _history(self, given: dict[str, Any]) -> Any:
        points = self._run(given["run_id"]).metrics.get(given["metric_key"], [])
        name = given["metric_key"]
        return {"metrics": [{"key": name, "value": value, "step": step, "timestamp": at} for value, step, at in points]}

    def _update_run(self, given: dict[str, Any]) -> Any:
        self._active(given["run_id"]).status = given["status"]
        return {"run_info": self.runs[given["run_id"]].info}

    def _delete_run(self, given: dict[str, Any]) -> Any:
        self._run(given["run_id"]).deleted = True
        return {}

    def _artifact(self, method: str, path: str, body: Any) -> Any:
        if method == "PUT":
            self.artifacts[path] = body
            return {}
        return self.artifacts[path]

    # The registry

    def _create_model(self, given: dict[str, Any]) -> Any:
        if given["name"] in self.models:
            raise _exists(f"Registered Model (name={given['name']}) already exists.")
        self.models[given["name"]] = Model(_mapping(given["tags"]))
        return {"registered_model": {"name": given["name"]}}

    def _model(self, name: str) -> Model:
        if name not in self.models:
            raise _missing(f"Registered Model with name={name} not found")
        return self.models[name]

    def _get_model(self, given: dict[str, Any]) -> Any:
        model = self._model(given["name"])
        aliases = [{"alias": alias, "version": version} for alias, version in model.aliases.items()]
        document = {"name": given["name"], "tags": _pairs(model.tags)}
        return {"registered_model": {**document, "aliases": aliases} if aliases else document}

    def _version(self, given: dict[str, Any]) -> Version:
        name, version = given["name"], str(given["version"])
        if not version.isdigit():
            raise _invalid(f"Parameter 'version' must be an integer, got '{version}'.")
        if name not in self.models or version not in self.models[name].versions:
            raise _missing(f"Model Version (name={name}, version={version}) not found")
        return self.models[name].versions[version]

    def _create_version(self, given: dict[str, Any]) -> Any:
        if given["source"].split("/")[1] != given["run_id"]:
            raise _invalid(
                f"Invalid model version source: '{given['source']}'. The run_id request parameter must identify …"
            )
        versions = self._model(given["name"]).versions
        number = str(len(versions) + 1)
        tags, text = _mapping(given["tags"]), given.get("description", "")
        versions[number] = Version(given["name"], number, given["source"], given["run_id"], text, tags)
        return {"model_version": versions[number].document}

    def _search_versions(self, given: dict[str, Any]) -> Any:
        match = re.fullmatch(r"name='([^']+)'", given["filter"])
        assert match is not None, given["filter"]
        model = self.models.get(match[1])
        found = [version.document for version in model.versions.values()] if model else []
        return {"model_versions": found[::-1]} if found else {}

    def _tag_version(self, given: dict[str, Any]) -> Any:
        self._version(given).tags[given["key"]] = given["value"]
        return {}

    def _set_alias(self, given: dict[str, Any]) -> Any:
        version = self._version(given)
        self.models[version.name].aliases[given["alias"]] = version.version
        return {}

    def _drop_alias(self, given: dict[str, Any]) -> Any:
        self._model(given["name"]).aliases.pop(given["alias"], None)
        return {}


def _pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _mapping(pairs: list[dict[str, str]]) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in pairs}


def _check_metric(entry: dict[str, Any]) -> None:
    name = entry["key"]
    if not name:
        raise _invalid("Missing value for required parameter 'metrics[0].key'.")
    if not re.match(r"^[/\w.\- :]*$", name):
        raise _invalid(f"Invalid value {name!r}: Names may only contain alphanumerics, underscores (_), …")
    if name != posixpath.normpath(name) or name == "." or name.startswith(("..", "/")):
        raise _invalid(
            f"Invalid value {name!r}: Names may be treated as files in certain cases, and must not resolve …"
        )
    if len(name) > _MAX_NAME:
        raise _invalid(f"'Metric name' exceeds the maximum length of {_MAX_NAME} characters")
    if entry["timestamp"] < 0:
        raise _invalid(f"Invalid value {entry['timestamp']}: Timestamp must be a nonnegative long (64-bit integer)")


def _stored(value: Any) -> Any:
    """Infinite values are kept as the largest finite ones, and NaN by its name."""
    largest = 1.7976931348623157e308
    return {"Infinity": largest, "-Infinity": -largest}.get(value, value)


def _long(value: int) -> int:
    """What is no 64-bit integer is stored as 0, without a word."""
    return value if value in _INT64 else 0


def _exists(message: str) -> Refusal:
    return Refusal(400, {"error_code": "RESOURCE_ALREADY_EXISTS", "message": message})


def _missing(message: str) -> Refusal:
    return Refusal(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": message})


def _invalid(message: str) -> Refusal:
    return Refusal(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": message})
