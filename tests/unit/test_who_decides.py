"""Who judges is not who is judged: what a submitter of each role may change, whose names are whose, and how often."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner
from tests.support.datasets import put_dataset
from tests.support.stage_bench import EXPECTATIONS, SPEC, StageBench, points

from jinsu.cli.authoring import init
from jinsu.errors import BadInputError, ConflictError, ForbiddenError, JinsuError, NotFoundError
from jinsu.identity import accounts
from jinsu.identity.policies import history, policy_of, put_policy
from jinsu.runs.admission import Request
from jinsu.runs.journal import rules_of
from jinsu.runs.stages import StageName
from jinsu.spec.load import parse_spec, policy_from, problem_from
from jinsu.spec.problem import ProblemSpec
from jinsu.spec.rules import NamedProblem, Rules
from jinsu.state.states import Kept, Role
from jinsu.state.tables import AuditEntry, Dataset, Model, Problem, ProblemSplit, ProblemVersion, Submission

BenchAfter = Callable[[StageName | None], StageBench]
KEPT: dict[str, Any] = {"name": "sides", "dataset": "points", "metric": "accuracy", "min": 0.8}
OWN = "name: {name}\nproblem: {problem}\ntrain: {{command: python train.py}}\n"
REFUSED = (BadInputError, ConflictError, ForbiddenError, NotFoundError)


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """One run of ann, of model and inline problem `toy` of team `default`."""
    return bench_after(None)


def code(bench: StageBench, name: str, problem: str) -> str:
    return bench.code(OWN.format(name=name, problem=problem))


def put(bench: StageBench, who: str = "olga", team: str = "", **change: Any) -> NamedProblem:
    return bench.installation.problems.put(bench.person(who), problem_from(KEPT | change), None, team)


def refused(bench: StageBench, submitter: str, digest: str, team: str = "", **overrides: Any) -> JinsuError:
    """Why; nothing of the submission may be recorded."""
    tables = (Submission, Model, Problem, ProblemVersion, ProblemSplit, Dataset)
    before = [[vars(row) | {"_sa_instance_state": None} for row in bench.rows(table)] for table in tables]
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    with pytest.raises(REFUSED) as caught:
        bench.installation.admission.admit(Request(bench.person(submitter), digest, "x", named, team=team))
    after = [[vars(row) | {"_sa_instance_state": None} for row in bench.rows(table)] for table in tables]
    assert after == before
    assert "\n" not in str(caught.value)
    return caught.value


def rules(bench: StageBench, run: str) -> Rules:
    return rules_of(bench.row(Submission, run))


# --- An inline problem ---

LOOSENED = {
    "min": {"problem__min": 0.1},
    "vs_champion": {"problem__vs_champion": -1},
    "metric": {"problem__metric": "f1_macro"},
    "slices": {"problem__slices": []},
    "features": {"problem__features": ["a"]},
    "max_folded": {"problem__max_folded": 1.0},
    "guardrails": {"problem__guardrails": {"f1_macro": ">= 0"}},
    "latency": {"problem__serve__max_latency_ms": 9e9},
    "review": {"problem__release__review__approvers": 0},
    "expectations": {"problem__expectations": None},
    "everything": {"problem": {"dataset": "points", "metric": "accuracy"}},
}


@pytest.mark.parametrize("change", LOOSENED.values(), ids=LOOSENED)
@pytest.mark.parametrize("who", ["ann", "eve", "bob"])
def test_only_an_owner_changes_the_inline_problem_of_a_team(
    bench: StageBench, who: str, change: dict[str, Any]
) -> None:
    """Neither who wrote it first, nor a reviewer, nor by an override, nor in model.yaml."""
    said = refused(bench, who, bench.code(), **change)
    assert isinstance(said, ForbiddenError)
    assert "only an owner of team default changes how models are judged. Write `problem: toy`" in str(said)

    bench.submit("olga", "of the owner", bench.code(), **change)
    assert [row.version for row in bench.rows(ProblemVersion)] == [1, 2]


def test_other_expectations_of_an_inline_problem_are_another_version(bench: StageBench) -> None:
    weak = bench.code(expectations="- expect_column_to_exist: {column: a}")
    assert isinstance(refused(bench, "ann", weak), ForbiddenError)

    run = bench.submit("olga", "weak", weak)
    assert rules(bench, run).version == 2
    assert bench.row(ProblemVersion, "toy", 2).expectations == "- expect_column_to_exist: {column: a}"


def test_the_scorer_of_an_inline_problem_is_the_owners(bench: StageBench) -> None:
    """It lies in the folder that everybody submits, so another one is another version, and a researcher's is refused."""
    own = "{name: own, dataset: points, kind: custom, metric: profit, scorer: scorer.py, direction: maximize}"
    spec = SPEC.replace("name: toy", "name: scored").split("problem:")[0] + f"problem: {own}\ntrain:" + SPEC.split("train:")[1]
    first = "def score(truth, outputs, rows):\n    return {'profit': truth}\n"
    other = first.replace("truth}", "-truth}")
    run = bench.submit("ann", "scored", bench.code(spec, scorer=first))
    assert (rules(bench, run).version, bench.row(ProblemVersion, "own", 1).scorer) == (1, first)

    said = refused(bench, "ann", bench.code(spec, scorer=other))
    assert isinstance(said, ForbiddenError)
    assert "it differs from version 1 of problem 'own'; only an owner of team default changes" in str(said)
    assert rules(bench, bench.submit("eve", "same", bench.code(spec, scorer=first))).version == 1

    run = bench.submit("olga", "other", bench.code(spec, scorer=other))
    assert (rules(bench, run).version, bench.row(ProblemVersion, "own", 2).scorer) == (2, other)
    assert str(refused(bench, "olga", bench.code(spec))) == "model.yaml: problem.scorer: the folder has no file 'scorer.py'."
    assert "larger than 64 KiB" in str(refused(bench, "olga", bench.code(spec, scorer="#" * 70_000)))


