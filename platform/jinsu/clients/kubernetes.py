"""The Kubernetes API as plain documents: the verbs the platform needs, and errors that are sentences.

The only module that touches the `kubernetes` package. It is used for what it does well (where the cluster is, who we are,
renewing tokens, TLS); its generated classes are not, because what we send is built by pure functions as dictionaries.
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
_TIMEOUT = (5.0, 20.0)
_MERGE, _APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
_PAGE = 500


def seconds(text: str) -> float:
    """A time as Kubernetes writes it, in seconds since the epoch."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


class Kind(Enum):
    """What the platform reads or makes, by the path of its API."""

    JOB = "/apis/batch/v1", "jobs"
    POD = "/api/v1", "pods"
    EVENT = "/api/v1", "events"
    SERVICE = "/api/v1", "services"
    CONFIG_MAP = "/api/v1", "configmaps"
    DEPLOYMENT = "/apis/apps/v1", "deployments"

    def path(self, namespace: str, name: str = "") -> str:
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
        return self._send("GET", kind.path(namespace, name))

    def list(self, kind: Kind, namespace: str, labels: str = "", fields: str = "") -> list[Document]:
        """Every object that the selectors choose, page by page."""
        found: list[Document] = []
        wanted = {"labelSelector": labels, "fieldSelector": fields, "limit": str(_PAGE), "continue": ""}
        while True:
            query = urlencode({key: value for key, value in wanted.items() if value})
            page = self._send("GET", f"{kind.path(namespace)}?{query}") or {"items": [], "metadata": {}}
            found += page["items"]
            wanted["continue"] = page["metadata"].get("continue", "")
            if not wanted["continue"]:
                return found

    def create(self, kind: Kind, namespace: str, body: Mapping[str, Any]) -> Document:
        """Raises ConflictError when there is one of that name, NotFoundError when there is no such namespace."""
        made = self._send("POST", kind.path(namespace), body)
        if made is None:
            raise NotFoundError(f"Kubernetes: there is no namespace {namespace!r}; see the chart's teams.")
        return made

    def merge(self, kind: Kind, namespace: str, name: str, body: Mapping[str, Any]) -> Document | None:
        """Changes what `body` names and leaves the rest; None when there is no such object."""
        return self._send("PATCH", kind.path(namespace, name), body, _MERGE)

    def ensure(self, kind: Kind, namespace: str, body: Mapping[str, Any]) -> Document:
        """Has the object as `body` says; what an earlier body said and this one does not is taken back."""
        name = body["metadata"]["name"]
        path = f"{kind.path(namespace, name)}?fieldManager=jinsu&force=true"
        made = self._send("PATCH", path, body, _APPLY)
        if made is None:
            raise NotFoundError(f"Kubernetes: there is no namespace {namespace!r}.")
        if made["metadata"].get("deletionTimestamp"):
            raise TransientError(f"{kind.value[1]}/{name} is being deleted; it is made anew when it is gone.")
        return made

    def delete(self, kind: Kind, namespace: str, name: str, grace: int | None = None) -> None:
        """What it owns goes first, then the object itself; nothing happens when it is not there."""
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
    try:
        said = str(json.loads(problem.body)["message"])
    except (TypeError, ValueError, KeyError):
        said = str(problem.reason)
    match problem.status:
        case 409:
            return ConflictError(said)
        case 401 | 403:  # also while a token is renewed, or Roles are: it may pass
            return TransientError(f"Kubernetes refuses {verb} {path}: {said}; see the chart's Roles.", 30.0)
        case 400 | 422:
            return BadInputError(f"Kubernetes: {said}")
        case _:
            return TransientError(f"Kubernetes: {problem.status} {said}; it is tried again.")
