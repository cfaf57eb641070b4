"""The category of an offer from its brand and its prices: a pipeline of scikit-learn on mixed columns with nulls."""

import jinsu
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

params = jinsu.params(depth=8)
rows = pd.DataFrame(jinsu.dataset())
columns = ColumnTransformer(
    [
        ("brand", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3), ["brand"]),
        ("prices", SimpleImputer(strategy="median", add_indicator=True), ["retail_price", "discounted_price"]),
    ]
)
forest = RandomForestClassifier(50, max_depth=params.depth, class_weight="balanced", random_state=0)
features = rows[["brand", "retail_price", "discounted_price"]]
model = make_pipeline(columns, forest).fit(features, rows["category"])
# Live traffic has rows without a price or a brand, so the example has some too.
missing_first = features.isna().any(axis=1).sort_values(ascending=False, kind="stable").index
jinsu.save(model, example=features.loc[missing_first].iloc[:200])
