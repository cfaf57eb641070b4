"""The last lines of the demo: the pages that matter, how to sign in to each, and a question for the endpoint."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from jinsu.api.models import Run
from jinsu.home import FIRST_PASSWORD
from jinsu.settings import Settings

DAG = "lifecycle"


def closing_lines(settings: Settings, run: Run, question: Sequence[object]) -> list[str]:
    """What a person may open now. Pure.

    run: one that succeeded. question: inputs for its model, as JSON's own types.
    """
    run_page = f"{settings.airflow_url}/dags/{DAG}/runs/{quote(run.dag_run or '', safe='')}"
    return [
        "Look around:",
        *_page("the run in Airflow", run_page, _sign_in(settings)),
        *_page("the evidence in MLflow", run.links["Evidence"], _sign_in(settings)),
        *_page("the endpoint", curl(run.links["Endpoint"], question), "on this machine it asks for no account"),
    ]


def curl(address: str, inputs: Sequence[object]) -> str:
    """A line for a shell that asks a model. Pure."""
    body = json.dumps({"inputs": inputs}, separators=(",", ":"))
    return shlex.join(["curl", "-sS", address, "-H", "content-type: application/json", "-d", body])


def _page(title: str, address: str, account: str) -> tuple[str, str]:
    return f"  {title:<24}{address}", f"  {'':<24}{account}"


def _sign_in(settings: Settings) -> str:
    return f"your name and first password are in {Path(settings.home) / FIRST_PASSWORD}"
