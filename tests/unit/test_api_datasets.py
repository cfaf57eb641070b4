"""Datasets, samples of their rows, and Data Docs over HTTP."""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.answers import accepted, refused
from tests.support.api_client import ApiClient
from tests.support.stage_bench import SPEC, StageBench

from jinsu.api import models
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


def test_a_dataset_is_put_and_sampled(bench: StageBench, api: ApiClient) -> None:
    content = "x,label\n" + "\n".join(f"{number},{number % 2}" for number in range(50))
    made = accepted(api.post("/v1/datasets/numbers?suffix=.csv", "eve", content=content), models.Dataset)
    assert (made.name, made.rows, made.created_by) == ("numbers", 50, "eve")
    assert bench.row(Dataset, "numbers").team == "default"
    again = accepted(api.post("/v1/datasets/numbers?suffix=.csv", "eve", content=content), models.Dataset)
    assert again == made
    assert not any((bench.home / "objects" / "uploads").iterdir()), "what was sent is deleted"

    body = {"code_digest": bench.code(spec_of("numbers", {}))}
    rows = pq.read_table(pa.BufferReader(api.post("/v1/sample?rows=10", json=body).content))
    assert rows.num_rows == 10
    for field in ("holdout", "dataset", "split"):  # the problem says which rows are held out, not the caller
        refused(api.post("/v1/sample", json={**body, field: "x"}), 422, field)
    for rows_asked in (0, 10_001):
        refused(api.post(f"/v1/sample?rows={rows_asked}", json=body), 422, "rows")
    refused(api.post("/v1/sample", json={"code_digest": bench.code(spec_of("nowhere", {}))}), 404, "'nowhere'")
    refused(api.post("/v1/sample", "tom", json=body), 404, "or team toys may not read it")


@pytest.mark.parametrize("name", ["sales 2026.parquet", "", "매출.parquet"])
def test_a_file_that_is_no_table_is_refused_by_its_own_name(api: ApiClient, name: str) -> None:
    answer = api.post(f"/v1/datasets/numbers?suffix=.parquet&file={name}", content=b"x" * 100)
    refused(answer, 422, f"{name or 'numbers.parquet'}: is no Parquet file")


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


def test_a_page_of_the_data_docs_can_do_nothing_to_its_reader(documented: Any) -> None:
    """It is of no origin, runs no script, and takes nothing from elsewhere: what it says, people and their data say."""
    _, api, address = documented
    headers = api.get(address, None).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "allow-scripts" not in policy["sandbox"]
    assert "allow-same-origin" not in policy["sandbox"]
    assert "script-src" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"


def test_the_description_of_the_api_loads_nothing(api: ApiClient) -> None:
    page = api.get("/docs", None)
    assert page.status_code == 200
    assert "<code>POST /v1/submissions</code>" in page.text
    assert "<script" not in page.text
    assert "https://" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
