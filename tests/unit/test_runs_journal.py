"""The journal: what is recorded of stages and runs, and what is read back."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.support.stage_bench import SPEC, StageBench

from jinsu.errors import BadInputError, GateFailedError, NotFoundError, PermanentError, TransientError
from jinsu.evaluation.score import Score
from jinsu.packaging.findings import Latency, Parity
from jinsu.runs.journal import Journal, output_of, rules_of, spec_of
from jinsu.runs.stages import (
    ORDER,
    OUTPUTS,
    Admitted,
    Evaluated,
    Packaged,
    Promoted,
    Registered,
    Reviewed,
    RolledOut,
    StageName,
    StageOutput,
    Trained,
    Validated,
    stage_of,
)
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import StageRecord, Submission

BenchAfter = Callable[[StageName | None], StageBench]

SCORE = Score(0.9, 0.85, 0.95, 48)
EXAMPLES: tuple[StageOutput, ...] = (
    Admitted("points@7e8c714c79048e56", 3),
    Validated("a" * 64, 6, 240, "validations/page.html"),
    Trained("b" * 64, 12.25, 2**33, {"loss": 0.5}),
    Trained("b" * 64, 0.0, 0, {}),
    Trained("b" * 64, 1.0, 1, {"loss": math.inf, "gain": -math.inf}),
    Packaged("c" * 64, 1, Parity(16, 1e-4, 0.0, 1e-7, 0.0), Latency(200, 0.5, 1.25, 100.0)),
    Evaluated("d" * 64, "1", "accuracy", SCORE, replace(SCORE, value=-0.01), 48),
    Evaluated("d" * 64, None, "mae", SCORE, None, 48),
    Registered("2", "c" * 64),
    Reviewed("2", "bob", "mlflow"),
    RolledOut("2", "1", "all steps passed"),
    RolledOut("2", "", ""),
    Promoted("2", "1"),
    Promoted("2"),
)


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """A run that is admitted; its MLflow run is open."""
    return bench_after(StageName.ADMIT)


@pytest.fixture
def journal(bench: StageBench) -> Journal:
    return bench.installation.journal


def failing(problem: Exception) -> Callable[[], Any]:
    def work() -> Any:
        raise problem

    return work


# --- Reading ---


def test_a_run_that_does_not_exist_is_named(journal: Journal) -> None:
    with pytest.raises(NotFoundError, match=r"run 'toy-0' does not exist; see: jinsu runs"):
        journal.submission("toy-0")
    with pytest.raises(NotFoundError):
        journal.output(Trained, "toy-0")


@pytest.mark.parametrize("output", EXAMPLES, ids=lambda output: type(output).__name__)
def test_every_output_is_read_back_as_it_was_recorded(bench: StageBench, journal: Journal, output: StageOutput) -> None:
    stage = stage_of(type(output))
    assert journal.record(stage, bench.run, lambda: output) == output

    assert journal.output(type(output), bench.run) == output
    assert output_of(bench.stage(stage)) == output


def test_a_number_that_is_none_is_read_back_as_none(bench: StageBench, journal: Journal) -> None:
    journal.record(StageName.TRAIN, bench.run, lambda: Trained("b" * 64, 1.0, 1, {"loss": math.nan}))

    assert math.isnan(journal.output(Trained, bench.run).metrics["loss"])


@pytest.mark.parametrize("kind", [kind for stage, kind in OUTPUTS.items() if stage is not StageName.ADMIT])
def test_an_output_that_is_not_there_yet_is_asked_for_in_one_sentence(
    bench: StageBench, journal: Journal, kind: type[Any]
) -> None:
    for _ in range(2):
        with pytest.raises(NotFoundError, match=f"stage {stage_of(kind)} has not ended; run it first"):
            journal.output(kind, bench.run)
        journal.note(bench.run, stage_of(kind), "at work")


def test_outputs_of_trials_are_kept_apart(bench: StageBench, journal: Journal) -> None:
    for trial in range(3):
        journal.record(StageName.TRAIN, bench.run, lambda trial=trial: Trained("b" * 64, trial, 1, {}), trial)

    assert [journal.output(Trained, bench.run, trial).seconds for trial in range(3)] == [0, 1, 2]
    with pytest.raises(NotFoundError):
        journal.output(Trained, bench.run, 3)


def test_each_stage_has_one_kind_of_output() -> None:
    assert tuple(OUTPUTS) == ORDER
    assert [stage_of(kind) for kind in OUTPUTS.values()] == list(ORDER)
    assert {type(output) for output in EXAMPLES} == set(OUTPUTS.values())


def test_the_spec_is_the_one_that_was_admitted(bench: StageBench) -> None:
    spec = spec_of(bench.submission)
    assert (spec.name, spec.problem) == ("toy", "toy")  # the inline problem, by its name since
    assert spec.train.params == {"lr": 0.1}


def test_the_rules_are_those_of_the_day(bench: StageBench) -> None:
    rules = rules_of(bench.submission)
    assert rules.dataset == bench.submission.dataset  # `points` when it was submitted, pinned since
    assert (rules.problem, rules.version, rules.judging.min) == ("toy", 1, 0.7)

    stricter = SPEC.replace("min: 0.7", "min: 0.8")
    run = bench.submit("olga", "another", bench.code(stricter))
    assert rules_of(bench.row(Submission, run)).judging.min == 0.8
    bench.run = run
    assert (rules_of(bench.submission).version, rules.version) == (2, 1)


# --- Writing ---


def test_a_stage_at_work_says_what_it_waits_for(bench: StageBench, journal: Journal) -> None:
    journal.note(bench.run, StageName.TRAIN, "queued", run_key="k" * 64)
    first = bench.stage(StageName.TRAIN)
    journal.note(bench.run, StageName.TRAIN, "training")

    row = bench.stage(StageName.TRAIN)
    assert (row.state, row.detail) == (StageState.RUNNING, "training")
    assert row.run_key == "k" * 64  # a later note without a key does not forget it
    assert row.started == first.started
    assert (row.ended, row.output) == (None, {})


def test_a_gate_that_says_no_ends_the_run_with_its_sentence(bench: StageBench, journal: Journal) -> None:
    with pytest.raises(GateFailedError, match="too slow"):
        journal.record(StageName.PACKAGE, bench.run, failing(GateFailedError("too slow")))

    row = bench.stage(StageName.PACKAGE)
    assert (row.state, row.detail) == (StageState.FAILED, "too slow")
    assert row.ended is not None
    assert (bench.submission.state, bench.submission.reason) == (SubmissionState.FAILED, "package: too slow")
    assert bench.mlflow.runs[bench.submission.mlflow_run].status == "FAILED"
    with pytest.raises(NotFoundError):
        journal.output(Packaged, bench.run)


def test_what_a_failed_gate_measured_is_kept(bench: StageBench, journal: Journal) -> None:
    def work() -> Evaluated:
        journal.keep(bench.run, EXAMPLES[6])
        raise GateFailedError("not good enough")

    with pytest.raises(GateFailedError):
        journal.record(StageName.EVALUATE, bench.run, work)

    assert output_of(bench.stage(StageName.EVALUATE)) == EXAMPLES[6]
    with pytest.raises(NotFoundError):  # people may look at it, the next stage may not build on it
        journal.output(Evaluated, bench.run)


def test_a_passing_problem_leaves_the_stage_waiting_and_the_run_open(bench: StageBench, journal: Journal) -> None:
    with pytest.raises(TransientError):
        journal.record(StageName.TRAIN, bench.run, failing(TransientError("the node was lost")))

    row = bench.stage(StageName.TRAIN)
    assert (row.state, row.detail) == (StageState.WAITING, "the node was lost")
    assert bench.submission.ended is None
    assert bench.mlflow.runs[bench.submission.mlflow_run].status == "RUNNING"


def test_a_stage_that_waits_or_is_tried_again_has_not_ended(bench: StageBench, journal: Journal) -> None:
    """Who follows a log stops at its end, and metrics are fetched until then."""
    with pytest.raises(TransientError):
        journal.record(StageName.TRAIN, bench.run, failing(TransientError("the node was lost")))
    assert bench.stage(StageName.TRAIN).ended is None

    journal.record(StageName.TRAIN, bench.run, lambda: EXAMPLES[2])
    assert bench.stage(StageName.TRAIN).ended is not None
    journal.note(bench.run, StageName.TRAIN, "training")
    assert bench.stage(StageName.TRAIN).ended is None


def test_an_error_in_our_own_code_ends_the_run_too(bench: StageBench, journal: Journal) -> None:
    """Trying again does the same again; tests/unit/test_unknown_errors.py has the kinds."""
    with pytest.raises(PermanentError, match="ZeroDivisionError"):
        journal.record(StageName.PACKAGE, bench.run, failing(ZeroDivisionError()))

    assert bench.stage(StageName.PACKAGE).state is StageState.FAILED
    assert bench.submission.state is SubmissionState.FAILED


def test_a_retry_forgets_the_problem_of_the_last_try(bench: StageBench, journal: Journal) -> None:
    with pytest.raises(TransientError):
        journal.record(StageName.REGISTER, bench.run, failing(TransientError("MLflow does not answer")))
    journal.record(StageName.REGISTER, bench.run, lambda: EXAMPLES[8])

    assert (bench.stage(StageName.REGISTER).state, bench.stage(StageName.REGISTER).detail) == (StageState.DONE, "")


# --- The end of a run ---


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (SubmissionState.SUCCEEDED, "RUNNING"),  # the stage register has ended it already
        (SubmissionState.FAILED, "FAILED"),
        (SubmissionState.CANCELLED, "KILLED"),
    ],
)
def test_a_run_ends_once(bench: StageBench, journal: Journal, state: SubmissionState, shown: str) -> None:
    journal.end(bench.run, state, "the first reason")
    ended = bench.submission.ended
    for other in (SubmissionState.SUCCEEDED, SubmissionState.FAILED, SubmissionState.CANCELLED):
        journal.end(bench.run, other, "a later reason")

    row = bench.submission
    assert (row.state, row.reason, row.ended) == (state, "the first reason", ended)
    assert ended is not None
    assert bench.mlflow.runs[row.mlflow_run].status == shown


def test_a_run_ends_although_mlflow_does_not_answer(bench: StageBench, journal: Journal) -> None:
    bench.mlflow.down = True
    journal.end(bench.run, SubmissionState.FAILED, "train: out of memory")

    assert bench.submission.state is SubmissionState.FAILED


def test_a_run_that_was_never_admitted_ends_without_mlflow(bench_after: BenchAfter) -> None:
    bench = bench_after(None)
    bench.installation.journal.end(bench.run, SubmissionState.CANCELLED, "by mistake")

    assert bench.submission.state is SubmissionState.CANCELLED
    assert bench.mlflow.asked == []


def test_the_end_of_a_run_that_does_not_exist_is_nothing(bench: StageBench, journal: Journal) -> None:
    journal.end("toy-0", SubmissionState.FAILED, "never mind")

    assert bench.submission.ended is None


# --- What a script printed ---

ODD = "no column\0 'a\ud800'\x1b[31m red\x07\tnext\r\n\x9b1mline"


def test_text_of_a_script_is_recorded_without_what_a_database_or_a_terminal_would_act_on(
    bench: StageBench, journal: Journal
) -> None:
    journal.note(bench.run, StageName.TRAIN, ODD)
    assert bench.stage(StageName.TRAIN).detail == "no column� 'a�'�[31m red�\tnext\n�1mline"
    with pytest.raises(BadInputError) as caught:
        journal.record(StageName.TRAIN, bench.run, failing(BadInputError(ODD)))

    assert str(caught.value) == ODD  # only what is recorded is cleaned
    for text in (bench.stage(StageName.TRAIN).detail, bench.submission.reason):
        assert not set(text) & set("\0\x1b\x07\r\x9b\ud800")
        assert "no column" in text
        assert "line" in text


def test_every_stage_record_belongs_to_a_run(bench: StageBench, journal: Journal) -> None:
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError):
        journal.note("toy-0", StageName.TRAIN)
    assert {row.submission for row in bench.rows(StageRecord)} == {bench.run}
