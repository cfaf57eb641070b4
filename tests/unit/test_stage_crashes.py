"""A stage that was killed at any of its steps and is done again leaves what one undisturbed pass leaves."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.crash_points import Killed
from tests.support.stage_bench import StageBench

from jinsu.runs.stages import ORDER, StageName

BenchAfter = Callable[[StageName | None], StageBench]


pytestmark = pytest.mark.usefixtures("no_great_expectations")


@pytest.mark.parametrize("stage", ORDER)
def test_a_stage_that_is_killed_anywhere_and_done_again_leaves_what_one_pass_leaves(
    stage: StageName, bench_after: BenchAfter, tmp_path: Path
) -> None:
    before = ORDER[ORDER.index(stage) - 1] if stage is not StageName.ADMIT else None
    template = bench_after(before)
    undisturbed = template.copy_to(tmp_path / "bench")
    undisturbed.carry_out(stage)
    places, facts = undisturbed.crash.passed, undisturbed.facts()
    assert places > 0

    for place in range(1, places + 1):
        bench = template.copy_to(tmp_path / "bench")
        bench.crash.begin_anew(place)
        with pytest.raises(Killed):
            bench.carry_out(stage)
        bench.crash.begin_anew()
        bench.carry_out(stage)
        assert bench.facts() == facts, f"killed at {place} of {places}"


@pytest.mark.parametrize("stage", ORDER)
def test_a_stage_that_is_done_again_changes_nothing(stage: StageName, bench_after: BenchAfter) -> None:
    """Airflow's users clear tasks, and a worker may lose the connection just after its task has ended."""
    bench = bench_after(stage)
    facts = bench.facts()

    bench.carry_out(stage)

    assert bench.facts() == facts
