"""The ledger's chain: whatever is done to its rows, a walk along it finds the place."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from jinsu.runs import ledger
from jinsu.state.chain import COVERED, START, link
from jinsu.state.database import Database, engine
from jinsu.state.states import LedgerEvent
from jinsu.state.tables import Base, LedgerEntry, LedgerHead

TABLE = LedgerEntry.__table__
ENTRIES = 6

plain_text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)
times = st.floats(0, 4e9)
places = st.integers(0, ENTRIES - 1)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Tables without rows."""
    found = Database(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'jinsu.db'}")
    Base.metadata.create_all(engine(found.url))
    return found


@pytest.fixture
def untouched(database: Database) -> Iterator[Callable[[], Session]]:
    """Opens a ledger of six entries, which is as it was again when it is opened anew."""
    opened: list[Session] = []

    def open_one() -> Session:
        for session in opened:
            session.rollback()
        session = Session(engine(database.url))
        opened.append(session)
        for number in range(ENTRIES):
            ledger.append(session, entry(number))
        session.flush()
        return session

    yield open_one
    for session in opened:
        session.close()


def entry(number: int, **more: Any) -> ledger.Entry:
    given = {
        "identity": f"promote:run-{number}",
        "model": "toy" if number % 2 else "other",
        "event": LedgerEvent.PROMOTED if number % 3 else LedgerEvent.ROLLED_BACK,
        "version": str(number + 1),
        "previous": str(number) if number else None,
        "actor": "bob",
        "submission": f"run-{number}" if number % 2 else None,
        "evidence": "run 0a/evidence.html",
        "detail": "all steps passed",
    }
    return ledger.Entry(**{**given, **more})  # type: ignore[arg-type]


def rows(session: Session) -> list[dict[str, Any]]:
    """Every row as it is stored, in the order of the ids."""
    found = session.execute(text("SELECT * FROM ledger ORDER BY id")).mappings()
    return [dict(row) for row in found]


def head(session: Session) -> str:
    return str(rows(session)[-1]["hash"])


def faults(session: Session, noted: str = "") -> tuple[str, ...]:
    session.expire_all()
    return ledger.verify(session, noted).faults


def rewrite(session: Session) -> None:
    """Makes every hash, and the end of the chain, fit the rows as they are now: what a careful forger would do."""
    last, all_rows = START, rows(session)
    for row in all_rows:
        last = link(last, row)
        session.execute(text("UPDATE ledger SET hash = :hash WHERE id = :id"), {"hash": last, "id": row["id"]})
    session.execute(update(LedgerHead).values(entries=len(all_rows), hash=last))


def test_a_ledger_that_nobody_touched_has_no_faults(untouched: Callable[[], Session]) -> None:
    session = untouched()
    found = ledger.verify(session)
    assert found == ledger.Verified(ENTRIES, head(session), ())
    for row in rows(session):
        assert ledger.verify(session, row["hash"]).faults == ()
    assert ledger.verify(session, START).faults == ()


def test_an_empty_ledger_has_no_end_to_count(database: Database) -> None:
    with database.begin() as session:
        assert ledger.verify(session).entries == 0
        (fault,) = ledger.verify(session).faults
    assert fault.startswith("the ledger holds 0 entries, its end counts none")


# --- Forgers ---


def other_values(column: str, old: Any) -> st.SearchStrategy[Any]:
    """Values of a column that are not `old`: also such as no program of ours would write."""
    if column == "at":
        moved = st.floats(-1e6, 1e6).map(lambda seconds: old + seconds).filter(lambda at: abs(at - old) >= 2e-6)
        return moved | st.sampled_from([math.inf, -math.inf, "yesterday"])
    nothing = st.none() if TABLE.c[column].nullable else st.nothing()
    changed = plain_text | nothing | st.sampled_from([str(member) for member in LedgerEvent])
    return changed.filter(lambda value: value != old)


