"""Real data of the field, which lies beside the repository and is not part of it."""

import os
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "JINSU_SHARED_DATA"


def shared_path(path: str) -> Path:
    """Where the file is. Skips the test, with the reason, where it is not there."""
    beside = Path(__file__).parents[2].parent / "shared" / "data"
    found = Path(os.environ.get(VARIABLE, beside)) / path
    if not found.is_file():
        pytest.skip(f"{found}: there is no such file; {VARIABLE} names the folder of the data")
    return found


def shared_table(path: str, columns: list[str], rows: int) -> Any:
    """The first rows of a Parquet file as a data frame of pandas. Skips the test, with the reason, where it is not there."""
    import pandas as pd

    return pd.read_parquet(shared_path(path), columns=columns).iloc[:rows]
