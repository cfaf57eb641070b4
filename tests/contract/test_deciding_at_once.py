"""Several processes at once, on PostgreSQL: no held-out key is lost, no limit is passed, no name has two owners."""

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import event
from tests.support.datasets import put_dataset
from tests.support.people import make_people, person
from tests.support.splits import held_keys, holdout_mask
from tests.support.stage_bench import SPLITS

from jinsu.confined.split import plan_for
from jinsu.data.datasets import DatasetStore
from jinsu.data.digests import table_digest
from jinsu.errors import ConflictError, JinsuError
from jinsu.objects.mirror import Mirror
from jinsu.runs.admission import Admission, Capacity, Request
from jinsu.runs.ownership import Ownership
from jinsu.runs.problems import Problems
from jinsu.runs.snapshots import SnapshotStore, pack
from jinsu.runs.splits import KnownSplit, Splits
from jinsu.spec.load import problem_from
from jinsu.state.database import Database, engine
from jinsu.state.tables import Dataset, ProblemVersion, Submission

WAYS: list[dict[str, Any]] = [{"column": "side"}, {"stratify": "label"}, {"time": "t"}, {}]


@pytest.fixture
def database(empty_database: str) -> Iterator[Database]:
    found = Database(empty_database)
    found.migrate()
    make_people(found)
    yield found
    engine(found.url).dispose()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returns, or the error that it raises; all begin together."""
    together = threading.Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        together.wait(60)
        try:
            return call()
        except JinsuError as problem:
            return problem

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def put(database: Database, folder: Path, **more: Any) -> Problems:
    """The problem `sides` over the dataset `points`."""
    datasets = DatasetStore(Mirror(folder))
    (folder / "points.csv").write_text("x,t,label,side\n1,0,0,train\n2,0,1,test\n")
    Ownership(database, datasets).claim(person(database, "ann"), "points")
    put_dataset(Mirror(folder), "points", folder / "points.csv", "ann")
    problems = Problems(database, datasets, SPLITS)
    problems.put(person(database, "olga"), problem_from(document(**more)), None)
    return problems


def document(**more: Any) -> dict[str, Any]:
    return {"name": "sides", "dataset": "points", "metric": "accuracy", **more}


def version(seed: int, rows: int = 600) -> pa.Table:
    """Overlapping rows, of which each version holds out others."""
    rng = np.random.default_rng(seed)
    x = rng.choice(1500, rows, replace=False)
    side = np.where(rng.random(rows) < 0.3, "test", "train")
    return pa.table({"x": x * 0.5, "t": rng.integers(0, 99, rows), "label": rng.integers(0, 2, rows), "side": side})


# --- Splits ---


@dataclass(frozen=True)
class Dividing:
    """What several runs do when they validate versions of one dataset: divide the rows, and keep what was found."""

    splits: Splits
    folder: Path

    def divide(self, table: pa.Table) -> tuple[np.ndarray, KnownSplit]:
        """Which rows are held out, and the split as it was known."""
        while True:
            known = self.splits.of("sides")
            plan = known.plan or plan_for(table, section(known), "label", None, known.salt)
            before = self.keys(known)
            mask = holdout_mask(table, plan, known.salt, before)
            found = held_keys(table, mask, plan, known.salt)
            content = io.BytesIO()
            np.save(content, found if before is None else np.union1d(before, found), allow_pickle=False)
            if self.splits.keep("sides", known, plan, content.getvalue(), table_digest(table), "a" * 64):
                return mask, known

    def keys(self, known: KnownSplit) -> np.ndarray | None:
        """The keys that are held out for ever."""
        if known.held is None:
            return None
        (remembered,) = self.splits.remembered("sides", "keys", known.held)
        keys: np.ndarray = np.load(self.folder / remembered.uri, allow_pickle=False)
        return keys


def section(known: KnownSplit) -> dict[str, Any]:
    return known.spec.split.model_dump(mode="json", exclude_defaults=True)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_versions_that_are_validated_at_once_lose_no_held_out_key(
    database: Database, tmp_path: Path, way: dict[str, Any]
) -> None:
    put(database, tmp_path, split=way)
    dividing = Dividing(Splits(database, Mirror(tmp_path)), tmp_path)
    dividing.divide(version(0))
    tables = [version(seed) for seed in range(4)]
    masks = [mask for mask, _ in at_once(*(lambda table=table: dividing.divide(table) for table in tables))]

    known = dividing.splits.of("sides")
    assert known.plan is not None
    held = [held_keys(table, mask, known.plan, known.salt) for table, mask in zip(tables, masks, strict=True)]
    remembered = dividing.keys(known)
    assert remembered is not None
    assert np.array_equal(remembered, np.unique(np.concatenate(held)))
    for table in tables:
        mask, _ = dividing.divide(table)
        assert not np.isin(held_keys(table, ~mask, known.plan, known.salt), remembered).any()


def test_who_comes_second_holds_out_what_the_first_held_out(database: Database, tmp_path: Path) -> None:
    """The second read the remembered keys before the first wrote its own, and would have trained on them."""
    put(database, tmp_path, split={"column": "side"})
    dividing = Dividing(Splits(database, Mirror(tmp_path)), tmp_path)
    rows = [{"x": float(number), "t": 0, "label": 0} for number in range(10)]
    first, second = (
        pa.Table.from_pylist([row | {"side": "test" if row["x"] in held else "train"} for row in rows])
        for held in ((0.0, 1.0), (2.0,))
    )
    assert dividing.divide(first)[0].tolist() == [True, True, *[False] * 8]
    assert dividing.divide(second)[0].tolist() == [True, True, True, *[False] * 7]


def test_the_first_validation_alone_fixes_the_plan(database: Database, tmp_path: Path) -> None:
    put(database, tmp_path, split={"stratify": "label"})
    splits = Splits(database, Mirror(tmp_path))
    before = splits.of("sides")
    plans = [plan_for(version(seed), section(before), "label", None, before.salt) for seed in range(4)]
    said = at_once(
        *(lambda plan=plan: splits.keep("sides", before, plan, b"keys", str(plan), "a" * 64) for plan in plans)
    )
    assert sorted(said) == [False, False, False, True]
    assert splits.of("sides").plan == plans[said.index(True)]


# --- Admission ---


@pytest.fixture
def admission(database: Database, tmp_path: Path) -> Admission:
    mirror = Mirror(tmp_path)
    return Admission(database, SnapshotStore(mirror), DatasetStore(mirror), Capacity(), SPLITS)


def code(admission: Admission, folder: Path, name: str, problem: str) -> str:
    (folder / name).mkdir()
    text = f"name: {name}\nproblem: {problem}\ntrain: {{command: python train.py}}\n"
    (folder / name / "model.yaml").write_text(text)
    data, _ = pack(folder / name)
    return admission.snapshots.put(data, 2**20)


def held_back(url: str) -> Callable[[], None]:
    """Slows the count of submissions, so that all transactions count before one of them writes."""
    together = threading.Barrier(4)

    def wait(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if (
            "submissions.created" in statement
            and "count(" not in statement
            and statement.startswith("SELECT submissions.created")
        ):
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait(0.5)

    event.listen(engine(url), "after_cursor_execute", wait)
    return lambda: event.remove(engine(url), "after_cursor_execute", wait)


@pytest.mark.parametrize("models", [["mine"], ["mine", "other"]], ids=["one model", "two models"])
def test_submissions_at_once_do_not_pass_the_limit_of_a_day(
    database: Database, admission: Admission, tmp_path: Path, models: list[str]
) -> None:
    put(database, tmp_path, submissions={"per_day": 2})
    ann, eve = person(database, "ann"), person(database, "eve")
    digests = [code(admission, tmp_path, model, "sides") for model in models]
    for number, digest in enumerate(digests):
        admission.admit(Request(eve, digest, f"made {number}", {}))
    undo = held_back(database.url)
    try:
        said = at_once(
            *(
                lambda key=key: admission.admit(Request(ann, digests[key % len(digests)], str(key), {}))
                for key in range(4)
            )
        )
    finally:
        undo()

    with database.begin() as session:
        assert session.query(Submission).filter(Submission.submitter == "ann").count() == 2
    refused = [one for one in said if isinstance(one, JinsuError)]
    assert len(refused) == 2
    assert all(isinstance(one, ConflictError) and "problem sides, version 1 allows 2" in str(one) for one in refused)


def test_of_inline_problems_that_are_made_at_once_one_is_made(
    database: Database, admission: Admission, tmp_path: Path
) -> None:
    put(database, tmp_path)
    with database.begin() as session:
        session.query(ProblemVersion).count()
    easy, hard = (
        code(admission, tmp_path, f"m{number}", f"{{name: fresh, dataset: points, metric: accuracy, min: {number}}}")
        for number in (0, 1)
    )
    olga = person(database, "olga")
    said = at_once(
        *(lambda digest=digest: admission.admit(Request(olga, digest, digest[:8], {})) for digest in (easy, hard))
    )

    with database.begin() as session:
        versions = session.query(ProblemVersion).filter(ProblemVersion.problem == "fresh").all()
        runs = session.query(Submission).filter(Submission.problem == "fresh").all()
    assert len(runs) == len([one for one in said if not isinstance(one, JinsuError)])
    for run in runs:
        (judging,) = [row.document.get("min") for row in versions if row.version == run.rules["version"]]
        assert run.rules["judging"]["min"] == judging
    assert all(isinstance(one, ConflictError) for one in said if isinstance(one, JinsuError))


# --- Names ---


def test_versions_of_a_problem_that_are_put_at_once_follow_each_other(database: Database, tmp_path: Path) -> None:
    problems, olga = put(database, tmp_path), person(database, "olga")
    said = at_once(
        *(
            lambda floor=floor: problems.put(olga, problem_from(document(min=floor)), None)
            for floor in (0.1, 0.2, 0.3, 0.4)
        )
    )
    assert sorted(one.version for one in said) == [2, 3, 4, 5]
    with database.begin() as session:
        rows = session.query(ProblemVersion).filter(ProblemVersion.problem == "sides").all()
    assert {row.version: row.document.get("min") for row in rows} == {1: None} | {
        one.version: one.spec.min for one in said
    }


def test_a_problem_that_is_made_twice_at_once_has_one_owner(database: Database, tmp_path: Path) -> None:
    put(database, tmp_path)
    problems, olga = Problems(database, DatasetStore(Mirror(tmp_path)), SPLITS), person(database, "olga")
    specs = [problem_from(document(name="fresh", min=floor)) for floor in (0.1, 0.2)]
    said = at_once(*(lambda spec=spec: problems.put(olga, spec, None) for spec in specs))
    made = [one for one in said if not isinstance(one, JinsuError)]
    assert made
    assert all(isinstance(one, ConflictError) for one in said if one not in made)
    with database.begin() as session:
        assert session.query(ProblemVersion).filter(ProblemVersion.problem == "fresh").count() == len(made)


def test_a_dataset_s_name_that_two_teams_claim_at_once_has_one_owner(database: Database, tmp_path: Path) -> None:
    ownership = Ownership(database, DatasetStore(Mirror(tmp_path)))
    ann, tom = person(database, "ann"), person(database, "tom")
    for number in range(5):
        name = f"rows-{number}"
        said = at_once(lambda name=name: ownership.claim(ann, name), lambda name=name: ownership.claim(tom, name))
        (refused,) = [one for one in said if isinstance(one, JinsuError)]
        assert isinstance(refused, ConflictError)
        assert "is taken by another team" in str(refused)
        with database.begin() as session:
            row = session.get(Dataset, name)
        assert row is not None
        assert row.team in said
