"""model.yaml: what parses, what comes back from JSON, and the one sentence that each mistake gets."""

import json
import re
import tracemalloc
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.errors import BadInputError
from jinsu.spec.load import parse_spec, read_spec, spec_from
from jinsu.spec.model import Canary, Evaluate, Resources
from jinsu.spec.problem import ProblemSpec
from jinsu.spec.quantities import (
    format_bytes,
    parse_bytes,
    parse_seconds,
    parse_threshold,
)
from jinsu.spec.reference import DOCUMENTS, json_schema, reference_page

TEN_LINES = """\
name: digits
problem: {dataset: digits@latest, expectations: expectations.yaml, metric: accuracy, min: 0.9, slices: [label]}
train:
  command: python train.py
  params: {epochs: 8, lr: 0.01, channels: 16}
  trials: [{lr: 0.1}, {lr: 0.001}]
  resources: {gpu: 0, cpu: 1, memory: 2Gi, hours: 1}
evaluate: {vs_champion: ">= -0.002"}
serve: {max_latency_ms: 50}
release: {review: {approvers: 1}, canary: {steps: [5, 25, 50], every: 5s, min_requests: 50}}
"""
ENDLESS = "9" * 400  # more than a float can hold
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/model.yaml"))


def changed(old: str, new: str) -> str:
    assert TEN_LINES.count(old) == 1, old
    return TEN_LINES.replace(old, new)


def complaint(text: str) -> str:
    with pytest.raises(BadInputError) as caught:
        parse_spec(text)
    return str(caught.value)


def test_ten_lines_say_what_they_seem_to_say() -> None:
    spec = parse_spec(TEN_LINES)

    problem = spec.problem
    assert isinstance(problem, ProblemSpec)
    assert (spec.name, problem.dataset, problem.target, problem.split.holdout) == (
        "digits",
        "digits",
        "label",
        0.2,
    )
    assert spec.train.params == {"epochs": 8, "lr": 0.01, "channels": 16}
    assert spec.train.resources.memory == 2 * 2**30
    assert spec.evaluate.vs_champion == -0.002
    assert (problem.maximize, problem.min, spec.release.review.approvers) == (True, 0.9, 1)
    assert (spec.release.canary.steps, spec.release.canary.every) == ([5, 25, 50], 5.0)


def test_a_spec_survives_json() -> None:
    spec = parse_spec(TEN_LINES)
    assert spec_from(json.loads(spec.model_dump_json())) == spec
    assert spec_from(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2Gi", "1500Mi"),
        ("2Gi", "1500M"),
        ("2Gi", "500"),
        ("every: 5s", "every: 1234567"),
        ("every: 5s", "every: 1234567.5"),
        ("every: 5s", "every: 100000.25"),
        ('">= -0.002"', "-0.0000001"),
        ('">= -0.002"', "0.12345678"),
    ],
)
def test_no_amount_is_rounded_or_lost_on_its_way_through_json(old: str, new: str) -> None:
    spec = parse_spec(changed(old, new))
    assert spec_from(spec.model_dump(mode="json")) == spec


def test_params_keep_their_types() -> None:
    params = parse_spec(changed("{epochs: 8,", "{epochs: 8, flag: true, word: '8', big: 1.0,")).train.params
    assert [type(params[name]) for name in ("epochs", "lr")] == [int, float]
    assert json.dumps(spec_from(json.loads(parse_spec(TEN_LINES).model_dump_json())).train.params) == json.dumps(
        {"epochs": 8, "lr": 0.01, "channels": 16}
    )
    assert params["word"] == "8"
    assert type(params["big"]) is float


def test_a_template_as_parameter_stays_text() -> None:
    spec = parse_spec(changed("epochs: 8", "epochs: '{{ 7*7 }}'"))
    assert spec.train.params["epochs"] == "{{ 7*7 }}"
    assert spec_from(spec.model_dump(mode="json")).train.params["epochs"] == "{{ 7*7 }}"


