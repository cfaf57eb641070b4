"""Has Airflow's trigger form offer the names of the catalog, which the DAG file reads when it is parsed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from jinsu.clients.airflow import Airflow
from jinsu.errors import NotFoundError
from jinsu.runs.catalog import Catalog, Known


@dataclass
class TriggerForm:
    """One pass is `run()`; it may be repeated. The first one asks Airflow too: names may have changed before it."""

    catalog: Catalog
    airflow: Airflow
    _offered: Known | None = field(default=None, init=False)

    def run(self) -> None:
        known = self.catalog.read()
        if known == self._offered:
            return
        with suppress(NotFoundError):  # the file will be parsed for the first time
            self.airflow.parse_again()
        self._offered = known
