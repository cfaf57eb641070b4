"""Models of every shape go the whole way on real data: two versions, a review each, and a canary on live traffic."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from tests.support.asking import Asking
from tests.support.shared_data import shared_table

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
FOLDERS = Path(__file__).parent / "any_model"


@dataclass(frozen=True)
class AnyModel:
    """A folder of `any_model`, and what is known of it.

    rows: of the dataset. bodies: requests of live traffic, from the rows. second: the parameter that the second version changes.
    shape: of the second version's answer to one row.
    """

    name: str
    dataset: str
    rows: Callable[[], pd.DataFrame]
    bodies: Callable[[pd.DataFrame], list[Any]]
    second: str
    shape: tuple[int, ...]


def offers() -> pd.DataFrame:
    columns = ["brand", "retail_price", "discounted_price", "is_FK_Advantage_product", "category_l1"]
    table = shared_table("product_titles/flipkart_products.parquet", columns, 12_000)
    kept = ("Automotive", "Clothing", "Footwear", "Jewellery", "Mobiles & Accessories")
    table = table[table.category_l1.isin(kept)].rename(columns={"category_l1": "category"})
    return table.iloc[:4000].reset_index(drop=True)


def sales() -> pd.DataFrame:
    columns = ["StockCode", "date", "units_sold", "n_lines", "avg_price"]
    table = shared_table("demand/online_retail_daily.parquet", columns, 60_000).sample(4000, random_state=0)
    table = table.assign(weekday=pd.to_datetime(table.date).dt.day_of_week.astype("int64"))
    common = table.StockCode.value_counts().index[:50]
    table["product"] = table.StockCode.where(table.StockCode.isin(common), "other")
    table["units_sold"] = table.units_sold.clip(0, 500).astype("int64")
    table.loc[table.index % 10 == 0, "avg_price"] = np.nan
    return table[["product", "n_lines", "avg_price", "weekday", "units_sold"]].reset_index(drop=True)


def duplicates() -> pd.DataFrame:
    columns = ["Product Title", "Cluster ID"]
    table = shared_table("duplicates/pricerunner_offers.parquet", columns, 4000)
    return table.rename(columns={"Product Title": "title", "Cluster ID": "product"})


def pictures() -> pd.DataFrame:
    table = shared_table("product_images/fashion_mnist.parquet", ["image"], 600)
    clean = np.stack([np.frombuffer(image, np.uint8) for image in table.image]).astype(np.float32) / 255
    noisy = (clean + np.random.default_rng(0).normal(0, 0.3, clean.shape)).astype(np.float32).clip(0, 1)
    return pd.DataFrame({"noisy": list(noisy), "clean": list(clean)})


def records(table: pd.DataFrame, columns: list[str]) -> list[Any]:
    """A request for each of twenty rows; a missing value is null."""
    plain = table[columns].astype(object).where(table[columns].notna(), None).iloc[:20]
    return [{"dataframe_records": [row]} for row in plain.to_dict("records")]


CASES = [
    AnyModel(
        "offers", "offers", offers,
        lambda table: records(table, ["brand", "retail_price", "discounted_price"]), "depth=9", (5,),
    ),
    AnyModel("prices", "offers", offers, lambda table: records(table, ["brand", "retail_price"]), "epochs=40", (5,)),
    AnyModel(
        "sales", "sales", sales,
        lambda table: records(table, ["product", "n_lines", "avg_price", "weekday"]), "rounds=80", (),
    ),
    AnyModel("seasons", "sales", sales, lambda table: records(table, ["product", "weekday"]), "least=4", ()),
    AnyModel(
        "vectors", "duplicates", duplicates,
        lambda table: [{"inputs": [title]} for title in table.title[:20]], "size=160", (160,),
    ),
    AnyModel(
        "pictures", "pictures", pictures,
        lambda table: [{"inputs": [row.reshape(1, 28, 28).tolist()]} for row in table.noisy[:20]], "epochs=3", (1, 28, 28),
    ),
]  # fmt: skip


def launch(platform: Any, folder: Path, *params: str) -> str:
    """Submits as a researcher does, and approves as another person; returns the run when its review is done."""
    run = str(platform.jinsu_json("submit", folder, *params)["id"])
    platform.until(
        lambda: platform.run(run)["ended"] or platform.stage(run, "review").get("state") == "running",
        180,
        lambda: f"a review of {run}: {platform.run(run)['why']}",
    )
    assert not platform.run(run)["ended"], platform.run(run)["why"]
    platform.jinsu("review", "approve", run, token=platform.token("rita"))
    return run


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_model_of_any_shape_is_launched_and_relaunched(platform: Any, tmp_path: Path, case: AnyModel) -> None:
    table = case.rows()
    bodies = case.bodies(table)
    path = tmp_path / f"{case.dataset}.parquet"
    table.to_parquet(path)
    platform.jinsu("data", "put", case.dataset, path)
    folder = FOLDERS / case.name
    url = platform.url(case.name)

    first = launch(platform, folder)
    ended = platform.ended(first, 120)
    assert ended["state"] == "succeeded", ended["why"]
    platform.until(lambda: httpx.post(url, json=bodies[0]).is_success, 10, "the first version to answer")

    with Asking(url, bodies) as asking:
        second = launch(platform, folder, "--param", case.second)
        ended = platform.ended(second, 120)
        platform.until(lambda: asking.answers[200, "2"] > 30, 20, "version 2 to answer")
    assert ended["state"] == "succeeded", ended["why"]
    assert {status for status, _ in asking.answers} == {200}
    assert {version for _, version in asking.answers} == {"1", "2"}
    assert platform.ledger(case.name)[0]["version"] == "2"

    values = np.asarray(httpx.post(url, json=bodies[0]).json()["predictions"], dtype=float)
    assert np.isfinite(values).all()
    assert values.shape[1:] == case.shape