# One line a mistake: what is replaced, by what, the field that the sentence names, the value, and the way out.
MISTAKES = [
    ("channels: 16}", "channels: 16}\n  comand: x", "train.comand", "unknown field", "'command'"),
    ("every: 5s", "evry: 5s", "release.canary.evry", "unknown field", "'every'"),
    ("name: digits", "name: digits\ncolour: red", "colour", "unknown field", "name, problem, features, train"),
    ("gpu: 0", "gpu: 1.5", "train.resources.gpu", "1.5", "valid integer"),
    ("gpu: 0", "gpu: true", "train.resources.gpu", "True", "valid integer"),
    ("gpu: 0", "gpu: -1", "train.resources.gpu", "-1", "greater than or equal to 0"),
    ("hours: 1}", "hours: 1000}", "train.resources.hours", "1000", "less than or equal to 336"),
    ("cpu: 1", "cpu: .nan", "train.resources.cpu", "nan", "should be"),
    ("name: digits", "name: 5", "name", "5", "valid string"),
    ("name: digits", "name: Digits Model", "name", "'Digits Model'", "lower-case letters"),
    ("epochs: 8", "epochs: [8]", "train.params.epochs", "[8]", "text, a number, or true or false"),
    ("epochs: 8", "'ep-ochs': 8", "train.params.ep-ochs", "'ep-ochs'", "letters, digits and '_'"),
    ("2Gi", "2GB", "train.resources.memory", "'2GB'", "512Mi or 2Gi"),
    ("2Gi", "-2Gi", "train.resources.memory", "'-2Gi'", "512Mi or 2Gi"),
    ("2Gi", "2.5", "train.resources.memory", "2.5", "512Mi or 2Gi"),
    ("2Gi", "0.0001Ki", "train.resources.memory", "'0.0001Ki'", "512Mi or 2Gi"),
    ("every: 5s", "every: 5 parsecs", "release.canary.every", "'5 parsecs'", "5s, 10m or 1h"),
    ("every: 5s", "every: -5", "release.canary.every", "-5", "5s, 10m or 1h"),
    ("every: 5s", "every: .inf", "release.canary.every", "inf", "5s, 10m or 1h"),
    ('">= -0.002"', '"<= 3"', "evaluate.vs_champion", "'<= 3'", ">= -0.002"),
    ('">= -0.002"', ".nan", "evaluate.vs_champion", "nan", ">= -0.002"),
    ("min: 0.9", "max: 0.9", "problem", "max", "write 'min'"),
    ("metric: accuracy, min: 0.9", "kind: policy, metric: snips", "problem", "reward, propensity: both columns are needed", "policy"),
    ("metric: accuracy, min: 0.9", "kind: policy, metric: snips, reward: r, propensity: p", "problem", "'r'", "features: are missing"),
    ("metric: accuracy, min: 0.9", "kind: forecasting, metric: rmsse", "problem", "scale: is missing", "rmsse needs the column"),
    ("metric: accuracy", "metric: acuracy", "problem.metric", "'acuracy'", "'accuracy'"),
    ("metric: accuracy, ", "", "problem.metric", "missing", "write it like accuracy"),
    ("min: 0.9", "min: 0.9, kind: regression", "problem", "'accuracy' does not measure regression", "mae, rmse"),
    ("min: 0.9", "min: 0.9, kind: rating", "problem.kind", "'rating'", "'ranking'"),
    (
        "min: 0.9",
        "min: 0.9, kind: ranking",
        "problem",
        "'accuracy' does not measure ranking",
        "ndcg_at_{k}, recall_at_{k}, mrr",
    ),
    ("min: 0.9", "min: 0.9, query: user", "problem", "query: has no meaning for the kind classification", "ranking"),
    ("metric: accuracy", "metric: acuracy", "problem.metric", "'acuracy' is no metric", "did you mean 'accuracy'"),
    ("metric: accuracy", "metric: ndcg@10", "problem.metric", "'ndcg@10' is no metric", "ndcg_at_10"),
    (
        "min: 0.9",
        "min: 0.9, features: [a, label]",
        "problem",
        "'label' is the target",
        "must not read what it predicts",
    ),
    ("min: 0.9", "min: 0.9, features: []", "problem.features", "is empty", "."),
    ("min: 0.9", "min: 0.9, split: {by: label}", "problem", "'label' is the target", "whole classes"),
    ("min: 0.9", "min: 0.9, split: {by: [a, label]}", "problem", "'label' is the target", "whole classes"),
    ("min: 0.9", "min: 0.9, split: {time: label}", "problem", "'label' is the target", "greatest values"),
    ("min: 0.9", "min: 0.9, split: {column: label}", "problem", "'label'", "no target and no feature"),
    ("min: 0.9", "min: 0.9, features: [a], split: {column: a}", "problem", "'a'", "no target and no feature"),
    ("min: 0.9", "min: 0.9, split: {by: a, time: b}", "problem.split", "by and time contradict", "keep one"),
    ("min: 0.9", "min: 0.9, split: {held: [x]}", "problem.split", "held", "{column: NAME, held: [VALUE]}"),
    ("min: 0.9", "min: 0.9, split: {column: a, held: []}", "problem.split.held", "is empty", "."),
    ("min: 0.9", "min: 0.9, split: {holdout: 0}", "problem.split.holdout", "0", "greater than 0"),
    ("min: 0.9", "min: 0.9, split: {holdout: 1}", "problem.split.holdout", "1", "less than 1"),
    ("min: 0.9", "min: 0.9, split: {by: 5}", "problem.split.by", "5", "text or a list of texts"),
    ("min: 0.9", "min: 0.9, split: {salt: x}", "problem.split.salt", "unknown field", "known here: holdout, by"),
    ("min: 0.9", "min: 0.9, guardrails: {accuracy: '>= 0.9'}", "problem", "the metric itself", "write 'min'"),
    ("min: 0.9", "min: 0.9, guardrails: {mae: '<= 1'}", "problem", "'mae' measures another kind", "'accuracy'"),
    ("min: 0.9", "min: 0.9, guardrails: {f1_macro: 0.9}", "problem.guardrails.f1_macro", "0.9", ">= 0.9"),
    ("min: 0.9", "min: 0.9, guardrails: {f1_macro: '0.9'}", "problem.guardrails.f1_macro", "'0.9'", ">= 0.9"),
    ("min: 0.9", "min: 0.9, guardrails: {f1_macro: '> 0.9'}", "problem.guardrails.f1_macro", "'> 0.9'", ">= 0.9"),
    (
        "min: 0.9",
        "min: 0.9, submissions: {per_day: 0}",
        "problem.submissions.per_day",
        "0",
        "greater than or equal to 1",
    ),
    ("[5, 25, 50]", "[5, 50, 25]", "release.canary.steps", "[5, 50, 25]", "[5, 25, 50]"),
    ("[5, 25, 50]", "[5, 5]", "release.canary.steps", "[5, 5]", "[5, 25, 50]"),
    ("[5, 25, 50]", "[5, 101]", "release.canary.steps.1", "101", "less than or equal to 100"),
    ("digits@latest", "digits@v1", "problem.dataset", "'digits@v1'", "write it like digits"),
    ("command: python train.py", "command: python 'train.py", "train.command", "train.py", "quotes"),
    ("command: python train.py", "command: '  '", "train.command", "is empty", "python train.py"),
    ("approvers: 1", "approvers: never", "release.review.approvers", "'never'", "valid integer"),
    ("{approvers: 1}", "none", "release.review", "'none'", "fields such as approvers"),
    ("slices: [label]", "slices: label", "problem.slices", "'label'", "valid list"),
]


