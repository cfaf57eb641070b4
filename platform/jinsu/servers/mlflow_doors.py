"""Which requests to MLflow a person may send, and what a change stands for. Pure.

A person reads; whatever is not listed here is refused, so that a request that a later MLflow adds is refused too. A few
changes of a version are words of a reviewer: the platform acts on them, and MLflow never sees them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from jinsu.errors import BadInputError, ForbiddenError
from jinsu.registry.mlflow import CHALLENGER, CHAMPION

REJECTED = "rejected"
"""The alias that a reviewer gives to a version that may not meet live traffic."""

READS = (
    "GET /",
    "GET /version",
    "GET /static-files/<path>",
    "GET /get-artifact",
    "GET /model-versions/get-artifact",
    "GET {api}/2.0/mlflow/experiments/get",
    "GET {api}/2.0/mlflow/experiments/get-by-name",
    "GET {api}/2.0/mlflow/experiments/search",
    "POST {api}/2.0/mlflow/experiments/search",
    "POST /ajax-api/2.0/mlflow/experiments/search-datasets",
    "GET {api}/2.0/mlflow/runs/get",
    "POST {api}/2.0/mlflow/runs/search",
    "GET {api}/2.0/mlflow/metrics/get-history",
    "GET /ajax-api/2.0/mlflow/metrics/get-history-bulk",
    "GET {api}/2.0/mlflow/metrics/get-history-bulk-interval",
    "GET {api}/2.0/mlflow/artifacts/list",
    "GET {api}/2.0/mlflow-artifacts/artifacts",
    "GET {api}/2.0/mlflow-artifacts/artifacts/<path>",
    "GET {api}/2.0/mlflow/registered-models/get",
    "GET {api}/2.0/mlflow/registered-models/search",
    "GET {api}/2.0/mlflow/registered-models/alias",
    "GET {api}/2.0/mlflow/registered-models/get-latest-versions",
    "POST {api}/2.0/mlflow/registered-models/get-latest-versions",
    "GET {api}/2.0/mlflow/model-versions/get",
    "GET {api}/2.0/mlflow/model-versions/search",
    "GET {api}/2.0/mlflow/model-versions/get-download-uri",
    "POST {api}/2.0/mlflow/logged-models/search",
    "GET {api}/2.0/mlflow/logged-models/<id>",
    "GET {api}/2.0/mlflow/logged-models/<id>/artifacts/directories",
    "GET /ajax-api/2.0/mlflow/logged-models/<id>/artifacts/files",
    "GET {api}/2.0/mlflow/traces",
    "GET {api}/2.0/mlflow/traces/<id>/info",
    "GET /ajax-api/2.0/mlflow/get-trace-artifact",
    "GET /ajax-api/3.0/mlflow/get-trace-artifact",
    "GET {api}/3.0/mlflow/traces/<id>",
    "POST {api}/3.0/mlflow/traces/batchGetInfos",
    "POST {api}/3.0/mlflow/traces/search",
    "POST {api}/3.0/mlflow/traces/metrics",
    "GET {api}/3.0/mlflow/server-info",
    "GET {api}/2.0/mlflow/users/current",
    "GET {api}/3.0/mlflow/users/current/permissions",
    "GET /ajax-api/3.0/mlflow/ui-telemetry",
)
"""What MLflow answers a person from what the person may read. `{api}` stands for /api and /ajax-api, `<id>` for
an identity such as m-4f1c."""

_ALIAS = re.compile(r"/(?:ajax-)?api/2\.0/mlflow/registered-models/alias")
_TAG = re.compile(r"/(?:ajax-)?api/2\.0/mlflow/model-versions/(?:set|delete)-tag")
_API = re.compile(r"/(?:ajax-)?api/[0-9.]+/mlflow/")
_NOT_A_QUERY = re.compile(r"\b(?:mutation|subscription)\b")


class Passage(StrEnum):
    """What the gate does with a person's request."""

    OPEN = "open"
    """MLflow answers whoever asks: only that it is healthy."""
    READ = "read"
    """MLflow answers from what the person may read."""
    QUERY = "query"
    """As READ, when the GraphQL document holds nothing but queries."""
    ACT = "act"
    """The platform does in the person's name what the change stands for, or refuses."""
    CLOSED = "closed"
    """Only the platform's own account may."""


class Deed(StrEnum):
    """What a change of a version stands for."""

    APPROVE = "approve"
    """The alias `challenger`: the version may meet live traffic, as far as this reviewer is asked."""
    REJECT = "reject"
    """The tag `jinsu.reject` with the reason, or the alias `rejected` without one."""
    ASK_CHANGES = "ask changes"
    """The tag `jinsu.changes`: its value says what is missing."""
    REVOKE = "revoke"
    """The tag `jinsu.revoke` with the reason: the version may serve no longer."""
    MOVE_CHAMPION = "move champion"
    """The alias `champion`: the version is to serve now."""


