"""Documents that no schema should see: characters that act on a terminal, numbers that JSON lacks, bombs."""

import time
from typing import Any

import pytest

from jinsu.errors import BadInputError
from jinsu.spec.document import read_yaml
from jinsu.spec.load import parse_spec, policy_from, problem_from, spec_from

HEAD = "name: x\nproblem: {dataset: d, metric: accuracy}\ntrain: {command: python train.py, params: {lr: 1}}\n"


def refused(text: str) -> str:
    begun = time.process_time()
    with pytest.raises(BadInputError) as caught:
        parse_spec(text)
    assert time.process_time() - begun < 20
    said = str(caught.value)
    assert said.startswith("model.yaml: ")
    assert len(said) < 4000
    assert said.isprintable() or "\n" in said
    return said


def test_the_head_is_a_spec() -> None:
    assert parse_spec(HEAD).name == "x"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('train: {command: "python\\0 train.py"}', "train.command: holds the character U+0000"),
        ('train: {command: "python train.py", params: {a: "\\e[2J"}}', "train.params.a: holds the character U+001B"),
        ('train: {command: "x", params: {a: "\\u202Egnp"}}', "holds the character U+202E"),
        ('train: {command: "x", params: {"\\u202Egnp": 1}}', "a name in it holds the character U+202E"),
        ("train: {command: x, params: {a: .nan}}", "train.params.a: nan is wrong"),
        ("train: {command: x, params: {a: -.inf}}", "train.params.a: -inf is wrong"),
        (f"train: {{command: x, params: {{a: {'9' * 4000}}}}}", "is too large a number"),
        (f"train: {{command: x, params: {{a: {'9' * 5000}}}}}", "not valid YAML"),
        (f"train: {{command: x, params: {'{a: ' * 40}1{'}' * 40}}}", "nested deeper than 32 levels"),
        (f"train: {'[' * 30_000}", "not valid YAML"),
        ("train: {command: x, params: {a: !!binary aGk=}}", "is no text, number or list"),
        ("train: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("train: &a [*a]", "not valid YAML"),
        ("train: !!bool x", "a value does not fit its tag"),
        ("train: !!float ", "a value does not fit its tag"),
        ("train: !!timestamp x", "a value does not fit its tag"),
        ("train: !!int x", "not valid YAML"),
        ("train: {command: x}\ntrain: {command: y}", "field 'train' is written twice"),
        ("x: " + "y" * 70_000, "larger than 64 KiB"),
    ],
)
def test_a_document_with_something_odd_is_refused_by_its_place(line: str, words: str) -> None:
    top = HEAD.rpartition("train:")[0]
    assert words in refused(top + line + "\n")


def test_aliases_multiply_nothing() -> None:
    lists = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lists += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    refused("\n".join(lists))
    maps = ["a0: &a0 {x: 1, y: 2}"]
    maps += [f"a{n}: &a{n} {{k{n}: 1, <<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 30)]
    assert "more than 1000 fields" in refused("\n".join(maps))


def test_a_document_with_many_mistakes_names_some() -> None:
    said = refused(HEAD + "".join(f"field{n}: 1\n" for n in range(900)))
    assert said.count("\n") == 20
    assert said.endswith("and more of the kind.")


def test_much_text_is_no_document() -> None:
    with pytest.raises(BadInputError, match="larger than 256 KiB"):
        read_yaml("- x\n" * 100_000, "expectations.yaml")


@pytest.mark.parametrize("read", [spec_from, problem_from, policy_from])
@pytest.mark.parametrize(
    "document",
    [{"name": "x\0"}, {"\ud800": 1}, {"a": {"b": ["\x1b"]}}, {"a": [[[]]] * 30_000}, {"a": float("nan"), "b": 2**5000}],
    ids=["NUL", "a half", "escape", "many", "numbers"],
)
def test_every_kind_of_document_is_held_to_it(read: Any, document: Any) -> None:
    with pytest.raises(BadInputError):
        read(document)


def test_a_document_nested_without_end_is_refused() -> None:
    document: Any = {}
    for _ in range(100_000):
        document = {"data": document}
    for read in (spec_from, problem_from, policy_from):
        with pytest.raises(BadInputError, match="nested deeper"):
            read(document)
