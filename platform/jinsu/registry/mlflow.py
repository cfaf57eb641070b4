"""MLflow's REST API: runs, artifacts, versions, aliases. The only module that talks to MLflow.

Its own client would cost every short task 1.2 s and 170 MB to import (docs/adr/0006); these calls are documented and
stable. The methods named `ensure_…` may be repeated: what exists already stays.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx

from jinsu.errors import ConflictError, JinsuError, NotFoundError, TransientError
from jinsu.settings import Account
from jinsu.steps.metrics import MetricPoint

CHAMPION, CHALLENGER = "champion", "challenger"
"""The aliases of the version that serves, and of the one that a reviewer has approved."""

_API = "/api/2.0/mlflow/"
_BATCH = 500
_PARAMS_BATCH = 100  # MLflow refuses more in one request


class RunStatus(StrEnum):
    """How MLflow shows a run that has ended."""

    FINISHED = "FINISHED"
    """Its candidate is registered."""
    FAILED = "FAILED"
    """A stage failed."""
    KILLED = "KILLED"
    """A person cancelled it."""


class Mlflow:
    """One MLflow server, as one user."""

    def __init__(self, url: str, account: Account, timeout: float = 20.0) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, auth=(account.name, account.password), timeout=timeout)

    def ready(self) -> bool:
        """Whether the server and its database answer. A new server makes its tables at the first question."""
        try:
            self._call("GET", "experiments/search", params={"max_results": 1})
        except JinsuError:
            return False
        return True

    # Runs

    def ensure_run(self, model: str, submission: str, tags: Mapping[str, str]) -> tuple[str, str]:
        """Finds or makes the one run of a submission: `(experiment id, run id)`."""
        experiment = self._ensure_experiment(model)
        existing = self._call(
            "POST",
            "runs/search",
            {
                "experiment_ids": [experiment],
                "filter": f"tags.`jinsu.submission` = '{submission}'",
                "max_results": 1,
            },
        ).get("runs", [])
        if existing:
            return experiment, str(existing[0]["info"]["run_id"])
        all_tags = {"jinsu.submission": submission, "mlflow.runName": submission, **tags}
        created = self._call(
            "POST",
            "runs/create",
            {
                "experiment_id": experiment,
                "run_name": submission,
                "start_time": int(time.time() * 1000),
                "tags": _pairs(all_tags),
            },
        )
        return experiment, str(created["run"]["info"]["run_id"])

    def _ensure_experiment(self, name: str) -> str:
        try:
            return str(self._call("POST", "experiments/create", {"name": name})["experiment_id"])
        except ConflictError:
            existing = self._call("GET", "experiments/get-by-name", params={"experiment_name": name})
            return str(existing["experiment"]["experiment_id"])

    def log(
        self,
        run: str,
        metrics: Sequence[MetricPoint] = (),
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Logs metrics, params and tags in batches. A point of a metric that is sent twice counts once."""
        if tags:
            self._call("POST", "runs/log-batch", {"run_id": run, "tags": _pairs(tags)})
        pairs = _pairs(params or {})
        for start in range(0, len(pairs), _PARAMS_BATCH):
            body = {"run_id": run, "params": pairs[start : start + _PARAMS_BATCH]}
            self._call("POST", "runs/log-batch", body)
        for start in range(0, len(metrics), _BATCH):
            batch = [
                {
                    "key": point.name,
                    "value": _number(point.value),
                    "step": point.step,
                    "timestamp": int(point.time * 1000),
                }
                for point in metrics[start : start + _BATCH]
            ]
            self._call("POST", "runs/log-batch", {"run_id": run, "metrics": batch})

    def end_run(self, run: str, status: RunStatus) -> None:
        """Ends the run, now, with this status."""
        self._call("POST", "runs/update", {"run_id": run, "status": status, "end_time": int(time.time() * 1000)})

    def upload(self, run: str, path: str, data: bytes | Path) -> None:
        """Writes one artifact of the run, from memory or from a file; the same path again replaces it."""
        uri = str(self._info(run)["artifact_uri"])
        if isinstance(data, bytes):
            self._put(uri, path, data)
            return
        with data.open("rb") as file:  # a model may be larger than this process
            self._put(uri, path, file)

    def experiment(self, run: str) -> str:
        """Id of the experiment that holds the run."""
        return str(self._info(run)["experiment_id"])

    def _info(self, run: str) -> dict[str, Any]:
        info: dict[str, Any] = self._call("GET", "runs/get", params={"run_id": run})["run"]["info"]
        return info

    def _put(self, uri: str, path: str, data: bytes | BinaryIO) -> None:
        root = uri.removeprefix("mlflow-artifacts:").lstrip("/")
        self._send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{quote(root)}/{quote(path)}", content=data)

    # Versions

    def ensure_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Makes the registered model; an existing one keeps its tags."""
        try:
            self._call("POST", "registered-models/create", {"name": name, "tags": _pairs(tags)})
        except ConflictError:
            return

    def find_version(self, model: str, tags: Mapping[str, str]) -> str | None:
        """The version of `model` that carries all of these tags, or None."""
        answer = self._call("GET", "model-versions/search", params={"filter": f"name='{model}'", "max_results": 10_000})
        for version in answer.get("model_versions", []):
            carried = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
            if tags.items() <= carried.items():
                return str(version["version"])
        return None

    def create_version(self, model: str, source: str, run: str, tags: Mapping[str, str], description: str) -> str:
        """Makes a version from the artifacts at `source` and returns its number."""
        created = self._call(
            "POST",
            "model-versions/create",
            {
                "name": model,
                "source": source,
                "run_id": run,
                "tags": _pairs(tags),
                "description": description,
            },
        )
        return str(created["model_version"]["version"])

    def version(self, model: str, version: str) -> Mapping[str, Any]:
        """MLflow's record of a version. Raises NotFoundError."""
        answer = self._call("GET", "model-versions/get", params={"name": model, "version": version})
        record: Mapping[str, Any] = answer["model_version"]
        return record

    def tag_version(self, model: str, version: str, key: str, value: str) -> None:
        """Sets one tag of a version; the same key again replaces the value."""
        self._call("POST", "model-versions/set-tag", {"name": model, "version": version, "key": key, "value": value})

    # Aliases

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Gives the alias to this version; another version that has the alias loses it."""
        self._call("POST", "registered-models/alias", {"name": model, "alias": alias, "version": version})

    def drop_alias(self, model: str, alias: str, version: str) -> None:
        """Takes the alias from this version; when another version has got the alias meanwhile, that version keeps it."""
        if self.aliases(model).get(alias) == version:
            self._call("DELETE", "registered-models/alias", {"name": model, "alias": alias})

    def aliases(self, model: str) -> dict[str, str]:
        """Version of each alias of a model, `{"champion": "3"}`; empty for a model that does not exist."""
        try:
            answer = self._call("GET", "registered-models/get", params={"name": model})
        except NotFoundError:
            return {}
        return {entry["alias"]: str(entry["version"]) for entry in answer["registered_model"].get("aliases", [])}

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        answer = self._send(method, _API + path, json=body, params=params)
        document: dict[str, Any] = answer.json() if answer.content else {}
        return document

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.TransportError as problem:
            raise TransientError(f"MLflow ({self.url}) does not answer: {problem}; it is tried again.") from problem
        if answer.is_success:
            return answer
        code, message = _error(answer)
        text = f"MLflow refused {method} {path}: {message}"
        if code in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            raise ConflictError(text)
        if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND") or answer.status_code == 404:
            raise NotFoundError(text)
        if answer.status_code >= 500 or answer.status_code == 429:
            raise TransientError(text)
        raise ConflictError(text)


def _pairs(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """Params or tags as MLflow takes them, each value cut to 5000 characters."""
    return [{"key": key, "value": str(value)[:5000]} for key, value in values.items()]


def _number(value: float) -> float | str:
    """JSON has no NaN and no infinity; MLflow takes their names."""
    return value if math.isfinite(value) else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]


def _error(answer: httpx.Response) -> tuple[str, str]:
    """MLflow's error code and message; no code when the answer is not MLflow's JSON."""
    try:
        document = answer.json()
        return str(document.get("error_code", "")), str(document.get("message", answer.text[:300]))
    except ValueError:
        return "", f"{answer.status_code} {answer.text[:300]}"
