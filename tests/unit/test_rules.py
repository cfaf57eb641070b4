"""The rules of a submission: never looser than the problem and the policy, and each refusal names line and document."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.errors import BadInputError
from jinsu.spec.load import policy_from, problem_from, spec_from
from jinsu.spec.rules import DEFAULT, MODEL_FILE, NamedPolicy, NamedProblem, Rules, effective

PINNED = "points@0123456789abcdef"
Document = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One bounded line: where each document has it, whether lower is stricter, values, and where the rules keep it."""

    model: str
    problem: str
    policy: str
    lower: bool
    values: st.SearchStrategy[Any]
    rule: str
    default: float | None


def floats(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high) | st.sampled_from([low, (low + high) / 2, high])  # so that equal values occur


LINES = [
    Line("evaluate.min", "min", "", False, floats(0, 1), "judging.min", None),
    Line("evaluate.vs_champion", "vs_champion", "", False, floats(-1, 1), "judging.vs_champion", None),
    Line("evaluate.max_folded", "max_folded", "", True, floats(0, 1), "judging.max_folded", 0.05),
    Line("serve.max_latency_ms", "serve.max_latency_ms", "serve.max_latency_ms", True, floats(0.5, 1e4), "max_latency_ms", 100),
    Line("serve.parity_tolerance", "serve.parity_tolerance", "serve.parity_tolerance", True, floats(1e-6, 0.1), "parity_tolerance", 1e-4),
    Line("release.review.approvers", "release.review.approvers", "review.approvers", False, st.integers(0, 5), "review.approvers", 1),
    Line("release.canary.every", "release.canary.every", "canary.every", False, floats(0.5, 1e5), "canary.every", 60),
    Line("release.canary.min_requests", "release.canary.min_requests", "canary.min_requests", False, st.integers(1, 10**7), "canary.min_requests", 50),
    Line("release.canary.max_error_increase", "release.canary.max_error_increase", "canary.max_error_increase", True, floats(0.001, 1), "canary.max_error_increase", 0.02),
    Line("release.canary.max_latency_ratio", "release.canary.max_latency_ratio", "canary.max_latency_ratio", True, floats(1.25, 50), "canary.max_latency_ratio", 2),
    Line("release.canary.steps", "release.canary.first_step", "canary.first_step", True, st.integers(1, 100), "canary.steps", 5),
    Line("", "submissions.per_day", "submissions.per_day", True, st.integers(1, 1000), "per_day", None),
]  # fmt: skip


