"""Handwritten digits that scikit-learn ships, as a table: 1,797 images of 8 by 8 pixels and their labels.

python prepare.py digits.parquet
"""

import sys

import numpy as np


def digits() -> dict[str, np.ndarray]:
    """Columns `pixels` (float32, 64 values from 0 to 16) and `label`."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return {"pixels": bunch.data.astype(np.float32), "label": bunch.target.astype(np.int64)}


if __name__ == "__main__":
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = digits()
    pq.write_table(pa.table({"pixels": list(columns["pixels"]), "label": columns["label"]}), sys.argv[1])
