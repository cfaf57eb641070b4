"""A model's endpoint as `jinsu predict` asks it."""

from __future__ import annotations

import json
import os
from typing import Any

from jinsu.errors import BadInputError, ForbiddenError, TransientError


class Endpoint:
    """One model. `$JINSU_ENDPOINT` says where models answer when it is not where the platform finds them, and
    `$JINSU_ENDPOINT_KEY` is what an installation in a cluster asks for."""

    def __init__(self, model: str, address: str) -> None:
        import httpx

        base = os.environ.get("JINSU_ENDPOINT", "").rstrip("/")
        self._model, self._base = model, f"{base}/models/{model}" if base else address.removesuffix("/invocations")
        key = os.environ.get("JINSU_ENDPOINT_KEY")
        self._http = httpx.Client(headers={"authorization": f"Bearer {key}"} if key else {}, timeout=30.0)

    def ask(self, inputs: Any) -> tuple[list[Any], str]:
        """Predictions, and the version that made them."""
        import httpx

        try:
            answer = self._http.post(f"{self._base}/invocations", json={"inputs": inputs})
        except httpx.TransportError as problem:
            raise TransientError(
                f"{self._base} does not answer: {problem}; set JINSU_ENDPOINT if it is elsewhere."
            ) from None
        if answer.status_code == 401:
            raise ForbiddenError(f"{self._base} asks for a key; set JINSU_ENDPOINT_KEY, or correct it.")
        if not answer.is_success:
            raise BadInputError(f"{self._model}: {_message(answer.status_code, answer.text)}")
        return list(answer.json()["predictions"]), answer.headers.get("x-jinsu-version", "")

    def labels(self) -> list[Any] | None:
        """Names of the classes, in the order of the scores, where the model has them."""
        import httpx

        try:
            found: list[Any] | None = self._http.get(f"{self._base}/v2/models/{self._model}").json().get("labels")
        except (httpx.TransportError, ValueError):
            return None
        return found


def _message(status: int, text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return f"{status} {text[:200]}"
