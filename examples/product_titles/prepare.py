"""Titles, brands and prices of products, and the path of each in the shop's tree of categories, as a table.

python prepare.py flipkart_products.parquet product_titles.parquet
"""

import argparse

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

NAMES = {"product_name": "title", "brand": "brand", "retail_price": "price", "category_path": "category_path"}


def products(source: str, rows: int | None) -> pa.Table:
    """Columns `title`, `brand`, `price`, `category_path` and `title_length` (a range of words); the first `rows` rows.

    A row without a title or without a category teaches nothing and cannot be scored, so it is left out. A brand and a
    price may be missing. Rare categories stay: what to do with them is the model's decision.
    """
    table = pq.read_table(source, columns=list(NAMES)).rename_columns(list(NAMES.values()))
    title = pc.utf8_trim_whitespace(table.column("title"))
    usable = pc.and_(pc.greater(pc.utf8_length(title), 0), pc.is_valid(table.column("category_path")))
    table = table.filter(usable).slice(0, rows)  # a missing title gives null here, which filters out too
    lengths = [length_of(name) for name in table.column("title").to_pylist()]
    return table.append_column("title_length", pa.array(lengths))


def length_of(name: str) -> str:
    words = len(name.split())
    return "1-3 words" if words < 4 else "4-6 words" if words < 7 else "7-9 words" if words < 10 else "10+ words"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, help="how many rows to take; all, if not given")
    given = parser.parse_args()
    table = products(given.source, given.rows)
    pq.write_table(table, given.out)
    print(f"{given.out}: {table.num_rows} rows")
