"""A reviewer's alias or tag in MLflow is the same word as on the command line, with the reviewer's name."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.stage_bench import StageBench

from jinsu.errors import ConflictError, ForbiddenError, JinsuError, NotFoundError
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.registry.mlflow import CHALLENGER, CHAMPION
from jinsu.runs.stages import StageName
from jinsu.servers.mlflow_deeds import Deeds
from jinsu.servers.mlflow_doors import Act, Deed
from jinsu.state.states import Door, LedgerEvent, ReviewState
from jinsu.state.tables import Review

BenchAfter = Callable[[StageName | None], StageBench]


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """Version 1 of `toy`, by ann, waits for a reviewer."""
    found = bench_after(StageName.REGISTER)
    found.build(ReviewStage).ask(found.run)
    return found


def do(bench: StageBench, name: str, deed: Deed, reason: str = "", version: str = "1") -> None:
    deeds: Deeds = bench.build(Deeds)
    deeds.do(Act(deed, "toy", version, reason), bench.person(name))


def answered(bench: StageBench) -> tuple[Any, ...]:
    row = bench.row(Review)
    return row.state, row.reviewer, row.via, row.reason


def aliases(bench: StageBench) -> dict[str, str]:
    return bench.mlflow.models["toy"].aliases


@pytest.mark.parametrize(
    ("deed", "reason", "state"),
    [
        (Deed.APPROVE, "", ReviewState.APPROVED),
        (Deed.REJECT, "worse on sevens", ReviewState.REJECTED),
        (Deed.ASK_CHANGES, "no card of the data", ReviewState.CHANGES_ASKED),
    ],
)
def test_a_word_in_mlflow_answers_the_review(bench: StageBench, deed: Deed, reason: str, state: ReviewState) -> None:
    do(bench, "bob", deed, reason)
    assert answered(bench) == (state, "bob", Door.MLFLOW, reason)
    assert aliases(bench) == ({CHALLENGER: "1"} if deed is Deed.APPROVE else {})


@pytest.mark.parametrize("deed", Deed)
@pytest.mark.parametrize("name", ["ann", "eve", "tess", "root"])
def test_the_word_of_another_changes_nothing(bench: StageBench, name: str, deed: Deed) -> None:
    with pytest.raises(ForbiddenError):
        do(bench, name, deed, "because")
    assert answered(bench)[0] is ReviewState.OPEN
    assert aliases(bench) == {}


def test_a_version_that_may_not_serve_becomes_no_champion(bench: StageBench) -> None:
    with pytest.raises(ForbiddenError, match="does not serve"):
        do(bench, "bob", Deed.MOVE_CHAMPION)
    do(bench, "bob", Deed.REJECT, "worse")
    with pytest.raises(ForbiddenError, match="does not serve"):
        do(bench, "bob", Deed.MOVE_CHAMPION)
    assert aliases(bench) == {}


def test_a_version_that_may_serve_becomes_the_champion_in_the_reviewers_name(bench: StageBench) -> None:
    do(bench, "bob", Deed.APPROVE)
    do(bench, "carl", Deed.MOVE_CHAMPION)
    assert aliases(bench)[CHAMPION] == "1"
    assert bench.ledger() == [(LedgerEvent.MOVED_BY_HAND, "1", None, "carl")]


def test_a_revoked_version_serves_no_longer(bench: StageBench) -> None:
    do(bench, "bob", Deed.APPROVE)
    do(bench, "carl", Deed.REVOKE, "it tells names")
    assert aliases(bench) == {}
    assert bench.ledger() == [(LedgerEvent.REVOKED, "1", None, "carl")]
    with pytest.raises(ForbiddenError, match="revoked"):
        do(bench, "bob", Deed.MOVE_CHAMPION)


@pytest.mark.parametrize(("deed", "kind"), [(Deed.APPROVE, NotFoundError), (Deed.REVOKE, NotFoundError)])
def test_a_version_that_is_not_there(bench: StageBench, deed: Deed, kind: type[JinsuError]) -> None:
    with pytest.raises(kind):
        do(bench, "bob", deed, "because", version="9")


def test_the_first_decision_stands(bench: StageBench) -> None:
    do(bench, "bob", Deed.REJECT, "worse")
    with pytest.raises(ConflictError, match="rejected by bob already"):
        do(bench, "carl", Deed.APPROVE)
    do(bench, "carl", Deed.REJECT)
    assert answered(bench) == (ReviewState.REJECTED, "bob", Door.MLFLOW, "worse")
