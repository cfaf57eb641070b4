"""Sales of a shop's products by day, as forecasts of the week ahead: a row for each product and origin.

python prepare.py online_retail_daily.parquet sku_demand.parquet
"""

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd

WEEKS = 12
"""How many weeks before an origin a model sees."""
OPEN = 6
"""Days of a week on which the shop sells: Sunday to Friday."""
LEAST = 6
"""Days with sales among those weeks; a product with fewer gets no forecast."""


@dataclass(frozen=True)
class Panel:
    """Units of each product and day. units: float32 of shape (products, weeks, OPEN); a week begins on a Sunday.

    open: whether the shop sold anything on a day, shape (weeks, OPEN). first: the Sunday of week 0.
    """

    products: np.ndarray
    units: np.ndarray
    open: np.ndarray
    first: pd.Timestamp


def panel(daily: pd.DataFrame) -> Panel:
    """From rows of StockCode, date, units_sold and units_returned. A pair without a row sold nothing.

    What was returned on the day of its sale was no demand: of two orders of 74,215 and 80,995 units nothing remains.
    Postage, fees and vouchers are no products; their codes do not begin with five digits. Days before the first Sunday
    are left out.
    """
    goods = daily[daily.StockCode.str.match(r"\d{5}")]
    date = pd.to_datetime(goods.date)
    first = date.min() + pd.Timedelta(days=(6 - date.min().weekday()) % 7)
    place = (date - first).dt.days.to_numpy()
    products, product = np.unique(goods.StockCode.to_numpy(dtype=str), return_inverse=True)
    kept = (place >= 0) & (place % 7 < OPEN)
    units = np.zeros((len(products), int(place.max()) // 7 + 1, OPEN), dtype=np.float32)
    demand = (goods.units_sold - goods.units_returned).clip(lower=0).to_numpy()
    np.add.at(units, (product[kept], place[kept] // 7, place[kept] % 7), demand[kept])
    return Panel(products, units, units.sum(axis=0) > 0, first)


def forecasts(sales: Panel) -> pd.DataFrame:
    """A row for each product and origin.

    `product`; `origin`, the Saturday at whose end the forecast is made; `history`, the units of the 72 days of sale before
    it, oldest first; `days`, on how many days of the week ahead the shop is open; `units`, what the product sells in that
    week, which is the target; `scale`, the mean squared change from week to week in the history; `sells`, on how many days
    of the history the product sold.
    """
    weeks = range(WEEKS, sales.units.shape[1])
    return pd.concat([week_ahead(sales, week) for week in weeks if sales.open[week].any()], ignore_index=True)


def week_ahead(sales: Panel, week: int) -> pd.DataFrame:
    """The forecasts of one week of the panel."""
    past = sales.units[:, week - WEEKS : week]
    days = (past > 0).sum(axis=(1, 2))
    scale = (np.diff(past.sum(axis=2, dtype=float), axis=1) ** 2).mean(axis=1)
    kept = (days >= LEAST) & (scale > 0)
    return pd.DataFrame(
        {
            "product": sales.products[kept],
            "origin": str((sales.first + pd.Timedelta(days=7 * week - 1)).date()),
            "history": list(past[kept].reshape(-1, WEEKS * OPEN)),
            "days": int(sales.open[week].sum()),
            "units": sales.units[kept, week].sum(axis=1),
            "scale": scale[kept],
            "sells": [sells(count) for count in days[kept]],
        }
    )


def sells(days: int) -> str:
    """A range of days with sales among the 72 of a history."""
    return "6-17 days" if days < 18 else "18-35 days" if days < 36 else "36+ days"


def whole_products(table: pd.DataFrame, rows: int) -> pd.DataFrame:
    """All rows of products that are drawn by chance, as many as make `rows` rows at most."""
    sizes = table["product"].value_counts(sort=False).sort_index().sample(frac=1, random_state=0)
    return table[table["product"].isin(sizes.index[sizes.cumsum() <= rows])].reset_index(drop=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, help="how many rows to take at most, of whole products; all, if not given")
    given = parser.parse_args()
    table = forecasts(panel(pd.read_parquet(given.source)))
    if given.rows is not None:
        table = whole_products(table, given.rows)
    table.to_parquet(given.out, index=False, compression="zstd")
    print(f"{given.out}: {len(table)} rows")