def put(document: Document, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for part in parents:
        document = document.setdefault(part, {})
    document[last] = [value] if last == "steps" else value


def kept(rules: Rules, path: str) -> Any:
    found: Any = rules
    for part in path.split("."):
        found = getattr(found, part)
    return found[0] if path.endswith("steps") else found


def named(problem: Document, policy: Document) -> tuple[NamedProblem, NamedPolicy]:
    spec = problem_from({"dataset": "points", "metric": "accuracy"} | problem)
    return NamedProblem("numbers", 3, "ads", spec), NamedPolicy("ads", 2, policy_from(policy))


def rules_of(model: Document, problem: Document, policy: Document) -> Rules:
    spec = spec_from({"name": "toy", "problem": "numbers", "train": {"command": "x"}} | model)
    return effective(spec, *named(problem, policy), PINNED)


def looser(line: Line, value: float, bound: float) -> bool:
    return value > bound if line.lower else value < bound


# --- Properties ---


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_rules_are_never_looser_than_problem_and_policy(data: st.DataObject) -> None:
    """Whatever the three documents say: either the rules keep every bound, or each line that breaks one is named."""
    documents: dict[str, Document] = {"model": {}, "problem": {}, "policy": {}}
    said: dict[tuple[str, str], Any] = {}
    for line in LINES:
        for kind in documents:
            path = getattr(line, kind)
            if path and data.draw(st.booleans()):
                said[kind, line.rule] = data.draw(line.values)
                put(documents[kind], path, said[kind, line.rule])
    titles = {"problem": "problem numbers, version 3", "policy": "policy of team ads, version 2"}
    bounds: dict[str, list[tuple[str, Any]]] = {
        line.rule: [(kind, said[kind, line.rule]) for kind in titles if (kind, line.rule) in said] for line in LINES
    }
    if ("policy", "review.approvers") not in said:
        bounds["review.approvers"].append(("policy", 1))  # a policy that says nothing asks for one
    if ("problem", "judging.max_folded") not in said:
        bounds["judging.max_folded"].append(("problem", 0.05))  # a problem that says nothing allows this share
    broken = [
        line
        for line in LINES
        if ("model", line.rule) in said
        and any(looser(line, said["model", line.rule], bound) for _, bound in bounds[line.rule])
    ]
    try:
        rules = rules_of(documents["model"], documents["problem"], documents["policy"])
    except BadInputError as refused:
        sentences = str(refused).splitlines()
        assert len(sentences) == len(broken) > 0  # noqa: PT017
        for sentence, line in zip(sorted(sentences), sorted(broken, key=lambda line: f"{line.model}:"), strict=True):
            assert sentence.startswith(f"model.yaml: {line.model}: ")  # noqa: PT017
            kind, bound = _strictest(line, bounds[line.rule])
            assert titles[kind] in sentence  # noqa: PT017
            written = re.search(r"\(line (\S+): (\S+)\)", sentence)
            assert written is not None  # noqa: PT017
            assert (getattr(line, kind), float(written[2])) == (written[1], bound)  # noqa: PT017
        return
    assert not broken
    for line in LINES:
        value = kept(rules, line.rule)
        assert all(not looser(line, value, bound) for _, bound in bounds[line.rule])
        if ("model", line.rule) in said:
            assert value == said["model", line.rule]
        elif not bounds[line.rule]:
            assert value == line.default


def _strictest(line: Line, bounds: list[tuple[str, Any]]) -> tuple[str, Any]:
    """The document that refuses: the problem where both say the same."""
    best = bounds[0]
    for other in bounds[1:]:
        best = other if looser(line, best[1], other[1]) else best
    return best


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_what_the_sentence_tells_to_write_is_accepted(data: st.DataObject) -> None:
    line = data.draw(st.sampled_from([line for line in LINES if line.model]))
    kinds = [kind for kind in ("problem", "policy") if getattr(line, kind)]
    documents: dict[str, Document] = {"model": {}, "problem": {}, "policy": {}}
    put(documents["model"], line.model, data.draw(line.values))
    for kind in kinds:
        put(documents[kind], getattr(line, kind), data.draw(line.values))
    try:
        rules_of(**documents)
    except BadInputError as refused:
        said = re.search(r"write at (?:most|least) (\S+), or leave the line out", str(refused))
        assert said is not None  # noqa: PT017
        value = float(said[1]) if "." in said[1] or "e" in said[1] else int(said[1])
        put(documents["model"], line.model, value)
        assert kept(rules_of(**documents), line.rule) == value  # noqa: PT017


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_rules_survive_their_record(data: st.DataObject) -> None:
    """They are kept as JSON on the day of admission, and read back by every later stage."""
    documents: dict[str, Document] = {"model": {}, "problem": {}}
    bounds = data.draw(st.dictionaries(st.sampled_from(["f1_macro", "balanced_accuracy"]), floats(-1e9, 1e9)))
    asked = data.draw(st.dictionaries(st.sampled_from(["f1_macro", "balanced_accuracy"]), floats(0, 1e9)))
    documents["problem"]["guardrails"] = {name: f">= {value:f}" for name, value in bounds.items()}
    documents["model"]["evaluate"] = {"guardrails": {name: f">= {abs(value):f}" for name, value in asked.items()}}
    try:
        rules = rules_of(documents["model"], documents["problem"], {})
    except BadInputError:
        return
    assert Rules.model_validate(json.loads(rules.model_dump_json())) == rules


# --- Guardrails ---


@pytest.mark.parametrize(
    ("ours", "theirs", "rule"),
    [
        (None, ">= 0.9", ">= 0.9"),
        (">= 0.95", ">= 0.9", ">= 0.95"),
        (">= 0.9", None, ">= 0.9"),
        (">= 0.12345678901", ">= 0.1", ">= 0.12345678901"),  # rounded to six digits, a bound is another one
        ("<= 123456789", "<= 1234567890", "<= 123456789"),  # shown as 1.23457e+08, it could not be read back
        ("<= 0.1", "<= 0.2", "<= 0.1"),
    ],
)
def test_the_stricter_guardrail_holds_as_it_was_written(ours: str | None, theirs: str | None, rule: str) -> None:
    model = {} if ours is None else {"evaluate": {"guardrails": {"rmse": ours}}}
    problem: Document = {"metric": "mae"} | ({} if theirs is None else {"guardrails": {"rmse": theirs}})
    assert rules_of(model, problem, {}).judging.guardrails == {"rmse": rule}


@pytest.mark.parametrize(
    ("guardrails", "sentence"),
    [
        ({"f1_macro": ">= 0.8"}, r"evaluate\.guardrails\.f1_macro: 0\.8 is looser than problem numbers, version 3 allows \(line guardrails\.f1_macro: 0\.9\); write at least 0\.9"),
        ({"f1_macro": "<= 0.99"}, r"evaluate\.guardrails\.f1_macro: turn it the way of problem numbers, version 3: >= 0\.9"),
        ({"accuracy": ">= 0.5"}, r"evaluate\.guardrails\.accuracy: it is the metric of problem numbers, version 3; write evaluate\.min"),
        ({"mae": "<= 3"}, r"evaluate\.guardrails\.mae: 'mae' measures another kind of target than 'accuracy'"),
    ],
)  # fmt: skip
def test_a_guardrail_that_cannot_hold_is_refused_before_anything_trains(guardrails: Document, sentence: str) -> None:
    with pytest.raises(BadInputError, match=rf"^model\.yaml: {sentence}"):
        rules_of({"evaluate": {"guardrails": guardrails}}, {"guardrails": {"f1_macro": ">= 0.9"}}, {})


# --- Other lines ---


def test_where_nothing_is_said_the_defaults_hold() -> None:
    rules = rules_of({}, {}, {})
    assert (rules.max_latency_ms, rules.parity_tolerance, rules.per_day) == (100, 1e-4, None)
    assert (rules.review.approvers, rules.review.self_approval, rules.review.days) == (1, False, 3)
    assert (rules.canary.steps, rules.canary.every, rules.canary.min_requests) == ([5, 25, 50], 60, 50)
    assert rules.documents["serve.max_latency_ms"] == DEFAULT
    assert rules.documents["release.review.approvers"] == DEFAULT


def test_each_rule_names_its_document() -> None:
    model = {"serve": {"max_latency_ms": 20}, "release": {"canary": {"steps": [5, 50]}}}
    problem = {"min": 0.9, "serve": {"max_latency_ms": 50}, "release": {"canary": {"first_step": 10}}}
    rules = rules_of(model, problem, {"canary": {"every": "10m"}})
    assert (
        rules.documents.items()
        >= {
            "serve.max_latency_ms": MODEL_FILE,
            "release.canary.first_step": MODEL_FILE,
            "evaluate.min": "problem numbers, version 3",
            "release.canary.every": "policy of team ads, version 2",
            "release.review.self_approval": "policy of team ads, version 2",
            "evaluate.max_folded": "problem numbers, version 3",
        }.items()
    )


@pytest.mark.parametrize(
    ("bound", "steps"), [(100, [5, 25, 50]), (5, [5, 25, 50]), (4, [4, 5, 25, 50]), (1, [1, 5, 25, 50])]
)
def test_usual_steps_begin_as_small_as_they_must(bound: int, steps: list[int]) -> None:
    assert rules_of({}, {"release": {"canary": {"first_step": bound}}}, {}).canary.steps == steps


@pytest.mark.parametrize(
    ("model", "problem", "sentence"),
    [
        ({"features": ["label"]}, {}, "features: 'label' is the target of problem numbers, version 3; a model must not read"),
        ({"features": ["a", "y"]}, {"target": "y"}, "features: 'y' is the target"),
        ({"features": ["label"]}, {"features": ["a"]}, "features: 'label' is the target"),
        ({"features": ["side"]}, {"split": {"column": "side"}}, "features: 'side' says which rows problem numbers, version 3 holds out"),
        ({"features": ["a", "c"]}, {"features": ["a", "b"]}, "features: 'c' is not among the features of problem numbers, version 3: a, b"),
        ({"evaluate": {"max": 3}}, {}, "evaluate.max: has no meaning for 'accuracy', the metric of problem numbers, version 3; write 'min'"),
        ({"evaluate": {"min": 3}}, {"metric": "mae"}, "evaluate.min: has no meaning for 'mae', the metric of problem numbers, version 3; write 'max'"),
    ],
)  # fmt: skip
def test_what_a_problem_does_not_allow_is_refused(model: Document, problem: Document, sentence: str) -> None:
    with pytest.raises(BadInputError, match=f"^model.yaml: {re.escape(sentence)}"):
        rules_of(model, problem, {})


@pytest.mark.parametrize("features", [None, ["a"], ["b", "a"]])
def test_a_model_reads_what_it_names_in_its_order_or_all_that_is_allowed(features: list[str] | None) -> None:
    model: Document = {} if features is None else {"features": features}
    assert rules_of(model, {"features": ["a", "b"]}, {}).features == (features or ["a", "b"])
    assert rules_of(model, {}, {}).features == features


@pytest.mark.parametrize(("name", "asked"), [("gpu", 3), ("hours", 5.5)])
def test_resources_over_the_policy_are_refused_with_its_line(name: str, asked: float) -> None:
    model = {"train": {"command": "x", "resources": {name: asked}}}
    with pytest.raises(
        BadInputError,
        match=rf"train\.resources\.{name}: {asked} is more than policy of team ads, version 2 allows \(line resources\.{name}: 2\)",
    ):
        rules_of(model, {}, {"resources": {name: 2}})
    assert rules_of(model, {}, {"resources": {name: 6}})


def test_every_refusal_is_told_at_once() -> None:
    model = {
        "evaluate": {"min": 0.1},
        "serve": {"max_latency_ms": 900},
        "release": {"review": {"approvers": 0}},
        "features": ["label"],
    }
    with pytest.raises(BadInputError) as caught:
        rules_of(model, {"min": 0.9, "serve": {"max_latency_ms": 50}}, {})
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "features", "evaluate.min", "serve.max_latency_ms", "release.review.approvers",
    ]  # fmt: skip
