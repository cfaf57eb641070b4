"""package: the best trial's model goes on, unchanged since it was saved, and fit to serve."""

import math
from collections.abc import Callable, Mapping

import pytest
from tests.support.stage_bench import SPEC, StageBench
from tests.support.tiny_model import GOOD, WRONG, saved_model

from jinsu.errors import GateFailedError, JinsuError, NotFoundError
from jinsu.lifecycle.package import best_trial
from jinsu.runs.stages import Packaged, StageName, Trained
from jinsu.spec.problem import Judging
from jinsu.state.states import StageState, SubmissionState

BenchAfter = Callable[[StageName | None], StageBench]
MOST, LEAST = Judging(metric="accuracy"), Judging(metric="rmse")
NAN, INF = math.nan, math.inf


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    return bench_after(StageName.TRAIN)


def package(bench: StageBench) -> Packaged:
    found = bench.carry_out(StageName.PACKAGE)
    assert isinstance(found, Packaged)
    return found


def train(bench: StageBench, models: list[dict[str, bytes]], metrics: list[bytes]) -> None:
    """Makes the bench's run one whose trials saved these models and logged these metrics."""
    trials = [{"lr": float(trial + 2)} for trial in range(len(models))]
    bench.run = bench.another_run(StageName.VALIDATE_DATA, train__trials=trials)
    for trial, (model, logged) in enumerate(zip(models, metrics, strict=True)):
        key = bench.start_training(bench.run, trial)
        bench.launcher.write(key, metrics=logged)
        bench.launcher.finish(key, model)
        bench.end_training(bench.run, trial, key)


def accuracy(value: float | str) -> bytes:
    return f'{{"name": "accuracy", "value": {value}, "step": 0, "time": 1}}\n'.encode()


# --- Which trial ---


def trained(values: Mapping[int, Mapping[str, float]]) -> dict[int, Trained]:
    return {trial: Trained(str(trial), 1.0, 1, metrics) for trial, metrics in values.items()}


@pytest.mark.parametrize(
    ("rules", "values", "best"),
    [
        (MOST, [0.7, 0.9, 0.8], 1),
        (LEAST, [0.7, 0.9, 0.8], 0),
        (LEAST, [0.0, -1.0], 1),
        (MOST, [None, 0.1, None], 1),
        (LEAST, [None, 0.1, None], 1),
        (MOST, [0.9, 0.9], 0),  # of equals the first one
        (LEAST, [0.9, 0.9], 0),
        (MOST, [NAN, 0.9], 1),  # a trial that diverged is no better than one that logged nothing
        (MOST, [0.9, NAN], 0),
        (LEAST, [NAN, 0.9], 1),
        (LEAST, [0.9, NAN, 0.8], 2),
        (MOST, [INF, 0.9], 1),
        (LEAST, [-INF, 0.9], 1),
        (LEAST, [INF, 0.9], 1),
    ],
)
def test_the_best_trial(rules: Judging, values: list[float | None], best: int) -> None:
    logged = {
        trial: {"loss": 0.0, **({} if value is None else {rules.metric: value})} for trial, value in enumerate(values)
    }
    assert best_trial(trained(logged), rules) == best


@pytest.mark.parametrize("metrics", [{}, {"accuracy": NAN}, {"accuracy": 0.9}])
def test_a_single_trial_needs_no_metric(metrics: Mapping[str, float]) -> None:
    assert best_trial(trained({0: metrics}), MOST) == 0


@pytest.mark.parametrize("metrics", [{}, {"loss": 0.1}, {"accuracy": NAN}, {"accuracy": INF}])
def test_trials_that_cannot_be_compared_say_what_to_log(metrics: Mapping[str, float]) -> None:
    with pytest.raises(GateFailedError, match=r"2 trials and none logged 'accuracy'.*call jinsu\.log\(accuracy=…\)"):
        best_trial(trained({0: metrics, 1: metrics}), MOST)


