"""What `jinsu check` and `jinsu problem put` say of a scorer before it is executed."""

from pathlib import Path

import pytest

from jinsu.cli.checking import check_folder
from jinsu.cli.problems import read, text_changed
from jinsu.cli.scorers import check_scorer
from jinsu.errors import BadInputError

GOOD = "def score(truth, outputs, rows):\n    return {'profit': truth}\n"
PROBLEM = "{name: x, dataset: d, kind: custom, metric: profit, scorer: scorer.py, direction: maximize}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def score(truth, outputs, rows):\n    return (", "scorer: s.py, line 2: "),
        ("print('\0')", "scorer: s.py"),
        ("(" * 100_000, "scorer: s.py"),
        ("x = 1", "scorer: s.py: defines no function score(truth, outputs, rows); write one."),
        ("def other():\n    def score(a, b, c): pass", "scorer: s.py: defines no function score"),
        (
            "def score(truth, outputs): pass",
            "scorer: s.py, line 1: score takes other things than it is given; write def score(",
        ),
        ("def score(a, b, c, d): pass", "scorer: s.py, line 1: score takes other things"),
        ("def score(a, b, c, *, d): pass", "scorer: s.py, line 1: score takes other things"),
    ],
)
def test_a_text_that_cannot_score(text: str, sentence: str) -> None:
    with pytest.raises(BadInputError) as caught:
        check_scorer(text, "s.py")
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "def score(*them): pass",
        "def score(a, b, c, d=1, *, e=2): pass",
        "from functools import partial as score",
        "score = print",
        "try:\n    import scipy\nexcept ImportError:\n    def score(a, b, c): pass",
        "class score:\n    pass",
    ],
)
def test_a_text_that_may_score(text: str) -> None:
    check_scorer(text, "s.py")


def test_a_scorer_is_read_beside_its_problem(tmp_path: Path) -> None:
    (tmp_path / "problem.yaml").write_text(PROBLEM)
    with pytest.raises(BadInputError, match=r"scorer.py: there is no such file; write it, with a function score"):
        read(tmp_path, "")
    (tmp_path / "scorer.py").write_text(GOOD + "#" * 70_000)
    with pytest.raises(BadInputError, match="larger than 64 KiB"):
        read(tmp_path, "")
    (tmp_path / "scorer.py").write_bytes(b"\xff")
    with pytest.raises(BadInputError, match="is not text in UTF-8"):
        read(tmp_path, "")
    (tmp_path / "scorer.py").write_text(GOOD)
    assert read(tmp_path / "problem.yaml", "").scorer == GOOD


def test_the_history_names_the_lines_of_a_scorer_that_changed() -> None:
    assert text_changed("scorer", GOOD, GOOD.replace("truth}", "-truth}")) == [
        "scorer: -    return {'profit': truth}",
        "scorer: +    return {'profit': -truth}",
    ]


def test_check_reads_the_scorer_of_an_inline_problem_before_it_asks_the_platform(tmp_path: Path) -> None:
    inline = PROBLEM.replace("name: x, ", "")
    (tmp_path / "model.yaml").write_text(f"name: m\nproblem: {inline}\ntrain: {{command: python train.py}}\n")
    (tmp_path / "train.py").write_text("")
    for text, sentence in ((None, "there is no such file"), ("x = 1", "defines no function score")):
        if text is not None:
            (tmp_path / "scorer.py").write_text(text)
        found = check_folder(tmp_path, print)
        assert next(found).check == "spec"
        with pytest.raises(BadInputError, match=sentence):
            next(found)
    (tmp_path / "scorer.py").write_text(GOOD)
    found = check_folder(tmp_path, print)
    assert [next(found).text for _ in range(2)][1] == "scorer.py defines score"
