"""Champions moved forward, back and by hand: one entry in the ledger for each change, wherever a process was killed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.crash_points import Killed
from tests.support.stage_bench import StageBench

from jinsu.controller.champions import ChampionFollower
from jinsu.errors import ForbiddenError, GateFailedError, NotFoundError, TransientError
from jinsu.lifecycle.canary import Canary, policy_of
from jinsu.lifecycle.promote import Promote
from jinsu.registry.mlflow import CHAMPION
from jinsu.release.advance import TERMINAL, Phase
from jinsu.release.command import Command, Verb
from jinsu.runs import ledger
from jinsu.runs.champions import UNKNOWN, Intent
from jinsu.runs.journal import rules_of
from jinsu.runs.rollouts import ACTIVE
from jinsu.runs.stages import StageName
from jinsu.state.states import AuditEvent, LedgerEvent
from jinsu.state.tables import AuditEntry, Candidate, Endpoint, Move, Rollout

BenchAfter = Callable[[StageName | None], StageBench]
ABORT = Command(Verb.ABORT, "looks wrong")
FIRST, SECOND = (LedgerEvent.PROMOTED, "1", None, "bob"), (LedgerEvent.PROMOTED, "2", "1", "bob")
BACK = (LedgerEvent.ROLLED_BACK, "1", "2", "carl")


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """Version 1 is the champion and serves."""
    return bench_after(StageName.PROMOTE)


@pytest.fixture
def two(bench: StageBench) -> StageBench:
    """Version 2 is the champion, and version 1 was it before."""
    second_version(bench, StageName.PROMOTE)
    assert agreed(bench) == "2"
    return bench


def second_version(bench: StageBench, last: StageName) -> str:
    """Another run of the model, with other training parameters, that has done the stages up to `last`."""
    return bench.another_run(last, train__params={"lr": 0.2})


def champion(bench: StageBench) -> str | None:
    return bench.mlflow.models["toy"].aliases.get(CHAMPION)


def serving(bench: StageBench) -> str | None:
    row = bench.row(Endpoint, "toy")
    return None if row is None else str(row.champion)


def agreed(bench: StageBench) -> str | None:
    """The version of which alias and endpoint both say that it serves; the ledger's chain is whole."""
    assert champion(bench) == serving(bench)
    with bench.records.begin() as session:
        assert ledger.verify(session).faults == ()
    return champion(bench)


def follow(bench: StageBench) -> None:
    """Two passes of the controller: the second must change nothing."""
    bench.build(ChampionFollower).run()
    facts = bench.facts()
    bench.build(ChampionFollower).run()
    assert bench.facts() == facts


def roll_back(bench: StageBench, version: str = "1", who: str = "carl") -> str:
    return bench.installation.champions.roll_back("toy", version, who)


# --- Rolling back ---


def test_an_earlier_version_becomes_the_champion_again(two: StageBench) -> None:
    assert roll_back(two) == "2"

    assert agreed(two) == "1"
    assert two.ledger() == [FIRST, SECOND, BACK]


def test_each_rollback_is_an_event_of_its_own(two: StageBench) -> None:
    for version in ("1", "2", "1"):
        roll_back(two, version)

    assert [(event, version) for event, version, *_ in two.ledger()][2:] == [
        (LedgerEvent.ROLLED_BACK, version) for version in ("1", "2", "1")
    ]


def test_a_rollback_to_the_version_that_serves_is_no_change(bench: StageBench) -> None:
    assert roll_back(bench) == "1"
    assert bench.ledger() == [FIRST]
    assert [row.ended is None for row in bench.rows(Move)] == [False, False]


@pytest.mark.parametrize(
    ("model", "version", "said"),
    [
        ("toy", "9", "model 'toy' has no registered version '9'; see: jinsu ledger show toy"),
        ("toy", "", "model 'toy' has no registered version ''"),
        ("toy", "latest", "model 'toy' has no registered version 'latest'"),
        ("other", "1", "model 'other' does not exist"),
    ],
)
def test_an_unknown_version_moves_nothing(bench: StageBench, model: str, version: str, said: str) -> None:
    with pytest.raises(NotFoundError, match=said):
        bench.installation.champions.roll_back(model, version, "bob")

    assert agreed(bench) == "1"
    assert bench.ledger() == [FIRST]


