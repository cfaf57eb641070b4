"""Buttons beside a task in the Airflow UI. The worker finds their addresses when a task begins; the UI shows them."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink


class _Link(BaseOperatorLink):  # type: ignore[misc]
    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return str(getattr(operator, "links", {}).get(self.name, ""))


class RunLink(_Link):
    """Leads to the run's page in MLflow."""

    name = "MLflow run"


class DataDocsLink(_Link):
    """Leads to the page of the data's validation."""

    name = "Data docs"


class EvidenceLink(_Link):
    """Leads to the candidate's evidence page."""

    name = "Evidence"


class EndpointLink(_Link):
    """Leads to the address where the model is served."""

    name = "Endpoint"
