"""The rules of a submission: never looser than the problem and the policy, and each refusal names line and document."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.errors import BadInputError
from jinsu.spec.load import parse_spec, policy_from, problem_from, spec_from
from jinsu.spec.policy import PolicySpec
from jinsu.spec.rules import DEFAULT, MODEL_FILE, NamedPolicy, NamedProblem, Rules, effective, lines_of

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


def judged(name: str, lower: bool, values: st.SearchStrategy[Any], default: float | None = None) -> Line:
    return Line(f"evaluate.{name}", name, "", lower, values, f"judging.{name}", default)


def served(name: str, values: st.SearchStrategy[Any], default: float) -> Line:
    return Line(f"serve.{name}", f"serve.{name}", f"serve.{name}", True, values, name, default)


def released(name: str, lower: bool, values: st.SearchStrategy[Any], default: float) -> Line:
    return Line(f"release.{name}", f"release.{name}", name, lower, values, name, default)


LINES = [
    judged("min", False, floats(0, 1)),
    judged("vs_champion", False, floats(-1, 1)),
    judged("max_folded", True, floats(0, 1), 0.05),
    served("max_latency_ms", floats(0.5, 1e4), 100),
    served("parity_tolerance", floats(1e-6, 0.1), 1e-4),
    released("review.approvers", False, st.integers(0, 5), 1),
    released("canary.every", False, floats(0.5, 1e5), 60),
    released("canary.min_requests", False, st.integers(1, 10**7), 50),
    released("canary.max_error_increase", True, floats(0.001, 1), 0.02),
    released("canary.max_latency_ratio", True, floats(1.25, 50), 2),
    replace(
        released("canary.first_step", True, st.integers(1, 100), 5), model="release.canary.steps", rule="canary.steps"
    ),
    Line("", "submissions.per_day", "submissions.per_day", True, st.integers(1, 1000), "per_day", None),
]


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

TITLES = {"problem": "problem numbers, version 3", "policy": "policy of team ads, version 2"}
UNSAID = {"review.approvers": ("policy", 1), "judging.max_folded": ("problem", 0.05)}
"""What a document that does not say so demands all the same."""


@dataclass(frozen=True)
class Case:
    """What each document says, by the rules' own names: of the model, and the bounds of the others."""

    documents: dict[str, Document]
    model: dict[str, Any]
    bounds: dict[str, list[tuple[str, Any]]]

    def broken(self) -> list[Line]:
        """The lines of the model that are looser than a bound, by their names."""
        lines = [line for line in LINES if line.rule in self.model]
        loose = [
            line
            for line in lines
            if any(looser(line, self.model[line.rule], bound) for _, bound in self.bounds[line.rule])
        ]
        return sorted(loose, key=lambda line: f"{line.model}:")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    case = Case({"model": {}, "problem": {}, "policy": {}}, {}, {line.rule: [] for line in LINES})
    for line in LINES:
        for kind in case.documents:
            path = getattr(line, kind)
            if path and draw(st.booleans()):
                value = draw(line.values)
                put(case.documents[kind], path, value)
                if kind == "model":
                    case.model[line.rule] = value
                else:
                    case.bounds[line.rule].append((kind, value))
        kind, value = UNSAID.get(line.rule, ("", None))
        if kind and kind not in dict(case.bounds[line.rule]):
            case.bounds[line.rule].append((kind, value))
    return case


@given(cases())
@settings(deadline=None, max_examples=300)
def test_rules_are_never_looser_than_problem_and_policy(case: Case) -> None:
    """Whatever the three documents say: either the rules keep every bound, or each line that breaks one is named."""
    try:
        rules = rules_of(**case.documents)
    except BadInputError as refused:
        sentences = sorted(str(refused).splitlines())
        assert len(sentences) == len(case.broken()) > 0
        for sentence, line in zip(sentences, case.broken(), strict=True):
            _check_refusal(sentence, line, _strictest(line, case.bounds[line.rule]))
        return
    assert not case.broken()
    for line in LINES:
        value = kept(rules, line.rule)
        assert all(not looser(line, value, bound) for _, bound in case.bounds[line.rule])
        assert value == case.model.get(line.rule, value)
        assert value == line.default or line.rule in case.model or case.bounds[line.rule]


