"""The table of examples/returns: nothing in it says by itself that a line is a cancellation."""

import runpy
from pathlib import Path

import pandas as pd

PREPARE = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "returns" / "prepare.py"))
COLUMNS = ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]


def sold(*rows: tuple[str, str, int, str, float, float | None, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(InvoiceDate=pd.to_datetime(table.InvoiceDate), CustomerID=table.CustomerID.astype(float))


SALE = ("536365", "85123A", 6, "2010-12-01 08:26", 2.55, 17850.0, "United Kingdom")
CANCELLATION = ("C536379", "85123A", -6, "2010-12-03 09:41", 2.55, None, "United Kingdom")


def test_a_cancellation_is_known_by_its_target_alone() -> None:
    table = PREPARE["lines"](sold(SALE, CANCELLATION))
    assert table["cancelled"].tolist() == ["no", "yes"]
    assert table["units"].tolist() == [6, 6]
    assert table["invoice"].tolist() == [0, 1]
    assert not table.astype("string").apply(lambda column: column.str.startswith("C")).any().any()


def test_a_customer_may_be_missing_and_is_no_number() -> None:
    table = PREPARE["lines"](sold(SALE, CANCELLATION))
    assert table["customer"].isna().tolist() == [False, True]
    assert table["customer"][0] == "17850"
    assert table["known_customer"].tolist() == ["yes", "no"]


def test_times_become_month_weekday_and_hour() -> None:
    table = PREPARE["lines"](sold(CANCELLATION))
    assert table[["month", "weekday", "hour"]].iloc[0].tolist() == [12, 4, 9]


def test_lines_that_their_code_or_price_would_give_away_are_left_out() -> None:
    discount = ("C536380", "D", -1, "2010-12-01 10:00", 27.5, 14527.0, "United Kingdom")
    correction = ("536589", "21777", -10, "2010-12-01 16:50", 0.0, None, "United Kingdom")
    lost = ("536590", "21777", -10, "2010-12-01 16:50", 1.0, None, "United Kingdom")
    free = ("536591", "22841", 1, "2010-12-01 17:00", 0.0, None, "United Kingdom")
    assert len(PREPARE["lines"](sold(SALE, discount, correction, lost, free))) == 1


def test_fewer_rows_are_whole_invoices() -> None:
    table = pd.DataFrame({"invoice": [0, 0, 1, 1, 1, 2], "units": range(6)})
    part = PREPARE["whole_invoices"](table, 4)
    assert 0 < len(part) <= 4
    assert all((part["invoice"] == one).sum() == (table["invoice"] == one).sum() for one in set(part["invoice"]))
