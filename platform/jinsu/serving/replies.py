"""Replies of the model server, before they become HTTP."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import orjson

_LONGEST = 500


class Reply(NamedTuple):
    """HTTP status, body, and the body's content type.

    json_bytes: how many bytes of JSON a body begins with whose rest is binary tensors; None for one without such.
    """

    status: int
    body: bytes
    content_type: str = "application/json"
    json_bytes: int | None = None


def refusal(status: int, message: str) -> Reply:
    """The reply to a request that gets no answer, with the two fields that MLflow's clients read.

    A message may repeat what a client sent, so it is one short line of printable characters.
    """
    code = "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"
    line = "".join(char if char.isprintable() else "\ufffd" for char in message[:_LONGEST])
    return Reply(status, orjson.dumps({"error_code": code, "message": line}))


def json_values(array: np.ndarray) -> Any:
    """An array as orjson takes it: texts become lists."""
    return array.tolist() if array.dtype.hasobject else array
