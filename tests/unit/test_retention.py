"""Retention removes what nothing needs, says why, and takes nothing from a run that starts at the same moment."""

import json
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from tests.support.stage_bench import StageBench
from tests.unit.conftest import Templates

from jinsu.cli.main import cli
from jinsu.errors import ConflictError, ForbiddenError, NotFoundError, TransientError
from jinsu.release.advance import Phase
from jinsu.retention.decision import Facts, Object, Run, Version, decide
from jinsu.retention.removal import Retention
from jinsu.runs.stages import StageName, Trained
from jinsu.settings import Retention as Rules
from jinsu.settings import Settings
from jinsu.state.states import AuditEvent, SubmissionState
from jinsu.state.tables import AuditEntry, Removal, Submission

DAY = 86400.0
NOW = 1_000 * DAY
RULES = Rules(failed_runs=30, unnamed=30)


def run(name: str, days: float | None, *objects: str, version: Version | None = None, state: str = "failed") -> Run:
    """A run that ended so many days ago; None while it is open."""
    return Run(name, state, None if days is None else NOW - days * DAY, frozenset(objects), version)


def item(name: str, days: float = 400, **more: Any) -> Object:
    """An object that was stored so many days ago."""
    return Object(name, 10, NOW - days * DAY, **more)


def gone(runs: list[Run], objects: list[Object], rules: Rules = RULES, offered: tuple[str, ...] = ()) -> dict[str, str]:
    """Why each object goes, by its name."""
    decision = decide(rules, Facts(runs, objects, frozenset(offered)), NOW)
    return {unneeded.name: unneeded.why for unneeded in decision.objects}


