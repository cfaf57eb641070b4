"""The Kubernetes API as plain documents: the verbs that the platform needs, and errors that are sentences.

The only module that imports the `kubernetes` package. The package finds the API server, the identity and its renewed
tokens, and does TLS. Its generated classes are not used: pure functions build the documents that are sent.
"""

from __future__ import annotations

import calendar
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from jinsu.errors import BadInputError, ConflictError, JinsuError, NotFoundError, TransientError

Document = dict[str, Any]
"""A JSON object of Kubernetes' API, or a part of one."""

_TIMEOUT = (5.0, 20.0)  # seconds: to connect, to answer
_MERGE, _APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
_PAGE = 500


def seconds(text: str) -> float:
    """A time as Kubernetes writes it, in seconds since the epoch."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


class Kind(Enum):
    """The objects that the platform reads or makes; the value is the path of the API group, and the plural."""

    JOB = "/apis/batch/v1", "jobs"
    """One attempt of a step; its pod runs once."""
    POD = "/api/v1", "pods"
    """The containers of an attempt or of a model server, and their states."""
    EVENT = "/api/v1", "events"
    """What Kubernetes reports about a pod, such as why it is not scheduled."""
    SERVICE = "/api/v1", "services"
    """The address of a model server."""
    SECRET = "/api/v1", "secrets"
    """The token of one attempt of a step, and what only its process may know. It is made, and never read."""
    CONFIG_MAP = "/api/v1", "configmaps"
    """Names for Airflow's trigger form, and the owner of the platform's objects."""
    DEPLOYMENT = "/apis/apps/v1", "deployments"
    """The server of one version of a model."""

    def path(self, namespace: str, name: str = "") -> str:
        """Path of one object, or of the list of all in the namespace."""
        group, plural = self.value
        return f"{group}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


@dataclass(frozen=True)
class Kube:
    """One cluster: the one this process runs in, or that of a kubeconfig file."""

    kubeconfig: str | None = None

    @cached_property
    def _client(self) -> Any:
        from kubernetes import client, config

        settings = client.Configuration()
        try:
            if self.kubeconfig is None:
                config.load_incluster_config(client_configuration=settings)
            else:
                config.load_kube_config(self.kubeconfig, client_configuration=settings)
        except config.ConfigException as problem:
            raise JinsuError(f"Kubernetes: {problem}; run in a pod with a service account.") from problem
        settings.retries = 2
        return client.ApiClient(settings)

    def get(self, kind: Kind, namespace: str, name: str) -> Document | None:
        """The object, or None when there is no such object."""
        return self._send("GET", kind.path(namespace, name))

    def list(self, kind: Kind, namespace: str, labels: str = "", fields: str = "") -> list[Document]:
        """Every object that the label selector and the field selector choose; all when they are empty."""
        objects: list[Document] = []
        parameters = {"labelSelector": labels, "fieldSelector": fields, "limit": str(_PAGE), "continue": ""}
        while True:
            query = urlencode({key: value for key, value in parameters.items() if value})
            page = self._send("GET", f"{kind.path(namespace)}?{query}") or {"items": [], "metadata": {}}
            objects += page["items"]
            parameters["continue"] = page["metadata"].get("continue", "")
            if not parameters["continue"]:
                return objects

    def create(self, kind: Kind, namespace: str, body: Mapping[str, Any]) -> Document:
        """Makes the object. Raises ConflictError for a name that is taken, NotFoundError for an unknown namespace."""
        created = self._send("POST", kind.path(namespace), body)
        if created is None:
            raise NotFoundError(f"Kubernetes: there is no namespace {namespace!r}; see the chart's teams.")
        return created

    def merge(self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any]) -> Document | None:
        """Changes the fields that `body` names and leaves the others; None when there is no such object."""
        return self._send("PATCH", kind.path(namespace, name), body, _MERGE)

    def ensure(self, kind: Kind, namespace: str, body: Mapping[str, Any]) -> Document:
        """Makes or changes the object so that it is as in `body`; a field that only an earlier body had is removed.

        Raises NotFoundError for an unknown namespace, TransientError while an object of this name is being deleted.
        """
        name = body["metadata"]["name"]
        path = f"{kind.path(namespace, name)}?fieldManager=jinsu&force=true"
        applied = self._send("PATCH", path, body, _APPLY)
        if applied is None:
            raise NotFoundError(f"Kubernetes: there is no namespace {namespace!r}.")
        if applied["metadata"].get("deletionTimestamp"):
            raise TransientError(f"{kind.value[1]}/{name} is being deleted; it is made anew when it is gone.")
        return applied

    def delete(self, kind: Kind, namespace: str, name: str, grace: int | None = None) -> None:
        """Deletes the objects that this one owns, then this one; an object that does not exist is no error.

        grace: seconds between the signal to end and the kill; None for the object's own.
        """
        body: Document = {"propagationPolicy": "Foreground"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        self._send("DELETE", kind.path(namespace, name), body)

    def _send(
        self, verb: str, path: str, body: Mapping[str, Any] | None = None, content: str = "application/json"
    ) -> Document | None:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            answer = self._client.call_api(
                path,
                verb,
                header_params={"Accept": "application/json", "Content-Type": content},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=_TIMEOUT,
            )
        except ApiException as problem:
            if problem.status == 404:
                return None
            raise _explained(verb, path, problem) from None
        except (HTTPError, OSError) as problem:
            raise TransientError(f"Kubernetes does not answer: {problem}; it is tried again.") from problem
        raw = answer[0] if isinstance(answer, tuple) else answer
        document: Document = json.loads(raw.data)
        return document


def _explained(verb: str, path: str, problem: Any) -> JinsuError:
    """The platform's error for an answer of the API that is no success."""
    try:
        message = str(json.loads(problem.body)["message"])
    except (TypeError, ValueError, KeyError):
        message = str(problem.reason)
    match problem.status:
        case 409:
            return ConflictError(message)
        case 401 | 403:  # also while a token or a Role is being renewed, so a retry may succeed
            return TransientError(f"Kubernetes refuses {verb} {path}: {message}; see the chart's Roles.", 30.0)
        case 400 | 422:
            return BadInputError(f"Kubernetes: {message}")
        case _:
            return TransientError(f"Kubernetes: {problem.status} {message}; it is tried again.")
