"""Datasets, samples of their rows, and Data Docs over HTTP."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.answers import accepted, refused
from tests.support.api_client import ApiClient
from tests.support.stage_bench import SPEC, StageBench, points

from jinsu.api import models
from jinsu.api import sample as sample_process
from jinsu.api.sampling import Sampling
from jinsu.errors import BadInputError
from jinsu.runs.links import signature
from jinsu.runs.stages import StageName
from jinsu.state.tables import Dataset

ApiAfter = Callable[[StageName | None], tuple[StageBench, ApiClient]]

# --- Datasets ---


def test_datasets_are_listed(bench: StageBench, api: ApiClient) -> None:
    (dataset,) = accepted(api.get("/v1/datasets"), list[models.Dataset])
    version = bench.installation.datasets.resolve("points")
    assert (dataset.name, dataset.version, dataset.kind, dataset.rows) == ("points", version.version, "table", 240)
    assert dataset.columns == {"a": "double", "b": "double", "label": "int64"}
    assert dataset.created_by == "ann"


def test_a_dataset_is_put_and_sampled_by_processes_of_their_own(
    bench: StageBench, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINSU_HOME", str(bench.home))
    bench.installation.settings.write()
    content = "x,label\n" + "\n".join(f"{number},{number % 2}" for number in range(50))
    made = accepted(api.post("/v1/datasets/numbers?suffix=.csv", "eve", content=content), models.Dataset)
    assert (made.name, made.rows, made.created_by) == ("numbers", 50, "eve")
    assert bench.row(Dataset, "numbers").team == "default"

    body = {"code_digest": bench.code(spec_of("numbers", {}))}
    rows = pq.read_table(pa.BufferReader(api.post("/v1/sample?rows=10", json=body).content))
    table = table_of(bench, "numbers")
    bench.submit("ann", "numbers", body["code_digest"])
    assert rows.to_pylist() == table.take(np.flatnonzero(~held_by(bench, "numbers"))[:10]).to_pylist()
    for field in ("holdout", "dataset", "split"):  # the problem says which rows are held out, not the caller
        refused(api.post("/v1/sample", json={**body, field: "x"}), 422, field)
    for rows_asked in (0, 10_001):
        refused(api.post(f"/v1/sample?rows={rows_asked}", json=body), 422, "rows")
    refused(api.post("/v1/sample", json={"code_digest": bench.code(spec_of("nowhere", {}))}), 404, "'nowhere'")
    refused(api.post("/v1/sample", "tom", json=body), 409, "taken by another team")


def test_a_version_is_put_by_the_team_that_owns_the_name(bench: StageBench, api: ApiClient) -> None:
    for who in ("tom", "theo", "root"):  # an administrator is in no team
        refused(api.post("/v1/datasets/points?suffix=.csv", who, content=b"x"), 409, "taken by another team")
    refused(api.post("/v1/datasets/fresh?suffix=.csv", "root", content=b"x"), 403, "root is no researcher of any team")
    refused(api.post("/v1/datasets/fresh?suffix=.csv&team=toys", content=b"x"), 403, "ann is not in team toys")


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/v1/datasets/Points?suffix=.csv", "use 1 to 40 lower-case letters"),
        ("/v1/datasets/..?suffix=.csv", ""),
        ("/v1/datasets/points?suffix=.exe", "'.exe' is not .parquet"),
        ("/v1/datasets/points?suffix=/../x.csv", "is not .parquet"),
        ("/v1/datasets/points", "suffix"),
    ],
)
def test_a_dataset_with_an_odd_name_is_refused(api: ApiClient, path: str, word: str) -> None:
    answer = api.post(path, content=b"x")
    assert answer.status_code in (404, 405, 422)
    refused(answer, answer.status_code, word)


# --- Samples ---


def spec_of(dataset: str, split: dict[str, Any]) -> str:
    """A model.yaml of the dataset's name, with an inline problem."""
    problem = f"dataset: {dataset}, split: {json.dumps(split)},"
    return SPEC.replace("name: toy", f"name: {dataset}").replace("dataset: points,", problem)


