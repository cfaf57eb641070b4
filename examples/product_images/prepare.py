"""Pictures of garments, unequally many of each kind: 28 by 28 grey pixels, a class number and its name.

python prepare.py fashion_mnist.parquet product_images.parquet --rows 12000
"""

import argparse

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CLASSES, RATIO, SEED = 10, 100, 3


def products(source: str, rows: int | None) -> pa.Table:
    """Columns `image` (784 bytes, row by row), `label` (0 to 9), `label_name`, `part` and `frequency`.

    The source has equally many pictures of each kind. A shop does not: it has a hundred boots for one coat. So of the rows to
    train on (`part` is `train`) each kind keeps fewer than the one before it, down to a hundredth; which kind is how rare is drawn
    once, with a seed. The rows to judge on (`part` is `test`) stay as many of each kind, so that the rare kinds are judged as
    precisely as the frequent ones. `frequency` is `frequent`, `middle` or `rare`. rows: about how many rows to take, in the
    same proportions. The source is in random order, so the first rows of a kind are a fair sample of it.
    """
    table = pq.read_table(source, columns=["image", "label", "label_name", "split"])
    label, training = table.column("label").to_numpy(), pc.equal(table.column("split"), "train").to_numpy()
    most = int(np.bincount(label[training]).min())
    places = np.random.default_rng(SEED).permutation(CLASSES)  # how rare each kind is: 0 for the most frequent one
    wanted = np.array([most * RATIO ** (-places[number] / (CLASSES - 1)) for number in range(CLASSES)])
    share = 1.0 if rows is None else min(1.0, rows / (wanted.sum() + (~training).sum()))
    kept = np.zeros(len(label), bool)
    for number in range(CLASSES):
        for part, count in ((training, wanted[number]), (~training, (~training).sum() / CLASSES)):
            kept[np.flatnonzero(part & (label == number))[: round(share * count)]] = True
    table = table.filter(pa.array(kept)).rename_columns(["image", "label", "label_name", "part"])
    frequency = [("frequent", "middle", "rare")[(place > 2) + (place > 6)] for place in places[label[kept]].tolist()]
    table = table.append_column("frequency", pa.array(frequency))
    return table.set_column(0, "image", table.column("image").cast(pa.binary()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, help="about how many rows to take; all, if not given")
    given = parser.parse_args()
    table = products(given.source, given.rows)
    pq.write_table(table, given.out)
    counts = pc.value_counts(table.filter(pc.equal(table.column("part"), "train")).column("label_name")).to_pylist()
    print(f"{given.out}: {table.num_rows} rows; to train on:")
    for entry in sorted(counts, key=lambda entry: -entry["counts"]):
        print(f"  {entry['counts']:5d} {entry['values']}")
