"""train: one process a trial, started once, found again, and ended with what it used."""

import json
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.support.datasets import put_dataset
from tests.support.stage_bench import StageBench, points

from jinsu.data.plan import TRAIN_FILE
from jinsu.errors import JinsuError, NotFoundError, StepFailedError, TransientError
from jinsu.launchers.launcher import METRICS_BYTES
from jinsu.lifecycle.stepping import result_of
from jinsu.lifecycle.train import REQUIRED_OUTPUT, Train
from jinsu.runs.stages import StageName, Trained, Validated
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import Submission, Usage
from jinsu.steps.folders import StepFolders
from jinsu.steps.result import StepResult
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import Phase, StepStatus

BenchAfter = Callable[[StageName | None], StageBench]


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    return bench_after(StageName.VALIDATE_DATA)


def step_of(bench: StageBench, run: str = "", trial: int = 0) -> StepSpec:
    step = bench.build(Train).step(bench.row(Submission, run or bench.run), trial)
    assert isinstance(step, StepSpec)
    return step


def started(bench: StageBench, run: str = "", trial: int = 0) -> str:
    return bench.start_training(run or bench.run, trial)


def finished(bench: StageBench, key: str, run: str = "", trial: int = 0) -> Trained:
    trained = bench.end_training(run or bench.run, trial, key)
    assert isinstance(trained, Trained)
    return trained


# --- The step as data ---


def test_a_step_is_the_command_the_code_and_the_rows_to_train_on(bench: StageBench) -> None:
    step, row = step_of(bench), bench.submission
    split = bench.installation.journal.output(Validated, bench.run).run_key
    result = bench.installation.steps.result(split)

    assert (step.name, step.command, step.params) == ("train", ("python", "train.py"), {"lr": 0.1})
    code, rows = step.inputs
    assert (code.name, code.uri, code.digest) == ("code", f"code/{row.code_digest}.tar.gz", row.code_digest)
    assert result is not None
    assert (rows.name, rows.digest) == ("data/train.parquet", result.outputs[TRAIN_FILE])
    assert (bench.home / "objects" / rows.uri).is_file()
    assert step.output_uri == f"steps/{step.run_key}"
    assert step.labels == {"submission": bench.run, "model": "toy", "team": "default", "requires": REQUIRED_OUTPUT}


def test_no_held_out_row_is_among_the_inputs(bench: StageBench) -> None:
    assert "eval" not in step_of(bench).to_json()


def test_limits_are_the_resources_of_the_spec(bench: StageBench) -> None:
    resources = {"memory": "3Gi", "hours": 0.5, "cpu": 2.5}
    run = bench.another_run(StageName.VALIDATE_DATA, train__resources=resources, train__priority="low")
    limits = step_of(bench, run).limits

    assert (limits.memory, limits.seconds, limits.cpu, limits.gpu, limits.priority) == (3 * 2**30, 1800, 2.5, 0, "low")


SAME: dict[str, dict[str, Any]] = {
    "another person": {"submitter": "eve"},
    "another gate": {"submitter": "olga", "problem__min": 0.5},
    "more time": {"train__resources__hours": 2},
    "less priority": {"train__priority": "low"},
}
OTHER: dict[str, dict[str, Any]] = {
    "params": {"train__params": {"lr": 0.2}},
    "a param": {"train__params__seed": 1},
    "command": {"train__command": "python train.py --fast"},
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_what_does_not_decide_a_training_does_not_train_again(bench: StageBench, change: dict[str, Any]) -> None:
    run = bench.another_run(StageName.VALIDATE_DATA, **change)
    assert step_of(bench, run).run_key == step_of(bench).run_key


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER)
def test_what_decides_a_training_trains_again(
    bench: StageBench, change: dict[str, Any], no_great_expectations: None
) -> None:
    run = bench.another_run(StageName.VALIDATE_DATA, **change)
    assert step_of(bench, run).run_key != step_of(bench).run_key


