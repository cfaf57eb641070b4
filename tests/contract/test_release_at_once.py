"""Reviewers, promotions, rollbacks and revocations that come at the same time: promises that rest on rows of PostgreSQL."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.support.fake_launcher import FakeLauncher
from tests.support.fake_mlflow import ACCOUNT, FakeMlflow, Version
from tests.support.fake_mlflow import Model as MlflowModel
from tests.support.people import make_people
from tests.support.postgres import execute
from tests.support.waiting import until

from jinsu.codec import encode
from jinsu.controller.champions import ChampionFollower
from jinsu.controller.rollout_records import Decision, RolloutRecords
from jinsu.errors import ConflictError, ForbiddenError, JinsuError
from jinsu.installation import Installation
from jinsu.registry.mlflow import CHALLENGER, CHAMPION
from jinsu.release.advance import Phase, Policy, State
from jinsu.release.gates import GatePolicy
from jinsu.runs import ledger
from jinsu.runs.champions import UNKNOWN, Intent, complete
from jinsu.runs.open_run import hold
from jinsu.runs.reviews import Said
from jinsu.settings import Settings
from jinsu.state.database import Database, engine
from jinsu.state.states import Door, LedgerEvent, ReviewState, SubmissionState, Verdict
from jinsu.state.tables import (
    Candidate,
    Endpoint,
    LedgerEntry,
    Model,
    Move,
    Opinion,
    Problem,
    Review,
    Rollout,
    Submission,
)

POLICY = Policy((50,), 1.0, 1.0, GatePolicy(1, 0.1, 2.0, 1.0))


class Release:
    """The model `toy` on PostgreSQL, with four versions of ann's that wait for two reviewers each, and MLflow in memory.

    The run of version 2 is `run-2`, and so on.
    """

    def __init__(self, url: str, home: Path) -> None:
        self.database = Database(url)
        self.database.migrate()
        make_people(self.database)
        self.mlflow = FakeMlflow()
        self.mlflow.models["toy"] = MlflowModel({})
        texts = {field.name: "" for field in fields(Settings) if field.type == "str"}
        values = {**texts, "xds_port": 0, "airflow": ACCOUNT, "mlflow": ACCOUNT}
        self.installation = Installation(Settings(**{**values, "home": str(home), "database_url": url}))
        self.installation.__dict__.update(mlflow=self.mlflow.connect(), launcher=FakeLauncher(home))
        with self.database.begin() as session:
            session.add(Problem(name="toy", team="default", dataset="toy", inline=True, by="ann", created=0.0))
            session.flush()
            session.add(Model(name="toy", team="default", problem="toy", by="ann", created=0.0))
        for version in "1234":
            self._add(version)

    def _add(self, version: str) -> None:
        run, now = f"run-{version}", time.time()
        common = {"submitter": "ann", "model": "toy", "team": "default", "spec": {}, "problem": "toy", "rules": {}}
        more = {"code_digest": "c", "dataset": "toy@1", "state": SubmissionState.RUNNING, "created": now}
        review = {"state": ReviewState.OPEN, "needed": 2, "self_approval": False, "reason": "", "asked": now}
        with self.database.begin() as session:
            session.add(Submission(id=run, idempotency_key=run, **common, **more))
            session.flush()
            session.add(Candidate(submission=run, package=version * 64, model="toy", version=version, ready=True))
            session.add(Review(submission=run, model="toy", version=version, **review))
        made = Version("toy", version, f"runs:/{run}/model", run, "", {})
        self.mlflow.models["toy"].versions[version] = made

    def approve(self, *versions: str) -> None:
        for version in versions:
            for name in ("bob", "carl"):
                self.say(name, Verdict.APPROVE, version)

    def say(self, name: str, verdict: Verdict, version: str = "1") -> Review:
        return self.installation.reviews.give(f"run-{version}", Said(name, verdict, Door.CLI, f"{name} says so"))

    def promote(self, version: str) -> str:
        intent = Intent(f"promote:run-{version}", "toy", version, LedgerEvent.PROMOTED, "bob", f"run-{version}")
        return self.installation.champions.move(intent)

    def roll_back(self, version: str, who: str = "bob") -> str:
        return self.installation.champions.roll_back("toy", version, who)

    def add_rollout(self, version: str, phase: Phase) -> None:
        state = State(version, "1", phase)
        common = {"policy": encode(POLICY), "state": encode(state), "phase": phase, "created": 0.0, "updated": 0.0}
        with self.database.begin() as session:
            session.add(Rollout(submission=f"run-{version}", model="toy", challenger=version, command="", **common))

    def row(self, kind: type[Any], *key: Any) -> Any:
        with self.database.begin() as session:
            return session.get(kind, key)

    def moves(self) -> list[tuple[str | None, str]]:
        """From which version to which the champion moved, in the order of the ledger; every link of its chain holds."""
        with self.database.begin() as session:
            assert ledger.verify(session).faults == ()
            query = select(LedgerEntry).where(LedgerEntry.event.in_(ledger.MOVES)).order_by(LedgerEntry.id)
            return [(row.previous, row.version) for row in session.scalars(query)]

    def agree(self) -> str:
        """Alias, endpoint and ledger say that this version serves, and that each move began where the last one ended."""
        champion = self.mlflow.models["toy"].aliases[CHAMPION]
        moves = self.moves()
        assert self.row(Endpoint, "toy").champion == champion
        assert moves[-1][1] == champion
        assert [before for before, _ in moves] == [None, *(after for _, after in moves[:-1])]
        return champion


@pytest.fixture
def release(empty_database: str, tmp_path: Path) -> Iterator[Release]:
    yield Release(empty_database, tmp_path)
    engine(empty_database).dispose()


def at_once(*work: Callable[[], Any]) -> list[Any]:
    """Does everything in threads that begin together; what Jinsu refused is answered as its error."""
    together = threading.Barrier(len(work))

    def one(each: Callable[[], Any]) -> Any:
        together.wait()
        try:
            return each()
        except JinsuError as refusal:
            return refusal

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(one, work))


def refusals(outcomes: list[Any]) -> list[JinsuError]:
    return [outcome for outcome in outcomes if isinstance(outcome, JinsuError)]


# --- Reviews ---


def test_of_three_approvals_at_once_two_decide_and_none_is_lost(release: Release) -> None:
    """Each of two readers would see only its own approval, and the question would stay open for ever."""
    for version in "1234":
        outcomes = at_once(*(partial(release.say, name, Verdict.APPROVE, version) for name in ("bob", "carl", "olga")))
        assert refusals(outcomes) == []
        review = release.row(Review, f"run-{version}")
        names = review.reviewer.split(", ")
        assert review.state is ReviewState.APPROVED
        assert len(names) == len(set(names)) == 2
        assert release.installation.standings.of("toy", version).may_serve


def test_one_person_who_approves_many_times_at_once_counts_once(release: Release) -> None:
    outcomes = at_once(*[lambda: release.say("bob", Verdict.APPROVE)] * 4)
    assert refusals(outcomes) == []
    assert release.row(Review, "run-1").state is ReviewState.OPEN
    with release.database.begin() as session:
        assert len(session.scalars(select(Opinion)).all()) == 1


def test_of_a_second_approval_and_a_refusal_at_once_one_counts(release: Release) -> None:
    for version in "1234":
        release.say("bob", Verdict.APPROVE, version)
        outcomes = at_once(
            lambda version=version: release.say("carl", Verdict.APPROVE, version),
            lambda version=version: release.say("olga", Verdict.REJECT, version),
        )
        (late,) = refusals(outcomes) or [None]
        review, alias = release.row(Review, f"run-{version}"), release.mlflow.models["toy"].aliases.get(CHALLENGER)
        if review.state is ReviewState.REJECTED:
            assert isinstance(late, ConflictError) or late is None  # the approval was one of two, and is outvoted
            assert alias != version
            assert not release.installation.standings.of("toy", version).may_serve
        else:
            assert review.state is ReviewState.APPROVED
            assert isinstance(late, ConflictError)
            assert alias == version


def test_of_a_deciding_approval_and_a_revocation_at_once_the_revocation_stays(release: Release) -> None:
    for version in "1234":
        release.say("bob", Verdict.APPROVE, version)
        at_once(
            lambda version=version: release.say("carl", Verdict.APPROVE, version),
            lambda version=version: release.installation.revocations.revoke("toy", version, "olga", "leaks"),
        )
        assert release.row(Review, f"run-{version}").state is not ReviewState.OPEN
        assert not release.installation.standings.of("toy", version).may_serve


# --- Champions ---


def test_moves_at_once_come_one_after_the_other(release: Release) -> None:
    release.approve("1", "2", "3", "4")
    release.promote("1")
    for _ in range(5):
        outcomes = at_once(*(lambda version=version: release.roll_back(version) for version in "1234"))
        assert refusals(outcomes) == []
        release.agree()


def test_a_promotion_that_is_sent_many_times_at_once_is_one(release: Release) -> None:
    release.approve("1", "2")
    release.promote("1")
    assert at_once(*[lambda: release.promote("2")] * 4) == ["1"] * 4
    assert release.moves() == [(None, "1"), ("1", "2")]


def test_a_promotion_that_waited_while_the_same_one_ended_moves_nothing(release: Release) -> None:
    """It would undo a rollback that came after it, and the ledger, which knows its identity, would say nothing."""
    release.approve("1", "2")
    release.promote("1")
    late = threading.Thread(target=release.promote, args=("2",))
    with release.database.begin() as session:
        session.get(Model, "toy", with_for_update=True)
        late.start()
        until(lambda: release.row(Move, "promote:run-2"), 60, "its intent")
        for version, move in (("2", session.get(Move, "promote:run-2")), ("1", None)):
            release.mlflow.models["toy"].aliases[CHAMPION] = version
            complete(session, "toy", version, move)
    late.join(60)

    assert release.agree() == "1"
    assert release.moves() == [(None, "1"), ("1", "2"), ("2", "1")]


def test_of_a_promotion_and_a_rollback_at_once_the_rollback_is_not_undone(release: Release) -> None:
    """Whichever came first: nothing that was on its way moves the champion once the reviewer has an answer."""
    release.approve("1", "2", "3", "4")
    release.promote("1")
    for version in "234":
        release.add_rollout(version, Phase.PROMOTING)
        promotion = partial(release.promote, version)
        *promoted, back = at_once(promotion, promotion, partial(release.roll_back, "1"))
        assert back in ("1", version)
        assert back == "1" or "1" in promoted
        assert release.agree() == "1"


def test_a_controller_that_follows_a_rollback_at_once_takes_it_for_no_move_by_hand(release: Release) -> None:
    release.approve("1", "2")
    release.promote("1")
    release.promote("2")
    follower = release.installation.build(ChampionFollower)
    for version in ("1", "2") * 3:
        at_once(lambda version=version: release.roll_back(version), *[follower.run] * 3)
    release.agree()
    with release.database.begin() as session:
        actors = session.scalars(select(LedgerEntry.actor)).all()
        assert UNKNOWN not in actors
        assert session.scalars(select(Move).where(Move.ended.is_(None))).all() == []


def test_controllers_that_follow_a_hand_at_once_write_one_entry(release: Release) -> None:
    """Two of them run for a moment when the chart is upgraded."""
    release.approve("1", "2")
    release.promote("1")
    for version in ("2", "1", "2"):
        release.mlflow.models["toy"].aliases[CHAMPION] = version
        at_once(*[release.installation.build(ChampionFollower).run] * 4)
    assert release.moves() == [(None, "1"), ("1", "2"), ("2", "1"), ("1", "2")]


def test_of_a_rollback_and_a_revocation_at_once_one_is_refused(release: Release) -> None:
    release.approve("1", "2", "3", "4")
    for version in "1234":
        release.promote(version)
    for version in "123":
        back, revoked = at_once(
            lambda version=version: release.roll_back(version),
            lambda version=version: release.installation.revocations.revoke("toy", version, "olga", "leaks"),
        )
        assert isinstance(back, ForbiddenError) != isinstance(revoked, ConflictError)
        serves = release.agree()
        assert release.installation.standings.of("toy", serves).may_serve


def test_of_a_rollout_and_a_revocation_at_once_no_revoked_version_gets_traffic(release: Release) -> None:
    """The right was asked before the rollout was written, and the revocation found no rollout to abort."""
    release.approve("1", "2", "3", "4")
    for version in "1234":
        at_once(
            lambda version=version: release.installation.rollouts.request(f"run-{version}", "toy", version, POLICY),
            lambda version=version: release.installation.revocations.revoke("toy", version, "olga", "leaks"),
        )
        rollout = release.row(Rollout, f"run-{version}")
        assert rollout is None or rollout.command == f"abort:olga revoked version {version}: leaks"


def test_a_rollout_that_ends_and_a_rollback_at_once_wait_for_each_other_and_for_nothing_else(release: Release) -> None:
    """Both hold rollouts and the ledger's end; in two orders they would wait for ever, until PostgreSQL kills one."""
    release.approve("1", "2", "3", "4")
    release.promote("1")
    for version in "234":
        release.add_rollout(version, Phase.PROMOTING)
    records = RolloutRecords(release.database)

    def revert() -> None:
        records.write(
            Decision(rollout, replace(rollout.state, phase=Phase.REVERTED, since=time.time()))
            for rollout in records.read().rollouts
        )

    for _ in range(5):
        for version in "234":
            with release.database.begin() as session:
                row = session.get_one(Rollout, f"run-{version}")
                row.phase, row.state = Phase.PROMOTING, {**row.state, "phase": str(Phase.PROMOTING)}
        assert refusals(at_once(revert, lambda: release.roll_back("2"), lambda: release.roll_back("1"))) == []
        release.agree()


