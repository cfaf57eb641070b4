"""Problems: what is refused before anything of them is fixed."""

from collections.abc import Callable

import pytest
from tests.support.stage_bench import StageBench

from jinsu.errors import BadInputError
from jinsu.runs.stages import StageName
from jinsu.spec.load import problem_from
from jinsu.state.tables import Problem


@pytest.fixture
def bench(bench_after: Callable[[StageName | None], StageBench]) -> StageBench:
    return bench_after(None)


@pytest.mark.parametrize("split", [{"by": "nope"}, {"time": "nope"}, {"stratify": "nope"}, {"column": "nope"}])
def test_a_column_that_is_not_there_is_refused_before_the_split_is_fixed(
    bench: StageBench, split: dict[str, str]
) -> None:
    """One typo spoiled the problem's name: no later version may change the split."""
    spec = problem_from({"name": "sides", "dataset": "points", "metric": "accuracy", "split": split})
    with pytest.raises(BadInputError, match="problem: split: dataset points has no column 'nope'; it has a, b, label"):
        bench.installation.problems.put(bench.person("olga"), spec, None)
    assert bench.row(Problem, "sides") is None


@pytest.mark.parametrize(
    "extra",
    [{"split": {"by": "label"}}, {"features": ["a", "label"]}, {"max": 0.2}, {"kind": "regression"}],
)
def test_what_contradicts_itself_in_a_problem_is_a_sentence(extra: dict[str, object]) -> None:
    """It ended in a traceback: the mistake is of the whole document, not of one field."""
    with pytest.raises(BadInputError, match=r"^problem.yaml: "):
        problem_from({"name": "x", "dataset": "d", "metric": "accuracy", **extra})
