"""A model.yaml of version 0.1: the sentence that refuses it shows lines that work when they are pasted."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.errors import BadInputError
from jinsu.spec.load import parse_spec
from jinsu.spec.problem import ProblemSpec
from jinsu.state.former_rows import model_spec, problem_spec

FORMER = """\
name: digits
team: default
data: {dataset: digits@latest, expectations: expectations.yaml, holdout_by: writer, features: [pixels]}
train: {command: python train.py, params: {epochs: 8}}
evaluate: {metric: accuracy, direction: maximize, min: 0.9, vs_champion: ">= -0.002", slices: [label]}
serve: {max_latency_ms: 50}
release: {review: required, canary: {steps: [5, 25, 50], every: 5s}}
"""


def complaint(text: str) -> str:
    with pytest.raises(BadInputError) as caught:
        parse_spec(text)
    return str(caught.value)


def pasted(document: dict[str, Any], said: str) -> str:
    """The document after a person has done what the sentence says."""
    sentence, _, lines = said.partition("\n")
    named = sentence.partition("in place of ")[2].removesuffix(" write:").split(" and ")
    kept = {name: value for name, value in document.items() if name not in named}
    return yaml.safe_dump(kept, sort_keys=False) + lines + "\n"


def test_the_sentence_is_this() -> None:
    assert complaint(FORMER) == (
        "model.yaml: data and evaluate.metric have moved into the problem, and the team is yours; "
        "in place of team and data and evaluate and release write:\n"
        "problem:\n"
        "  dataset: digits\n"
        "  features: [pixels]\n"
        "  expectations: expectations.yaml\n"
        "  split: {by: writer}\n"
        "  metric: accuracy\n"
        "  min: 0.9\n"
        "  vs_champion: '>= -0.002'\n"
        "  slices: [label]\n"
        "release:\n"
        "  canary:\n"
        "    steps: [5, 25, 50]\n"
        "    every: 5s"
    )


def test_a_section_that_has_not_moved_is_left_alone() -> None:
    said = complaint("name: a\ndata: {dataset: d}\ntrain: {command: x}\nrelease: {canary: {every: 5s}}\n")
    assert "in place of data write:\n" in said
    assert "release" not in said


@pytest.mark.parametrize("review", ["required", "none"])
def test_who_asked_nobody_asks_nobody(review: str) -> None:
    text = f"name: a\ndata: {{dataset: d}}\ntrain: {{command: x}}\nevaluate: {{metric: mae}}\nrelease: {{review: {review}}}\n"
    spec = parse_spec(pasted(yaml.safe_load(text), complaint(text)))
    assert spec.release.review.approvers == (0 if review == "none" else None)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("target: y, features: [y, a]", {"target": "y", "features": ["a"]}),
        ("target: y, features: [y]", {"target": "y"}),
        ("target: y, holdout_by: y, holdout: 0.3", {"target": "y", "split": {"holdout": 0.3}}),
        ("holdout_by: label", {}),
        ("features: [label, a]", {"features": ["a"]}),
    ],
)
def test_what_no_problem_may_say_is_left_out(data: str, problem: dict[str, Any]) -> None:
    """Version 0.1 let a model read its target, and held out whole classes."""
    text = f"name: a\ndata: {{dataset: d, {data}}}\ntrain: {{command: x}}\nevaluate: {{metric: accuracy}}\n"
    spec = parse_spec(pasted(yaml.safe_load(text), complaint(text)))
    assert isinstance(spec.problem, ProblemSpec)
    assert spec.problem.model_dump(exclude_unset=True, mode="json") == {"dataset": "d", "metric": "accuracy"} | problem


NAMES = st.sampled_from(["label", "a", "b c", "é", "'", "yes", "1", "#x", "- x", "x: y", "null", "{{x}}"])
CLASSES = st.fixed_dictionaries(
    {"metric": st.sampled_from(["accuracy", "f1_macro", "balanced_accuracy"])},
    optional={"direction": st.just("maximize"), "min": st.floats(0, 1)},
)
NUMBERS = st.fixed_dictionaries(
    {"metric": st.sampled_from(["mae", "rmse"])}, optional={"direction": st.just("minimize"), "max": st.floats(0, 1e6)}
)
MORE = st.fixed_dictionaries(
    {},
    optional={
        "vs_champion": st.sampled_from([">= -0.002", ">0.5", 0, -1.5]),
        "max_folded": st.floats(0, 1),
        "slices": st.lists(NAMES, max_size=3),
    },
)
DATA = st.fixed_dictionaries(
    {"dataset": st.sampled_from(["points", "points@latest", "points@0123456789abcdef"])},
    optional={
        "expectations": st.none() | NAMES,
        "features": st.none() | st.lists(NAMES, min_size=1, max_size=4),
        "target": NAMES,
        "holdout": st.floats(0.01, 0.99),
        "holdout_by": st.none() | NAMES,
    },
)
CANARY = st.fixed_dictionaries(
    {},
    optional={
        "steps": st.sampled_from([[5, 25, 50], [100]]),
        "every": st.sampled_from(["5s", 5, 1.5]),
        "min_requests": st.integers(1, 10**6),
        "deadline": st.sampled_from(["1h", "10m"]),
        "max_error_increase": st.floats(0.001, 1),
        "max_latency_ratio": st.floats(1.5, 9),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["toy", "a-b_c"]),
        "data": DATA,
        "train": st.just({"command": "python train.py", "params": {"lr": 0.1}}),
        "evaluate": st.tuples(CLASSES | NUMBERS, MORE).map(lambda parts: {**parts[0], **parts[1]}),
    },
    optional={
        "team": st.sampled_from(["default", "shopping"]),
        "serve": st.fixed_dictionaries({}, optional={"max_latency_ms": st.floats(1, 1e4)}),
        "release": st.fixed_dictionaries(
            {}, optional={"review": st.sampled_from(["required", "none"]), "canary": CANARY}
        ),
    },
)


@given(DOCUMENTS)
@settings(deadline=None, max_examples=300)
def test_the_lines_of_any_document_parse_and_say_the_same(document: dict[str, Any]) -> None:
    spec = parse_spec(pasted(document, complaint(yaml.safe_dump(document, sort_keys=False))))

    problem, data, evaluate = spec.problem, document["data"], document["evaluate"]
    assert isinstance(problem, ProblemSpec)
    target = data.get("target", "label")
    assert (problem.target, problem.metric) == (target, evaluate["metric"])
    assert problem.dataset == data["dataset"].removesuffix("@latest")
    assert problem.split.holdout == data.get("holdout", 0.2)
    assert problem.split.by == (None if data.get("holdout_by") == target else data.get("holdout_by"))
    assert problem.features == ([name for name in data.get("features") or [] if name != target] or None)
    assert problem.slices == evaluate.get("slices", [])
    assert (problem.min, problem.max) == (evaluate.get("min"), evaluate.get("max"))
    assert (spec.release.review.approvers == 0) == (document.get("release", {}).get("review") == "none")
    assert spec.release.canary.steps == document.get("release", {}).get("canary", {}).get("steps")
    assert spec.train.params == {"lr": 0.1}


@given(DOCUMENTS)
@settings(deadline=None, max_examples=100)
def test_a_record_of_version_0_1_becomes_what_its_document_becomes(document: dict[str, Any]) -> None:
    document["data"]["dataset"] = "points@0123456789abcdef"  # a record's version is pinned
    said = parse_spec(pasted(document, complaint(yaml.safe_dump(document, sort_keys=False))))
    assert isinstance(said.problem, ProblemSpec)

    problem = problem_spec(document, document["data"]["dataset"])
    assert problem == said.problem.model_copy(update={"dataset": "points"})
    spec = model_spec(json.loads(json.dumps(document)))
    assert spec == said.model_copy(update={"problem": document["name"]})


def test_a_document_that_is_neither_gets_the_usual_sentences() -> None:
    both = "name: a\nproblem: p\ndata: {dataset: d}\ntrain: {command: x}\n"
    assert complaint(both).startswith("model.yaml: data: unknown field")
    assert "problem: is missing; write it like categories" in complaint("name: a\ntrain: {command: x}\ndata: digits\n")


def test_a_document_that_multiplies_itself_costs_nothing() -> None:
    laughs = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    laughs += [f"x{level}: &x{level} [{', '.join([f'*x{level - 1}'] * 10)}]" for level in range(1, 7)]
    said = complaint("\n".join([*laughs, "data: {dataset: d, features: *x6}", "evaluate: {slices: *x6}"]))
    assert len(said) < 4000
