"""The names that Airflow's trigger form offers follow the catalog."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from jinsu.clients.airflow import Airflow
from jinsu.controller.trigger_form import TriggerForm
from jinsu.errors import NotFoundError, TransientError
from jinsu.runs.catalog import Offer
from jinsu.runs.local_catalog import LocalCatalog


@dataclass
class CountingAirflow:
    """Counts the requests to parse the file; `problem` is raised by each."""

    problem: Exception | None = None
    asked: int = 0

    def parse_again(self) -> None:
        self.asked += 1
        if self.problem is not None:
            raise self.problem


@dataclass
class Bench:
    catalog: LocalCatalog
    airflow: CountingAirflow = field(default_factory=CountingAirflow)

    def form(self) -> TriggerForm:
        return TriggerForm(self.catalog, cast(Airflow, self.airflow))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(LocalCatalog(tmp_path / "catalog.json"))


def test_the_file_is_parsed_once_for_each_change_of_the_catalog(bench: Bench) -> None:
    form = bench.form()
    form.run()
    form.run()
    assert bench.airflow.asked == 1, "names may have changed before the controller started"

    bench.catalog.offer({"default": Offer(("digits",))})
    form.run()
    form.run()
    assert bench.airflow.asked == 2


def test_while_airflow_is_away_the_change_is_not_forgotten(bench: Bench) -> None:
    form, bench.airflow.problem = bench.form(), TransientError("Airflow does not answer.")
    for _ in range(2):
        with pytest.raises(TransientError):
            form.run()
    bench.airflow.problem = None
    form.run()
    form.run()
    assert bench.airflow.asked == 3


def test_before_the_file_was_ever_parsed_there_is_nothing_to_ask(bench: Bench) -> None:
    form, bench.airflow.problem = bench.form(), NotFoundError("no DAG 'lifecycle'")
    form.run()
    form.run()
    assert bench.airflow.asked == 1