@pytest.mark.parametrize(
    ("keeper", "why"),
    [
        (run("open", None, "steps/a"), "an open run"),
        (run("failed", 29, "steps/a"), "a run that failed not long ago"),
        (run("served", 900, "steps/a", version=Version("m", "1", True), state="succeeded"), "a champion"),
        (run("registered", 900, "steps/a", version=Version("m", "1", False)), "a registered version"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_needed_stays_however_many_old_runs_name_it_too(keeper: Run, why: str) -> None:
    assert gone([run("old", 300, "steps/a"), keeper], [item("steps/a")]) == {}


def test_what_only_old_failures_need_goes_with_the_reason() -> None:
    (why,) = gone([run("one", 300, "steps/a"), run("two", 31, "steps/a")], [item("steps/a")]).values()
    assert (
        why
        == f"only for runs that are over; the last, two, failed on {time.strftime('%Y-%m-%d', time.gmtime(NOW - 31 * DAY))}"
    )


def test_what_no_run_names_goes_when_it_is_old() -> None:
    assert list(gone([], [item("steps/a", 31), item("steps/b", 29), item("code/c.tar.gz", 31)])) == [
        "steps/a",
        "code/c.tar.gz",
    ]
    assert gone([], [item("code/c.tar.gz")], offered=("code/c.tar.gz",)) == {}


def test_nothing_young_goes_whatever_the_rules_say() -> None:
    at_once = Rules(failed_runs=0, unnamed=0, dataset_versions=0)
    assert gone([run("old", 300, "steps/a")], [item("steps/a", 0.9), item("datasets/d/1", 0.9)], at_once) == {}


def test_dataset_versions_stay_unless_a_rule_lets_old_ones_go() -> None:
    versions = [item("datasets/d/1"), item("datasets/d/2"), item("datasets/d/3", newest=True)]
    user = run("user", 900, "datasets/d/2", version=Version("m", "1", False))
    assert gone([user], versions) == {}
    assert list(gone([user], versions, Rules(dataset_versions=90))) == ["datasets/d/1"]


def test_old_versions_stay_unless_a_rule_lets_them_go() -> None:
    runs = [
        run(str(number), 400, f"steps/{number}", version=Version("m", str(number), number == 2), state="succeeded")
        for number in range(1, 13)
    ]
    objects = [item(f"steps/{number}") for number in range(1, 13)]
    assert gone(runs, objects) == {}
    old = Rules(old_versions=365, old_versions_kept=9)
    assert set(gone(runs, objects, old)) == {"steps/1", "steps/3"}
    decision = decide(old, Facts(runs, objects, frozenset()), NOW)
    assert {version.number for version in decision.versions} == {"1", "3"}
    assert gone(runs, objects, Rules(old_versions=500, old_versions_kept=1)) == {}


# --- With real records and files ---


@pytest.fixture
def bench(templates: Templates, bench_after: Any, monkeypatch: pytest.MonkeyPatch) -> StageBench:
    monkeypatch.setattr("jinsu.retention.decision.YOUNG_SECONDS", -1.0)
    found: StageBench = bench_after(StageName.PACKAGE)
    return found


def names(bench: StageBench) -> set[str]:
    """Steps and code, but for the step that holds the dataset's newest version."""
    root, dataset = bench.home / "objects", bench.installation.datasets.resolve("points").step
    assert (root / "steps" / dataset / "out").is_dir()
    found = {
        f"{kind}/{path.name}" for kind in ("steps", "code") for path in (root / kind).iterdir() if path.name[0] != "."
    }
    return found - {f"steps/{dataset}"}


def failed_long_ago(bench: StageBench) -> None:
    bench.change(Submission, state=SubmissionState.FAILED, ended=time.time() - 60 * DAY)


def test_a_dry_run_changes_nothing(bench: StageBench) -> None:
    failed_long_ago(bench)
    before = names(bench)
    assert {unneeded.name for unneeded in bench.build(Retention).plan().objects} == before
    assert names(bench) == before
    assert bench.rows(Removal) == []


def test_the_command_shows_what_goes_how_large_it_is_and_why(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_long_ago(bench)
    monkeypatch.setattr("jinsu.installation.connect", lambda: bench.installation)
    before = names(bench)
    said = CliRunner().invoke(cli, ["retention", "--dry-run"], catch_exceptions=False).output
    assert all(name[:17] in said for name in before)
    assert f"only for runs that are over; the last, {bench.run}, failed on" in said
    assert f"{len(before)} objects, " in said
    assert "would be removed" in said
    assert names(bench) == before
    answer = CliRunner().invoke(cli, ["retention", "--json"], catch_exceptions=False)
    assert {item["name"] for item in json.loads(answer.output)["objects"]} == before
    assert CliRunner().invoke(cli, ["retention"]).output == "Nothing was removed.\n"


def test_what_an_open_run_needs_stays(bench: StageBench) -> None:
    before = names(bench)
    assert bench.build(Retention).run() == []
    assert names(bench) == before


def test_a_removal_frees_the_disk_and_is_in_the_audit_log(bench: StageBench) -> None:
    failed_long_ago(bench)
    before = names(bench)
    removed = bench.build(Retention).run()
    assert {unneeded.name for unneeded in removed} == before
    assert names(bench) == set()
    noted = {entry.subject for entry in bench.rows(AuditEntry) if entry.event is AuditEvent.REMOVED}
    assert noted == before
    assert all(row.done for row in bench.rows(Removal))
    assert bench.build(Retention).run() == []


def test_a_reader_of_what_is_gone_gets_a_sentence(bench: StageBench) -> None:
    key = bench.installation.journal.output(Trained, bench.run).run_key
    failed_long_ago(bench)
    bench.build(Retention).run()
    with pytest.raises(NotFoundError, match="is gone or was changed; see `jinsu audit`"):
        bench.installation.steps.document(dict, key, "report.json")


def test_a_run_that_submits_removed_code_again_is_carried_out(bench: StageBench) -> None:
    """Its steps were removed, so they are done again; nothing takes them for done."""
    failed_long_ago(bench)
    bench.build(Retention).run()
    for row in bench.rows(Removal):
        bench.change(Removal, row.name, at=time.time() - 100)
    bench.submit(key="again")
    for stage in (StageName.ADMIT, StageName.VALIDATE_DATA, StageName.TRAIN, StageName.PACKAGE):
        bench.carry_out(stage)
    assert bench.installation.steps.result(bench.installation.journal.output(Trained, bench.run).run_key) is not None


def test_a_step_that_is_being_removed_is_not_taken_for_done(bench: StageBench) -> None:
    """The run has found the step done; retention removes it before the run has written down that it needs it."""
    failed_long_ago(bench)
    bench.submit(key="again")
    bench.carry_out(StageName.ADMIT)
    retention = bench.build(Retention)
    before = len(bench.rows(Removal))

    def work() -> Any:
        found = bench.installation.journal.output(Trained, first)
        retention.run()
        return found

    first = next(row.id for row in bench.rows(Submission) if row.id != bench.run)
    with pytest.raises(TransientError, match="was just removed by retention"):
        bench.installation.journal.record(StageName.TRAIN, bench.run, work)
    assert len(bench.rows(Removal)) > before


def test_of_a_run_and_retention_at_once_the_run_never_loses(bench: StageBench) -> None:
    """The run writes down the step and looks whether it is done, while retention looks and removes; many times."""
    failed_long_ago(bench)
    key = bench.installation.journal.output(Trained, bench.run).run_key
    journal = bench.installation.journal
    bench.submit(key="again")
    together = threading.Barrier(2)
    outcomes: list[str] = []

    def start() -> None:
        together.wait(60)
        try:
            journal.note(bench.run, StageName.TRAIN, "training", run_key=key)
            outcomes.append("kept" if bench.installation.steps.result(key) else "absent")
        except TransientError:
            outcomes.append("refused")

    thread = threading.Thread(target=start)
    thread.start()
    together.wait(60)
    bench.build(Retention).run()
    thread.join()
    there = (bench.home / "objects" / "steps" / key / "result.json").exists()
    assert there or outcomes in (["refused"], ["absent"]), "a run was told that a step is done which is gone"


def test_what_a_killed_retention_wrote_down_stops_no_run_for_ever(bench: StageBench) -> None:
    key = bench.installation.journal.output(Trained, bench.run).run_key
    with bench.records.begin() as session:
        session.add(Removal(name=f"steps/{key}", at=time.time(), why="", size=1, done=False))
    with pytest.raises(TransientError):
        bench.installation.journal.note(bench.run, StageName.TRAIN, run_key=key)
    bench.change(Removal, f"steps/{key}", at=time.time() - 700)
    bench.installation.journal.note(bench.run, StageName.TRAIN, run_key=key)


def test_code_that_is_removed_while_a_run_is_admitted_ends_it_with_a_sentence(bench: StageBench) -> None:
    digest = bench.code()
    with bench.records.begin() as session:
        session.add(Removal(name=f"code/{digest}.tar.gz", at=time.time(), why="", size=1, done=False))
    with pytest.raises(ConflictError, match="removed by retention at this very moment; submit again"):
        bench.submit(key="another", code=digest)


def test_an_old_version_without_files_may_not_serve(bench_after: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jinsu.retention.decision.YOUNG_SECONDS", -1.0)
    bench: StageBench = bench_after(StageName.PROMOTE)
    old_step = bench.installation.journal.output(Trained, bench.run).run_key
    bench.another_run(StageName.PROMOTE, train__params__lr=0.2)
    bench.serve("2")
    for row in bench.rows(Submission):
        bench.change(Submission, row.id, ended=time.time() - 400 * DAY)
        bench.set_rollout(Phase.PROMOTED, run=row.id)
    retention = bench.build(Retention, settings=_with(bench, Rules(old_versions=365, old_versions_kept=1)))
    assert f"steps/{old_step}" in {unneeded.name for unneeded in retention.run()}
    with pytest.raises(ForbiddenError, match="retention removed its files"):
        bench.installation.standings.require("toy", "1")
    bench.installation.standings.require("toy", "2")
    assert bench.installation.steps.result(old_step) is None
    assert bench.build(Retention).plan().versions == []


def _with(bench: StageBench, rules: Rules) -> Settings:
    return replace(bench.installation.settings, retention=rules)
