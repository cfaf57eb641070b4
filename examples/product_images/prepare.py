"""Pictures of products, as a table: 28 by 28 grey pixels, a class number and its name.

python prepare.py fashion_mnist.parquet product_images.parquet --rows 12000
"""

import argparse

import pyarrow as pa
import pyarrow.parquet as pq


def products(source: str, rows: int | None) -> pa.Table:
    """Columns `image` (784 bytes, row by row), `label` (0 to 9) and `label_name`; the first `rows` of the source.

    The source is in random order, so its first rows are a fair sample.
    """
    table = pq.read_table(source, columns=["image", "label", "label_name"]).slice(0, rows)
    return table.set_column(0, "image", table.column("image").cast(pa.binary()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, help="how many rows to take; all, if not given")
    given = parser.parse_args()
    table = products(given.source, given.rows)
    pq.write_table(table, given.out)
    print(f"{given.out}: {table.num_rows} rows")