def test_who_names_an_inline_problem_takes_it_as_it_is(bench: StageBench) -> None:
    run = bench.submit("eve", "named", code(bench, "toy", "toy"))
    assert rules(bench, run).judging == rules(bench, bench.rows(Submission)[0].id).judging
    assert rules(bench, run).expectations == "expectations.yaml"
    assert len(bench.rows(ProblemVersion)) == 1


def test_the_same_inline_problem_again_is_no_version(bench: StageBench) -> None:
    said_otherwise = SPEC.replace("dataset: points,", "dataset: points@latest, target: label, split: {holdout: 0.2},")
    for key, spec in enumerate((SPEC, said_otherwise)):
        bench.submit("eve", str(key), bench.code(spec))
    assert [row.version for row in bench.rows(ProblemVersion)] == [1]


def test_an_inline_problem_has_the_name_of_its_model_unless_it_says_another(bench: StageBench) -> None:
    run = bench.submit("eve", "2", code(bench, "other", "{name: pairs, dataset: points, metric: accuracy}"))
    assert (rules(bench, run).problem, rules(bench, run).team) == ("pairs", "default")
    assert sorted((row.name, row.inline, row.team) for row in bench.rows(Problem)) == [
        ("pairs", True, "default"),
        ("toy", True, "default"),
    ]


def test_an_inline_problem_of_version_0_1_takes_submissions_as_before_until_an_owner_puts_its_text(
    bench: StageBench,
) -> None:
    """Version 0.1 kept the name of the file alone, so every submission of a researcher would have been refused."""
    bench.change(ProblemVersion, "toy", 1, expectations=None)
    run = bench.submit("eve", "2", bench.code())
    assert rules(bench, run).version == 1

    run = bench.submit("olga", "3", bench.code())
    assert (rules(bench, run).version, bench.row(ProblemVersion, "toy", 2).expectations) == (2, EXPECTATIONS)
    weak = bench.code(expectations="- expect_column_to_exist: {column: a}")
    assert isinstance(refused(bench, "eve", weak), ForbiddenError)


# --- A problem that an owner keeps ---


def test_a_kept_problem_judges_whoever_names_it(bench: StageBench) -> None:
    put(bench)
    run = bench.submit("ann", "2", code(bench, "mine", "sides"))
    assert (rules(bench, run).problem, rules(bench, run).judging.min, rules(bench, run).team) == (
        "sides",
        0.8,
        "default",
    )


@pytest.mark.parametrize("who", ["ann", "eve", "bob"])
@pytest.mark.parametrize(
    "problem",
    [
        "{dataset: points, metric: accuracy}",
        "{dataset: points@latest, metric: accuracy, split: {holdout: 0.001}}",
        "{name: other, dataset: points, metric: accuracy, split: {by: b}}",
    ],
)
def test_no_own_problem_over_rows_that_a_kept_problem_holds_out(bench: StageBench, who: str, problem: str) -> None:
    """Its split would hand the held-out rows to training."""
    put(bench)
    said = refused(bench, who, code(bench, "thief", problem))
    assert isinstance(said, ForbiddenError)
    assert "write `problem: sides`" in str(said)
    assert bench.submit("olga", "2", code(bench, "second", problem))


