"""Problems: what is refused before anything of them is fixed."""

from collections.abc import Callable

import pytest
from tests.support.stage_bench import StageBench

from jinsu.errors import BadInputError
from jinsu.runs.stages import StageName
from jinsu.spec.load import problem_from, spec_from
from jinsu.spec.metrics import Kind
from jinsu.spec.model import ModelSpec
from jinsu.spec.policy import PolicySpec
from jinsu.spec.rules import NamedPolicy, NamedProblem, effective
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


CUSTOM = {
    "name": "x",
    "dataset": "d",
    "kind": "custom",
    "metric": "profit",
    "scorer": "scorer.py",
    "direction": "maximize",
}


def test_a_problem_may_bring_a_scorer_of_its_own() -> None:
    spec = problem_from({**CUSTOM, "min": 2, "guardrails": {"cost/day": "<= 3"}, "slices": {"shop": ">= 1"}})
    assert (spec.judged_as, spec.maximize, spec.judging.scorer) == (Kind.CUSTOM, True, "scorer.py")
    assert not problem_from({**CUSTOM, "metric": "accuracy", "direction": "minimize", "max": 0.1}).maximize


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        ({"direction": None}, "scorer, direction: both are needed for the kind custom"),
        ({"scorer": None}, "scorer, direction: both are needed for the kind custom"),
        ({"direction": "up"}, "direction: 'up' is wrong; it should be 'maximize' or 'minimize'"),
        ({"scorer": "../../etc/passwd"}, "scorer: '../../etc/passwd' is not allowed; write it like scorer.py"),
        ({"metric": "pro@fit"}, "metric: 'pro@fit' 'pro@fit' is no metric"),
        ({"metric": "../profit"}, "is no metric"),
        ({"max": 3}, "max: has no meaning for 'profit'; write 'min'"),
        ({"kind": "classification", "metric": "accuracy"}, "scorer: has no meaning for the kind classification"),
        ({"kind": "classification"}, "'profit' is no metric"),
        ({"kind": None}, "'profit' is no metric"),
        (
            {"kind": "regression", "metric": "mae", "guardrails": {"rmsee": "<= 1"}},
            "guardrails: 'rmsee' is no metric; did you",
        ),
    ],
)
def test_what_a_scorer_needs_is_said(extra: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadInputError) as caught:
        problem_from(CUSTOM | extra)
    assert sentence in str(caught.value)


def test_a_model_may_bound_what_the_scorer_returns() -> None:
    bounded = model_of({"cost": "<= 2", "day.rate": ">= 1"})
    rules = effective(
        bounded, NamedProblem("x", 1, "t", problem_from({**CUSTOM, "guardrails": {"cost": "<= 3"}})), POLICY, "d@1"
    )
    assert rules.judging.guardrails == {"cost": "<= 2", "day.rate": ">= 1"}
    ours = NamedProblem("x", 1, "t", problem_from({"name": "x", "dataset": "d", "metric": "accuracy"}))
    with pytest.raises(BadInputError, match=r"evaluate.guardrails: 'acuracy' is no metric; did you mean 'accuracy'"):
        effective(model_of({"acuracy": ">= 1"}), ours, POLICY, "d@1")


POLICY = NamedPolicy("t", 0, PolicySpec())


def model_of(guardrails: dict[str, str]) -> ModelSpec:
    document = {
        "name": "m",
        "problem": "x",
        "train": {"command": "python a.py"},
        "evaluate": {"guardrails": guardrails},
    }
    return spec_from(document)