@dataclass(frozen=True)
class Act:
    """One change that a person asked for. reason: what the person wrote, or ""."""

    deed: Deed
    model: str
    version: str
    reason: str = ""


_ALIASES = {CHALLENGER: Deed.APPROVE, REJECTED: Deed.REJECT, CHAMPION: Deed.MOVE_CHAMPION}
_TAGS = {"jinsu.reject": Deed.REJECT, "jinsu.changes": Deed.ASK_CHANGES, "jinsu.revoke": Deed.REVOKE}

# The first pattern that is found in the path says what a person does instead.
_INSTEAD = (
    (r"registered-models/alias", "approve a version with the alias 'challenger', or: jinsu review approve RUN"),
    (r"registered-models/|model-versions/create", "the platform registers models; submit one: jinsu submit FOLDER"),
    (r"model-versions/", "answer a review with the tags jinsu.reject and jinsu.changes, or: jinsu review reject RUN"),
    (
        r"runs/|experiments/|logged-models|upload|artifacts",
        "the platform records runs; submit one: jinsu submit FOLDER",
    ),
    (r"users/|roles/|permissions", "an administrator names people and their teams: jinsu user, jinsu team"),
)


def passage(method: str, path: str) -> Passage:
    """What the gate does with a request of a person. path: decoded, without the query."""
    if method == "GET" and path == "/health":
        return Passage.OPEN
    if _suspicious(path):
        return Passage.CLOSED
    if any(pattern.fullmatch(path) for pattern in _READ_PATTERNS.get(method, ())):
        return Passage.READ
    if (method, path) == ("POST", "/graphql"):
        return Passage.QUERY
    if method in ("POST", "DELETE") and (_ALIAS.fullmatch(path) or _TAG.fullmatch(path)):
        return Passage.ACT
    return Passage.CLOSED


def act(method: str, path: str, body: Mapping[str, Any]) -> Act:
    """What a request of the passage ACT stands for.

    Raises ForbiddenError for a change that stands for nothing, BadInputError for one that says too little.
    """
    alias = _ALIAS.fullmatch(path) is not None
    name = _text(body, "alias" if alias else "key")
    deed = (_ALIASES if alias else _TAGS).get(name) if method == "POST" else None
    if deed is None or path.endswith("delete-tag"):
        raise ForbiddenError(refusal(method, path))
    reason = "" if alias else _text(body, "value")
    if deed in (Deed.ASK_CHANGES, Deed.REVOKE) and not reason.strip():
        raise BadInputError(f"tag {name!r}: write the reason as its value.")
    model, version = _text(body, "name"), _text(body, "version")
    if not model or not version.isascii() or not version.isdigit():
        raise BadInputError(f"{'alias' if alias else 'tag'} {name!r}: give the model's name and a version's number.")
    return Act(deed, model, version, reason)


def refusal(method: str, path: str) -> str:
    """One sentence for a person whose request is refused: what, and what to do instead."""
    instead = "in MLflow people read, compare and review"
    if method not in ("GET", "HEAD"):
        instead = next((text for pattern, text in _INSTEAD if re.search(pattern, path)), instead)
    return f"{method} {_API.sub('', path)[:200]} is not for people; {instead}."


def check_query(body: bytes) -> None:
    """Raises BadInputError when the body is no GraphQL request, ForbiddenError when it holds more than queries."""
    query = read_object(body).get("query")
    if not isinstance(query, str):
        raise BadInputError("GraphQL: the body is JSON with the field 'query'.")
    if _NOT_A_QUERY.search(query):
        raise ForbiddenError("GraphQL: people may send queries only.")


def read_object(body: bytes) -> Mapping[str, Any]:
    """The JSON object in a body; empty for an empty body. Raises BadInputError."""
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadInputError("the body of the request is no JSON object.")
    return found


def _text(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field)
    return str(value) if isinstance(value, str | int) else ""


def _suspicious(path: str) -> bool:
    """Whether servers may read the path in different ways."""
    parts = path.split("/")
    return "\\" in path or ".." in parts or "." in parts or "" in parts[1:-1] or any(ord(sign) < 32 for sign in path)


def _patterns(templates: tuple[str, ...]) -> dict[str, tuple[re.Pattern[str], ...]]:
    found: dict[str, tuple[re.Pattern[str], ...]] = {}
    for method, _, template in (line.partition(" ") for line in templates):
        pattern = re.escape(template).replace(r"\{api\}", "/(?:ajax-)?api")
        pattern = pattern.replace("<path>", "[^/].*").replace("<id>", "[a-z]+-[0-9a-f]+")
        found[method] = (*found.get(method, ()), re.compile(pattern))
    return found


_READ_PATTERNS = _patterns(READS)
