"""Which of two scores is as good as the other, and which folders an example is judged with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.example_runs import FOLDERS, Example, as_good, eased, model_of

from jinsu.evaluation.score import Score


def score(value: float) -> Score:
    return Score(value, value, value, 100)


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "good"),
    [
        ("accuracy", 0.9, 0.8, True),
        ("accuracy", 0.8, 0.9, False),
        ("mae", 0.8, 0.9, True),
        ("mae", 0.9, 0.8, False),
        ("bias", -0.1, 0.2, True),
        ("bias", -0.3, 0.2, False),
        ("psnr", 20.0, 20.0, True),
    ],
)
def test_as_good_follows_the_metric_s_direction(metric: str, ours: float, theirs: float, good: bool) -> None:
    assert as_good(metric, score(ours), score(theirs)) is good


def test_the_first_baseline_must_be_beaten_unless_others_are_named() -> None:
    example = Example("colouring", request=lambda table: [], baselines=("mean_colour", "nearest_neighbour"))
    assert example.to_beat == ("mean_colour",)
    assert [model_of(folder) for folder in example.folders.values()] == [
        "colouring",
        "colouring_mean_colour",
        "colouring_nearest_neighbour",
    ]


def test_every_baseline_answers_the_problem_of_its_example() -> None:
    for problem in FOLDERS.glob("*/problem.yaml"):
        name = yaml.safe_load(problem.read_text(encoding="utf-8"))["name"]
        for spec in [problem.parent / "model.yaml", *problem.parent.glob("baselines/*/model.yaml")]:
            assert yaml.safe_load(spec.read_text(encoding="utf-8"))["problem"] == name, spec


def test_the_test_s_bounds_stand_in_a_copy(tmp_path: Path) -> None:
    bounds = {"serve": {"max_latency_ms": 77}, "vs_champion": ">= -0.5"}
    example = Example("movies", request=lambda table: [], baselines=("als",), bounds=bounds)
    copied = eased(example, tmp_path)

    def read(of: Example, document: str) -> dict[str, Any]:
        return dict(yaml.safe_load((of.folder / document).read_text(encoding="utf-8")))

    assert read(copied, "problem.yaml") == {**read(example, "problem.yaml"), **bounds}
    assert read(copied, "model.yaml") == {**read(example, "model.yaml"), "serve": bounds["serve"]}
    assert copied.folders["als"].is_relative_to(tmp_path)
    assert eased(replace(example, bounds={}), tmp_path / "other").folder == FOLDERS / "movies"


def test_the_packages_that_a_baseline_needs_are_found() -> None:
    example = Example("movies", request=lambda table: [], baselines=("popularity", "als"))
    assert example.requirements == (example.folder / "baselines" / "als" / "requirements.txt",)
