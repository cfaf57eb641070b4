"""What the cases of scikit-learn, XGBoost and LightGBM are fitted on: offers of a shop, and sales of products by day."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from tests.support.flavour_cases import Fitted, FlavourCase
from tests.support.shared_data import shared_table

CASES: list[FlavourCase] = []
OFFER_COLUMNS = ["retail_price", "discounted_price", "brand", "is_FK_Advantage_product"]
SALE_COLUMNS = ["StockCode", "n_lines", "avg_price", "weekday"]
EXAMPLE_ROWS = 500
STRANGE_TITLES = (  # letters of many scripts, two that Python lowers in a way of its own, texts without a word
    "",
    "a",
    "don't naïve co-op",
    "ÜNÏCODE Straße",
    "日本語 テスト",
    "İndirim ABİC",
    "ΣΑΣ σας",
    "½ x² _foo_ 12",
    "tab\tline\nend",
)
CATEGORIES = ("Automotive", "Clothing", "Footwear", "Jewellery", "Mobiles & Accessories")


@cache
def offers() -> tuple[Any, np.ndarray]:
    """Offers with missing prices and brands, and the category of each as text. The last row has a brand of its own."""
    path = "product_titles/flipkart_products.parquet"
    table = shared_table(path, [*OFFER_COLUMNS, "category_l1"], 8000)
    table = table[table.category_l1.isin(CATEGORIES)].reset_index(drop=True).iloc[:3000]
    rows = table[OFFER_COLUMNS].copy()
    rows.loc[len(rows) - 1, "brand"] = "a brand that nobody has seen"
    return rows, table.category_l1.to_numpy(dtype=object)


@cache
def titles() -> tuple[Any, np.ndarray]:
    """The titles of products, and whether each is a piece of clothing. Some are in other scripts than training saw."""
    table = shared_table("product_titles/flipkart_products.parquet", ["product_name", "category_l1"], 3000)
    rows = table[["product_name"]].astype(object)
    rows.iloc[-len(STRANGE_TITLES) :, 0] = STRANGE_TITLES
    rows.iloc[: len(STRANGE_TITLES), 0] = STRANGE_TITLES
    return rows, (table.category_l1 == "Clothing").to_numpy()


@cache
def sales() -> tuple[Any, np.ndarray]:
    """Days on which a product was sold: its code (a text), the lines, the price (missing where it is zero), the weekday."""
    path = "demand/online_retail_daily.parquet"
    table = shared_table(path, ["StockCode", "date", "n_lines", "avg_price", "units_sold"], 40000)
    table = table.sample(3000, random_state=0).reset_index(drop=True)
    rows = table[["StockCode", "n_lines", "avg_price"]].copy()
    rows["weekday"] = pd.to_datetime(table.date).dt.day_of_week
    rows.loc[rows.index % 10 == 0, "avg_price"] = np.nan
    return rows, table.units_sold.clip(0, 200).to_numpy(dtype=float)


def fitted(
    data: tuple[Any, np.ndarray],
    fit: Callable[[Any, np.ndarray], Any],
    ask: Callable[[Any, Any], Any],
    prepare: Callable[[Any], Any] = lambda rows: rows,
    **more: Any,
) -> Fitted:
    """Fits on four fifths of the rows. prepare: makes what the original takes of a table of numbers and texts."""
    rows, target = data
    border = len(rows) * 4 // 5
    taken = prepare(rows)
    model = fit(taken.iloc[:border], target[:border])
    held_out = {str(name): column.to_numpy() for name, column in rows.iloc[border:].items()}
    answers = np.asarray(ask(model, taken.iloc[border:]))
    return Fitted(model, rows.iloc[:EXAMPLE_ROWS], held_out, answers, target[border:], more)


def probabilities(model: Any, rows: Any) -> Any:
    return model.predict_proba(rows)


def prediction(model: Any, rows: Any) -> Any:
    return model.predict(rows)
