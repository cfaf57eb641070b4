"""Champions moved back, rollouts steered, and the ledger that remembers it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.stage_bench import StageBench

from jinsu.errors import NotFoundError, TransientError
from jinsu.lifecycle.canary import Canary, policy_of
from jinsu.lifecycle.promote import Promote
from jinsu.registry.mlflow import CHAMPION
from jinsu.release.advance import TERMINAL, Phase
from jinsu.release.command import Command, Verb
from jinsu.runs import ledger
from jinsu.runs.journal import spec_of
from jinsu.runs.rollouts import ACTIVE
from jinsu.runs.stages import StageName
from jinsu.state.states import LedgerEvent
from jinsu.state.tables import Candidate, Rollout

BenchAfter = Callable[[StageName | None], StageBench]
ABORT = Command(Verb.ABORT, "looks wrong")


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """Version 1 is the champion and serves."""
    found = bench_after(StageName.PROMOTE)
    found.serve("1")
    return found


def second_version(bench: StageBench, last: StageName) -> str:
    """Another run of the model, with other training parameters, that has done the stages up to `last`."""
    return bench.another_run(last, train__params={"lr": 0.2})


def champion(bench: StageBench) -> str:
    return bench.mlflow.models["toy"].aliases[CHAMPION]


# --- Rolling back ---


def test_an_earlier_version_becomes_the_champion_again(bench: StageBench) -> None:
    second_version(bench, StageName.PROMOTE)
    assert champion(bench) == "2"

    assert bench.installation.rollback.run("toy", "1", "bob") == "2"

    assert champion(bench) == "1"
    assert bench.ledger() == [
        (LedgerEvent.PROMOTED, "1", None, "bob"),
        (LedgerEvent.PROMOTED, "2", "1", "bob"),
        (LedgerEvent.ROLLED_BACK, "1", "2", "bob"),
    ]


def test_each_rollback_is_an_event_of_its_own(bench: StageBench) -> None:
    second_version(bench, StageName.PROMOTE)
    for version in ("1", "2", "1"):
        bench.installation.rollback.run("toy", version, "bob")

    assert [(event, version) for event, version, *_ in bench.ledger()][2:] == [
        (LedgerEvent.ROLLED_BACK, version) for version in ("1", "2", "1")
    ]


@pytest.mark.parametrize(("model", "version"), [("toy", "9"), ("toy", ""), ("toy", "latest"), ("other", "1")])
def test_an_unknown_version_moves_nothing(bench: StageBench, model: str, version: str) -> None:
    with pytest.raises(
        NotFoundError, match=f"model '{model}' has no registered version '{version}'; see: jinsu rollout"
    ):
        bench.installation.rollback.run(model, version, "bob")

    assert champion(bench) == "1"
    assert len(bench.ledger()) == 1


def test_a_version_whose_registration_was_killed_is_none(bench: StageBench) -> None:
    """It is in MLflow, but its evidence may not be whole."""
    run = second_version(bench, StageName.REGISTER)
    (candidate,) = [row for row in bench.rows(Candidate) if row.submission == run]
    bench.change(Candidate, run, candidate.package, ready=False)

    with pytest.raises(NotFoundError):
        bench.installation.rollback.run("toy", "2", "bob")


def test_a_rollback_that_mlflow_did_not_hear_is_not_in_the_ledger(bench: StageBench) -> None:
    bench.mlflow.down = True
    with pytest.raises(TransientError):
        bench.installation.rollback.run("toy", "1", "bob")

    assert len(bench.ledger()) == 1


@pytest.mark.parametrize("phase", [Phase.STEPPING, Phase.PROMOTING])
def test_only_a_challenger_that_has_all_traffic_is_taken_back_with_it(bench: StageBench, phase: Phase) -> None:
    """It would wait for the alias at 100 % of traffic for ever; one that is still compared goes on."""
    run = second_version(bench, StageName.REVIEW)
    bench.build(Canary).start(run)
    bench.set_rollout(phase, "", run)

    bench.installation.rollback.run("toy", "1", "bob")

    expected = "abort:rolled back to version 1 by bob" if phase is Phase.PROMOTING else ""
    assert bench.row(Rollout, run).command == expected


def test_the_version_that_is_rolled_back_to_is_not_taken_back(bench: StageBench) -> None:
    run = second_version(bench, StageName.CANARY)
    bench.installation.rollback.run("toy", "2", "bob")

    assert bench.row(Rollout, run).command == ""


def test_a_promotion_that_is_repeated_does_not_undo_a_rollback(bench: StageBench) -> None:
    """Airflow tries the stage again when its last request was lost, or a person clears it."""
    run = second_version(bench, StageName.CANARY)
    bench.mlflow.lose_answer_to = "registered-models/alias"
    promote = bench.build(Promote)
    with pytest.raises(TransientError):
        promote.run(run)
    promote.run(run)
    bench.installation.rollback.run("toy", "1", "bob")

    assert promote.run(run).version == "2"

    assert champion(bench) == "1"
    assert [event for event, *_ in bench.ledger()] == [
        LedgerEvent.PROMOTED,
        LedgerEvent.PROMOTED,
        LedgerEvent.ROLLED_BACK,
    ]


# --- Rollouts ---


def test_a_rollout_is_asked_for_once_with_the_champion_that_serves(bench: StageBench) -> None:
    run = second_version(bench, StageName.REVIEW)
    policy = policy_of(spec_of(bench.installation.journal.submission(run)))
    for challenger in ("2", "3"):
        bench.installation.rollouts.request(run, "toy", challenger, policy)

    row = bench.installation.rollouts.of(run)
    assert row is not None
    assert (row.challenger, row.state["champion"], row.phase, row.command) == ("2", "1", Phase.DEPLOYING, "")
    assert row.policy["steps"] == [50]
    assert bench.installation.rollouts.active(run)


@pytest.mark.parametrize("phase", Phase)
def test_commands_reach_rollouts_that_are_not_over(bench: StageBench, phase: Phase) -> None:
    bench.set_rollout(phase)
    rollouts = bench.installation.rollouts
    assert rollouts.active(bench.run) == (phase not in TERMINAL)
    if phase in ACTIVE:
        assert rollouts.command("toy", ABORT).submission == bench.run
    else:
        with pytest.raises(NotFoundError, match="model 'toy' has no rollout now; see: jinsu rollout list"):
            rollouts.command("toy", ABORT)
        rollouts.command_run(bench.run, ABORT)

    assert bench.row(Rollout).command == ("abort:looks wrong" if phase in ACTIVE else "")


def test_a_command_is_for_the_newest_rollout(bench: StageBench) -> None:
    bench.set_rollout(Phase.STEPPING)
    run = second_version(bench, StageName.REVIEW)
    bench.build(Canary).start(run)

    assert bench.installation.rollouts.command("toy", ABORT).submission == run
    assert [row.submission for row in bench.installation.rollouts.latest()] == [run, bench.run]
    assert [row.submission for row in bench.installation.rollouts.latest(1)] == [run]


def test_a_reason_may_hold_anything(bench: StageBench) -> None:
    bench.set_rollout(Phase.STEPPING)
    bench.installation.rollouts.command("toy", Command(Verb.ABORT, "bob: 50% : of\0 errors"))

    assert bench.row(Rollout).command == "abort:bob: 50% : of� errors"


def test_a_run_without_a_rollout_takes_no_command(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REVIEW)
    bench.installation.rollouts.command_run(bench.run, ABORT)

    assert bench.installation.rollouts.of(bench.run) is None
    assert not bench.installation.rollouts.active(bench.run)


# --- The ledger ---


def entry(
    identity: str, event: LedgerEvent = LedgerEvent.PROMOTED, version: str = "2", model: str = "toy"
) -> ledger.Entry:
    return ledger.Entry(identity, model, event, version, "1", "bob")


def test_an_event_is_recorded_once_by_its_identity(bench: StageBench) -> None:
    database = bench.installation.database
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ledger.record(database, entry("same")), range(8)))
    ledger.record(database, entry("other"))

    assert len(bench.ledger()) == 3  # with the promotion of version 1


def test_the_history_is_told_newest_first_and_by_model(bench: StageBench) -> None:
    database = bench.installation.database
    for number in range(5):
        ledger.record(database, entry(f"event-{number}", version=str(number)))
    ledger.record(database, entry("elsewhere", model="other"))

    assert [row.version for row in ledger.history(database, "toy", limit=3)] == ["4", "3", "2"]
    assert [row.model for row in ledger.history(database, "other")] == ["other"]
    assert ledger.history(database, "unknown") == []


@pytest.mark.parametrize("event", LedgerEvent)
def test_the_last_move_is_the_last_event_that_made_a_champion(bench: StageBench, event: LedgerEvent) -> None:
    ledger.record(bench.installation.database, entry("last", event))
    with bench.records.begin() as session:
        last = ledger.last_move(session, "toy")
        nothing = ledger.last_move(session, "unknown")

    assert nothing is None
    assert last is not None
    assert last.version == ("2" if event in ledger.MOVES else "1")
