"""Replies of the model server, before they become HTTP."""

from __future__ import annotations

from typing import NamedTuple

import orjson


class Reply(NamedTuple):
    """HTTP status, body, and the body's content type."""

    status: int
    body: bytes
    content_type: str = "application/json"


def refusal(status: int, message: str) -> Reply:
    """The reply to a request that gets no answer, with the two fields that MLflow's clients read."""
    code = "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"
    return Reply(status, orjson.dumps({"error_code": code, "message": message}))