def test_a_version_whose_registration_was_killed_is_none(two: StageBench) -> None:
    """It is in MLflow, but its evidence may not be whole."""
    (candidate,) = [row for row in two.rows(Candidate) if row.version == "1"]
    two.change(Candidate, candidate.submission, candidate.package, ready=False)

    with pytest.raises(NotFoundError):
        roll_back(two)
    assert agreed(two) == "2"


def test_a_rollback_that_mlflow_did_not_hear_is_not_in_the_ledger(two: StageBench) -> None:
    two.mlflow.down = True
    with pytest.raises(TransientError):
        roll_back(two)
    two.mlflow.down = False
    follow(two)

    assert agreed(two) == "2"
    assert two.ledger() == [FIRST, SECOND]


@pytest.mark.parametrize("name", ["ann", "eve", "tess", "theo", "root", "nobody", ""])
@pytest.mark.parametrize("door", ["roll_back", "move_by_hand"])
def test_nobody_but_a_reviewer_of_the_team_moves_a_champion(two: StageBench, door: str, name: str) -> None:
    """0.1 let every holder of a reviewer's token move the champions of every team."""
    facts = two.facts()
    with pytest.raises(ForbiddenError):
        getattr(two.installation.champions, door)("toy", "1", name)
    assert two.facts() == facts


def test_a_reviewer_who_left_moves_nothing(two: StageBench) -> None:
    two.remove_person("carl")
    with pytest.raises(ForbiddenError, match="'carl' has no account here"):
        roll_back(two)
    assert agreed(two) == "2"


# --- A rollback while a challenger is promoting ---


@pytest.mark.parametrize("phase", [Phase.STEPPING, Phase.PROMOTING])
def test_only_a_challenger_that_has_all_traffic_is_taken_back_with_it(bench: StageBench, phase: Phase) -> None:
    """It would wait for the alias at 100 % of traffic for ever; one that is still compared goes on."""
    run = second_version(bench, StageName.REVIEW)
    bench.build(Canary).start(run)
    bench.set_rollout(phase, "", run)

    roll_back(bench, "1", "bob")

    expected = "abort:rolled back: version 1 by bob" if phase is Phase.PROMOTING else ""
    assert bench.row(Rollout, run).command == expected


def test_the_version_that_is_rolled_back_to_is_not_taken_back(bench: StageBench) -> None:
    run = second_version(bench, StageName.CANARY)
    roll_back(bench, "2")

    assert bench.row(Rollout, run).command == ""


def test_a_promotion_on_its_way_does_not_overrule_a_rollback(bench: StageBench) -> None:
    """The controller has not carried out the abort yet, so that the rollout's phase is still `promoting`."""
    run = second_version(bench, StageName.CANARY)
    roll_back(bench, "1")
    with pytest.raises(GateFailedError, match="version 2 was told to abort before promotion: rolled back: version 1"):
        bench.build(Promote).run(run)

    assert agreed(bench) == "1"
    assert bench.ledger() == [FIRST]


def test_an_alias_that_was_moved_past_the_gate_takes_back_a_challenger_with_all_traffic(two: StageBench) -> None:
    third = two.another_run(StageName.CANARY, key="third", train__params={"lr": 0.3})
    two.installation.mlflow.set_alias("toy", CHAMPION, "1")
    follow(two)

    assert two.row(Rollout, third).command == f"abort:moved by hand: version 1 by {UNKNOWN}"
    assert agreed(two) == "1"


# --- Promotions that are repeated ---


