"""What `jinsu check` says about a model's answers to a sample."""

import numpy as np
import pytest

from jinsu.cli.sample_answers import check_finite, useless
from jinsu.errors import GateFailedError
from jinsu.packaging.manifest import Output
from jinsu.sdk.outputs import OutputKind

SCORES = Output("output", "float32", (-1, 3), labels=("red", "green", "blue"))
VALUE = Output("output", "float32", (-1,), kind=OutputKind.VALUE)
CLASSES = np.array(["red", "blue", "red"], dtype=object)


def said(output: Output, answers: list[object], target: np.ndarray = CLASSES) -> list[str]:
    return list(useless([output], (np.array(answers, dtype=np.float32),), target))


def test_one_class_for_every_row() -> None:
    assert said(SCORES, [[0, 1, 0], [0, 2, 1], [0, 3, 0]]) == [
        "output: class 'green' has the highest score for each of 3 rows of the sample."
    ]
    assert said(SCORES, [[0, 1, 0], [0, 2, 1], [4, 3, 0]]) == []
    assert said(SCORES, [[0, 1, 0], [0, 2, 1], [0, 3, 0]], np.array([0.1, 0.2, 0.3])) == []


def test_one_answer_for_every_row() -> None:
    assert said(VALUE, [2, 2, 2]) == ["output: the answer is the same for each of 3 rows of the sample."]
    assert said(VALUE, [2, 2, 2.5]) == []


def test_rows_of_one_class_say_nothing_about_the_model() -> None:
    assert said(SCORES, [[0, 1, 0]] * 3, np.array(["red"] * 3, dtype=object)) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_a_failure(bad: float) -> None:
    with pytest.raises(GateFailedError, match=r"output: the answer is no finite number for 1 of 3 rows of the sample"):
        check_finite([VALUE], (np.array([1, bad, 2], dtype=np.float32),))
    check_finite([VALUE], (np.array([1, 2, 3], dtype=np.float32),))
