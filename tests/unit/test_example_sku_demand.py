"""The table of examples/sku_demand: what a row knows, and what it leaves out."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PREPARE = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "sku_demand" / "prepare.py"))


def daily(*rows: tuple[str, str, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["StockCode", "date", "units_sold", "units_returned"])


def every_day(code: str, days: int) -> list[tuple[str, str, int, int]]:
    """Sales from Sunday 2 January 2011 on, of 1, 2, 3 … units."""
    dates = pd.date_range("2011-01-02", periods=days)
    return [(code, str(date.date()), place + 1, 0) for place, date in enumerate(dates)]


def test_a_pair_without_a_row_sold_nothing_and_a_return_of_the_same_day_was_no_demand() -> None:
    sold = PREPARE["panel"](
        daily(("10001", "2011-01-02", 5, 0), ("10001", "2011-01-04", 74215, 74215), ("POST", "2011-01-03", 9, 0))
    )
    assert sold.products.tolist() == ["10001"]
    assert sold.units.tolist() == [[[5, 0, 0, 0, 0, 0]]]
    assert sold.open.tolist() == [[True, False, False, False, False, False]]


def test_days_before_the_first_sunday_and_saturdays_are_left_out() -> None:
    rows = daily(("10001", "2011-01-01", 7, 0), ("10001", "2011-01-02", 1, 0), ("10001", "2011-01-08", 3, 0))
    sold = PREPARE["panel"](rows)
    assert str(sold.first.date()) == "2011-01-02"
    assert sold.units.sum() == 1


def test_a_history_ends_where_its_week_ahead_begins() -> None:
    table = PREPARE["forecasts"](PREPARE["panel"](daily(*every_day("10001", 14 * 7))))
    assert table["origin"].tolist() == ["2011-03-26", "2011-04-02"]
    day = 7 * np.arange(12)[:, None] + np.arange(6) + 1  # Saturdays are no days of sale
    assert table["history"][0].tolist() == day.ravel().tolist()
    assert table["units"].tolist() == [sum(range(85, 91)), sum(range(92, 98))]
    assert table["days"].tolist() == [6, 6]
    assert np.allclose(table["scale"], 42**2)


def test_a_product_that_hardly_sells_gets_no_forecast() -> None:
    rows = [*every_day("10001", 13 * 7), *every_day("10002", 5)]
    assert set(PREPARE["forecasts"](PREPARE["panel"](daily(*rows)))["product"]) == {"10001"}


def test_fewer_rows_are_whole_products() -> None:
    table = pd.DataFrame({"product": list("aabbbbcc"), "units": range(8)})
    for rows in (2, 4, 8):
        part: Any = PREPARE["whole_products"](table, rows)
        assert len(part) <= rows
        assert all(len(part[part["product"] == one]) == (table["product"] == one).sum() for one in set(part["product"]))
    assert len(PREPARE["whole_products"](table, 8)) == 8