def test_a_promotion_that_is_repeated_does_not_undo_a_rollback(bench: StageBench) -> None:
    """Airflow tries the stage again when its last request was lost, or a person clears it."""
    run = second_version(bench, StageName.CANARY)
    bench.mlflow.lose_answer_to = "registered-models/alias"
    promote = bench.build(Promote)
    with pytest.raises(TransientError):
        promote.run(run)
    promote.run(run)
    roll_back(bench)

    assert promote.run(run).version == "2"

    assert agreed(bench) == "1"
    assert bench.ledger() == [FIRST, SECOND, BACK]


def test_a_promotion_that_was_refused_is_refused_again(bench: StageBench) -> None:
    """Its second try took the intent of the first for a move that had ended, and called the run promoted."""
    run = second_version(bench, StageName.CANARY)
    bench.installation.revocations.revoke("toy", "2", "bob", "leaks addresses")
    bench.change(Rollout, run, command="")
    for _ in range(2):
        with pytest.raises(GateFailedError, match="bob revoked version 2: leaks addresses"):
            bench.build(Promote).run(run)

    assert agreed(bench) == "1"
    assert [event for event, *_ in bench.ledger()] == [LedgerEvent.PROMOTED, LedgerEvent.REVOKED]


def test_a_version_that_mlflow_does_not_know_any_more_is_not_promoted(bench: StageBench) -> None:
    run = second_version(bench, StageName.CANARY)
    version = bench.mlflow.models["toy"].versions.pop("2")
    for _ in range(2):
        with pytest.raises(NotFoundError):
            bench.build(Promote).run(run)
    bench.mlflow.models["toy"].versions["2"] = version

    assert bench.build(Promote).run(run).version == "2"
    assert bench.ledger() == [FIRST, SECOND]


# --- Moves by hand ---


def test_an_alias_that_was_moved_past_the_gate_is_followed_with_one_entry(two: StageBench) -> None:
    """0.1 wrote none when the version had been promoted before."""
    two.installation.mlflow.set_alias("toy", CHAMPION, "1")
    follow(two)

    assert agreed(two) == "1"
    assert two.ledger() == [FIRST, SECOND, (LedgerEvent.MOVED_BY_HAND, "1", "2", UNKNOWN)]


def test_moving_it_there_and_back_has_an_entry_for_each_change(two: StageBench) -> None:
    for version in ("1", "2", "1"):
        two.installation.mlflow.set_alias("toy", CHAMPION, version)
        follow(two)

    assert [(event, version, actor) for event, version, _, actor in two.ledger()][2:] == [
        (LedgerEvent.MOVED_BY_HAND, version, UNKNOWN) for version in ("1", "2", "1")
    ]


def test_a_reviewer_who_sets_the_alias_in_mlflow_is_named(two: StageBench) -> None:
    assert two.installation.champions.move_by_hand("toy", "1", "carl") == "2"
    follow(two)

    assert agreed(two) == "1"
    assert two.ledger()[2:] == [(LedgerEvent.MOVED_BY_HAND, "1", "2", "carl")]


def test_what_moved_between_two_passes_is_one_change(two: StageBench) -> None:
    """Only what the endpoint saw served."""
    for version in ("1", "2", "1"):
        two.installation.mlflow.set_alias("toy", CHAMPION, version)
    follow(two)

    assert [event for event, *_ in two.ledger()[2:]] == [LedgerEvent.MOVED_BY_HAND]


# --- Whose move it was ---


def test_an_intent_that_moved_nothing_is_not_the_actor_of_a_later_move(two: StageBench) -> None:
    """Carl's rollback did not reach MLflow; hours later somebody moves the alias past the gate."""
    two.mlflow.down = True
    with pytest.raises(TransientError):
        roll_back(two)
    two.mlflow.down = False
    (intent,) = [row for row in two.rows(Move) if row.ended is None]
    two.change(Move, intent.identity, intended=intent.intended - 3601)
    two.installation.mlflow.set_alias("toy", CHAMPION, "1")
    follow(two)

    assert two.ledger()[2:] == [(LedgerEvent.MOVED_BY_HAND, "1", "2", UNKNOWN)]


