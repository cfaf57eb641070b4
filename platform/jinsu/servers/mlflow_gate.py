"""MLflow's own application, with one gap of its permissions closed.

MLflow lets every authenticated user create experiments and models, and lets a user who may set an alias create versions
too. Behind this gate only the platform's account may, so that every version has its evidence.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Awaitable, Callable
from typing import Any

_PLATFORM_ONLY = (
    "/mlflow/experiments/create",
    "/mlflow/registered-models/create",
    "/mlflow/registered-models/rename",
    "/mlflow/registered-models/set-tag",
    "/mlflow/registered-models/delete-tag",
    "/mlflow/model-versions/create",
    "/mlflow/logged-models",
)

Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def gate(inner: Asgi, platform_user: str) -> Asgi:
    """The application `inner`, which answers 403 to other accounts where only `platform_user` may write.

    The gate reads the name that a request claims; MLflow behind it checks the password.
    """

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = scope.get("path", "").rstrip("/")
        if (
            scope["type"] == "http"
            and scope["method"] != "GET"
            and path.endswith(_PLATFORM_ONLY)
            and user_of(scope) != platform_user
        ):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send(
                {
                    "type": "http.response.body",
                    "body": b"Only the platform registers models; submit one: jinsu submit FOLDER",
                }
            )
            return
        await inner(scope, receive, send)

    return app


def user_of(scope: dict[str, Any]) -> str:
    """The name in the request's basic authentication, unchecked; "" when there is none."""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:6].lower() == b"basic ":
            try:
                return base64.b64decode(value[6:], validate=True).decode().partition(":")[0]
            except ValueError:
                return ""
    return ""


def create_app() -> Asgi:
    """The application that uvicorn serves."""
    from mlflow.server.auth import create_app as create_mlflow

    return gate(create_mlflow(), os.environ["MLFLOW_AUTH_ADMIN_USERNAME"])
