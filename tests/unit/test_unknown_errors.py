"""An exception that nobody expected: a passing problem when a server was away, else an end with a sentence of its own."""

import errno
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tests.support.stage_bench import StageBench

from jinsu.errors import GateFailedError, PermanentError, TransientError
from jinsu.lifecycle import __main__ as process
from jinsu.runs.journal import Journal
from jinsu.runs.stages import StageName
from jinsu.runs.unknown import known
from jinsu.state.states import StageState, SubmissionState
from jinsu.state.tables import StageRecord

BenchAfter = Callable[[StageName | None], StageBench]
AWAY = [
    OperationalError("SELECT 1", {}, Exception("server closed the connection unexpectedly")),
    InterfaceError("SELECT 1", {}, Exception("the connection is closed")),
    PoolTimeout("QueuePool limit of size 1 overflow 4 reached"),
    httpx.ConnectError("connection refused"),
    httpx.ReadTimeout("timed out"),
    ConnectionResetError(errno.ECONNRESET, "reset by peer"),
    TimeoutError("no answer"),
    IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed: tasks.submission")),
    OSError(errno.ENOSPC, "No space left on device"),
]
BUGS = [
    KeyError("a"),
    ZeroDivisionError("division by zero"),
    DataError("INSERT", {}, Exception("invalid byte sequence for encoding")),
    IntegrityError("INSERT", {}, Exception("violates a constraint")),
    ValueError("Out of range float values are not JSON compliant\nwith more\0 text"),
    RecursionError("maximum recursion depth exceeded"),
    MemoryError(),
    FileNotFoundError(errno.ENOENT, "No such file or directory", "/steps/x"),
]


def name(problem: Exception) -> str:
    return type(problem).__name__


def failing(problem: Exception) -> Callable[[], Any]:
    def work() -> Any:
        raise problem

    return work


@pytest.mark.parametrize("problem", AWAY, ids=name)
def test_a_server_that_is_away_is_a_passing_problem(problem: Exception) -> None:
    found = known(problem)
    assert isinstance(found, TransientError)
    assert name(problem) in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize("problem", BUGS, ids=name)
def test_any_other_is_an_end_that_names_its_class_and_where_to_look(problem: Exception) -> None:
    found = known(problem)
    assert isinstance(found, PermanentError)
    assert not isinstance(found, TransientError)
    said = str(found)
    assert said.startswith(f"an error in the platform itself, {name(problem)}")
    assert said.endswith("its traceback is in the log of this stage.")
    assert not set(said) & set("\n\0")


def test_the_sentence_says_which_line_of_the_platform_it_was() -> None:
    with pytest.raises(AttributeError) as raised:
        Journal.submission(None, "toy-1")  # type: ignore[arg-type]
    assert "jinsu/runs/journal.py, line " in str(known(raised.value))


@pytest.mark.parametrize("problem", [TransientError("MLflow does not answer", 7.0), GateFailedError("too slow")])
def test_an_error_that_was_raised_on_purpose_stays_as_it_is(problem: Exception) -> None:
    assert known(problem) is problem


# --- In a stage ---


@pytest.mark.parametrize("problem", BUGS, ids=name)
def test_a_stage_ends_with_its_own_sentence_and_is_not_tried_again(bench_after: BenchAfter, problem: Exception) -> None:
    bench = bench_after(StageName.ADMIT)
    with pytest.raises(PermanentError) as raised:
        bench.installation.journal.record(StageName.PACKAGE, bench.run, failing(problem))
    assert raised.value.__cause__ is problem

    row = bench.stage(StageName.PACKAGE)
    assert (row.state, row.detail) == (StageState.FAILED, str(raised.value))
    assert (bench.submission.state, bench.submission.reason) == (SubmissionState.FAILED, f"package: {raised.value}")


@pytest.mark.parametrize("problem", AWAY, ids=name)
def test_a_stage_waits_while_a_server_is_away(bench_after: BenchAfter, problem: Exception) -> None:
    bench = bench_after(StageName.ADMIT)
    with pytest.raises(TransientError):
        bench.installation.journal.record(StageName.PACKAGE, bench.run, failing(problem))
    assert bench.stage(StageName.PACKAGE).state is StageState.WAITING
    assert bench.submission.ended is None


def test_an_output_that_cannot_be_written_is_an_end(bench_after: BenchAfter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script was done; executing it again, up to 25 times, would change nothing."""
    bench = bench_after(StageName.ADMIT)

    def refuse(output: Any) -> Any:
        raise ValueError("Out of range float values are not JSON compliant: nan")

    monkeypatch.setattr("jinsu.runs.journal.encode", refuse)
    with pytest.raises(PermanentError, match="ValueError: Out of range"):
        bench.installation.journal.record(StageName.PACKAGE, bench.run, lambda: object())  # type: ignore[arg-type]
    assert bench.stage(StageName.PACKAGE).state is StageState.FAILED
    assert bench.submission.state is SubmissionState.FAILED


def test_a_stage_that_is_done_stays_done_while_its_task_is_tried_again(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.ADMIT)
    bench.installation.journal.failed(bench.run, StageName.ADMIT, TransientError("the database is away"))
    assert bench.stage(StageName.ADMIT).state is StageState.DONE


def test_a_stage_that_a_cancelled_run_may_not_begin_is_not_on_record(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.ADMIT)
    bench.installation.cancellation.run(bench.run, "by mistake")
    bench.installation.journal.failed(bench.run, StageName.TRAIN, GateFailedError("it was cancelled"))
    assert [row.name for row in bench.rows(StageRecord)] == [StageName.ADMIT]


def test_a_stage_that_could_not_begin_is_on_record_with_its_sentence(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.ADMIT)
    bench.installation.journal.failed(bench.run, StageName.TRAIN, KeyError("a"), trial=2)
    assert bench.stage(StageName.TRAIN, 2).state is StageState.FAILED
    assert bench.submission.reason.startswith("train: an error in the platform itself, KeyError: 'a'")


def test_a_database_that_is_away_leaves_its_own_error(bench_after: BenchAfter) -> None:
    """Nothing can be recorded then; the engine tries the stage again."""
    journal = Journal(_Away(), None)  # type: ignore[arg-type]
    with pytest.raises(TransientError, match="OperationalError"):
        journal.record(StageName.PACKAGE, "toy-1", lambda: object())  # type: ignore[arg-type]


class _Away:
    def begin(self) -> Any:
        raise AWAY[0]


def test_a_stage_of_its_own_process_ends_with_one_sentence_too(
    bench_after: BenchAfter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = bench_after(StageName.ADMIT)
    monkeypatch.setattr(process, "connect", lambda: bench.installation)
    monkeypatch.setattr(process, "perform", lambda *_: failing(KeyError("a"))())
    with pytest.raises(SystemExit) as ended:
        process.main(["package", "--submission", bench.run])
    assert ended.value.code == PermanentError.exit_code
    assert "package: an error in the platform itself, KeyError: 'a'" in capsys.readouterr().err
    assert bench.submission.state is SubmissionState.FAILED