@pytest.mark.parametrize(("old", "new", "field", "value", "fix"), MISTAKES)
def test_a_mistake_gets_one_sentence_with_field_value_and_fix(
    old: str, new: str, field: str, value: str, fix: str
) -> None:
    said = complaint(changed(old, new))
    assert said.startswith(f"model.yaml: {field}: ")
    assert value in said
    assert fix in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[5, 25, 50]", "[]"),
        ("command: python train.py", "command: ''"),
        ('evaluate: {vs_champion: ">= -0.002"}', "evaluate: accuracy"),
        ("name: digits", "name: digits\n5: x"),
    ],
)
def test_no_sentence_speaks_of_the_library_below(old: str, new: str) -> None:
    said = complaint(changed(old, new))
    assert not re.search(r"should be (List|String|Keys) should|instance of", said), said


def test_a_parameter_name_that_is_no_text_is_blamed_for_its_name_not_its_value() -> None:
    assert "letters, digits and '_'" in complaint(changed("epochs: 8", "5: 8"))


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf"])
@pytest.mark.parametrize("field", ["epochs: 8", "min: 0.9", "max_latency_ms: 50"])
def test_a_number_that_is_none_is_refused(field: str, value: str) -> None:
    name = field.split(":")[0]
    assert f"{name}: " in complaint(changed(field, f"{name}: {value}"))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("name: digits", "name: digits\nname: other", "name"),
        ("epochs: 8", "epochs: 8, epochs: 9", "epochs"),
        ("hours: 1}", "hours: 1, hours: 2}", "hours"),
    ],
)
def test_a_field_written_twice_is_refused(old: str, new: str, key: str) -> None:
    said = complaint(changed(old, new))
    assert f"'{key}'" in said
    assert "twice" in said or "duplicate" in said


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("name: [a", "line 1"),
        ("a: b: c", "line 1, column 5"),
        ("name: x\n\ty: 1", "line 2"),
        ("a: *b", "line 1, column 4"),
        ("a: {{ 7*7 }}", "line 1"),
        ("!!python/object/apply:os.system [ls]", "line 1, column 1"),
        ("--- a\n--- b", "line 2"),
        ("name: \x00", "not valid YAML"),
        ("name: 2024-13-45", "not valid YAML"),
    ],
)
def test_broken_yaml_is_told_with_its_place(text: str, where: str) -> None:
    said = complaint(text)
    assert said.startswith("model.yaml: ")
    assert "not valid YAML" in said
    assert where in said
    assert "\n" not in said


