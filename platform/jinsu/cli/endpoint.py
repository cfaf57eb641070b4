"""A model's endpoint as `jinsu predict` asks it."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

from jinsu.cli.rows import predictions_of
from jinsu.errors import BadInputError, ForbiddenError, TransientError
from jinsu.runs.text import clean


class Endpoint:
    """One model. `$JINSU_ENDPOINT` says where models answer when it is not where the platform finds them, and
    `$JINSU_ENDPOINT_KEY` is what an installation in a cluster asks for."""

    def __init__(self, model: str, address: str) -> None:
        import httpx

        base = os.environ.get("JINSU_ENDPOINT", "").rstrip("/")
        self._model, place = quote(model, safe=""), address.removesuffix("/invocations")
        self._base = f"{base}/models/{self._model}" if base else place
        key = os.environ.get("JINSU_ENDPOINT_KEY", "")
        if not (key.isascii() and key.isprintable()):
            raise BadInputError("JINSU_ENDPOINT_KEY: holds characters that no key has; copy it again.")
        self._http = httpx.Client(headers={"authorization": f"Bearer {key}"} if key else {}, timeout=30.0)

    def ask(self, body: bytes) -> tuple[list[Any], str]:
        """Predictions, and the version that made them. body: as `jinsu.cli.rows` makes it."""
        import httpx

        try:
            answer = self._http.post(
                f"{self._base}/invocations", content=body, headers={"content-type": "application/json"}
            )
        except (httpx.RequestError, httpx.InvalidURL) as problem:
            raise TransientError(
                f"{self._base} does not answer: {problem}; set JINSU_ENDPOINT if it is elsewhere."
            ) from None
        if answer.status_code == 401:
            raise ForbiddenError(f"{self._base} asks for a key; set JINSU_ENDPOINT_KEY, or correct it.")
        if not answer.is_success:
            raise BadInputError(f"{self._model}: {clean(_message(answer.status_code, answer.text))}")
        try:
            document = answer.json()
        except (ValueError, RecursionError):
            document = None
        return predictions_of(document), answer.headers.get("x-jinsu-version", "")

    def labels(self) -> list[Any] | None:
        """Names of the classes, in the order of the scores, where the model has them."""
        import httpx

        try:
            document = self._http.get(f"{self._base}/v2/models/{self._model}").json()
        except (httpx.RequestError, ValueError, RecursionError):
            return None
        found = document.get("labels") if isinstance(document, dict) else None
        return found if isinstance(found, list) else None


def _message(status: int, text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return f"{status} {text[:200]}"
