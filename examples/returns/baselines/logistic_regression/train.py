"""Logistic regression on one-hot columns: the first thing to try on a table."""

import jinsu
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TEXTS = ["product", "country", "customer"]
NUMBERS = ["price", "units", "month", "weekday", "hour"]

params = jinsu.params(strength=1.0)
rows = pd.DataFrame(jinsu.dataset(alone="/tmp/returns.parquet"))
columns = ColumnTransformer(
    [
        ("texts", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20), TEXTS),
        ("numbers", StandardScaler(), NUMBERS),
    ]
)
model = make_pipeline(columns, LogisticRegression(C=params.strength, max_iter=300))
model.fit(rows[TEXTS + NUMBERS], rows["cancelled"])
missing_first = np.argsort(~rows["customer"].isna().to_numpy(), kind="stable")
jinsu.save(model, example=rows[TEXTS + NUMBERS].iloc[np.r_[missing_first[:100], missing_first[-100:]]])