@pytest.mark.parametrize(("text", "found"), [("", "nothing"), ("[]", "list"), ("5", "int"), ("text", "str")])
def test_what_is_not_a_mapping_is_refused(text: str, found: str) -> None:
    assert re.fullmatch(f"model.yaml: expected fields such as 'name:' and 'train:', found .*{found}.*", complaint(text))


@pytest.mark.parametrize("field", ["epochs: 8", "metric: accuracy", "slices: [label]"])
def test_aliases_that_multiply_cost_nothing(field: str) -> None:
    # "Billion laughs": six lines that stand for a million words, in a message or anywhere else.
    laughs = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    laughs += [f"x{level}: &x{level} [{', '.join([f'*x{level - 1}'] * 10)}]" for level in range(1, 6)]
    text = "\n".join([*laughs, changed(field, f"{field.split(':')[0]}: *x5")])
    tracemalloc.start()
    said = complaint(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(said) < 2000
    assert peak < 2_000_000


def test_every_mistake_is_told_at_once() -> None:
    said = complaint(TEN_LINES.replace("2Gi", "2GB").replace("approvers: 1", "approvers: -1"))
    assert [line.split(": ")[1] for line in said.splitlines()] == ["train.resources.memory", "release.review.approvers"]


def test_a_missing_and_an_oversized_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="there is no such file; `jinsu init`"):
        read_spec(tmp_path)
    (tmp_path / "model.yaml").write_text(TEN_LINES + "#" * 70_000)
    with pytest.raises(BadInputError, match="64 KiB"):
        read_spec(tmp_path)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_is_a_spec_or_a_sentence(text: str) -> None:
    with pytest.raises(BadInputError):
        parse_spec(text)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), st.lists, max_leaves=4)
)
@settings(deadline=None)
def test_any_value_of_a_parameter_is_kept_or_refused(value: object) -> None:
    document = yaml.safe_load(TEN_LINES)
    document["train"]["params"]["epochs"] = value
    try:
        spec = spec_from(document)
    except BadInputError as problem:
        assert "train.params.epochs" in str(problem)  # noqa: PT017
        return
    kept = json.loads(spec.model_dump_json())["train"]["params"]["epochs"]
    assert kept == value
    assert type(kept) is type(value)


@given(st.integers(1, 2**50))
def test_bytes_survive_being_written(count: int) -> None:
    kept = Resources.model_validate(json.loads(Resources(memory=count).model_dump_json()))
    assert kept.memory == count


