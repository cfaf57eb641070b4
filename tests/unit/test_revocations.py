"""Versions that may serve no longer: who takes that right, from which versions, and what ends with it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.api_client import ApiClient
from tests.support.crash_points import Killed
from tests.support.stage_bench import StageBench

from jinsu.errors import BadInputError, ConflictError, ForbiddenError, NotFoundError, TransientError
from jinsu.lifecycle.canary import Canary
from jinsu.registry.mlflow import CHALLENGER
from jinsu.release.advance import Phase
from jinsu.runs import ledger
from jinsu.runs.stages import StageName
from jinsu.state.states import LedgerEvent
from jinsu.state.tables import Revocation, Rollout

BenchAfter = Callable[[StageName | None], StageBench]
REASON = "leaks addresses"


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """Version 1 serves; version 2 is approved."""
    bench = bench_after(StageName.PROMOTE)
    bench.another_run(StageName.REVIEW, key="second", train__params={"lr": 3.0})
    return bench


def revoke(bench: StageBench, version: str = "2", by: str = "carl", reason: str = REASON) -> None:
    bench.installation.revocations.revoke("toy", version, by, reason)


def second_run(bench: StageBench) -> str:
    return bench.installation.reviews.run_of("toy", "2")


def revoked_entries(bench: StageBench) -> list[tuple[object, ...]]:
    return [entry for entry in bench.ledger() if entry[0] is LedgerEvent.REVOKED]


def test_a_revoked_version_serves_no_more_and_everybody_can_read_why(bench: StageBench) -> None:
    assert bench.installation.standings.of("toy", "2").may_serve
    revoke(bench)

    found = bench.installation.standings.of("toy", "2")
    assert (found.may_serve, found.reason) == (False, "carl revoked version 2: leaks addresses")
    assert CHALLENGER not in bench.mlflow.models["toy"].aliases
    assert bench.mlflow.models["toy"].versions["2"].tags["jinsu.review"] == "revoked by carl: leaks addresses"
    assert revoked_entries(bench) == [(LedgerEvent.REVOKED, "2", "1", "carl")]


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_it_needs_a_reason(bench: StageBench, reason: str) -> None:
    with pytest.raises(BadInputError, match="revoke: say why"):
        revoke(bench, reason=reason)
    assert bench.rows(Revocation) == []


def test_the_version_that_serves_is_refused_and_the_answer_names_where_to_go_first(bench: StageBench) -> None:
    with pytest.raises(ConflictError, match="version 1 serves; go back first: jinsu rollout back toy 2"):
        revoke(bench, "1")
    assert bench.rows(Revocation) == []

    bench.installation.champions.roll_back("toy", "2", "bob")
    revoke(bench, "1")
    with pytest.raises(ConflictError, match="version 2 serves, and no other version may; launch another one first"):
        revoke(bench, "2")


def test_versions_that_may_not_serve_are_not_named(bench: StageBench) -> None:
    bench.another_run(StageName.REGISTER, key="third", train__params={"lr": 4.0})
    with pytest.raises(ConflictError, match="go back first: jinsu rollout back toy 2"):
        revoke(bench, "1")


def test_of_several_versions_the_newest_is_named(bench: StageBench) -> None:
    """Also beyond nine, where the order of text is another."""
    for number in range(3, 11):
        bench.another_run(StageName.REVIEW, key=f"run-{number}", train__params={"lr": float(number)})
    with pytest.raises(ConflictError, match=r"jinsu rollout back toy 10$"):
        revoke(bench, "1")


@pytest.mark.parametrize(
    "phase", [Phase.DEPLOYING, Phase.STEPPING, Phase.PROMOTING, Phase.HALTED, Phase.REVERTED, Phase.SUPERSEDED]
)
def test_a_rollout_under_way_is_aborted(bench: StageBench, phase: Phase) -> None:
    run = second_run(bench)
    bench.build(Canary).start(run)
    bench.set_rollout(phase, "", run)
    revoke(bench)

    over = phase in (Phase.REVERTED, Phase.SUPERSEDED)
    assert bench.row(Rollout, run).command == ("" if over else "abort:carl revoked version 2: leaks addresses")


def test_repeating_it_changes_nothing(bench: StageBench) -> None:
    revoke(bench)
    facts = bench.facts()
    revoke(bench, by="bob", reason="for another reason")

    assert bench.facts() == facts
    assert bench.row(Revocation, "toy", "2").by == "carl"


@pytest.mark.parametrize("version", ["9", "", "latest"])
def test_an_unknown_version_cannot_be_revoked(bench: StageBench, version: str) -> None:
    with pytest.raises(NotFoundError, match=f"no registered version '{version}'"):
        revoke(bench, version)
    with pytest.raises(NotFoundError, match="model 'other' does not exist"):
        bench.installation.revocations.revoke("other", "1", "carl", REASON)


@pytest.mark.parametrize("name", ["ann", "eve", "tess", "theo", "root", "nobody", ""])
def test_nobody_but_a_reviewer_of_the_team_revokes(bench: StageBench, name: str) -> None:
    facts = bench.facts()
    with pytest.raises(ForbiddenError):
        revoke(bench, by=name)
    assert bench.facts() == facts
    assert bench.rows(Revocation) == []


@pytest.mark.parametrize(("who", "status"), [("carl", 200), ("olga", 200), ("ann", 403), ("tess", 404), ("root", 403)])
def test_the_api_asks_the_same(bench: StageBench, who: str, status: int) -> None:
    """People of other teams are not told that there is such a model."""
    client = ApiClient(bench.installation)
    answer = client.post("/v1/models/toy/versions/2/revoke", who=who, json={"reason": REASON})
    assert answer.status_code == status, answer.text
    assert bool(bench.rows(Revocation)) == (status == 200)


def test_a_reason_is_recorded_clean(bench: StageBench) -> None:
    revoke(bench, reason="no\0\x1b[2J")
    assert bench.row(Revocation, "toy", "2").reason == "no��[2J"


def test_mlflow_may_be_away_meanwhile(bench: StageBench) -> None:
    """The right is gone at once; the alias follows when it is repeated."""
    bench.mlflow.down = True
    with pytest.raises(TransientError):
        revoke(bench)
    assert not bench.installation.standings.of("toy", "2").may_serve
    bench.mlflow.down = False
    revoke(bench)

    assert CHALLENGER not in bench.mlflow.models["toy"].aliases
    assert len(revoked_entries(bench)) == 1


def test_one_that_was_killed_anywhere_is_completed_by_the_next(bench: StageBench, tmp_path: Path) -> None:
    """The abort of the rollout was lost when the process died after the ledger's entry."""
    run = second_run(bench)
    bench.build(Canary).start(run)
    whole = bench.copy_to(tmp_path / "whole")
    revoke(whole)
    for place in range(1, whole.crash.passed + 1):
        killed = bench.copy_to(tmp_path / "killed")
        killed.crash.begin_anew(place)
        with pytest.raises(Killed):
            revoke(killed)
        killed.crash.begin_anew()
        begun = bool(killed.rows(Revocation))
        assert (killed.row(Rollout, run).command != "") == begun
        revoke(killed)
        assert killed.facts() == whole.facts(), f"killed at {place}"
        with killed.records.begin() as session:
            assert ledger.verify(session).faults == ()