def test_the_model_of_the_best_trial_goes_on(bench: StageBench) -> None:
    train(bench, [saved_model(WRONG), saved_model(GOOD)], [accuracy(0.4), accuracy(0.9)])
    packaged = package(bench)

    assert packaged.trial == 1
    out = bench.installation.steps.out(packaged.run_key)
    assert (out / "model.onnx").read_bytes() == saved_model(GOOD)["model/model.onnx"]


def test_a_trial_that_diverged_does_not_go_on(bench: StageBench) -> None:
    train(bench, [saved_model(WRONG), saved_model(GOOD)], [accuracy("NaN"), accuracy(0.6)])
    assert package(bench).trial == 1


def test_a_trial_that_has_not_ended_is_waited_for(bench: StageBench) -> None:
    bench.run = bench.another_run(StageName.VALIDATE_DATA, train__trials=[{"lr": 0.1}, {"lr": 0.2}])
    key = bench.start_training(bench.run, 0)
    bench.end_training(bench.run, 0, key)  # another run has trained it

    with pytest.raises(NotFoundError, match="stage train has not ended"):
        package(bench)


# --- Is it fit to serve ---


def test_a_model_that_passes_is_measured(bench: StageBench) -> None:
    packaged = package(bench)

    out = bench.installation.steps.out(packaged.run_key)
    assert sorted(path.name for path in out.iterdir()) == ["findings.json", "model.json", "model.onnx", "probes.npz"]
    assert packaged.parity.rows == 16
    assert packaged.parity.largest_relative <= packaged.parity.tolerance == 1e-4
    assert 0 < packaged.latency.p50_ms <= packaged.latency.p99_ms <= packaged.latency.budget_ms == 1000


def test_the_same_model_is_measured_once(bench: StageBench) -> None:
    first = package(bench)
    bench.run = bench.another_run(StageName.TRAIN, submitter="eve")

    assert package(bench) == first  # the latencies too


def test_another_budget_is_another_question(bench: StageBench) -> None:
    first = package(bench)
    bench.run = bench.another_run(StageName.TRAIN, code=bench.code(SPEC.replace("1000", "500")))

    assert package(bench).run_key != first.run_key


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ({"model/model.onnx": b"not a graph"}, "model.onnx: not an ONNX file"),
        ({"model/model.json": b"{}"}, "model.json"),
        ({"model/probes.npz": b""}, "probes.npz: cannot be read"),
        ({"model/model.onnx": saved_model(WRONG)["model/model.onnx"]}, "the packaged model answers"),
        ({"model/model.onnx": saved_model(((NAN, 1.0), (1.0, 1.0)))["model/model.onnx"]}, "values that are not finite"),
    ],
)
def test_a_model_that_is_not_fit_ends_the_run_with_the_reason(
    bench: StageBench, spoil: dict[str, bytes], sentence: str
) -> None:
    train(bench, [{**saved_model(), **spoil}], [b""])
    with pytest.raises(GateFailedError, match=sentence):
        package(bench)

    assert bench.submission.state is SubmissionState.FAILED
    assert bench.submission.reason.startswith("package: ")
    assert bench.stage(StageName.PACKAGE).state is StageState.FAILED


def test_a_model_that_is_too_slow_is_refused(bench: StageBench) -> None:
    bench.run = bench.another_run(StageName.TRAIN, code=bench.code(SPEC.replace("1000", "0.000001")))
    with pytest.raises(GateFailedError, match=r"serve\.max_latency_ms allows 1e-06"):
        package(bench)


@pytest.mark.parametrize("change", ["another content", "gone"])
def test_files_that_changed_since_training_are_refused(bench: StageBench, change: str) -> None:
    """The digests were written when the script ended; whoever reaches the disk later changes nothing unseen."""
    key = bench.launcher.starts[0]
    path = bench.home / "objects" / "steps" / key / "out" / "model" / "model.onnx"
    path.unlink()
    if change == "another content":
        path.write_bytes(saved_model(WRONG)["model/model.onnx"])

    with pytest.raises(JinsuError, match=r"is not what it was|is gone; submit again"):
        package(bench)
