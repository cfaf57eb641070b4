"""TF-IDF of the title's words, the brand and the price, and a logistic regression: the strong usual choice for texts."""

from collections import Counter

import jinsu
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

OTHER = "(other)"

params = jinsu.params(fewest=8, alpha=1e-5)
rows = pd.DataFrame(jinsu.dataset(alone="/tmp/product_titles.parquet"))
counts = Counter(rows["category_path"])
classes = np.array([name if counts[name] >= params.fewest else OTHER for name in rows["category_path"]])

price = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
columns = ColumnTransformer(
    [
        ("title", TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), "title"),
        ("brand", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=2), ["brand"]),
        ("price", price, ["price"]),
    ]
)
linear = SGDClassifier(loss="log_loss", alpha=params.alpha, max_iter=20, tol=None, random_state=0)
features = rows[["title", "brand", "price"]]
model = make_pipeline(columns, linear).fit(features, classes)
missing_first = np.argsort(~rows["price"].isna().to_numpy(), kind="stable")
jinsu.save(model, example=features.iloc[np.r_[missing_first[:32], missing_first[-32:]]], other=OTHER)
