"""Buttons beside a task in the Airflow UI. The worker works them out once; the UI only shows them."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink


class _Link(BaseOperatorLink):  # type: ignore[misc]
    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return str(getattr(operator, "links", {}).get(self.name, ""))


class RunLink(_Link):
    name = "MLflow run"


class DataDocsLink(_Link):
    name = "Data docs"


class EvidenceLink(_Link):
    name = "Evidence"


class EndpointLink(_Link):
    name = "Endpoint"