def test_a_cancellation_waits_for_a_rollout_that_is_being_asked_for_and_aborts_it(release: Release) -> None:
    release.approve("1")
    cancel = threading.Thread(target=release.installation.cancellation.run, args=("run-1", "by mistake"))
    state = State("1", None)
    common = {"policy": encode(POLICY), "state": encode(state), "phase": state.phase, "created": 0.0, "updated": 0.0}
    with release.database.begin() as session:
        hold(session, "run-1")
        cancel.start()
        cancel.join(0.5)
        assert cancel.is_alive()
        session.add(Rollout(submission="run-1", model="toy", challenger="1", **common))
    cancel.join(60)

    assert release.row(Rollout, "run-1").command == "abort:by mistake"
    with pytest.raises(ConflictError, match="was cancelled: by mistake"):
        release.installation.rollouts.request("run-1", "toy", "1", POLICY)


# --- The ledger ---


def entry(number: int, **more: Any) -> ledger.Entry:
    given = {"model": f"m{number % 3}", "event": LedgerEvent.PROMOTED, "version": str(number), "actor": "bob"}
    return ledger.Entry(**{"identity": f"event-{number}", "previous": None, **given, **more})


def append(release: Release, *entries: ledger.Entry) -> None:
    for each in entries:
        with release.database.begin() as session:
            ledger.append(session, each)


