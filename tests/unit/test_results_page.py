"""docs/results.md says what docs/results.json holds, and a verdict follows from the interval of the difference."""

import math
from pathlib import Path

import pytest
from tests.results import records
from tests.results.page import page
from tests.results.records import ExampleResult, Figure, ModelResult, Verdict, figure_of
from tests.results.running import bounds_of

from jinsu.evaluation.score import Score

ROOT = Path(__file__).parents[2]


def model(name: str, value: float, gain: Figure | None = None) -> ModelResult:
    score = Figure(value, value - 0.01, value + 0.01, 2000)
    return ModelResult(name, score, {}, {}, 8000, 2000, 12.0, 10**9, 0.5, "", gain)


def result(name: str, *models: ModelResult) -> ExampleResult:
    bounds = {"f1_macro": ">= 0.6"}
    return ExampleResult(
        name, f"problem of {name}", "classification", "f1_macro", bounds, ["simple"], 10_000, "2026-11-25", 2, models
    )


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [
        (Figure(0.02, 0.01, 0.03, 9), Verdict.BETTER),
        (Figure(0.02, -0.01, 0.05, 9), Verdict.ALIKE),
        (Figure(-0.02, -0.03, -0.01, 9), Verdict.WORSE),
        (Figure(0.02, None, None, 9), Verdict.UNKNOWN),
        (None, Verdict.UNKNOWN),
    ],
)
def test_the_verdict_is_the_whole_interval_s(gain: Figure | None, verdict: Verdict) -> None:
    assert model("simple", 0.8, gain).verdict is verdict


def test_the_page_shows_the_example_beside_its_baselines() -> None:
    text = page([result("words", model("words", 0.9), model("simple", 0.8, Figure(0.1, 0.05, 0.15, 2000)))])
    assert "| [words](#words) | classification | `f1_macro` | 0.9000 (0.8900 to 0.9100) | simple: 0.8000" in text
    assert "**better**, +0.1000 (+0.0500 to +0.1500)" in text
    assert "`f1_macro` >= 0.6" in text


def test_one_example_that_runs_again_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "KEPT", tmp_path / "results.json")
    records.keep(result("words", model("words", 0.9)))
    records.keep(result("pictures", model("pictures", 0.7)))
    records.keep(result("words", model("words", 0.5)))
    assert {item.name: item.models[0].score.value for item in records.read()} == {"pictures": 0.7, "words": 0.5}


def test_an_unknown_end_of_an_interval_is_null() -> None:
    assert figure_of(Score(0.5, math.nan, math.nan, 3)) == Figure(0.5, None, None, 3)


def test_the_bounds_are_the_problem_s() -> None:
    problem = {"metric": "mae", "max": 3, "guardrails": {"bias": "<= 0.1"}}
    assert bounds_of(problem) == {"mae": "<= 3", "bias": "<= 0.1"}


def test_the_page_in_docs_is_made_of_the_figures_beside_it() -> None:
    shown, kept = ROOT / "docs" / "results.md", records.read()
    if shown.exists() or kept:
        assert shown.read_text(encoding="utf-8") == page(kept), "make results writes it"
        assert all((ROOT / "docs" / "images" / "results" / f"{item.name}.svg").exists() for item in kept)
