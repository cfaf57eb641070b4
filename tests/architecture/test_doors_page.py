"""The table of doors is whole, and docs/security.md shows it as it is."""

from collections import Counter

import pytest
from tests.architecture import doors_page
from tests.support.doors import DOORS, Answer, Door, Surface, Who


def test_the_page_shows_the_table_as_it_is() -> None:
    page = doors_page.PAGE.read_text(encoding="utf-8")
    assert page == doors_page.written(page), "run: make docs"
    assert page.count(doors_page.BEGIN) == page.count(doors_page.END) == 1


def test_a_cell_that_was_changed_by_hand_is_seen() -> None:
    page = doors_page.PAGE.read_text(encoding="utf-8")
    changed = page.replace("| delete a run | ✘ |", "| delete a run | ✔ |")
    assert changed != page
    assert doors_page.written(changed) == page


@pytest.mark.parametrize("door", DOORS, ids=lambda door: f"{door.surface}: {door.name}")
def test_a_door_says_what_everybody_is_answered(door: Door) -> None:
    assert door.cells.keys() == set(Who)
    assert door.cells[Who.NOBODY] is not Answer.MAY, "no door is open to nobody"


def test_each_surface_has_doors_and_each_door_a_name_of_its_own() -> None:
    names = Counter((door.surface, door.name) for door in DOORS)
    assert {surface for surface, _ in names} == set(Surface)
    assert max(names.values()) == 1
