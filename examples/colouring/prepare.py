"""Patches of the colour pictures that scikit-learn and matplotlib ship, each in grey and in colour.

python prepare.py colouring.parquet --rows 2000
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.cbook import get_sample_data
from matplotlib.image import imread
from sklearn.datasets import load_sample_images

SIDE, REGION, STEP = 32, 64, 8  # pixels
WEIGHTS = np.array([0.299, 0.587, 0.114])  # of red, green and blue in a grey value (ITU-R BT.601)


def pictures() -> dict[str, np.ndarray]:
    """A temple and a flower (CC BY 2.0) and a portrait (public domain), as whole numbers of shape height, width, 3."""
    bunch = load_sample_images()
    found = {Path(name).stem: picture for name, picture in zip(bunch.filenames, bunch.images, strict=True)}
    with get_sample_data("grace_hopper.jpg") as file:
        return {**found, "portrait": imread(file, format="jpg")}


def patches(rows: int | None = None) -> dict[str, list]:
    """Columns `grey` (32 by 32 bytes), `colour` (3 by 32 by 32 bytes: all red ones first), `region` and `picture`.

    Each picture is cut into regions of 64 by 64 pixels, and the patches overlap within a region, never across two. So with whole
    regions held out no pixel of a held-out patch is in a patch to train on. rows: about how many patches, of all regions alike.
    """
    found: dict[str, list] = {"grey": [], "colour": [], "region": [], "picture": []}
    for name, picture in pictures().items():
        for top in range(0, picture.shape[0] - REGION + 1, REGION):
            for left in range(0, picture.shape[1] - REGION + 1, REGION):
                for patch in within(picture[top : top + REGION, left : left + REGION]):
                    found["grey"].append(np.rint(patch @ WEIGHTS).astype(np.uint8).tobytes())
                    found["colour"].append(np.ascontiguousarray(patch.transpose(2, 0, 1)).tobytes())
                    found["region"].append(f"{name}/{top // REGION}/{left // REGION}")
                    found["picture"].append(name)
    count = len(found["grey"])
    kept = np.random.default_rng(0).permutation(count)[:rows]
    return {column: [values[row] for row in kept] for column, values in found.items()}


def within(region: np.ndarray) -> list[np.ndarray]:
    """The patches of a region, eight pixels apart."""
    places = range(0, REGION - SIDE + 1, STEP)
    return [region[top : top + SIDE, left : left + SIDE] for top in places for left in places]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, help="how many patches to take; all, if not given")
    given = parser.parse_args()
    table = pa.table(patches(given.rows))
    pq.write_table(table, given.out)
    print(f"{given.out}: {table.num_rows} rows, {len(set(table.column('region').to_pylist()))} regions")