def test_other_rows_train_again(bench: StageBench, no_great_expectations: None) -> None:
    pq.write_table(points(seed=1), bench.home / "new.parquet")
    put_dataset(bench.installation.objects, "points", bench.home / "new.parquet", "ann")

    run = bench.another_run(StageName.VALIDATE_DATA)
    assert step_of(bench, run).run_key != step_of(bench).run_key


def with_image(bench: StageBench, image: str | None, run: str = "") -> StepSpec:
    step = bench.build(Train, trainer_image=image).step(bench.row(Submission, run or bench.run), 0)
    assert isinstance(step, StepSpec)
    return step


def test_other_code_or_another_image_trains_again(bench: StageBench) -> None:
    run = bench.another_run(StageName.VALIDATE_DATA, code=bench.code(script="print(1)"))
    names = [f"trainer@sha256:{digit * 64}" for digit in "12"]
    images = [with_image(bench, image) for image in (None, *names)]

    assert len({step_of(bench, run).run_key, *(step.run_key for step in images)}) == 4
    assert [step.image for step in images[1:]] == names


def test_an_image_that_is_named_by_a_tag_is_shared_by_no_other_run(bench: StageBench) -> None:
    """What the tag names may be another image tomorrow; a retry must find its own step all the same."""
    run = bench.another_run(StageName.VALIDATE_DATA, submitter="eve")
    tagged, exact = "trainer:latest", f"trainer:latest@sha256:{'1' * 64}"

    assert with_image(bench, exact).run_key == with_image(bench, exact, run).run_key
    assert with_image(bench, tagged).run_key != with_image(bench, tagged, run).run_key
    assert with_image(bench, tagged).run_key == with_image(bench, tagged).run_key


def test_a_trial_replaces_params(bench: StageBench) -> None:
    trials = [{"lr": 0.5}, {"seed": 3}, {}]
    run = bench.another_run(StageName.VALIDATE_DATA, train__trials=trials)

    assert [step_of(bench, run, trial).params for trial in range(3)] == [
        {"lr": 0.5},
        {"lr": 0.1, "seed": 3},
        {"lr": 0.1},
    ]
    assert step_of(bench, run, 2).run_key == step_of(bench).run_key


def test_rows_that_are_gone_are_asked_for(bench: StageBench) -> None:
    split = bench.installation.journal.output(Validated, bench.run).run_key
    (bench.installation.steps.out(split) / TRAIN_FILE).unlink()

    with pytest.raises(NotFoundError, match=r"its output train\.parquet is gone; submit again"):
        started(bench)


def test_a_run_whose_rows_are_not_validated_does_not_train(bench_after: BenchAfter) -> None:
    with pytest.raises(NotFoundError, match="stage validate_data has not ended"):
        started(bench_after(StageName.ADMIT))


# --- Starting ---


def test_a_training_is_started_once(bench: StageBench) -> None:
    key = started(bench)
    assert started(bench) == key

    assert bench.launcher.starts == [key]
    row = bench.stage(StageName.TRAIN)
    assert (row.state, row.run_key) == (StageState.RUNNING, key)
    assert bench.stepping.waiting(key)


def test_a_training_that_is_done_is_not_started_again(bench: StageBench) -> None:
    key = started(bench)
    bench.finish_training(key)
    first = finished(bench, key)

    assert started(bench) == key
    assert finished(bench, key) == first
    assert bench.launcher.starts == [key]
    assert not bench.stepping.waiting(key)


def test_equal_trainings_are_one(bench: StageBench) -> None:
    other = bench.another_run(StageName.VALIDATE_DATA, submitter="eve")
    key = started(bench)
    assert started(bench, other) == key
    bench.finish_training(key)

    assert finished(bench, key) == finished(bench, key, other)
    assert bench.launcher.starts == [key]


