"""The plan of the fault matrix, and the sum of its parts."""

from itertools import islice
from pathlib import Path

import pytest
from tests.chaos import matrix
from tests.chaos.cases import Case, Victim, cells, plan
from tests.chaos.matrix import Matrix

from jinsu.runs.stages import StageName


def test_a_case_is_known_by_its_seed_and_number() -> None:
    whole = list(islice(plan(7), 300))
    assert [case.number for case in whole] == list(range(300))
    assert list(islice(plan(7, 120), 180)) == whole[120:]
    assert list(islice(plan(8), 300)) != whole


def test_every_process_is_killed_at_every_stage_before_one_comes_again() -> None:
    every = cells()
    first = [(case.victim, case.stage) for case in islice(plan(7), len(every))]
    assert sorted(first) == sorted(every)
    assert {(victim, stage) for victim, stage in every if victim is Victim.CONTROLLER} == {
        (Victim.CONTROLLER, stage) for stage in StageName
    }


def counted(first: int, *victims: Victim) -> Matrix:
    made = Matrix(7, first, first + len(victims) - 1, 60.0)
    for number, victim in enumerate(victims, first):
        made.count(Case(number, victim, StageName.TRAIN, 0.0, False), victim is not Victim.RUNNER)
    return made


def test_the_parts_of_one_seed_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "FILE", tmp_path / "build" / "chaos.json")
    counted(0, Victim.ENVOY, Victim.RUNNER).save()
    counted(2, Victim.ENVOY).save()
    found = matrix.read(matrix.FILE)
    assert (found.first, found.last, found.seconds) == (0, 2, 120.0)
    assert found.kills == {"envoy/train": 2}
    assert found.void == {"runner/train": 1}

    counted(0, Victim.API).save()  # a new recording
    assert matrix.read(matrix.FILE).kills == {"api/train": 1}


def test_the_table_names_every_process_and_stage() -> None:
    text = counted(0, Victim.ENVOY, Victim.RUNNER).text()
    lines = {line.strip().split("  ")[0]: line.split() for line in text.splitlines()[1:]}
    assert set(Victim) <= set(lines)
    assert lines["envoy"] == ["envoy", "0", "0", "1", "0", "0", "0", "0", "0", "0", "1"]
    assert "-" in lines["runner"]
