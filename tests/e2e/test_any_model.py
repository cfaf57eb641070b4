"""A model of a package of its own, and one of another kind after it, go the whole way on real data.

`test_examples.py` takes models of every other shape the same way.
"""

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
MODEL = "sales"
VERSIONS = ((FOLDERS / "seasons",), (FOLDERS / "seasons", "--param", "least=4"), (FOLDERS / "trees",))
"""What is submitted for each version: Python code that needs a package, the same with another parameter, and trees of XGBoost."""


def sales() -> pd.DataFrame:
    columns = ["StockCode", "date", "units_sold", "n_lines", "avg_price"]
    table = shared_table("demand/online_retail_daily.parquet", columns, 60_000).sample(4000, random_state=0)
    table = table.assign(weekday=pd.to_datetime(table.date).dt.day_of_week.astype("int64"))
    common = table.StockCode.value_counts().index[:50]
    table["product"] = table.StockCode.where(table.StockCode.isin(common), "other")
    table["units_sold"] = table.units_sold.clip(0, 500).astype("int64")
    table.loc[table.index % 10 == 0, "avg_price"] = np.nan
    table["weekend"] = table.weekday >= 5
    return table[["product", "n_lines", "avg_price", "weekday", "weekend", "units_sold"]].reset_index(drop=True)


def bodies(table: pd.DataFrame) -> list[Any]:
    """A request for each of twenty rows, of which some lack a price: a missing value is null."""
    rows = table[["product", "n_lines", "avg_price", "weekday"]].iloc[:20]
    assert rows.avg_price.isna().any()
    plain = rows.astype(object).where(rows.notna(), None)
    return [{"dataframe_records": [row]} for row in plain.to_dict("records")]


def launch(platform: Any, *words: object) -> str:
    """Submits as a researcher does, and approves as another person; returns the run when its review is done."""
    run = str(platform.jinsu_json("submit", *words)["id"])
    platform.until(
        lambda: platform.run(run)["ended"] or platform.stage(run, "review").get("state") == "running",
        180,
        lambda: f"a review of {run}: {platform.run(run)['why']}",
    )
    assert not platform.run(run)["ended"], platform.run(run)["why"]
    platform.jinsu("review", "approve", run, token=platform.token("rita"))
    ended = platform.ended(run, 120)
    assert ended["state"] == "succeeded", ended["why"]
    return run


def test_versions_of_any_kind_follow_one_another(platform: Any, tmp_path: Path) -> None:
    table = sales()
    requests = bodies(table)
    path = tmp_path / f"{MODEL}.parquet"
    table.to_parquet(path)
    platform.jinsu("data", "put", MODEL, path)
    url = platform.url(MODEL)

    launch(platform, *VERSIONS[0])
    platform.until(lambda: httpx.post(url, json=requests[0]).is_success, 10, "the first version to answer")
    with Asking(url, requests) as asking:
        for number, words in enumerate(VERSIONS[1:], 2):
            launch(platform, *words)
            platform.until(
                lambda version=str(number): asking.answers[200, version] > 30, 20, f"version {number} to answer"
            )
            assert platform.ledger(MODEL)[0]["version"] == str(number)
    assert {status for status, _ in asking.answers} == {200}
    assert {version for _, version in asking.answers} == {"1", "2", "3"}

    values = np.asarray(httpx.post(url, json=requests[0]).json()["predictions"], dtype=float)
    assert np.isfinite(values).all()
    assert values.shape == (1,)