def test_no_version_of_the_dataset_by_its_digits_is_a_way_around(bench: StageBench) -> None:
    put(bench)
    digits = bench.installation.datasets.resolve("points").digest
    for shown in (digits[:8], digits):
        assert "write `problem: sides`" in str(
            refused(bench, "ann", code(bench, "thief", f"{{dataset: points@{shown}, metric: accuracy}}"))
        )


@pytest.mark.parametrize("who", ["ann", "olga"])
def test_a_kept_problem_is_not_changed_by_a_model_yaml(bench: StageBench, who: str) -> None:
    put(bench)
    said = refused(bench, who, code(bench, "sides", "{dataset: points, metric: accuracy, min: 0.1}"))
    assert "is kept by team default in a problem.yaml of its own; write `problem: sides` instead" in str(said)


def test_an_owner_takes_an_inline_problem_over(bench: StageBench) -> None:
    spec = parse_spec(SPEC).problem
    assert isinstance(spec, ProblemSpec)
    same = spec.model_copy(update={"name": "toy"})
    assert bench.installation.problems.put(bench.person("olga"), same, EXPECTATIONS).version == 1
    assert not bench.row(Problem, "toy").inline
    assert "write `problem: toy` instead" in str(refused(bench, "ann", bench.code()))
    assert bench.submit("ann", "2", code(bench, "toy", "toy"))


@pytest.mark.parametrize("who", ["ann", "eve", "bob", "carl", "tom", "tess", "root"])
def test_only_an_owner_puts_a_problem(bench: StageBench, who: str) -> None:
    """An administrator makes people and policies, and judges nobody."""
    with pytest.raises(ForbiddenError, match=r"is no owner of any team|this needs a"):
        put(bench, who)
    put(bench)
    with pytest.raises((ForbiddenError, ConflictError), match=r"this needs a|is taken by another team"):
        put(bench, who, min=0.1)
    assert [row.version for row in bench.rows(ProblemVersion) if row.problem == "sides"] == [1]


def test_each_version_of_a_problem_is_kept(bench: StageBench) -> None:
    assert [put(bench).version, put(bench).version, put(bench, min=0.9).version, put(bench, min=0.9).version] == [
        1,
        1,
        2,
        2,
    ]
    assert put(bench).version == 3  # the document of the first version, put again
    row, versions, looks = bench.installation.problems.get(bench.person("ann"), "sides")
    assert [(item.version, item.document.get("min"), item.by) for item in versions] == [
        (3, 0.8, "olga"),
        (2, 0.9, "olga"),
        (1, 0.8, "olga"),
    ]
    assert (row.team, row.inline, looks) == ("default", False, 0)
    put_by = [(entry.actor, entry.detail) for entry in bench.rows(AuditEntry) if entry.subject == "sides"]
    assert put_by == [("olga", f"version {number}") for number in (1, 2, 3)]


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "others"},
        {"target": "a"},
        {"split": {"holdout": 0.3}},
        {"split": {"by": "a"}},
        {"split": {"stratify": "label"}},
    ],
    ids=str,
)
def test_what_the_first_version_fixed_is_refused_ever_after(bench: StageBench, change: dict[str, Any]) -> None:
    put(bench)
    put(bench, min=0.9)
    field = next(iter(change))
    with pytest.raises(
        ConflictError, match=f"problem sides: {field}: the first version fixed it .*make a problem of another name"
    ):
        put(bench, **change)
    assert len([row for row in bench.rows(ProblemVersion) if row.problem == "sides"]) == 2


def test_a_run_is_judged_by_the_version_of_its_day(bench: StageBench) -> None:
    put(bench)
    run = bench.submit("ann", "2", code(bench, "mine", "sides"))
    put(bench, min=0.1)
    assert (rules(bench, run).version, rules(bench, run).judging.min) == (1, 0.8)
    later = bench.submit("ann", "3", code(bench, "mine", "sides"))
    assert (rules(bench, later).version, rules(bench, later).judging.min) == (2, 0.1)


# --- Models ---