def test_an_intent_for_another_version_is_not_the_actor(two: StageBench) -> None:
    two.mlflow.down = True
    with pytest.raises(TransientError):
        roll_back(two, "2")
    two.mlflow.down = False
    two.installation.mlflow.set_alias("toy", CHAMPION, "1")
    follow(two)

    assert two.ledger()[2:] == [(LedgerEvent.MOVED_BY_HAND, "1", "2", UNKNOWN)]


def test_an_intent_that_was_refused_is_forgotten(two: StageBench) -> None:
    """Else a move that somebody makes past the gate a minute later would be carl's."""
    two.installation.revocations.revoke("toy", "1", "bob", "leaks addresses")
    with pytest.raises(ForbiddenError):
        roll_back(two)
    assert [row for row in two.rows(Move) if row.ended is None] == []


def test_of_two_intents_the_later_one_is_the_actor(two: StageBench) -> None:
    two.mlflow.down = True
    for name in ("bob", "carl"):
        with pytest.raises(TransientError):
            roll_back(two, "1", name)
    two.mlflow.down = False
    two.installation.mlflow.set_alias("toy", CHAMPION, "1")
    follow(two)

    assert two.ledger()[2:] == [BACK]


def test_a_move_of_one_identity_is_made_once(two: StageBench) -> None:
    intent = Intent("promote:again", "toy", "1", LedgerEvent.PROMOTED, "bob")
    assert [two.installation.champions.move(intent) for _ in range(2)] == ["2", "2"]
    assert len(two.ledger()) == 3


# --- Killed anywhere ---


def killed_everywhere(template: StageBench, act: Callable[[StageBench], Any], folder: Path) -> list[StageBench]:
    """The same installation, once for each place at which a process that acts can be killed."""
    whole = template.copy_to(folder / "whole")
    act(whole)
    places = whole.crash.passed
    assert places > 2
    killed = []
    for place in range(1, places + 1):
        bench = template.copy_to(folder / f"killed-{place}")
        bench.crash.begin_anew(place)
        with pytest.raises(Killed):
            act(bench)
        bench.crash.begin_anew()
        killed.append(bench)
    whole.close()
    return killed


@pytest.mark.parametrize("door", ["roll_back", "move_by_hand"])
def test_a_move_that_was_killed_anywhere_is_done_whole_or_not_at_all(
    two: StageBench, tmp_path: Path, door: str
) -> None:
    event = {"roll_back": LedgerEvent.ROLLED_BACK, "move_by_hand": LedgerEvent.MOVED_BY_HAND}[door]
    ends = []
    for bench in killed_everywhere(
        two, lambda bench: getattr(bench.installation.champions, door)("toy", "1", "carl"), tmp_path
    ):
        follow(bench)
        ends.append(agreed(bench))
        assert bench.ledger()[2:] == ([(event, "1", "2", "carl")] if ends[-1] == "1" else [])
        bench.close()
    assert set(ends) == {"1", "2"}


@pytest.mark.parametrize("followed", [True, False], ids=["the controller first", "the stage again first"])
def test_a_promotion_that_was_killed_anywhere_has_one_entry_by_its_approver(
    bench: StageBench, tmp_path: Path, followed: bool
) -> None:
    run = second_version(bench, StageName.CANARY)
    for killed in killed_everywhere(bench, lambda bench: bench.build(Promote).run(run), tmp_path):
        if followed:
            follow(killed)
        assert killed.build(Promote).run(run).version == "2"
        follow(killed)
        assert agreed(killed) == "2"
        assert killed.ledger() == [FIRST, SECOND]
        killed.close()


def test_a_controller_that_was_killed_while_it_followed_a_hand_writes_one_entry(
    two: StageBench, tmp_path: Path
) -> None:
    two.installation.mlflow.set_alias("toy", CHAMPION, "1")
    for bench in killed_everywhere(two, lambda bench: bench.build(ChampionFollower).run(), tmp_path):
        follow(bench)
        assert agreed(bench) == "1"
        assert bench.ledger()[2:] == [(LedgerEvent.MOVED_BY_HAND, "1", "2", UNKNOWN)]
        bench.close()


