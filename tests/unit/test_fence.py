"""One controller at a time: whoever has lost the epoch writes nothing, wherever it was when it lost it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from tests.unit.test_rollout_records import ABORT, STEPPING, add_rollout, ledger, row

from jinsu.controller.rollout_records import Decision, Desired, RolloutRecords
from jinsu.release.advance import Phase
from jinsu.release.command import Verb
from jinsu.runs.rollouts import Rollouts
from jinsu.state.database import Database, engine
from jinsu.state.fence import Fence, FencedDatabase, SupersededError
from jinsu.state.tables import Base, ControllerEpoch, Endpoint, Rollout


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(f"sqlite:///{tmp_path / 'jinsu.db'}")
    Base.metadata.create_all(engine(found.url))
    yield found
    engine(found.url).dispose()


def fenced(database: Database, holder: str) -> FencedDatabase:
    return FencedDatabase(Fence.take(database.url, holder))


def test_each_controller_takes_the_next_epoch(database: Database) -> None:
    assert [Fence.take(database.url, holder).epoch for holder in "abc"] == [1, 2, 3]
    beat = Fence.take(database.url, "d").look()
    assert (beat.epoch, beat.holder) == (4, "d")


def test_a_superseded_controller_cannot_say_that_it_lives(database: Database) -> None:
    first = Fence.take(database.url, "first")
    first.renew()
    second = Fence.take(database.url, "second")
    before = second.look()
    with pytest.raises(SupersededError):
        first.renew()
    assert second.look() == before


def add(session: Session) -> None:
    session.add(Endpoint(model="toy", champion="1", updated=0.0))


WRITES: dict[str, Callable[[Session], object]] = {
    "adds": add,
    "changes": lambda session: setattr(session.get_one(Rollout, "r"), "command", "abort:x"),
    "deletes": lambda session: session.delete(session.get_one(Rollout, "r")),
    "updates in bulk": lambda session: session.execute(update(Rollout).values(command="abort:x")),
    "deletes in bulk": lambda session: session.execute(delete(Rollout)),
    "gets a row for itself": lambda session: session.get(Rollout, "r", with_for_update=True),
    "selects rows for itself": lambda session: session.scalars(select(Rollout).with_for_update()).all(),
}


@pytest.mark.parametrize("kind", WRITES)
def test_a_transaction_that_began_before_its_controller_was_superseded_writes_nothing(
    database: Database, kind: str
) -> None:
    add_rollout(database, "r", STEPPING)
    stale = fenced(database, "first")

    def write_late() -> None:
        with stale.begin() as session:
            session.get(Rollout, "r")
            Fence.take(database.url, "second")
            WRITES[kind](session)

    with pytest.raises(SupersededError):
        write_late()
    assert row(database, "r").command == ""
    with database.begin() as session:
        assert session.get(Endpoint, "toy") is None


@pytest.mark.parametrize("kind", WRITES)
def test_the_controller_that_has_the_epoch_writes(database: Database, kind: str) -> None:
    add_rollout(database, "r", STEPPING)
    with fenced(database, "first").begin() as session:
        WRITES[kind](session)


def test_a_superseded_controller_reads_nothing_either(database: Database) -> None:
    """What it reads, it might act on: start a run in Airflow, send a reminder."""
    stale = fenced(database, "first")
    fenced(database, "second")
    with pytest.raises(SupersededError), stale.begin():
        pytest.fail("the transaction began")


# --- Two controllers and a person, in every order ---

ACTS = ("first reads", "first writes", "second reads", "second writes", "second begins", "a person aborts")


class Two:
    """Two controllers at work on one rollout. Each decides from what it read last, as late as it likes."""

    def __init__(self, database: Database) -> None:
        self.database, self.aborted = database, False
        self.records = {"first": RolloutRecords(fenced(database, "first"))}
        self.seen: dict[str, Desired] = {}

    def act(self, act: str) -> None:
        who, _, what = act.partition(" ")
        match what:
            case "begins":
                self.records["second"] = RolloutRecords(fenced(self.database, "second"))
            case "person aborts":
                Rollouts(self.database).command_run("r", ABORT)
                self.aborted = True
            case "reads" if who in self.records:
                self.seen[who] = self.records[who].read()
            case "writes" if who in self.seen:
                self.records[who].write([self._decide(who)] if self.seen[who].rollouts else [])

    def _decide(self, who: str) -> Decision:
        (rollout,) = self.seen[who].rollouts
        if rollout.command is not None and rollout.command.verb is Verb.ABORT:
            return Decision(rollout, replace(rollout.state, phase=Phase.REVERTED, reason=rollout.command.reason))
        return Decision(rollout, replace(rollout.state, step=rollout.state.step + 1, reason=f"{who} steps"))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(ACTS), max_size=14))
def test_no_order_of_two_controllers_loses_a_revert_or_an_abort(database: Database, acts: list[str]) -> None:
    with database.begin() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
    add_rollout(database, "r", STEPPING)
    two, reverted, epoch = Two(database), False, 1
    for act in acts:
        before = row(database, "r")
        with suppress(SupersededError):
            two.act(act)
        after = row(database, "r")
        epoch += act == "second begins"
        assert Fence(database.url, 0).look().epoch == epoch
        if epoch > 1 and act.startswith("first"):
            assert after.row_version == before.row_version, "a superseded controller wrote"
        assert not (reverted and after.phase is not Phase.REVERTED), "a revert was lost"
        assert not two.aborted or after.phase is Phase.REVERTED or after.command, "an abort was lost"
        reverted = after.phase is Phase.REVERTED
    assert len(ledger(database)) == reverted
    with database.begin() as session:
        assert session.scalar(select(ControllerEpoch.epoch)) == epoch