def test_only_an_owner_turns_a_model_to_another_problem(bench: StageBench) -> None:
    """Else a researcher has a champion replaced by who is good at something easier."""
    put(bench)
    for who in ("ann", "bob"):
        said = refused(bench, who, code(bench, "toy", "sides"))
        assert "model 'toy' answers problem 'toy'; only an owner of team default may turn it to 'sides'" in str(said)
        assert isinstance(refused(bench, who, bench.code(), problem="sides"), ForbiddenError)
    assert bench.row(Model, "toy").problem == "toy"

    bench.submit("olga", "2", code(bench, "toy", "sides"))
    assert (bench.row(Model, "toy").problem, bench.row(Model, "toy").by) == ("sides", "ann")


@pytest.mark.parametrize("who", ["tom", "tess", "theo", "root"])
def test_nobody_submits_to_a_model_of_another_team(bench: StageBench, who: str) -> None:
    """Whatever the role elsewhere: an easy dataset of their own would have replaced the champion."""
    own_problem = "{dataset: points, metric: accuracy}"
    for digest in (bench.code(), code(bench, "toy", "toy"), code(bench, "toy", own_problem)):
        for team in ("", "default", "toys"):
            said = refused(bench, who, digest, team)
            assert isinstance(said, ConflictError | ForbiddenError)
            assert "'toy' is taken by another team" in str(said) or "no researcher of any team" in str(said)


@pytest.mark.parametrize("who", ["tom", "theo"])
def test_nobody_submits_to_a_problem_of_another_team(bench: StageBench, who: str) -> None:
    put(bench)
    said = refused(bench, who, code(bench, "robot", "sides"))
    assert str(said) == f"problem 'sides' does not exist, or no team of {who} may read it; see: jinsu problem list"

    with bench.records.begin() as session:
        accounts.grant(session, Kept.PROBLEM, "sides", "toys", actor="olga")
    assert "not in team default; this needs a researcher of that team" in str(
        refused(bench, who, code(bench, "robot", "sides"))
    )


@pytest.mark.parametrize("who", ["tom", "theo"])
def test_no_name_of_another_team_is_taken(bench: StageBench, who: str) -> None:
    with bench.records.begin() as session:
        accounts.grant(session, Kept.DATASET, "points", "toys", actor="olga")
    assert "problem: 'toy' is taken by another team" in str(
        refused(bench, who, code(bench, "robot", "{name: toy, dataset: points, metric: mae}"))
    )
    put(bench)
    for name in ("toy", "sides"):
        with pytest.raises(ConflictError, match=f"problem '{name}' is taken by another team"):
            put(bench, who, name=name)


def test_a_person_of_two_teams_says_for_which(bench: StageBench) -> None:
    with bench.records.begin() as session:
        accounts.set_role(session, "eve", "toys", Role.RESEARCHER, actor="root")
        accounts.grant(session, Kept.DATASET, "points", "toys", actor="olga")
    digest = code(bench, "fresh", "{dataset: points, metric: accuracy}")
    assert "eve is a researcher of default, toys: say for which team, with --team" in str(refused(bench, "eve", digest))
    assert isinstance(refused(bench, "eve", digest, "ads"), ForbiddenError)
    row, _ = bench.installation.admission.admit(Request(bench.person("eve"), digest, "2", {}, team="toys"))
    assert (row.team, bench.row(Model, "fresh").team, bench.row(Problem, "fresh").team) == ("toys", "toys", "toys")
    assert "'toy' belongs to team default, not to toys" in str(refused(bench, "eve", bench.code(), "toys"))


def test_who_has_left_a_team_submits_nothing_more(bench: StageBench) -> None:
    with bench.records.begin() as session:
        accounts.set_role(session, "ann", "default", None, actor="root")
    assert isinstance(refused(bench, "ann", bench.code()), ConflictError)


# --- Datasets ---


@pytest.mark.parametrize("who", ["tom", "tess", "theo", "root"])
@pytest.mark.parametrize("team", ["", "default", "toys"])
def test_nobody_puts_a_version_of_another_team_s_dataset(bench: StageBench, who: str, team: str) -> None:
    """Easier rows under its name would have been what its problems are judged on."""
    for keep in (True, False):
        with pytest.raises(ConflictError, match="dataset 'points' is taken by another team; choose another name"):
            bench.installation.ownership.claim(bench.person(who), "points", team, keep=keep)
    assert [(row.name, row.team) for row in bench.rows(Dataset)] == [("points", "default")]


