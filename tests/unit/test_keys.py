"""The key of a row is the same however many rows are hashed together, and the one that earlier versions kept."""

import datetime as dt
import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.data.keys import row_keys, texts

SALT = b"k" * 32


def one_by_one(batch: pa.RecordBatch, names: list[str], salt: bytes) -> np.ndarray:
    """The definition: blake2b, keyed with the salt, of the tuple of a row's texts as Python writes it."""
    rows = zip(*(texts(batch.column(name)) for name in names), strict=True)
    digests = [hashlib.blake2b(repr(row).encode(), digest_size=8, key=salt).digest() for row in rows]
    return np.array([int.from_bytes(digest, "big") for digest in digests], np.uint64)


VALUES = {
    "float64": (
        pa.float64(),
        st.floats(allow_nan=True, allow_infinity=True) | st.none() | st.integers(-9, 9).map(float),
    ),
    "float32": (pa.float32(), st.floats(width=32) | st.none()),
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1) | st.none()),
    "uint8": (pa.uint8(), st.integers(0, 255)),
    "text": (
        pa.string(),
        st.text() | st.none() | st.sampled_from(["it's", 'a "b"', "back\\", "가나다", "日本", "é", "\u200b"]),
    ),
    "large text": (pa.large_string(), st.text()),
    "boolean": (pa.bool_(), st.booleans() | st.none()),
    "day": (pa.date32(), st.dates() | st.none()),
    "time": (pa.timestamp("us"), st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)) | st.none()),
    "list": (pa.list_(pa.int8()), st.lists(st.integers(-9, 9), max_size=3) | st.none()),
}


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
@settings(deadline=None, max_examples=200)
def test_a_key_is_what_its_definition_says(kind: str, data: Any) -> None:
    arrow_type, values = VALUES[kind]
    column = pa.array(data.draw(st.lists(values, min_size=1, max_size=20)), arrow_type)
    batch = pa.RecordBatch.from_pydict({"x": column, "y": pa.array(range(len(column)))})
    for names in (["x"], ["x", "y"], ["y", "x"]):
        assert np.array_equal(row_keys(batch, names, SALT), one_by_one(batch, names, SALT))


def test_numbers_of_every_size_are_written_as_python_writes_them() -> None:
    chance = np.random.default_rng(0)
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.concatenate(
            [
                chance.integers(0, 2**64, 20_000, np.uint64).view(np.float64),
                chance.normal(size=20_000) * 10.0 ** chance.integers(-9, 19, 20_000),
                [0.0, -0.0, np.nan, np.inf, -np.inf, 2.0**62, 1e20, 16777217.5, 1e-4, 9.9e-5, 0.001, 99999.5, 1e16],
            ]
        )
    for kind in (pa.float64(), pa.float32()):
        batch = pa.RecordBatch.from_pydict({"x": pa.array(values, from_pandas=False).cast(kind, safe=False)})
        assert np.array_equal(row_keys(batch, ["x"], SALT), one_by_one(batch, ["x"], SALT))


def test_a_key_survives_another_type_of_its_column() -> None:
    columns = {
        "whole": pa.array([1, 2, None]),
        "real": pa.array([1.0, 2.0, None]),
        "single": pa.array([1, 2, None], pa.float32()),
    }
    batch = pa.RecordBatch.from_pydict(columns)
    keys = [row_keys(batch, [name], SALT).tolist() for name in columns]
    assert keys[0] == keys[1] == keys[2]
    assert len(set(keys[0])) == 3
    assert row_keys(batch, ["whole"], b"o" * 32).tolist() != keys[0]
