"""The page that lists what the API answers. It loads nothing: FastAPI's own page would take its scripts from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from fastapi import APIRouter, Response

from jinsu.api import pages


@dataclass(frozen=True)
class Description:
    """document: gives the OpenAPI document."""

    document: Callable[[], Mapping[str, Any]]

    def router(self) -> APIRouter:
        router = APIRouter()
        router.get("/docs")(self.show)
        return router

    def show(self) -> Response:
        """Every operation in a line; programs read all about them in /openapi.json."""
        lines = [pages.code(f"{method.upper()} {path}") + f" {escape(said)}" for method, path, said in self._operations()]
        whole = pages.link("The whole description, for programs: /openapi.json", "/openapi.json")
        return pages.page("The API", f"<p>{whole}</p>", pages.listed(lines))

    def _operations(self) -> Iterator[tuple[str, str, str]]:
        """Method, path and first sentence of each."""
        for path, methods in self.document()["paths"].items():
            for method, operation in methods.items():
                text = str(operation.get("description") or operation.get("summary") or "")
                yield method, path, text.partition("\n")[0]