@quick
@given(data=st.data(), place=places, column=st.sampled_from([*COVERED, "hash"]))
def test_an_edit_of_any_column_of_any_row_is_found(
    untouched: Callable[[], Session], data: st.DataObject, place: int, column: str
) -> None:
    session = untouched()
    row = rows(session)[place]
    value = data.draw(other_values(column, row[column]))
    session.execute(text(f"UPDATE ledger SET {column} = :value WHERE id = :id"), {"value": value, "id": row["id"]})

    assert faults(session)


@quick
@given(gone=st.sets(places, min_size=1))
def test_every_deletion_is_found(untouched: Callable[[], Session], gone: set[int]) -> None:
    session = untouched()
    ids = [row["id"] for place, row in enumerate(rows(session)) if place in gone]
    session.execute(delete(LedgerEntry).where(LedgerEntry.id.in_(ids)))

    assert faults(session)


@quick
@given(place=st.integers(0, ENTRIES), linked=st.booleans())
def test_every_insertion_is_found(untouched: Callable[[], Session], place: int, linked: bool) -> None:
    """linked: whether the new row follows from the one before, so that the break is behind it."""
    session = untouched()
    before = rows(session)
    for row in before[place:][::-1]:
        session.execute(text("UPDATE ledger SET id = id + 1 WHERE id = :id"), {"id": row["id"]})
    new = {**before[0], "identity": "forged", "id": before[place]["id"] if place < ENTRIES else before[-1]["id"] + 1}
    new["hash"] = link(before[place - 1]["hash"] if place else START, new) if linked else before[place - 1]["hash"]
    session.execute(insert(TABLE).values(**{**new, "event": LedgerEvent(new["event"])}))

    assert faults(session)


@quick
@given(order=st.permutations(range(ENTRIES)).filter(lambda order: list(order) != sorted(order)))
def test_every_other_order_is_found(untouched: Callable[[], Session], order: list[int]) -> None:
    session = untouched()
    ids = [row["id"] for row in rows(session)]
    session.execute(text("UPDATE ledger SET id = -id"))
    for place, number in enumerate(order):
        session.execute(text("UPDATE ledger SET id = :new WHERE id = :old"), {"new": ids[number], "old": -ids[place]})

    assert faults(session)


@pytest.mark.parametrize("left", range(ENTRIES))
def test_a_ledger_that_was_cut_at_its_end_says_so(untouched: Callable[[], Session], left: int) -> None:
    session = untouched()
    noted = head(session)
    for row in rows(session)[left:]:
        session.execute(delete(LedgerEntry).where(LedgerEntry.id == row["id"]))
    (fault,) = faults(session)
    assert fault == (
        f"the ledger holds {left} entries, its end counts {ENTRIES}: entries at its end are missing or new"
    )

    rewrite(session)
    assert faults(session) == ()
    (fault,) = faults(session, noted)
    assert fault.startswith(f"no entry has the hash {noted} that was noted")


@quick
@given(place=places, noted=places, actor=plain_text.filter(lambda name: name != "bob"))
def test_a_history_that_was_rewritten_whole_is_found_with_the_hash_that_was_noted(
    untouched: Callable[[], Session], place: int, noted: int, actor: str
) -> None:
    session = untouched()
    kept = rows(session)
    session.execute(update(LedgerEntry).where(LedgerEntry.id == kept[place]["id"]).values(actor=actor))
    rewrite(session)

    assert faults(session) == ()
    assert bool(faults(session, kept[noted]["hash"])) == (noted >= place)


def test_a_hash_that_was_put_back_into_a_rewritten_history_helps_no_forger(untouched: Callable[[], Session]) -> None:
    session = untouched()
    noted = head(session)
    session.execute(update(LedgerEntry).where(LedgerEntry.version == "1").values(actor="eve"))
    rewrite(session)
    last = rows(session)[-1]["id"]
    session.execute(update(LedgerEntry).where(LedgerEntry.id == last).values(hash=noted))
    session.execute(update(LedgerHead).values(hash=noted))

    assert faults(session, noted)


def test_an_event_that_does_not_exist_is_a_fault_and_no_traceback(untouched: Callable[[], Session]) -> None:
    session = untouched()
    session.execute(text("UPDATE ledger SET event = 'blessed' WHERE version = '3'"))
    (fault,) = faults(session)
    assert "(other, blessed) does not follow from the one before" in fault


