"""What the trigger form offers: to each team its own problems and its own people's code, and nothing of another team."""

from collections.abc import Callable

import pytest
from tests.support.stage_bench import SPEC, StageBench

from jinsu.runs import offers as module
from jinsu.runs.catalog import CodeVersion, Known
from jinsu.runs.offers import Offers
from jinsu.runs.stages import StageName
from jinsu.state.tables import Submission

BenchAfter = Callable[[StageName | None], StageBench]


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """One accepted run of ann, of team `default`."""
    return bench_after(None)


def offered(bench: StageBench) -> Known:
    bench.build(Offers).refresh()
    return bench.installation.catalog.read()


def test_a_team_is_offered_its_own_problems_and_code(bench: StageBench) -> None:
    row, known = bench.submission, offered(bench)
    mine = CodeVersion("toy", "toy", row.code_digest, "ann", round(row.created, 3), {"lr": 0.1})
    assert (list(known.teams["default"].problems), list(known.codes("default"))) == (["toy"], [mine])


def test_another_team_is_offered_nothing_of_it(bench: StageBench) -> None:
    known = offered(bench)
    assert (list(known.teams["toys"].problems), list(known.codes("toys"))) == ([], [])


def test_the_same_code_is_offered_once_with_who_handed_it_over_last(bench: StageBench) -> None:
    again = bench.submit("eve", "2", train__params={"lr": 0.5})
    bench.change(Submission, again, created=bench.submission.created + 60)
    (code,) = offered(bench).codes("default")
    # The parameters are the code's own: what one submission replaced is no default.
    assert (code.by, dict(code.params)) == ("eve", {"lr": 0.1})


def test_the_newest_code_comes_first_and_the_oldest_goes(bench: StageBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CODES", 2)
    began = bench.submission.created
    digests = []
    for number in range(3):
        digests.append(bench.code(script=f"print({number})"))
        bench.change(Submission, bench.submit("ann", f"new {number}", digests[-1]), created=began + number + 1)
    assert [code.digest for code in offered(bench).codes("default")] == [digests[2], digests[1]]


def test_a_model_of_another_name_is_another_code(bench: StageBench) -> None:
    run = bench.submit("ann", "2", bench.code(SPEC.replace("name: toy", "name: other")))
    assert {code.model for code in offered(bench).codes("default")} == {"toy", "other"}
    assert bench.row(Submission, run).problem == "other"


def test_repeating_it_changes_nothing(bench: StageBench) -> None:
    first = offered(bench)
    written = (bench.home / "catalog.json").stat().st_mtime_ns
    assert offered(bench) == first
    assert (bench.home / "catalog.json").stat().st_mtime_ns == written