def put(bench: StageBench, name: str, table: pa.Table) -> None:
    """A version of a dataset of team default."""
    pq.write_table(table, bench.home / "put.parquet")
    bench.installation.ownership.claim(bench.person("ann"), name)
    bench.installation.datasets.put(name, bench.home / "put.parquet", "ann")


def table_of(bench: StageBench, name: str) -> pa.Table:
    return bench.installation.datasets.table(bench.installation.datasets.resolve(name))


def held_by(bench: StageBench, problem: str) -> np.ndarray:
    """Which rows a validation of the problem holds out now."""
    splits, table = bench.installation.splits, table_of(bench, problem)
    return splits.hold_out(splits.fixed(problem) or splits.fix(problem, table), table)


def sampled(bench: StageBench, monkeypatch: pytest.MonkeyPatch, rows: int, code: str) -> pa.Table:
    """What the process writes that reads the rows."""
    path = bench.home / "sample.parquet"
    question = bench.build(Sampling).question(bench.person("ann"), code, "")
    monkeypatch.setattr(sample_process, "connect", lambda: bench.installation)
    monkeypatch.setattr("sys.argv", ["sample", str(rows), str(path)])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(question)))
    sample_process.main()
    return pq.read_table(path)


def noise(seed: int, rows: int) -> pa.Table:
    """Rows with duplicates, nulls, text, NaN, and a column to hold out by."""
    rng = np.random.default_rng(seed)
    text = [None if value < 0.1 else f"word {int(value * 40)}" for value in rng.random(rows)]
    number = rng.integers(0, 30, rows) / 3
    number[rng.random(rows) < 0.1] = np.nan
    return pa.table(
        {"text": text, "number": number, "day": rng.integers(0, 40, rows), "label": rng.integers(0, 2, rows)}
    )


WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"by": "day"},
    {"by": ["text", "day"]},
    {"time": "day"},
    {"stratify": "text"},
    {"column": "text", "held": ["word 7", "word 8"]},
)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_sample_never_holds_a_row_that_is_held_out(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, way: dict[str, Any], share: float
) -> None:
    """Before the problem's first run as well as after it: what is shown is what a training will get."""
    table = noise(len(str(way)), 600)
    put(bench, "noise", table)
    code = bench.code(spec_of("noise", {**way, "holdout": share}))
    before = {rows: sampled(bench, monkeypatch, rows, code) for rows in (1, 7, 64, 1000)}
    bench.submit("ann", "noise", code)
    held = held_by(bench, "noise")
    held_rows = {repr(row) for row in table.take(np.flatnonzero(held)).to_pylist()}
    for rows, found in before.items():
        assert repr(found.to_pylist()) == repr(table.take(np.flatnonzero(~held)[:rows]).to_pylist())
        assert repr(sampled(bench, monkeypatch, rows, code).to_pylist()) == repr(found.to_pylist())
        assert not held_rows & {repr(row) for row in found.to_pylist()}