def test_a_launcher_that_does_not_answer_is_a_passing_problem(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(step: StepSpec) -> StepStatus:
        raise TransientError("Kubernetes does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(bench.launcher, "start", unreachable)
        with pytest.raises(TransientError):
            started(bench)
    assert bench.submission.ended is None
    assert started(bench)


# --- Ending ---


def test_a_good_end_leaves_what_it_took_and_the_last_value_of_each_metric(bench: StageBench) -> None:
    key = started(bench)
    lines = [("loss", 0.5), ("accuracy", 0.7), ("loss", 0.25)]
    text = "".join(json.dumps({"name": name, "value": value, "step": 0, "time": 1}) + "\n" for name, value in lines)
    bench.finish_training(key, text.encode())

    trained = finished(bench, key)
    assert trained == Trained(key, 1.5, 2**20, {"loss": 0.25, "accuracy": 0.7}, trained.environment)
    assert trained.environment.startswith("local:torch-")
    assert bench.stage(StageName.TRAIN).state is StageState.DONE


def test_metrics_beyond_one_answer_of_the_launcher_count(bench: StageBench) -> None:
    """The best trial is chosen by the last values."""
    key = started(bench)
    lines = (f'{{"name": "loss", "value": {number}, "step": {number}, "time": 1}}\n' for number in range(150_000))
    text = "".join(lines).encode()
    assert len(text) > 1.5 * METRICS_BYTES
    bench.finish_training(key, text)

    assert finished(bench, key).metrics == {"loss": 149_999.0}


def test_a_script_that_logs_nothing_has_no_metrics(bench: StageBench) -> None:
    key = started(bench)
    bench.finish_training(key, b"")
    assert finished(bench, key).metrics == {}


def test_usage_is_counted_once_for_each_training(bench: StageBench) -> None:
    other = bench.another_run(StageName.VALIDATE_DATA, submitter="eve")
    key = started(bench)
    started(bench, other)
    bench.finish_training(key)
    for run in (bench.run, bench.run, other):
        finished(bench, key, run)

    (usage,) = bench.rows(Usage)
    assert (usage.run_key, usage.submission, usage.team) == (key, bench.run, "default")
    assert (usage.seconds, usage.gpu_seconds, usage.peak_memory) == (1.5, 0.0, 2**20)


def test_a_script_that_fails_ends_the_run_with_its_last_words(bench: StageBench) -> None:
    key = started(bench)
    bench.launcher.fail(key, "the script exited with 1; its last words: no column 'x'")

    with pytest.raises(StepFailedError, match="no column 'x'"):
        finished(bench, key)

    assert bench.submission.state is SubmissionState.FAILED
    assert bench.submission.reason == "train: the script exited with 1; its last words: no column 'x'"
    assert bench.rows(Usage) == []


def test_a_training_that_was_interrupted_is_tried_again_and_ends_well(bench: StageBench) -> None:
    key = started(bench)
    for _ in range(3):
        bench.launcher.fail(key, "the node was lost", interrupted=True)
        with pytest.raises(TransientError, match="the node was lost"):
            finished(bench, key)
        assert bench.stage(StageName.TRAIN).state is StageState.WAITING
        assert bench.submission.ended is None
        started(bench)
    bench.finish_training(key)

    assert finished(bench, key).seconds == 1.5
    assert bench.launcher.starts == [key] * 4


def test_a_training_that_was_cancelled_fails_with_the_reason(bench: StageBench) -> None:
    key = started(bench)
    bench.launcher.cancel(key, "by the administrator")
    with pytest.raises(StepFailedError, match="by the administrator"):
        finished(bench, key)


def test_one_trial_that_fails_ends_the_run_and_leaves_the_records_of_the_others(bench: StageBench) -> None:
    bench.run = bench.another_run(StageName.VALIDATE_DATA, train__trials=[{"lr": 0.1}, {"lr": 0.2}])
    keys = [started(bench, trial=trial) for trial in range(2)]
    bench.launcher.fail(keys[1], "out of memory")
    with pytest.raises(StepFailedError):
        finished(bench, keys[1], trial=1)
    bench.finish_training(keys[0])
    finished(bench, keys[0])

    assert (bench.submission.state, bench.submission.reason) == (SubmissionState.FAILED, "train: out of memory")
    assert [bench.stage(StageName.TRAIN, trial).state for trial in range(2)] == [StageState.DONE, StageState.FAILED]


def test_a_whole_pass_waits_for_the_end(bench: StageBench, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def world_goes_on(seconds: float) -> None:
        waits.append(seconds)
        bench.finish_training(bench.launcher.starts[0])

    monkeypatch.setattr("jinsu.lifecycle.stepping.time.sleep", world_goes_on)
    assert bench.stepping.run(bench.build(Train), bench.run).metrics == {"accuracy": 0.9}
    assert len(waits) == 1


RESULT = StepResult("k" * 64, {}, 1.0)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("interrupted", [False, True])
def test_each_phase_is_judged(phase: Phase, interrupted: bool) -> None:
    status = StepStatus(phase, "a message", RESULT if phase is Phase.DONE else None, interrupted)
    if phase is Phase.DONE:
        assert result_of(status, StageName.TRAIN) is RESULT
        return
    with pytest.raises(JinsuError) as caught:
        result_of(status, StageName.TRAIN)
    final = phase is Phase.CANCELLED or (phase is Phase.FAILED and not interrupted)
    assert type(caught.value) is (StepFailedError if final else TransientError)
    assert ("a message" in str(caught.value)) == (phase in (Phase.FAILED, Phase.CANCELLED))
    assert str(caught.value)


def test_an_end_without_a_message_still_says_something() -> None:
    with pytest.raises(StepFailedError, match="failed"):
        result_of(StepStatus(Phase.FAILED), StageName.TRAIN)


def test_steps_are_found_where_the_launcher_leaves_them(bench: StageBench) -> None:
    """The stage package reads them by the same key."""
    key = started(bench)
    bench.finish_training(key)
    result = StepFolders(bench.installation.objects).result(key)
    assert result is not None
    assert REQUIRED_OUTPUT in result.outputs


# --- A failure that could not be recorded ---


def test_a_script_that_failed_is_not_executed_again_before_its_failure_is_recorded(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was away when the script ended; then the engine begins the stage anew."""
    key = started(bench)
    bench.launcher.fail(key, "exit code 1: no such column")

    assert started(bench) == key
    assert bench.launcher.starts == [key]
    with pytest.raises(StepFailedError, match="no such column"):
        finished(bench, key)
    assert bench.submission.reason == "train: exit code 1: no such column"


def test_a_person_may_have_a_failed_script_executed_again(bench: StageBench) -> None:
    """Its failure is on record; clearing the task in Airflow, or submitting the same code again, asks for another try."""
    key = started(bench)
    bench.launcher.fail(key, "exit code 1")
    with pytest.raises(StepFailedError):
        finished(bench, key)
    assert started(bench) == key
    assert bench.launcher.starts == [key, key]

    bench.launcher.fail(key, "exit code 1")
    other = bench.another_run(StageName.VALIDATE_DATA)
    assert started(bench, other) == key
    assert bench.launcher.starts == [key, key, key]


def test_an_interrupted_training_goes_on_at_once(bench: StageBench) -> None:
    key = started(bench)
    bench.launcher.fail(key, "the node was lost", interrupted=True)
    assert started(bench) == key
    assert bench.launcher.starts == [key, key]


# --- What it may reach ---


def test_a_training_reaches_what_the_team_s_policy_names(bench: StageBench) -> None:
    assert step_of(bench).egress == ()
    bench.put_policy(egress=["pypi"])
    bench.submit("ann", "with a network")
    for stage in (StageName.ADMIT, StageName.VALIDATE_DATA):
        bench.carry_out(stage)
    assert step_of(bench).egress == ("pypi",)