def _check_refusal(sentence: str, line: Line, strictest: tuple[str, Any]) -> None:
    """The sentence names the line in both documents, the document that refuses, and its bound in full."""
    kind, bound = strictest
    assert sentence.startswith(f"model.yaml: {line.model}: ")
    written = re.search(r" is looser than (.*) allows \(line (\S+): (\S+)\)", sentence)
    assert written is not None
    assert (written[1], written[2], float(written[3])) == (TITLES[kind], getattr(line, kind), bound)


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
        assert said is not None
        value = float(said[1]) if "." in said[1] or "e" in said[1] else int(said[1])
        put(documents["model"], line.model, value)
        assert kept(rules_of(**documents), line.rule) == value


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
        ({"f1_macro": ">= 0.8"}, "f1_macro: 0.8 is looser than problem numbers, version 3 allows (line guardrails.f1_macro: 0.9)"),
        ({"f1_macro": "<= 0.99"}, "f1_macro: turn it the way of problem numbers, version 3: >= 0.9"),
        ({"accuracy": ">= 0.5"}, "accuracy: it is the metric of problem numbers, version 3; write evaluate.min"),
        ({"mae": "<= 3"}, "mae: 'mae' measures another kind of target than 'accuracy'"),
    ],
)  # fmt: skip
def test_a_guardrail_that_cannot_hold_is_refused_before_anything_trains(guardrails: Document, sentence: str) -> None:
    with pytest.raises(BadInputError, match=re.escape(f"model.yaml: evaluate.guardrails.{sentence}")):
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
            "evaluate.max_folded": DEFAULT,
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
        ({"features": ["label"]}, {}, "features: 'label' is the target of problem numbers, version 3; a model must not"),
        ({"features": ["a", "y"]}, {"target": "y"}, "features: 'y' is the target"),
        ({"features": ["label"]}, {"features": ["a"]}, "features: 'label' is the target"),
        ({"features": ["side"]}, {"split": {"column": "side"}}, "features: 'side' says which rows problem numbers, version 3 holds out"),
        ({"features": ["a", "c"]}, {"features": ["a", "b"]}, "features: 'c' is not among the features of problem numbers, version 3: a, b"),
        ({"evaluate": {"max": 3}}, {}, "evaluate.max: has no meaning for 'accuracy', the metric of problem numbers, version 3; write"),
        ({"evaluate": {"min": 3}}, {"metric": "mae"}, "evaluate.min: has no meaning for 'mae', the metric of problem numbers, version 3;"),
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


_GPU = {"serve": {"gpu": 1}}


@pytest.mark.parametrize(
    ("problem", "policy", "sentence"),
    [
        ({"serve": {"gpu": 0}}, {}, "serve.gpu: 1 is more than problem numbers, version 3 allows (line serve.gpu: 0)"),
        ({}, {"serve": {"gpu": 0}}, "serve.gpu: 1 is more than policy of team ads, version 2 allows (line serve.gpu: 0)"),
        ({}, {"resources": {"gpu": 0}}, "serve.gpu: 1 is more than policy of team ads, version 2 allows (line resources.gpu: 0)"),
        ({}, {"resources": {"gpu": 4}, "serve": {"gpu": 0}}, "serve.gpu: 1 is more than policy of team ads, version 2 allows"),
    ],
    ids=["the problem", "the policy", "no GPU for trainings", "for trainings alone"],
)  # fmt: skip
def test_a_model_server_gets_no_gpu_against_a_document(problem: Document, policy: Document, sentence: str) -> None:
    with pytest.raises(BadInputError, match=f"^model.yaml: {re.escape(sentence)}"):
        rules_of(_GPU, problem, policy)
    assert rules_of({}, problem, policy).gpu == 0


@pytest.mark.parametrize(
    ("problem", "policy"),
    [
        ({}, {}),
        ({"serve": {"gpu": 1}}, {}),
        ({}, {"resources": {"gpu": 2}}),
        ({}, {"resources": {"gpu": 0}, "serve": {"gpu": 1}}),
    ],
)
def test_a_model_server_gets_a_gpu_when_its_model_asks_and_no_document_is_against(
    problem: Document, policy: Document
) -> None:
    rules = rules_of(_GPU, problem, policy)
    assert rules.gpu == 1
    assert ("serve.gpu", "1", MODEL_FILE) in lines_of(rules)
    assert rules_of({}, problem, policy).gpu == 0  # what may be used is not what is asked for


