"""Requests to the API by Schemathesis: what its description allows, and what it does not, with and without tokens."""

import json
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from tests.fuzz.tally import Tally
from tests.support.api_client import ApiClient
from tests.support.stage_bench import StageBench, make_home

from jinsu.api import models

WHO = (None, "root", "ann", "nobody at all")
"""Who asks in turn: nobody, an administrator, a researcher, and somebody whose token is none."""
_PAGES = ("/metrics",)


def application(folder: Path) -> ApiClient:
    """The API of a fresh installation with one run."""
    home = folder / "home"
    home.mkdir()
    make_home(home)
    bench = StageBench(home)
    bench.submit()
    return ApiClient(bench.installation)


def run(api: ApiClient, examples: int, chance: int) -> Tally:
    """So many good and so many bad requests for each operation."""
    tally = Tally("the API, by its description")
    for found in schemathesis.openapi.from_asgi("/openapi.json", api.app).get_all_operations():
        operation = found.ok()
        if operation.path in _PAGES:
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                strategy = operation.as_strategy(generation_mode=mode)
                _try_all(api, strategy, examples, chance, tally)
            except Exception as problem:
                if "cannot be negated" not in str(problem).lower() and not type(problem).__name__.startswith("Unsatisfiable"):
                    raise
    return tally


def _try_all(api: ApiClient, strategy: Any, examples: int, chance: int, tally: Tally) -> None:
    @seed(chance)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def ask(case: Any) -> None:
        who = WHO[tally.distinct % len(WHO)]
        try:
            prepared = requests.Request(**_plain(case.as_transport_kwargs(base_url="http://api.test"))).prepare()
        except (requests.RequestException, UnicodeError, ValueError):
            return  # no client can send it
        body = prepared.body.encode() if isinstance(prepared.body, str) else bytes(prepared.body or b"")
        headers = {name: value for name, value in prepared.headers.items() if name.lower() not in ("authorization", "host")}
        sent = f"{prepared.method} {prepared.path_url} {who}\n".encode() + json.dumps(headers, default=str).encode() + body
        try:
            answer = api.ask(str(prepared.method), prepared.path_url, who, content=body, headers=headers)
        except UnicodeError:
            return
        complaint = _complaint(answer, who)
        tally.fault(sent, complaint) if complaint else tally.add(sent, f"{answer.status_code // 100}xx")

    ask()


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name in ("method", "url", "headers", "params", "data", "json", "cookies")}


def _complaint(answer: Any, who: str | None) -> str:
    """What is wrong with an answer; "" for nothing."""
    text = answer.text
    if "Traceback" in text or 'File "' in text:
        return f"{answer.status_code}: it shows a traceback: {text[:300]}"
    if answer.status_code >= 500:
        return f"{answer.status_code}: {text[:300]}"
    if answer.status_code < 400:
        return ""
    try:
        problem = models.Problem.model_validate_json(answer.content)
    except ValueError:
        return f"{answer.status_code}: it is no JSON error: {text[:300]}"
    if not problem.error.rstrip().endswith((".", "…")) and len(problem.error) < 10:
        return f"{answer.status_code}: it is no sentence: {problem.error!r}"
    if len(problem.error) > 4000:
        return f"{answer.status_code}: its sentence has {len(problem.error)} characters"
    return ""
