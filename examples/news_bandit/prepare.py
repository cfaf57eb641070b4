"""What a shop showed, what the shop knew of the visitor, and whether the visitor clicked, as a table.

python prepare.py random_men.parquet news_bandit.parquet
"""

import argparse

import numpy as np
import pandas as pd

AFFINITY, FEATURE = "user-item_affinity_", "user_feature_"


def shown(log: pd.DataFrame, rows: int | None = None) -> pd.DataFrame:
    """One row a showing, the earliest first; the first `rows` of them.

    Columns: `item_id`, the action; `position` (1 to 3) on the page; `user_0` … `user_3`, hashed features of the visitor; `affinity`, one
    number an item (past clicks of visitors like this one); `click`, the reward; `propensity`, the chance with which the item was
    chosen; `time` in seconds.
    """
    ordered = log.sort_values("timestamp", kind="stable", ignore_index=True).iloc[:rows]
    users = {name.replace(FEATURE, "user_"): ordered[name].astype(str) for name in ordered if FEATURE in name}
    seconds = pd.to_datetime(ordered["timestamp"], utc=True, format="ISO8601").dt.floor("s")
    return pd.DataFrame(
        {
            "item_id": ordered["item_id"].astype(np.int64),
            "position": ordered["position"].astype(np.int64),
            **users,
            "affinity": list(ordered[affinities(log)].to_numpy(np.float32)),
            "click": ordered["click"].astype(np.float64),
            "propensity": ordered["propensity_score"].astype(np.float64),
            "time": (seconds - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1),
        }
    )


def affinities(log: pd.DataFrame) -> list[str]:
    """The columns of the affinities in the order of the items: 2 stands before 10."""
    return sorted((name for name in log if AFFINITY in name), key=lambda name: int(name.replace(AFFINITY, "")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, help="how many rows to take, the earliest first; all, if not given")
    given = parser.parse_args()
    table = shown(pd.read_parquet(given.source), given.rows)
    table.to_parquet(given.out, index=False)
    print(f"{given.out}: {len(table)} rows, {int(table['click'].sum())} clicks")