@pytest.mark.parametrize("who", ["ann", "eve", "bob", "olga"])
def test_every_member_puts_versions_of_the_team_s_datasets(bench: StageBench, who: str) -> None:
    assert bench.installation.ownership.claim(bench.person(who), "points") == "default"
    with pytest.raises(ConflictError, match="belongs to team default, not to toys"):
        bench.installation.ownership.claim(bench.person(who), "points", "toys")


def test_a_name_is_nobody_s_before_the_rows_have_come(bench: StageBench) -> None:
    ownership = bench.installation.ownership
    assert ownership.claim(bench.person("tom"), "robots", keep=False) == "toys"
    assert ownership.claim(bench.person("ann"), "robots") == "default"
    with pytest.raises(ConflictError, match="taken by another team"):
        ownership.claim(bench.person("tom"), "robots")


def test_of_two_that_claim_a_name_at_once_one_has_it(bench: StageBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second has looked before the first wrote."""
    ownership = bench.installation.ownership
    keep = type(ownership)._keep

    def late(self: Any, person: Any, name: str, team: str) -> bool:
        monkeypatch.undo()
        ownership.claim(bench.person("ann"), name)
        return keep(self, person, name, team)

    monkeypatch.setattr(type(ownership), "_keep", late)
    with pytest.raises(ConflictError, match="dataset 'robots' is taken by another team"):
        ownership.claim(bench.person("tom"), "robots")
    assert bench.row(Dataset, "robots").team == "default"


@pytest.mark.parametrize("granted", [False, True])
def test_a_dataset_of_another_team_is_used_by_who_may_read_it(bench: StageBench, granted: bool) -> None:
    digest = code(bench, "robot", "{dataset: points, metric: accuracy}")
    if granted:
        with bench.records.begin() as session:
            accounts.grant(session, Kept.DATASET, "points", "toys", actor="olga")
        assert bench.submit("tom", "2", digest)
        return
    for who in ("tom", "theo"):
        assert "dataset 'points' does not exist, or team toys may not read it" in str(refused(bench, who, digest))
    with pytest.raises(NotFoundError, match="dataset 'points' does not exist"):
        put(bench, "theo")


@pytest.mark.parametrize("who", ["tom", "theo"])
def test_reading_a_dataset_is_no_way_to_the_rows_that_its_problem_holds_out(bench: StageBench, who: str) -> None:
    """Nor for an owner elsewhere: only an owner of the dataset's own team makes a second problem over it."""
    put(bench)
    with bench.records.begin() as session:
        accounts.grant(session, Kept.DATASET, "points", "toys", actor="olga")
    assert "write `problem: sides`" in str(
        refused(bench, who, code(bench, "robot", "{dataset: points, metric: accuracy}"))
    )
    if who == "theo":
        with pytest.raises(ForbiddenError, match="ask an owner of team default, which owns the dataset"):
            put(bench, who, name="robots")


# --- How often ---


def per_day(bench: StageBench, count: int) -> None:
    put(bench, submissions={"per_day": count})


def test_held_out_rows_are_looked_at_as_often_as_the_problem_allows(bench: StageBench) -> None:
    per_day(bench, 2)
    digest = code(bench, "mine", "sides")
    runs = [bench.submit("ann", key, digest) for key in "ab"]
    said = refused(bench, "ann", digest)
    assert isinstance(said, ConflictError)
    assert str(said).startswith(
        "ann has submitted 2 times to problem sides in 24 hours, problem sides, version 1 allows 2; the next one may come in 24.0 h"
    )
    assert bench.submit("ann", "b", digest) == runs[1], "the same key is no submission"
    assert bench.submit("eve", "a", digest), "each person counts alone"
    assert bench.submit("ann", "other problem", bench.code())

    bench.change(Submission, runs[0], created=bench.row(Submission, runs[0]).created - 86401)
    assert bench.submit("ann", "c", digest)


def test_neither_another_model_nor_a_cancelled_run_gives_one_more_look(bench: StageBench) -> None:
    per_day(bench, 1)
    run = bench.submit("ann", "a", code(bench, "mine", "sides"))
    bench.installation.cancellation.run(run, "by mistake")
    assert isinstance(refused(bench, "ann", code(bench, "another", "sides")), ConflictError)
    assert isinstance(refused(bench, "ann", bench.code(), problem="sides"), ConflictError | ForbiddenError)


def test_the_policy_s_limit_counts_where_it_is_stricter(bench: StageBench) -> None:
    per_day(bench, 5)
    with bench.records.begin() as session:
        put_policy(session, "default", policy_from({"submissions": {"per_day": 1}}), actor="root")
    bench.submit("ann", "a", code(bench, "mine", "sides"))
    assert "policy of team default, version 1 allows 1" in str(refused(bench, "ann", code(bench, "mine", "sides")))


def test_versions_of_a_policy_are_kept(bench: StageBench) -> None:
    with bench.records.begin() as session:
        assert policy_of(session, "default").version == 0
        versions = [put_policy(session, "default", policy_from(document), actor="root").version for document in
                    ({}, {"review": {"approvers": 2}}, {"review": {"approvers": 2}}, {"review": {"approvers": 1}})]  # fmt: skip
        assert versions == [1, 2, 2, 3]
        assert [row.version for row in history(session, "default")] == [3, 2, 1]
        assert policy_of(session, "toys").version == 0
        with pytest.raises(NotFoundError, match="team 'ads' does not exist"):
            put_policy(session, "ads", policy_from({}), actor="root")


def test_a_policy_counts_for_runs_that_come_after_it(bench: StageBench) -> None:
    with bench.records.begin() as session:
        put_policy(session, "default", policy_from({"review": {"approvers": 2, "self_approval": True}}), actor="root")
    before, run = bench.run, bench.submit("eve", "2", bench.code())
    assert (rules(bench, run).review.approvers, rules(bench, run).review.self_approval) == (2, True)
    assert (rules(bench, before).review.approvers, rules(bench, before).review.self_approval) == (1, False)
    asked = bench.code(SPEC.replace("release: {", "release: {review: {approvers: 1}, "))
    assert (
        "release.review.approvers: 1 is looser than policy of team default, version 1 allows (line review.approvers: 2)"
        in str(refused(bench, "ann", asked))
    )


# --- Alone ---

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/model.yaml"))


def written(text: str) -> list[str]:
    """The lines that a person writes: no comments, no empty ones."""
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_is_ten_lines_at_most(folder: Path) -> None:
    text = (folder / "model.yaml").read_text()
    assert len(written(text)) <= 10
    assert max(len(line) for line in text.splitlines()) <= 120
    spec = parse_spec(text)
    kept = folder / "problem.yaml"
    assert isinstance(spec.problem, ProblemSpec) != kept.is_file()
    if kept.is_file():
        assert problem_from(yaml.safe_load(kept.read_text())).name == spec.problem


def test_what_init_writes_is_ten_lines_at_most_with_its_problem(tmp_path: Path) -> None:
    done = CliRunner().invoke(init, [str(tmp_path / "my-model")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "my-model" / "model.yaml").read_text()
    assert len(written(text)) <= 10
    spec = parse_spec(text)
    assert isinstance(spec.problem, ProblemSpec)
    assert spec.name == "my-model"
    compiled = [sys.executable, "-m", "py_compile", str(tmp_path / "my-model" / "train.py")]
    assert subprocess.run(compiled, check=False).returncode == 0


def test_a_solo_researcher_needs_nobody_else(bench: StageBench) -> None:
    """A dataset, and one file of ten lines: dataset, problem, model and run are their team's."""
    with bench.records.begin() as session:
        accounts.add_team(session, "solo", actor="root")
        accounts.add_person(session, "sam", actor="root")
        accounts.set_role(session, "sam", "solo", Role.OWNER, actor="root")
        put_policy(session, "solo", policy_from({"review": {"approvers": 0}}), actor="root")
    pq.write_table(points(seed=9), bench.home / "mine.parquet")
    bench.installation.ownership.claim(bench.person("sam"), "mine")
    put_dataset(bench.installation.objects, "mine", bench.home / "mine.parquet", "sam")
    text = SPEC.replace("name: toy", "name: alone").replace("dataset: points", "dataset: mine")
    text = text.replace("release: {", "release: {review: {approvers: 0}, ")
    assert len(written(text)) <= 10

    run = bench.submit("sam", "1", bench.code(text))
    assert (rules(bench, run).team, rules(bench, run).problem, rules(bench, run).review.approvers) == (
        "solo",
        "alone",
        0,
    )
    again = bench.submit("sam", "2", bench.code(text.replace("min: 0.7", "min: 0.8")))
    assert rules(bench, again).version == 2