def test_a_controller_that_was_killed_while_it_put_an_alias_back_has_noted_it(
    bench: StageBench, tmp_path: Path
) -> None:
    second_version(bench, StageName.REGISTER)
    bench.installation.mlflow.set_alias("toy", CHAMPION, "2")
    for killed in killed_everywhere(bench, lambda bench: bench.build(ChampionFollower).run(), tmp_path):
        follow(killed)
        assert agreed(killed) == "1"
        assert killed.ledger() == [FIRST]
        refused = [row.detail for row in killed.rows(AuditEntry) if row.event is AuditEvent.REFUSED]
        assert refused
        assert "version 2 was never shown to a reviewer" in refused[0]
        killed.close()


def test_a_rollback_that_was_killed_after_the_alias_takes_back_the_challenger_too(
    bench: StageBench, tmp_path: Path
) -> None:
    """The challenger kept 100 % of traffic for ever when the process died between the two records."""
    second_version(bench, StageName.PROMOTE)
    third = bench.another_run(StageName.CANARY, key="third", train__params={"lr": 0.3})
    for killed in killed_everywhere(bench, roll_back, tmp_path):
        follow(killed)
        went_back = agreed(killed) == "1"
        assert (killed.row(Rollout, third).command != "") == went_back
        killed.close()


# --- Rollouts ---


def test_a_rollout_is_asked_for_once_with_the_champion_that_serves(bench: StageBench) -> None:
    run = second_version(bench, StageName.REVIEW)
    policy = policy_of(rules_of(bench.installation.journal.submission(run)))
    for challenger in ("2", "1"):
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


def test_a_reason_may_hold_anything(bench: StageBench) -> None:
    bench.set_rollout(Phase.STEPPING)
    bench.installation.rollouts.command("toy", Command(Verb.ABORT, "bob: 50% : of\0 errors"))

    assert bench.row(Rollout).command == "abort:bob: 50% : of� errors"


def test_a_run_without_a_rollout_takes_no_command(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.REVIEW)
    bench.installation.rollouts.command_run(bench.run, ABORT)

    assert bench.installation.rollouts.of(bench.run) is None
    assert not bench.installation.rollouts.active(bench.run)


# --- A rollout that ends while its promotion is on its way ---


@pytest.mark.parametrize("phase", [Phase.REVERTED, Phase.SUPERSEDED, Phase.HALTED])
def test_a_promotion_on_its_way_does_not_overrule_a_rollout_that_was_taken_back(
    bench: StageBench, phase: Phase
) -> None:
    """The stage read that the challenger may be promoted; then the controller carried out a reviewer's abort."""
    run = second_version(bench, StageName.CANARY)
    bench.set_rollout(phase, "ann: looks odd", run)
    intent = Intent(f"promote:{run}", "toy", "2", LedgerEvent.PROMOTED, "bob", run)
    with pytest.raises(GateFailedError, match=f"version 2 was {phase} before promotion: ann: looks odd"):
        bench.installation.champions.move(intent)

    assert agreed(bench) == "1"
    assert bench.ledger() == [FIRST]
    assert len(bench.rows(Move)) == 1


@pytest.mark.parametrize("told", [True, False])
def test_an_alias_of_a_promotion_that_died_goes_back_when_its_rollout_was_taken_back(
    bench: StageBench, told: bool
) -> None:
    run = second_version(bench, StageName.CANARY)
    intent = Intent(f"promote:{run}", "toy", "2", LedgerEvent.PROMOTED, "bob", run)
    bench.installation.champions._intend(intent)
    bench.installation.mlflow.set_alias("toy", CHAMPION, "2")  # and here the process died
    if told:
        bench.change(Rollout, run, command=ABORT.encode())
    else:
        bench.set_rollout(Phase.REVERTED, "looks wrong", run)
    follow(bench)

    assert agreed(bench) == "1"
    assert bench.ledger() == [FIRST]
