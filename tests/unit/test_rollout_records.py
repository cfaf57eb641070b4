"""Rollouts in the database, as the release loop reads and records them."""

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jinsu.controller.rollout_records import Decision, OpenRollout, RolloutRecords
from jinsu.release.advance import Phase, Policy, State
from jinsu.release.bets import STAKE
from jinsu.release.command import Command, Verb
from jinsu.release.counters import Arms, Counters
from jinsu.release.gates import Evidence, Finding, GatePolicy, Verdict
from jinsu.state.database import Database, engine
from jinsu.state.tables import Base, Endpoint, LedgerEntry, Rollout, Submission

POLICY = Policy((5, 50), 60.0, 600.0, GatePolicy(50, 0.02, 2.0, 100.0))
STEPPING = State(
    "2", "1", Phase.STEPPING, 1, 100.0, percent=50, findings=(Finding("traffic", Verdict.INCONCLUSIVE, "few"),),
    seen={"10.0.0.7": Arms(challenger=Counters(3, 1, 0, {50.0: 2, float("inf"): 3}))},
    evidence=Evidence(slow={50.0: STAKE}),
)  # fmt: skip
ABORT = Command(Verb.ABORT, "ann: looks odd")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'jinsu.db'}")
    Base.metadata.create_all(engine(database.url))
    return database


def add_rollout(database: Database, run: str, state: State, command: str = "", created: float = 1.0) -> None:
    submission: dict[str, Any] = {
        "submitter": "ann", "team": "default", "spec": {}, "problem": "toy", "rules": {},
        "code_digest": "c", "dataset": "d@1", "state": "running",
    }  # fmt: skip
    with database.begin() as session:
        session.add(Submission(id=run, idempotency_key=run, model="toy", created=created, **submission))
        session.flush()
        session.add(
            Rollout(
                submission=run,
                model="toy",
                challenger=state.challenger,
                policy=asdict(POLICY),
                state=asdict(state),
                phase=state.phase,
                command=command,
                created=created,
                updated=created,
            )
        )


def row(database: Database, run: str) -> Rollout:
    with database.begin() as session:
        return session.get_one(Rollout, run)


def ledger(database: Database) -> list[tuple[str, str, str | None, str]]:
    with database.begin() as session:
        return [(str(e.event), e.version, e.previous, e.detail) for e in session.scalars(select(LedgerEntry))]


def test_champions_and_the_rollouts_that_are_not_over_are_read_oldest_first(database: Database) -> None:
    add_rollout(database, "new", replace(STEPPING, challenger="4"), created=3.0)
    add_rollout(database, "old", STEPPING, command=ABORT.encode(), created=2.0)
    add_rollout(database, "over", replace(STEPPING, phase=Phase.REVERTED), created=1.0)
    with database.begin() as session:
        session.add(Endpoint(model="toy", champion="1", updated=0.0))

    desired = RolloutRecords(database).read()

    assert desired.champions == {"toy": "1"}
    old, new = desired.rollouts
    assert old == OpenRollout("old", "toy", POLICY, STEPPING, ABORT, 1)
    assert (new.run, new.command) == ("new", None)
    assert (desired.successor(old), desired.successor(new)) == ("4", "")


def test_what_changes_nothing_is_not_written(database: Database) -> None:
    add_rollout(database, "r", STEPPING)
    records = RolloutRecords(database)
    (rollout,) = records.read().rollouts

    records.write([Decision(rollout, STEPPING)])
    assert row(database, "r").updated == 1.0

    records.write([Decision(rollout, replace(STEPPING, reason="few answers"))])
    assert row(database, "r").updated == pytest.approx(time.time(), abs=60)
    assert records.read().rollouts[0].state == replace(STEPPING, reason="few answers")


def test_a_command_is_gone_once_a_decision_has_answered_it(database: Database) -> None:
    """Also when the answer is to go on: a rollout that steps must not be resumed later, when it is halted."""
    add_rollout(database, "r", STEPPING, command="resume:by ann")
    records = RolloutRecords(database)
    (rollout,) = records.read().rollouts

    records.write([Decision(rollout, STEPPING)])
    assert row(database, "r").command == ""


def test_a_command_that_came_meanwhile_waits_for_the_next_pass(database: Database) -> None:
    add_rollout(database, "r", STEPPING)
    records = RolloutRecords(database)
    (rollout,) = records.read().rollouts
    with database.begin() as session:
        session.get_one(Rollout, "r").command = ABORT.encode()

    records.write([Decision(rollout, replace(STEPPING, reason="few answers"))])
    assert records.read().rollouts[0].command == ABORT


@pytest.mark.parametrize("phase", [Phase.REVERTED, Phase.HALTED])
def test_the_ledger_records_once_that_a_challenger_was_taken_back_or_halted(database: Database, phase: Phase) -> None:
    add_rollout(database, "r", STEPPING)
    records = RolloutRecords(database)
    (rollout,) = records.read().rollouts
    after = replace(STEPPING, phase=phase, reason="errors")

    for _ in range(2):  # as after a crash
        records.write([Decision(rollout, after)])
    records.write([Decision(replace(rollout, state=after), replace(after, reason="errors, still"))])

    assert ledger(database) == [(str(phase), "2", "1", "errors")]
    assert row(database, "r").phase is phase


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in (Phase.REVERTED, Phase.HALTED)])
def test_other_phases_are_no_matter_of_the_ledger(database: Database, phase: Phase) -> None:
    add_rollout(database, "r", replace(STEPPING, phase=Phase.DEPLOYING))
    records = RolloutRecords(database)
    records.write([Decision(rollout, replace(STEPPING, phase=phase)) for rollout in records.read().rollouts])
    assert ledger(database) == []


def test_a_step_that_begins_anew_keeps_everything_but_its_time(database: Database) -> None:
    add_rollout(database, "r", STEPPING)
    records = RolloutRecords(database)
    (rollout,) = records.read().rollouts
    records.begin_step_anew(rollout)
    assert records.read().rollouts[0].state == replace(STEPPING, since=0.0)


def test_a_decision_about_a_state_that_is_no_longer_there_is_dropped(database: Database) -> None:
    """A controller that was paused between reading and writing would give a reverted challenger its share again."""
    add_rollout(database, "r", STEPPING)
    records = RolloutRecords(database)
    (rollout,) = records.read().rollouts
    reverted = replace(STEPPING, phase=Phase.REVERTED, reason="ann: looks odd")
    records.write([Decision(rollout, reverted)])

    records.write([Decision(rollout, replace(STEPPING, reason="few answers"))])
    assert row(database, "r").phase is Phase.REVERTED
    assert row(database, "r").state["reason"] == "ann: looks odd"


def test_a_step_that_was_decided_meanwhile_does_not_begin_anew(database: Database) -> None:
    add_rollout(database, "r", STEPPING)
    records = RolloutRecords(database)
    (rollout,) = records.read().rollouts
    records.write([Decision(rollout, replace(STEPPING, phase=Phase.REVERTED, since=200.0))])

    records.begin_step_anew(rollout)
    assert row(database, "r").state["since"] == 200.0