@pytest.mark.parametrize("serve", [{"gpu": 2}, {"gpu": -1}, {"gpu": True}, {"gpu": 1, "quantize": "int8"}])
def test_a_model_server_computes_on_one_gpu_what_gpus_compute(serve: Document) -> None:
    with pytest.raises(BadInputError, match="serve"):
        rules_of({"serve": serve}, {}, {})


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


def test_a_rule_that_nobody_wrote_down_comes_from_no_document() -> None:
    """The deadline was called that of model.yaml, and the folded share that of the problem."""
    spec = parse_spec("name: m\nproblem: p\ntrain: {command: x}")
    problem = NamedProblem("p", 1, "default", problem_from({"name": "p", "dataset": "d", "metric": "accuracy"}))
    rules = effective(spec, problem, NamedPolicy("default", 0, PolicySpec()), "d@0")
    unwritten = {"evaluate.max_folded", "release.canary.deadline", "release.canary.steps", "serve.max_latency_ms"}
    assert {line: document for line, _, document in lines_of(rules) if line in unwritten} == dict.fromkeys(
        unwritten, "default"
    )


IMAGES = [f"registry.example/team/cuda@sha256:{digit * 64}" for digit in "12"]


def test_an_image_comes_from_the_list_of_the_policy() -> None:
    rules = rules_of({"train": {"command": "python train.py", "image": IMAGES[0]}}, {}, {"images": IMAGES})
    assert rules.image == IMAGES[0]
    assert ("train.image", IMAGES[0], "model.yaml") in lines_of(rules)
    assert rules_of({}, {}, {"images": IMAGES}).image is None


@pytest.mark.parametrize(("allowed", "shown"), [([], "none"), ([IMAGES[1]], IMAGES[1])])
def test_an_image_that_the_policy_does_not_list_is_refused(allowed: list[str], shown: str) -> None:
    with pytest.raises(BadInputError) as refused:
        rules_of({"train": {"command": "python train.py", "image": IMAGES[0]}}, {}, {"images": allowed})
    assert str(refused.value) == (
        f"model.yaml: train.image: {IMAGES[0]} is not among the images of policy of team ads, version 2 "
        f"(line images: {shown})."
    )


@pytest.mark.parametrize("image", ["cuda:latest", "cuda", f"cuda@sha256:{'1' * 63}", f"--x@sha256:{'1' * 64}"])
def test_an_image_is_named_by_its_digest(image: str) -> None:
    with pytest.raises(BadInputError, match=r"train\.image"):
        rules_of({"train": {"command": "python train.py", "image": image}}, {}, {"images": IMAGES})


def test_an_image_and_requirements_exclude_each_other() -> None:
    train = {"command": "python train.py", "image": IMAGES[0], "requirements": "requirements.txt"}
    with pytest.raises(BadInputError, match="name requirements or image, not both"):
        rules_of({"train": train}, {}, {"images": IMAGES})


# --- Slices ---


@pytest.mark.parametrize(
    ("problem", "model", "kept"),
    [
        (["shop"], {}, ["shop"]),
        (["shop"], {"shop": ">= 0.6"}, {"shop": ">= 0.6"}),
        ({"shop": ">= 0.5", "day": None}, {}, {"shop": ">= 0.5", "day": None}),
        ({"shop": ">= 0.5"}, {"shop": ">= 0.6"}, {"shop": ">= 0.6"}),
    ],
)
def test_a_slice_keeps_the_stricter_bound(problem: Any, model: Document, kept: Any) -> None:
    assert rules_of({"evaluate": {"slices": model}}, {"slices": problem}, {}).judging.slices == kept


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ({"shop": ">= 0.4"}, r"evaluate.slices.shop: 0.4 is looser than .* allows \(line slices.shop: 0.5\)"),
        ({"shop": "<= 0.4"}, "evaluate.slices.shop: '<= 0.4' bounds the wrong side of 'accuracy'; write >="),
        ({"week": ">= 0.4"}, "evaluate.slices.week: it is no slice of .*; these are: shop"),
    ],
)
def test_a_slice_is_never_looser(model: Document, sentence: str) -> None:
    with pytest.raises(BadInputError, match=sentence):
        rules_of({"evaluate": {"slices": model}}, {"slices": {"shop": ">= 0.5"}}, {})


def test_a_slice_is_bounded_on_the_side_that_is_worse() -> None:
    with pytest.raises(BadInputError, match=r"slices.shop: '<= 0.5' bounds the wrong side of 'accuracy'"):
        rules_of({}, {"slices": {"shop": "<= 0.5"}}, {})
