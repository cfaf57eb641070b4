"""The key with which Envoy proves to a model server that a request came through the endpoint."""

from __future__ import annotations

import hmac

from jinsu.serving.asgi_types import App, Receive, Scope, Send

KEY_HEADER = "x-jinsu-key"
"""Header of a request that carries the key."""
KEY_VARIABLE = "JINSU_SERVER_KEY"
"""Environment variable from which a model server reads the key; without the variable it asks for none."""


def require_key(app: App, key: str) -> App:
    """The same application for requests that carry the key; others get status 401, but for `/health`, which is open."""
    header_name, key_bytes = KEY_HEADER.encode(), key.encode()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/health":
            received = next((value for name, value in scope["headers"] if name == header_name), b"")
            if not hmac.compare_digest(received, key_bytes):
                await send({"type": "http.response.start", "status": 401, "headers": []})
                await send({"type": "http.response.body", "body": b"ask the endpoint, not the model server"})
                return
        await app(scope, receive, send)

    return guarded