@given(st.floats(0.001, 1e9))
def test_seconds_survive_being_written(seconds: float) -> None:
    kept = Canary.model_validate(json.loads(Canary(every=seconds).model_dump_json()))
    assert kept.every == seconds


@given(st.floats(-1e6, 1e6))
def test_thresholds_survive_being_written(threshold: float) -> None:
    rules = Evaluate(vs_champion=threshold)
    assert Evaluate.model_validate(json.loads(rules.model_dump_json())).vs_champion == threshold


@pytest.mark.parametrize(
    ("text", "count"),
    [("1Ki", 1024), ("512Mi", 2**29), ("1.5Gi", 3 * 2**29), ("2 Gi", 2**31), ("1Ti", 2**40), ("3M", 3_000_000), (7, 7)],
)
def test_memory_is_read(text: str | int, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("5s", 5), ("10m", 600), ("1.5h", 5400), ("2d", 172_800), (3, 3), (0.25, 0.25)],
)
def test_durations_are_read(text: str | float, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(("text", "value"), [(">= -0.002", -0.002), (">0.5", 0.5), (">=1", 1), (0, 0), (-1.5, -1.5)])
def test_thresholds_are_read(text: str | float, value: float) -> None:
    assert parse_threshold(text) == value


@pytest.mark.parametrize(
    "value",
    [None, True, "", "Gi", "1gi", "1 Gi x", "0Gi", "-1Gi", "1e3Mi", 0, -5, 1.5, [1], ENDLESS + "Gi"],
    ids=lambda value: str(value)[:12],
)
def test_what_is_no_memory_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="write it like 512Mi or 2Gi"):
        parse_bytes(value)


@pytest.mark.parametrize(
    "value",
    [None, True, "", "s", "5", "5 sec", "0s", "-5s", 0, -1, float("nan"), float("inf"), [5], 10**400, ENDLESS + "s"],
    ids=lambda value: str(value)[:12],
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="write it like 5s, 10m or 1h"):
        parse_seconds(value)


@pytest.mark.parametrize(
    "value",
    [None, True, "", ">=", "-0.002", "<= 1", ">= x", float("nan"), float("inf"), [1], 10**400, ">= " + ENDLESS],
    ids=lambda value: str(value)[:12],
)
def test_what_is_no_threshold_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="write it like"):
        parse_threshold(value)


@pytest.mark.parametrize(
    ("count", "shown"), [(1, "1"), (1024, "1Ki"), (2**30, "1Gi"), (3 * 2**29, "1.5Gi"), (2**40, "1Ti")]
)
def test_memory_is_shown_short(count: int, shown: str) -> None:
    assert format_bytes(count) == shown


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_published_schema_is_a_schema(document: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(document))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_example_parses_and_fits_the_published_schema(path: Path) -> None:
    read_spec(path.parent)
    jsonschema.validate(yaml.safe_load(path.read_text()), json_schema(), jsonschema.Draft202012Validator)


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize(
    ("old", "new"), [("2Gi", "2147483648"), ("every: 5s", "every: 5"), ('">= -0.002"', "-0.002"), ("2Gi", "2 Gi")]
)
def test_the_schema_takes_what_the_platform_takes(old: str, new: str) -> None:
    text = changed(old, new)
    parse_spec(text)
    jsonschema.validate(yaml.safe_load(text), json_schema(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("old", "new"),
    [("every: 5s", "evry: 5s"), ("2Gi", "2GB"), ("gpu: 0", "gpu: x"), ("[5, 25, 50]", "[0]"), ("accuracy", "acc")],
)
def test_the_schema_refuses_what_the_platform_refuses(old: str, new: str) -> None:
    text = changed(old, new)
    complaint(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), json_schema(), jsonschema.Draft202012Validator)


def test_the_reference_page_names_every_field() -> None:
    page = reference_page()
    parts = [part for name in DOCUMENTS for part in (json_schema(name), *json_schema(name)["$defs"].values())]
    missing = [name for part in parts for name in part.get("properties", ()) if f"| `{name}` |" not in page]
    assert missing == []