@pytest.mark.parametrize("change", ["DELETE FROM ledger_head", "UPDATE ledger_head SET entries = entries + 1"])
def test_an_end_that_was_changed_is_found(untouched: Callable[[], Session], change: str) -> None:
    session = untouched()
    session.execute(text(change))
    assert len(faults(session)) == 1


# --- Links ---


@given(at=st.floats(), values=st.lists(plain_text | st.none(), min_size=len(COVERED), max_size=len(COVERED)))
def test_every_entry_has_a_link(at: float, values: list[str | None]) -> None:
    """Whatever a database holds: no time is too far away, and none that is no number."""
    linked = link(START, {**dict(zip(COVERED, values, strict=True)), "at": at})
    assert len(linked) == 64
    assert int(linked, 16) >= 0


@given(left=plain_text, right=plain_text, column=st.integers(1, len(COVERED) - 2))
def test_text_that_moves_to_the_next_column_changes_the_link(left: str, right: str, column: int) -> None:
    whole: dict[str, Any] = dict.fromkeys(COVERED)
    apart = {**whole, COVERED[column]: left, COVERED[column + 1]: right}
    joined = {**whole, COVERED[column]: left + right, COVERED[column + 1]: ""}
    assert (link(START, apart) == link(START, joined)) == (right == "")


def test_nothing_no_text_and_the_word_none_differ() -> None:
    links = {link(START, {**dict.fromkeys(COVERED, "x"), "detail": value}) for value in (None, "", "None", "null")}
    assert len(links) == 4


@given(event=st.sampled_from(LedgerEvent))
def test_a_link_is_the_same_for_an_event_and_for_its_text(event: LedgerEvent) -> None:
    """The database gives back text where an entry held a member."""
    rest = dict.fromkeys(COVERED, "x")
    assert link(START, {**rest, "event": event}) == link(START, {**rest, "event": event.value})


# --- Appending ---


@quick
@given(moments=st.lists(times, min_size=1, max_size=5))
def test_times_survive_the_way_through_the_database(
    untouched: Callable[[], Session], monkeypatch: pytest.MonkeyPatch, moments: list[float]
) -> None:
    """A time with more digits than the database keeps broke the chain of an honest ledger."""
    session = untouched()
    for number, moment in enumerate(moments):
        with monkeypatch.context() as patch:
            patch.setattr("jinsu.runs.ledger.time.time", lambda moment=moment: moment)
            ledger.append(session, entry(100 + number))

    assert faults(session) == ()
    stored = [row["at"] for row in rows(session)[-len(moments) :]]
    assert stored == pytest.approx(moments, abs=1e-6)


def test_an_event_is_recorded_once_by_its_identity(untouched: Callable[[], Session]) -> None:
    session = untouched()
    for _ in range(2):
        ledger.append(session, entry(2, actor="eve"))

    assert len(rows(session)) == ENTRIES
    assert faults(session) == ()


def test_the_detail_is_recorded_clean_and_still_follows(untouched: Callable[[], Session]) -> None:
    session = untouched()
    ledger.append(session, entry(9, detail="no\0\x1b[2J"))
    assert rows(session)[-1]["detail"] == "no��[2J"
    assert faults(session) == ()


def test_the_history_is_told_newest_first_and_by_model(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'jinsu.db'}")
    Base.metadata.create_all(engine(database.url))
    with database.begin() as session:
        for number in range(5):
            ledger.append(session, entry(number, model="toy", version=str(number)))
        ledger.append(session, entry(7, model="other"))

    assert [row.version for row in ledger.history(database, "toy", limit=3)] == ["4", "3", "2"]
    assert [row.model for row in ledger.history(database, "other")] == ["other"]
    assert ledger.history(database, "unknown") == []
    assert ledger.recorded(database, "promote:run-3")
    assert not ledger.recorded(database, "promote:run-8")
    with database.begin() as session:
        assert session.scalars(select(LedgerHead.entries)).one() == 6
