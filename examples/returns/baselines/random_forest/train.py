"""A random forest (Breiman 2001) behind a target encoding of the categories (Micci-Barreca 2001): the strong usual choice."""

import jinsu
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder

TEXTS = ["product", "country", "customer"]
NUMBERS = ["price", "units", "month", "weekday", "hour"]

params = jinsu.params(trees=60, least=20, depth=14)
rows = pd.DataFrame(jinsu.dataset(alone="/tmp/returns.parquet"))
columns = ColumnTransformer([("texts", TargetEncoder(random_state=0), TEXTS), ("numbers", "passthrough", NUMBERS)])
forest = RandomForestClassifier(
    params.trees, min_samples_leaf=params.least, max_depth=params.depth, n_jobs=1, random_state=0
)
model = make_pipeline(columns, forest).fit(rows[TEXTS + NUMBERS], rows["cancelled"])
missing_first = np.argsort(~rows["customer"].isna().to_numpy(), kind="stable")
jinsu.save(model, example=rows[TEXTS + NUMBERS].iloc[np.r_[missing_first[:100], missing_first[-100:]]])