def test_a_row_that_was_held_out_once_is_in_no_sample_of_a_later_version(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that were held out for being the latest are not the latest any more."""
    first = pa.table({"day": list(range(100)), "x": list(range(100)), "label": [0, 1] * 50})
    put(bench, "days", first)
    code = bench.code(spec_of("days", {"time": "day"}))
    bench.submit("ann", "days", code)
    held = set(first.take(np.flatnonzero(held_by(bench, "days")))["x"].to_pylist())
    assert held == set(range(80, 100))

    moved = first.set_column(0, "day", pa.array([0] * 100))
    put(bench, "days", pa.concat_tables([moved, first.set_column(1, "x", pa.array(range(500, 600)))]))
    before = set(sampled(bench, monkeypatch, 1000, code)["x"].to_pylist())
    assert before == set(range(100)) | set(
        range(500, 580)
    )  # a time is part of a key: at another time it is another row

    put(bench, "days", pa.concat_tables([first.slice(90, 10), first.slice(0, 10)]))
    assert set(sampled(bench, monkeypatch, 1000, code)["x"].to_pylist()) == set(range(10))


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_a_sample_of_few_rows_needs_no_held_out_row_among_the_first(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """The table as a whole can be split, so a check of the script must not fail on its beginning."""
    many = points(20_000)
    put(bench, "many", many)
    code = bench.code(spec_of("many", {"holdout": share}))
    found = sampled(bench, monkeypatch, 4, code)
    bench.submit("ann", "many", code)
    assert found.equals(many.take(np.flatnonzero(~held_by(bench, "many"))[:4]))


def test_a_sample_of_a_table_that_cannot_be_split_says_so(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(bench, "few", points(40))
    for split, word in (
        ({"holdout": 0.9999999}, "none is left for training"),
        ({"by": "colour"}, "no column 'colour'"),
    ):
        code = bench.code(spec_of("few", split))
        with pytest.raises((SystemExit, BadInputError)) as caught:
            sampled(bench, monkeypatch, 4, code)
        said = str(caught.value) if isinstance(caught.value, BadInputError) else capsys.readouterr().err
        assert word in said


# --- Data Docs ---


@pytest.fixture
def documented(api_after: ApiAfter) -> tuple[StageBench, ApiClient, str]:
    """A validated run, and the address of its Data Docs."""
    bench, api = api_after(StageName.VALIDATE_DATA)
    return bench, api, bench.installation.links.of(bench.run)["Data docs"].removeprefix("http://api.test")


def test_a_page_of_the_data_docs_is_shown_to_whoever_has_its_address(documented: Any) -> None:
    _, api, address = documented
    assert "all hold" in api.get(address, None).text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key, sign, page: (key, "0" * 32, page),
        lambda key, sign, page: (key, sign[:-1], page),
        lambda key, sign, page: ("0" * 64, sign, page),
        lambda key, sign, page: (key, "é", page),
        lambda key, sign, page: (key, sign, "../../train.parquet"),
        lambda key, sign, page: (key, sign, "..%2F..%2Feval.parquet"),
        lambda key, sign, page: (key, sign, "/etc/passwd"),
        lambda key, sign, page: (key, sign, ""),
        lambda key, sign, page: (key, sign, "nothing.html"),
    ],
)
def test_any_other_address_shows_nothing(documented: Any, spoil: Callable[..., tuple[str, str, str]]) -> None:
    _, api, address = documented
    key, sign, page = spoil(*address.removeprefix("/v1/docs/").split("/", 2))
    refused(api.get(f"/v1/docs/{key}/{sign}/{page}", None), 404)


def test_a_link_within_the_pages_leads_to_no_other_file(documented: Any) -> None:
    bench, api, address = documented
    key, sign, _ = address.removeprefix("/v1/docs/").split("/", 2)
    out = bench.installation.steps.out(key)
    (out / "data_docs" / "rows.html").symlink_to(out / "eval.parquet")
    refused(api.get(f"/v1/docs/{key}/{sign}/rows.html", None), 404)


def test_nothing_is_fetched_for_a_page_before_its_signature_is_checked(
    documented: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever guesses keys must not make the API bring large steps from the store."""
    bench, api, _ = documented
    asked: list[str] = []
    monkeypatch.setattr(type(bench.installation.steps), "out", lambda self, key: asked.append(key) or bench.home)
    refused(api.get(f"/v1/docs/{'0' * 64}/{'0' * 32}/index.html", None), 404)
    assert asked == []
    sign = signature(bench.installation.settings.airflow_secret, "a" * 64)
    api.get(f"/v1/docs/{'a' * 64}/{sign}/index.html", None)
    assert asked == ["a" * 64]
