"""The table of examples/product_titles: which products are in it, and what may be missing."""

import runpy
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PREPARE = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "product_titles" / "prepare.py"))

SOURCE = pa.table(
    {
        "product_name": ["Red Shoe", "  ", None, "Camera", "Ring", "A Long Title of Ten Words That Goes On and On"],
        "brand": ["Acme", "Acme", "Acme", None, "Blom", None],
        "retail_price": [999.0, 1.0, 1.0, None, 5.0, 7.0],
        "category_path": ["Footwear >> Shoes", "A", "A", "Cameras", None, "Books"],
        "pid": list("abcdef"),
    }
)


def test_products_without_a_title_or_a_category_are_left_out(tmp_path: Path) -> None:
    pq.write_table(SOURCE, tmp_path / "source.parquet")
    table = PREPARE["products"](str(tmp_path / "source.parquet"), None).to_pydict()
    assert table == {
        "title": ["Red Shoe", "Camera", "A Long Title of Ten Words That Goes On and On"],
        "brand": ["Acme", None, None],
        "price": [999.0, None, 7.0],
        "category_path": ["Footwear >> Shoes", "Cameras", "Books"],
        "title_length": ["1-3 words", "1-3 words", "10+ words"],
    }


def test_fewer_rows_are_the_first_usable_ones(tmp_path: Path) -> None:
    pq.write_table(SOURCE, tmp_path / "source.parquet")
    assert PREPARE["products"](str(tmp_path / "source.parquet"), 2).column("title").to_pylist() == [
        "Red Shoe",
        "Camera",
    ]