def verified(release: Release) -> ledger.Verified:
    with release.database.begin() as session:
        return ledger.verify(session)


def test_entries_of_many_threads_make_one_chain(release: Release) -> None:
    parts = [[entry(100 * part + number) for number in range(25)] for part in range(8)]
    at_once(*(lambda part=part: append(release, *part) for part in parts))
    found = verified(release)
    assert (found.entries, found.faults) == (200, ())


def test_an_event_that_many_record_at_once_is_one_entry(release: Release) -> None:
    at_once(*[lambda: append(release, entry(1))] * 8)
    found = verified(release)
    assert (found.entries, found.faults) == (1, ())


def test_a_walk_while_entries_are_added_finds_no_fault(release: Release) -> None:
    """It read the entries first and their number afterwards, and called an honest ledger forged."""
    adding = threading.Thread(target=append, args=(release, *(entry(number) for number in range(300))))
    adding.start()
    walks = []
    while adding.is_alive():
        walks.append(verified(release))
    adding.join()
    assert len(walks) > 5
    assert [found.faults for found in walks if found.faults] == []
    assert verified(release).entries == 300


def test_times_survive_the_way_through_postgresql(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [0.0, 1e-7, 0.1 + 0.2, 1_764_023_456.123_456_7, 1_764_023_456.999_999_9, 2**31 + 1 / 3, 4e9 - 1e-6]
    for number, moment in enumerate(moments):
        with monkeypatch.context() as patch:
            patch.setattr("jinsu.runs.ledger.time.time", lambda moment=moment: moment)
            append(release, entry(number))
    assert verified(release).faults == ()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger SET actor = 'eve' WHERE version = '2'",
        "UPDATE ledger SET event = 'blessed' WHERE version = '2'",
        "UPDATE ledger SET at = 'NaN' WHERE version = '2'",
        "UPDATE ledger SET at = '-Infinity' WHERE version = '2'",
        "UPDATE ledger SET at = at + 0.000002 WHERE version = '2'",
        "UPDATE ledger SET previous = '' WHERE version = '2'",
        "DELETE FROM ledger WHERE version = '2'",
        "DELETE FROM ledger WHERE version = '4'",
        "TRUNCATE ledger",
        "UPDATE ledger SET id = -id",
    ],
)
def test_what_an_administrator_of_the_database_changes_is_refused_and_then_found(release: Release, change: str) -> None:
    append(release, *(entry(number) for number in range(5)))
    with pytest.raises(Exception, match="rows of ledger are only ever appended"):
        execute(release.database.url, change)
    assert verified(release).faults == ()

    execute(release.database.url, "ALTER TABLE ledger DISABLE TRIGGER append_only", change)
    assert verified(release).faults
