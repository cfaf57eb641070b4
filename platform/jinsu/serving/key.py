"""What Envoy shows a model server that listens on a network: that a request came through the endpoint."""

from __future__ import annotations

import hmac
from typing import Any

KEY_HEADER = "x-jinsu-key"
KEY_VARIABLE = "JINSU_SERVER_KEY"


def locked(inner: Any, key: str) -> Any:
    """An ASGI application for whoever shows the key. Whether it is well may be asked by anybody."""
    header, wanted = KEY_HEADER.encode(), key.encode()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] != "/health":
            shown = next((value for name, value in scope["headers"] if name == header), b"")
            if not hmac.compare_digest(shown, wanted):
                await send({"type": "http.response.start", "status": 401, "headers": []})
                await send({"type": "http.response.body", "body": b"ask the endpoint, not the model server"})
                return
        await inner(scope, receive, send)

    return app
