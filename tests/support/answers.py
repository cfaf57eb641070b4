"""What the tests of the API say about its answers, and what they send."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from starlette.routing import Route
from tests.support.api_client import ApiClient
from tests.support.stage_bench import EXPECTATIONS, SPEC

from jinsu.api import models
from jinsu.runs.snapshots import pack

JSON = {"content-type": "application/json"}
OPEN = {
    "/openapi.json", "/docs", "/health", "/v1/docs/{key}/{sign}/{path:path}",
    "/v1/login", "/v1/login/device", "/v1/login/device/token",
    "/login", "/login/oidc", "/login/oidc/callback", "/login/device", "/logout",
}  # fmt: skip
"""What is answered without a token: a description, a sign of life, pages whose address is signed, and ways to sign in."""


def refused(answer: Any, status: int, *words: str) -> models.Problem:
    """The problem that an answer describes, as the command line reads it."""
    assert answer.status_code == status, answer.text
    problem = models.Problem.model_validate_json(answer.content)
    for word in words:
        assert word in problem.error
    assert "\n" not in problem.error
    return problem


def accepted(answer: Any, kind: Any) -> Any:
    """The answer as the command line parses it."""
    assert answer.status_code == 200, answer.text
    return TypeAdapter(kind).validate_json(answer.content)


def operations(api: ApiClient) -> Iterator[tuple[str, str]]:
    """Method and path of everything that the application answers."""
    for route in api.app.routes:
        assert isinstance(route, Route), f"{route} is no route that this function knows"
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield method, route.path


def archive(folder: Path, spec: str = SPEC, **files: str) -> bytes:
    """A code snapshot as the command line sends it."""
    folder.mkdir(exist_ok=True)
    for name, text in {"model.yaml": spec, "expectations.yaml": EXPECTATIONS, **files}.items():
        (folder / name).write_text(text)
    return pack(folder, 2**20)[0]
