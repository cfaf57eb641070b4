"""Datasets, samples of their rows, and Data Docs over HTTP."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.answers import accepted, refused
from tests.support.api_client import ApiClient
from tests.support.stage_bench import StageBench, points

from jinsu.api import models
from jinsu.api import sample as sample_process
from jinsu.data.split import holdout_mask
from jinsu.runs.links import signature
from jinsu.runs.stages import (
    StageName,
)

ApiAfter = Callable[[StageName | None], tuple[StageBench, ApiClient]]

# --- Datasets and pages ---


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
    assert bench.installation.catalog.read().datasets == ("numbers",)

    answer = api.get("/v1/datasets/numbers/sample?rows=10")
    rows = pq.read_table(pa.BufferReader(answer.content)).to_pylist()
    table = bench.installation.datasets.table(bench.installation.datasets.resolve("numbers"))
    assert rows == table.take(np.flatnonzero(~holdout_mask(table, 0.2))[:10]).to_pylist()
    refused(api.get("/v1/datasets/nowhere/sample"), 422, "dataset 'nowhere' does not exist")


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


def sampled(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, rows: int, share: float, by: str, name: str
) -> pa.Table:
    """What the process writes."""
    path = bench.home / "sample.parquet"
    monkeypatch.setattr(sample_process, "connect", lambda: bench.installation)
    monkeypatch.setattr("sys.argv", ["sample", name, str(rows), str(share), by, str(path)])
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


@pytest.mark.parametrize("by", ["", "day", "text"])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
def test_a_sample_never_holds_a_row_that_is_held_out(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, by: str, share: float
) -> None:
    for seed in range(5):
        table = noise(seed, 600)
        name = f"noise-{seed}"
        pq.write_table(table, bench.home / "noise.parquet")
        bench.installation.datasets.put(name, bench.home / "noise.parquet", "ann")
        held = holdout_mask(table, share, by or None)
        for rows in (1, 7, 64, 1000):
            found = sampled(bench, monkeypatch, rows, share, by, name)
            assert repr(found.to_pylist()) == repr(table.take(np.flatnonzero(~held)[:rows]).to_pylist())
            held_rows = {repr(row) for row in table.take(np.flatnonzero(held)).to_pylist()}
            assert not held_rows & {repr(row) for row in found.to_pylist()}


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_a_sample_of_few_rows_needs_no_held_out_row_among_the_first(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    """The table as a whole can be split, so a check of the script must not fail on its beginning."""
    pq.write_table(points(20_000), bench.home / "many.parquet")
    bench.installation.datasets.put("many", bench.home / "many.parquet", "ann")
    held = holdout_mask(points(20_000), share)

    found = sampled(bench, monkeypatch, 4, share, "", "many")

    assert found.equals(points(20_000).take(np.flatnonzero(~held)[:4]))


def test_a_sample_of_a_table_that_cannot_be_split_says_so(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for share, by, word in (("0.9999999", "", "leaves one side empty"), ("0.2", "colour", "no column 'colour'")):
        with pytest.raises(SystemExit) as caught:
            sampled(bench, monkeypatch, 4, float(share), by, "points")
        assert caught.value.code == 2
        assert word in capsys.readouterr().err


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
