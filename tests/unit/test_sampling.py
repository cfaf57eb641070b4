"""A sample of rows: those that a training of the same code would get, before the first run and after it."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.api_client import ApiClient
from tests.support.datasets import put_dataset
from tests.support.stage_bench import StageBench, points

from jinsu.api.sampling import Sampling
from jinsu.confined.tasks import SAMPLE
from jinsu.data.plan import EVAL_FILE, TRAIN_FILE
from jinsu.errors import ConflictError, ForbiddenError, NotFoundError
from jinsu.identity import accounts
from jinsu.runs.stages import StageName, Validated
from jinsu.spec.load import problem_from
from jinsu.state.states import Kept
from jinsu.state.tables import Problem, ProblemSplit
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import Phase

BenchAfter = Callable[[StageName | None], StageBench]
OWN = "name: {name}\nproblem: {problem}\ntrain: {{command: python train.py}}\n"
WAYS = ["", "split: {by: day}", "split: {time: day}", "split: {stratify: label}", "split: {column: side}",
        "split: {holdout: 0.9}", "features: [number], split: {stratify: label}"]  # fmt: skip


@pytest.fixture
def bench(bench_after: BenchAfter, no_great_expectations: None) -> StageBench:
    found = bench_after(None)
    put(found, "noise", noise(0, 1500))
    found.installation.ownership.claim(found.person("ann"), "noise")
    return found


def noise(seed: int, rows: int) -> pa.Table:
    """Rows with duplicates, nulls, text, NaN, a day, labels that contradict each other, and a side."""
    rng = np.random.default_rng(seed)
    text = [None if value < 0.1 else f"word {int(value * 40)}" for value in rng.random(rows)]
    number = rng.integers(0, 300, rows) / 3
    number[rng.random(rows) < 0.1] = np.nan
    side = np.where(rng.random(rows) < 0.2, "test", "train")
    labels, days = rng.integers(0, 2, rows), rng.integers(0, 40, rows)
    return pa.table({"text": text, "number": number, "day": days, "label": labels, "side": side})


def put(bench: StageBench, name: str, table: pa.Table) -> None:
    pq.write_table(table, bench.home / "put.parquet")
    put_dataset(bench.installation.objects, name, bench.home / "put.parquet", "ann")


def over(bench: StageBench, problem: str, name: str = "other") -> str:
    """Digest of code whose inline problem is over `noise`."""
    return bench.code(OWN.format(name=name, problem=f"{{dataset: noise, metric: accuracy, {problem}}}"))


def step_of(bench: StageBench, code: str, rows: int = 10_000, who: str = "ann") -> StepSpec:
    step: StepSpec = bench.build(Sampling).step(bench.person(who), code, "", rows)
    return step


def sampled(bench: StageBench, code: str, rows: int = 10_000, who: str = "ann") -> pa.Table:
    """What the step leaves that the API starts."""
    step = step_of(bench, code, rows, who)
    assert bench.launcher.start(step).phase is Phase.DONE
    return pq.read_table(pa.BufferReader(bench.installation.steps.content(step.run_key, SAMPLE)))


def sides(bench: StageBench, run: str) -> tuple[list[str], set[str]]:
    """The rows that a run trains on, in their order, and the held-out ones."""
    for stage in (StageName.ADMIT, StageName.VALIDATE_DATA):
        bench.carry_out(stage, run)
    out = bench.installation.steps.out(bench.installation.journal.output(Validated, run).run_key)
    trained, held = (pq.read_table(out / name).to_pylist() for name in (TRAIN_FILE, EVAL_FILE))
    return [repr(row) for row in trained], {repr(row) for row in held}


def rows_of(table: pa.Table) -> list[str]:
    return [repr(row) for row in table.to_pylist()]


@pytest.mark.parametrize("way", WAYS)
def test_a_sample_before_the_first_run_is_what_the_run_trains_on(bench: StageBench, way: str) -> None:
    """A split of its own would have shown rows that are held out ever after."""
    code = over(bench, way)
    before = {rows: rows_of(sampled(bench, code, rows)) for rows in (1, 7, 64, 10_000)}
    assert bench.row(Problem, "other") is None, "a sample makes no problem"

    run = bench.submit("ann", "2", code)
    trained, held = sides(bench, run)
    after = {rows: rows_of(sampled(bench, code, rows)) for rows in before}
    for rows, found in before.items():
        assert found == after[rows] == trained[:rows]
        assert not held & set(found)


@pytest.mark.parametrize("way", WAYS)
def test_a_sample_of_a_later_version_holds_no_key_that_was_held_out(bench: StageBench, way: str) -> None:
    code = over(bench, way)
    sides(bench, bench.submit("ann", "2", code))
    put(bench, "noise", pa.concat_tables([noise(1, 300), noise(0, 1500), noise(2, 300)]))

    found = rows_of(sampled(bench, code))
    trained, held = sides(bench, bench.submit("ann", "3", code))
    assert not held & set(found)
    assert set(found) == set(trained)


def test_a_kept_problem_that_no_run_has_fixed_is_sampled_by_its_own_secret(bench: StageBench) -> None:
    spec = problem_from({"name": "kept", "dataset": "noise", "metric": "accuracy"})
    bench.installation.problems.put(bench.person("olga"), spec, None)
    bench.change(ProblemSplit, "kept", salt="5a" * 32)
    code = bench.code(OWN.format(name="other", problem="kept"))

    samples = [rows_of(sampled(bench, code)) for _ in range(2)]
    trained, _ = sides(bench, bench.submit("ann", "2", code))
    assert samples == [trained, trained]


def test_a_problem_of_version_0_1_is_sampled_by_its_split(bench: StageBench) -> None:
    """It has no secret, and its key is the whole row."""
    code = over(bench, "features: [number]")
    run = bench.submit("ann", "2", code)
    bench.change(ProblemSplit, "other", salt="")
    before = rows_of(sampled(bench, code))
    assert before == sides(bench, run)[0]


def test_the_features_that_a_model_names_do_not_move_the_sample(bench: StageBench) -> None:
    """Else each subset of them would show other rows, and all together every row."""
    held = sides(bench, bench.submit("ann", "2", over(bench, "features: [number, day]")))[1]
    for features in ("[number]", "[day]", "[day, number]"):
        named = OWN.format(name="other", problem="other") + f"features: {features}\n"
        assert not held & set(rows_of(sampled(bench, bench.code(named))))


def test_a_sample_of_few_rows_needs_none_among_the_first_that_is_held_out(bench: StageBench) -> None:
    """The table as a whole can be split, so a check of the script must not fail on its beginning."""
    put(bench, "noise", points(20_000))
    code = over(bench, "split: {holdout: 0.999}")
    trained, _ = sides(bench, bench.submit("ann", "2", code))
    assert rows_of(sampled(bench, code, 4)) == trained[:4]


@pytest.mark.parametrize(
    ("split", "word"), [("holdout: 0.9999999", "none is left for training"), ("by: colour", "no column 'colour'")]
)
def test_a_sample_of_a_table_that_cannot_be_split_says_so(bench: StageBench, split: str, word: str) -> None:
    api = ApiClient(bench.installation)
    body = {"code_digest": over(bench, f"split: {{{split}}}")}
    assert word in api.post("/v1/sample?rows=4", json=body).text


# --- Who may ask ---


@pytest.mark.parametrize("who", ["tom", "theo", "root"])
def test_nobody_of_another_team_sees_rows(bench: StageBench, who: str) -> None:
    for code in (bench.code(), over(bench, ""), bench.code(OWN.format(name="robot", problem="toy"))):
        with pytest.raises((ForbiddenError, NotFoundError, ConflictError), match=r"team"):
            step_of(bench, code, who=who)


def test_no_split_of_one_s_own_shows_rows_that_a_kept_problem_holds_out(bench: StageBench) -> None:
    spec = problem_from({"name": "kept", "dataset": "noise", "metric": "accuracy"})
    bench.installation.problems.put(bench.person("olga"), spec, None)
    with bench.records.begin() as session:
        accounts.grant(session, Kept.DATASET, "noise", "toys", actor="olga")
    for who in ("ann", "bob", "tom", "theo"):
        with pytest.raises(ForbiddenError, match="write `problem: kept`"):
            step_of(bench, over(bench, "split: {holdout: 0.0001}"), who=who)


def test_an_override_is_no_part_of_the_question(bench: StageBench) -> None:
    """The body names code alone; what it cannot say it cannot change."""
    api = ApiClient(bench.installation)
    answer = api.post("/v1/sample", json={"code_digest": bench.code(), "overrides": {"problem.split.holdout": 0.001}})
    assert answer.status_code == 422


# --- The secret ---


def test_the_secret_of_a_split_is_in_no_answer(bench: StageBench) -> None:
    for stage in (StageName.ADMIT, StageName.VALIDATE_DATA):
        bench.carry_out(stage)
    api, salt = ApiClient(bench.installation), bench.row(ProblemSplit, "toy").salt
    assert len(salt) == 64
    filled = {"run": bench.run, "name": "toy", "model": "toy", "problem": "toy", "team": "default", "person": "ann"}
    paths = [path for path, verbs in api.app.openapi()["paths"].items() if "get" in verbs]
    answered = set()
    for path in [*(path.format_map(defaultdict(lambda: "1", filled)) for path in paths), "/openapi.json", "/metrics"]:
        for who in ("ann", "olga", "root"):
            answer = api.get(path, who)
            answered |= {path} if answer.status_code == 200 else set()
            assert salt not in answer.text
    assert {"/v1/problems/toy", "/v1/problems", "/metrics"} < answered
    assert len(answered) > 12, answered
    step = step_of(bench, bench.code())
    assert step.secrets == {"salt": salt}, "the process that cuts the rows has to know it"
    assert salt not in repr(step)
    assert salt not in step.to_json()
