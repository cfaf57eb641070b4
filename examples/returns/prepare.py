"""Lines of a shop's invoices, and whether each is a cancellation.

python prepare.py online_retail.parquet returns.parquet
"""

import argparse

import numpy as np
import pandas as pd


def lines(sold: pd.DataFrame) -> pd.DataFrame:
    """A row for each line of an invoice for a product.

    `product`, `country`, `customer` (missing for a quarter), `price`, `units` without their sign, `month`, `weekday` (0 is
    Monday) and `hour`; `cancelled`, the target: yes or no; `invoice`, a number that tells invoices apart and says nothing
    else, by which the rows are split.

    An invoice is known as a cancellation by the C before its number, and so are its lines by their negative quantity:
    neither is here. Three kinds of lines are left out, because their code or price alone would give them away: fees,
    discounts and postage (codes that do not begin with five digits), corrections of the stock (a negative quantity without
    a C: they have no customer and no price), and lines without a price.
    """
    cancelled = sold.InvoiceNo.str.startswith("C")
    kept = sold.StockCode.str.match(r"\d{5}") & (sold.UnitPrice > 0) & (cancelled | (sold.Quantity > 0))
    rows, cancelled = sold[kept], cancelled[kept]
    time = rows.InvoiceDate.dt
    customer = rows.CustomerID.astype("Int64").astype("string")
    return pd.DataFrame(
        {
            "invoice": pd.factorize(rows.InvoiceNo)[0].astype(np.int64),
            "product": rows.StockCode.astype("string"),
            "country": rows.Country.astype("string"),
            "customer": customer,
            "price": rows.UnitPrice.astype(np.float64),
            "units": rows.Quantity.abs().astype(np.int64),
            "month": time.month.astype(np.int64),
            "weekday": time.day_of_week.astype(np.int64),
            "hour": time.hour.astype(np.int64),
            "known_customer": np.where(customer.isna(), "no", "yes"),
            "cancelled": np.where(cancelled, "yes", "no"),
        }
    ).reset_index(drop=True)


def whole_invoices(table: pd.DataFrame, rows: int) -> pd.DataFrame:
    """All lines of invoices that are drawn by chance, as many as make `rows` rows at most."""
    sizes = table["invoice"].value_counts(sort=False).sort_index().sample(frac=1, random_state=0)
    return table[table["invoice"].isin(sizes.index[sizes.cumsum() <= rows])].reset_index(drop=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, help="how many rows to take at most, of whole invoices; all, if not given")
    given = parser.parse_args()
    table = lines(pd.read_parquet(given.source))
    if given.rows is not None:
        table = whole_invoices(table, given.rows)
    table.to_parquet(given.out, index=False, compression="zstd")
    print(f"{given.out}: {len(table)} rows")
