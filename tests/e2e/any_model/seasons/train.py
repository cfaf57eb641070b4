"""The median of a product on a weekday, looked up by code that needs a package of its own."""

import json
from pathlib import Path

import jinsu
import numpy as np
import tiny_seasons

params = jinsu.params(least=3)
columns = jinsu.dataset()
keys = np.array([tiny_seasons.key(*pair) for pair in zip(columns["product"], columns["weekday"], strict=True)])
medians = {"": float(np.median(columns["units_sold"]))}
for key in np.unique(keys):
    sold = columns["units_sold"][keys == key]
    if len(sold) >= params.least:
        medians[str(key)] = float(np.median(sold))
Path("medians.json").write_text(json.dumps(medians), encoding="utf-8")

example = {"product": columns["product"][:64], "weekday": columns["weekday"][:64]}
jinsu.save(jinsu.Code("model.py", files={"medians": "medians.json"}), example=example, outputs="value")
