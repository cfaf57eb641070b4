"""The examples go the same way as every model: pictures and texts, from real data to a live answer through a canary."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pyarrow.parquet as pq
import pytest
from tests.support.asking import Asking

from jinsu.runs.snapshots import pack
from jinsu.sdk.columns import columns_of

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY.parent / "shared" / "data"

CASES = [
    pytest.param("product_images", "product_images/fashion_mnist.parquet", "image", 12_000, id="product_images"),
    pytest.param(
        "product_titles", "product_titles/flipkart_products.parquet", "product_name", 8_000, id="product_titles"
    ),
]


@pytest.mark.parametrize(("example", "source", "feature", "rows"), CASES)
def test_an_example_is_launched_and_relaunched(
    platform: Any, tmp_path: Path, example: str, source: str, feature: str, rows: int
) -> None:
    if not (DATA / source).exists():
        pytest.skip(f"{DATA / source} is not here; the example needs it")
    folder, table = REPOSITORY / "examples" / example, tmp_path / f"{example}.parquet"
    prepare = [sys.executable, folder / "prepare.py", DATA / source, table, "--rows", str(rows)]
    subprocess.run(prepare, check=True, timeout=60)
    platform.jinsu("data", "put", example, table)
    if (folder / "problem.yaml").exists():
        platform.jinsu("problem", "put", folder)
    inputs = [shaped(example, row) for row in columns_of(pq.read_table(table).slice(0, 20))[feature]]

    first = submit(platform, folder)
    approve(platform, first)
    platform.ended(first, 180)
    assert platform.run(first)["state"] == "succeeded", platform.run(first)["why"]
    platform.until(
        lambda: httpx.get(platform.url(example).replace("invocations", "health")).is_success, 10, "the route"
    )

    with Asking(platform.url(example), [{"inputs": [row]} for row in inputs]) as asking:
        second = submit(platform, folder)
        approve(platform, second)
        platform.ended(second, 180)
    assert platform.run(second)["state"] == "succeeded", platform.run(second)["why"]
    assert {status for status, _ in asking.answers} == {200}

    answer = platform.jinsu_json("predict", example, json.dumps(inputs[:3]))
    assert answer["version"] == "2"
    assert len(answer["labels"]) == 3


def shaped(example: str, row: Any) -> Any:
    return row.reshape(1, 28, 28).tolist() if example == "product_images" else str(row)


def submit(platform: Any, folder: Path) -> str:
    """As it is, but for a canary that a test can wait for, as far as its problem allows it; nobody is asked."""
    content, digest = pack(folder)
    platform.api.post("/code", content=content)
    kept = (folder / "problem.yaml").exists()
    overrides = {
        "release.canary.every": "1s",
        "release.canary.min_requests": 50 if kept else 20,
        "release.canary.steps": [10] if kept else [50],
        **({} if kept else {"release.review.approvers": 0}),
    }
    body = {"code_digest": digest, "idempotency_key": uuid4().hex, "overrides": overrides}
    answer = platform.api.post("/submissions", json=body)
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


def approve(platform: Any, run: str) -> None:
    """Somebody else approves, where the problem asks for it."""
    platform.until(lambda: platform.run(run)["ended"] or platform.stage(run, "review"), 120, "the review")
    if platform.stage(run, "review").get("state") == "running":
        platform.jinsu("review", "approve", run, token=platform.token("rita"))
