"""Every example goes the whole way on real data, judged beside its baselines, and answers live requests.

A row of `EXAMPLES` is all that a new example adds. `python -m tests.results` runs the same rows on all of their data.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from tests.support.asking import Asking
from tests.support.example_runs import (
    Example,
    Judged,
    answers,
    approve,
    as_good,
    asked,
    eased,
    judged,
    model_of,
    prepare,
    put,
    reject,
    submit,
)
from tests.support.wheels import fetch_wheels

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
BODIES = 20
AT_ONCE = 2
"""Examples that go their way at the same time."""
PATIENCE = 400
"""Seconds until an example and its baselines are judged, all trained side by side on two cores."""


def texts(column: str) -> Any:
    """Bodies of one text each, for a model with one input."""
    return lambda table: [{"inputs": [text]} for text in table[column].iloc[:BODIES]]


def records(*columns: str, missing: bool = False) -> Any:
    """Bodies of one row with these columns. missing: whether some lack a value, which is null."""

    def bodies(table: pd.DataFrame) -> list[Any]:
        given = table[list(columns)]
        lacking = given.isna().sum(axis=1).sort_values(ascending=False, kind="stable").index[: BODIES // 2]
        rows = pd.concat([given.loc[lacking], given.drop(lacking)]).iloc[:BODIES]
        assert rows.isna().any(axis=None) == missing, columns
        plain = rows.astype(object).where(rows.notna(), None)
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


def films(table: pd.DataFrame) -> list[Any]:
    """Bodies of one person each: the numbers of the last films, the latest last."""
    return [{"inputs": [[int(film) for film in past]]} for past in table["history"].iloc[:BODIES]]


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
        after="unbalanced",
    ),
    Example(
        "product_titles",
        sources=("product_titles/flipkart_products.parquet",),
        rows=8000,
        request=records("title", "brand", "price", missing=True),
        baselines=("brand_only", "tfidf_linear"),
        bounds={"vs_champion": ">= -0.2"},  # the sample's 1,500 held-out rows are too few to show 0.06
        after="tfidf_linear",
    ),
    Example(
        "colouring",
        rows=2000,
        request=pictures("grey", 32),
        baselines=("mean_colour", "nearest_neighbour"),
        shape=(3, 32, 32),
        after="mean_colour",
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
    Example(
        "same_product",
        sources=("duplicates/pricerunner_offers.parquet",),
        rows=6000,
        request=texts("title"),
        baselines=("word_overlap", "tfidf_cosine"),
        beats=("word_overlap", "tfidf_cosine"),
        shape=(257,),
        after="tfidf_cosine",
    ),
    Example(
        "movies",
        sources=("interactions/movietweetings_ratings.parquet",),
        rows=12_000,
        request=films,
        baselines=("popularity", "als"),
        beats=("popularity", "als"),
        bounds={"serve": {"max_latency_ms": 100}},  # 5 ms hold where nothing trains beside the measurement
    ),
)


@dataclass(frozen=True)
class Launched:
    """What became of an example.

    found: what the platform judged, by the name of the folder. seen: answers by status and version while the example took over;
    empty where it is the first version. newest: the ledger's newest version. values: the example's answers to the live requests.
    """

    found: Mapping[str, Judged]
    seen: Counter[tuple[int, str | None]]
    newest: str
    values: Sequence[np.ndarray]


@pytest.fixture(scope="module")
def launched(
    request: pytest.FixtureRequest, platform: Any, wheels: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Launched]]]:
    """The examples that are tested go their way a few at a time: while one trains, another is judged or reviewed."""
    chosen = [item.callspec.params["example"] for item in request.session.items if "launched" in item.fixturenames]
    with ThreadPoolExecutor(AT_ONCE) as lanes:
        yield {
            example.name: lanes.submit(launch, platform, example, wheels, tmp_path_factory.mktemp(example.name))
            for example in chosen
        }
        lanes.shutdown(cancel_futures=True)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_is_as_good_as_its_baselines_and_answers(
    launched: Mapping[str, Future[Launched]], example: Example
) -> None:
    it = launched[example.name].result()
    as_good_as_it_must(example, it.found)
    assert len(it.values) == BODIES
    for values in it.values:
        assert len(values) == 1
        assert example.shape in (None, values.shape[1:])
    if example.after:
        assert it.found[example.name].gain is not None
        assert {status for status, _ in it.seen} == {200}
        assert {version for _, version in it.seen} == {"1", "2"}
        assert it.newest == "2"


def as_good_as_it_must(example: Example, found: Mapping[str, Judged]) -> None:
    """In the problem's metric, and better in the slices that the example names."""
    own = found[example.name]
    for name in example.to_beat:
        other = found[name]
        assert as_good(own.metric, own.score, other.score), (name, own.score, other.score)
        for column, value in example.slices:
            ours, theirs = own.slices[column][value], other.slices[column][value]
            assert as_good(own.metric, ours, theirs), (name, column, value, ours, theirs)


def launch(platform: Any, example: Example, wheels: Path, folder: Path) -> Launched:
    """Has the example and its baselines judged, and the example serving."""
    example = eased(example, folder)
    path = folder / f"{example.name}.parquet"
    prepare(example, path, example.rows)
    for requirements in example.requirements:
        fetch_wheels(requirements, wheels)
    put(platform, example, path)
    bodies = example.request(pd.read_parquet(path))
    model = model_of(example.folders[example.after or example.name])

    first = [name for name in example.folders if not (example.after and name == example.name)]
    runs = {name: submit(platform, example.folders[name]) for name in first}
    found = {name: judged(platform, run, PATIENCE) for name, run in runs.items()}
    seen: Counter[tuple[int, str | None]] = Counter()
    for name in example.baselines:
        if name == example.after:
            assert not found[name].stopped, found[name].stopped
            approve(platform, runs[name])
        elif asked(platform, runs[name]):
            reject(platform, runs[name])
    if example.after:
        found[example.name], seen = take_over(platform, example, model, bodies)
    else:
        assert not found[example.name].stopped, found[example.name].stopped
        approve(platform, runs[example.name])
    newest = platform.ledger(model)[0]["version"]
    answering(platform, model, bodies[0])
    return Launched(found, seen, newest, answers(platform.url(model), bodies))


def answering(platform: Any, model: str, body: Any) -> None:
    """Waits until the gateway knows a model that was launched this moment."""
    platform.until(lambda: httpx.post(platform.url(model), json=body).is_success, 10, f"{model} to answer")


def take_over(
    platform: Any, example: Example, model: str, bodies: list[Any]
) -> tuple[Judged, Counter[tuple[int, str | None]]]:
    """The example is judged beside the baseline that serves, and takes over through a canary. Returns what was answered too."""
    # Few requests decide, and two launches share the processors.
    canary = {"every": "1s", "steps": [10, 50], "max_error_increase": 0.1, "max_latency_ratio": 10.0}
    overrides = {f"release.canary.{line}": setting for line, setting in canary.items()}
    answering(platform, model, bodies[0])
    with Asking(platform.url(model), bodies) as asking:
        run = submit(platform, example.folder, name=model, **overrides)
        own = judged(platform, run, PATIENCE)
        assert not own.stopped, own.stopped
        approve(platform, run)
        platform.until(lambda: asking.answers[200, "2"] > 2 * BODIES, 20, "version 2 to answer")
    return own, asking.answers
