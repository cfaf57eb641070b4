"""One example on all of its rows, on a platform of its own."""

import contextlib
import datetime
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from tests.e2e.conftest import Platform
from tests.results.records import ExampleResult, ModelResult, model_result
from tests.support.example_runs import Example, approve, asked, judged, prepare, put, submit
from tests.support.ports import free_ports

from jinsu.evaluation.score import Score
from jinsu.spec.metrics import kind_of

Say = Callable[[str], None]
PATIENCE = 3600
"""Seconds until one model is trained on all rows and judged."""


@contextlib.contextmanager
def installation() -> Iterator[Platform]:
    """A platform with a reviewer, in a home of its own; afterwards it is erased."""
    with tempfile.TemporaryDirectory(prefix="jinsu-results-") as parent:
        Path(parent).chmod(0o711)  # PostgreSQL's own user passes through
        platform = Platform(Path(parent) / "home", free_ports())
        try:
            platform.jinsu("up", "--port", platform.port, patience=300)
            platform.know("rita", default="reviewer")
            yield platform
        finally:
            platform.jinsu("down", "--erase", patience=120)


def result_of(example: Example, say: Say) -> ExampleResult:
    """Submits one model after the other, so that no training shares the machine with another one."""
    with installation() as platform, tempfile.TemporaryDirectory() as scratch:
        table = Path(scratch) / f"{example.name}.parquet"
        prepare(example, table, None)
        put(platform, example, table)
        return _result(platform, example, pq.read_metadata(table).num_rows, say)


def _result(platform: Any, example: Example, rows: int, say: Say) -> ExampleResult:
    own = judged(platform, submit(platform, example.folder), PATIENCE)
    say(f"{example.name}: {own.metric} {own.score.in_words()}, trained in {own.seconds:.1f} s {own.stopped}")
    models = [model_result(example.name, own)]
    for name in example.baselines:
        models.append(_baseline(platform, example, name))
        say(f"  {name}: {models[-1].score.in_words()}, trained in {models[-1].seconds:.1f} s; {models[-1].verdict}")
    problem = yaml.safe_load((example.folder / "problem.yaml").read_text(encoding="utf-8"))
    return ExampleResult(
        example.name,
        problem["name"],
        problem.get("kind", str(kind_of(own.metric))),
        own.metric,
        bounds_of(problem),
        example.to_beat,
        rows,
        datetime.datetime.now(datetime.UTC).date().isoformat(),
        os.cpu_count() or 0,
        tuple(models),
    )


def bounds_of(problem: Mapping[str, Any]) -> dict[str, str]:
    """The floor and the guardrails, by metric. Pure."""
    floor = [f"{sign} {problem[line]}" for line, sign in (("min", ">="), ("max", "<=")) if line in problem]
    guardrails = {str(name): str(bound) for name, bound in problem.get("guardrails", {}).items()}
    return {**{str(problem["metric"]): text for text in floor}, **guardrails}


def _baseline(platform: Any, example: Example, name: str) -> ModelResult:
    """The baseline launched under a name of its own, and the example judged beside it as its challenger."""
    model = f"{example.name}-after-{name}"
    run = submit(platform, example.folders[name], name=model)
    found = judged(platform, run, PATIENCE)
    gain: Score | None = None
    if asked(platform, run):
        approve(platform, run)
        gain = judged(platform, submit(platform, example.folder, name=model), PATIENCE).gain
    return model_result(name, found, gain)
