"""Titles of offers in shops, and which of them are of one product, as a table.

python prepare.py pricerunner_offers.parquet same_product.parquet
"""

import argparse

import pandas as pd


def offers(source: pd.DataFrame, rows: int | None = None) -> pd.DataFrame:
    """One row an offer: `title`, `product` (the group that it belongs to) and `category`.

    The source lists a product's offers one after the other, so the first `rows` hold whole products but the last, and one category
    only: every so many-th product is taken instead, until there are as many rows.
    """
    found = pd.DataFrame(
        {
            "title": source["Product Title"].str.strip(),
            "product": source["Cluster ID"].astype(str),
            "category": source["Category Label"],
        }
    )
    found = found[found["title"].fillna("") != ""].reset_index(drop=True)
    if rows is None or rows >= len(found):
        return found
    number = pd.factorize(found["product"])[0]
    every = -(-len(found) // rows)
    return found[number % every == 0].head(rows).reset_index(drop=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, help="at most how many rows to take, whole products; all, if not given")
    given = parser.parse_args()
    table = offers(pd.read_parquet(given.source), given.rows)
    table.to_parquet(given.out, index=False)
    print(f"{given.out}: {len(table)} rows, {table['product'].nunique()} products")
