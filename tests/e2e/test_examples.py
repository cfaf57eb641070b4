"""Every example goes the whole way on real data, judged beside its baselines, and answers live requests.

A row of `EXAMPLES` is all that a new example adds. `python -m tests.results` runs the same rows on all of their data.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.support.asking import Asking
from tests.support.example_runs import (
    Example,
    Judged,
    answers,
    approve,
    as_good,
    asked,
    judged,
    model_of,
    prepare,
    put,
    reject,
    submit,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
BODIES = 20
PATIENCE = 400
"""Seconds until an example and its baselines are judged, all trained side by side on two cores."""


def texts(column: str) -> Any:
    """Bodies of one text each, for a model with one input."""
    return lambda table: [{"inputs": [text]} for text in table[column].iloc[:BODIES]]


def records(*columns: str) -> Any:
    """Bodies of one row with these columns; a missing value is null."""

    def bodies(table: pd.DataFrame) -> list[Any]:
        plain = table[list(columns)].astype(object).where(table[list(columns)].notna(), None).iloc[:BODIES]
        return [{"dataframe_records": [row]} for row in plain.to_dict("records")]

    return bodies


def pictures(column: str, side: int) -> Any:
    """Bodies of one grey picture each, as whole numbers."""

    def bodies(table: pd.DataFrame) -> list[Any]:
        found = [np.frombuffer(image, np.uint8).reshape(1, 1, side, side) for image in table[column].iloc[:BODIES]]
        return [{"inputs": picture.tolist()} for picture in found]

    return bodies


def demand(table: pd.DataFrame) -> list[Any]:
    """Bodies of one product each: what was sold in the days before, and on how many days of the week ahead the shop is open."""
    rows = zip(table["history"].iloc[:BODIES], table["days"].iloc[:BODIES], strict=True)
    return [{"inputs": {"history": [list(map(float, past))], "days": [int(days)]}} for past, days in rows]


def readers(table: pd.DataFrame) -> list[Any]:
    """Bodies of one reader each, at one place of the page."""
    return [
        {
            "inputs": {
                "position": [int(row["position"])],
                **{f"user_{number}": [row[f"user_{number}"]] for number in range(4)},
                "affinity": [list(map(float, row["affinity"]))],
            }
        }
        for row in table.iloc[:BODIES].to_dict("records")
    ]


EXAMPLES = (
    Example(
        "product_images",
        sources=("product_images/fashion_mnist.parquet",),
        rows=8000,
        request=pictures("image", 28),
        baselines=("logistic_regression", "unbalanced"),
        beats=("logistic_regression", "unbalanced"),
        slices=(("frequency", "rare"),),
        shape=(10,),
        second="epochs=8",
    ),
    Example(
        "product_titles",
        sources=("product_titles/flipkart_products.parquet",),
        rows=8000,
        request=records("title", "brand", "price"),
        baselines=("brand_only", "tfidf_linear"),
    ),
    Example(
        "colouring",
        rows=2000,
        request=pictures("grey", 32),
        baselines=("mean_colour", "nearest_neighbour"),
        shape=(3, 32, 32),
    ),
    Example(
        "sku_demand",
        sources=("demand/online_retail_daily.parquet",),
        rows=12_000,
        request=demand,
        baselines=("seasonal_naive", "tsb"),
        shape=(),
    ),
    Example(
        "returns",
        sources=("demand/online_retail.parquet",),
        rows=150_000,
        request=records("known_customer", "price", "units", "month", "weekday", "hour"),
        baselines=("logistic_regression", "random_forest"),
        shape=(2,),
    ),
    Example(
        "news_bandit",
        sources=("bandit/random_men.parquet",),
        request=readers,
        baselines=("uniform", "linear_by_item"),
        beats=(),
    ),
)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_is_as_good_as_its_baselines_and_answers(platform: Any, tmp_path: Path, example: Example) -> None:
    path = tmp_path / f"{example.name}.parquet"
    prepare(example, path, example.rows)
    put(platform, example, path)
    runs = {name: submit(platform, folder) for name, folder in example.folders.items()}
    found = {name: judged(platform, run, PATIENCE) for name, run in runs.items()}
    for name in example.baselines:
        if asked(platform, runs[name]):
            reject(platform, runs[name])
    as_good_as_it_must(example, found)

    own = found[example.name]
    assert not own.stopped, own.stopped
    approve(platform, own.run)
    table, url = pd.read_parquet(path), platform.url(model_of(example.folder))
    bodies = example.request(table)
    assert len(bodies) == BODIES
    for values in answers(url, bodies):
        assert len(values) == 1
        assert example.shape in (None, values.shape[1:])
    if example.second:
        relaunch(platform, example, url, bodies)


def as_good_as_it_must(example: Example, found: dict[str, Judged]) -> None:
    """In the problem's metric, and better in the slices that the example names."""
    own = found[example.name]
    for name in example.to_beat:
        other = found[name]
        assert as_good(own.metric, own.score, other.score), (name, own.score, other.score)
        for column, value in example.slices:
            ours, theirs = own.slices[column][value], other.slices[column][value]
            assert as_good(own.metric, ours, theirs), (name, column, value, ours, theirs)


def relaunch(platform: Any, example: Example, url: str, bodies: list[Any]) -> None:
    """A second version takes over through a canary, and no request fails."""
    name, value = example.second.split("=")
    canary = {"every": "1s", "min_requests": 50, "steps": [10]}
    overrides = {f"release.canary.{line}": setting for line, setting in canary.items()}
    with Asking(url, bodies) as asking:
        second = submit(platform, example.folder, **overrides, **{f"train.params.{name}": yaml.safe_load(value)})
        assert not judged(platform, second, PATIENCE).stopped
        approve(platform, second)
        platform.until(lambda: asking.answers[200, "2"] > 2 * BODIES, 20, "version 2 to answer")
    assert {status for status, _ in asking.answers} == {200}
    assert {version for _, version in asking.answers} == {"1", "2"}
