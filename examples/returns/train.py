"""Whether a line of an invoice is a cancellation: trees of LightGBM on mixed columns.

Runs alone too: python train.py. The products, the customers and the countries stay out: trees learn by heart which of them
sent much back, and other invoices of theirs are not like it. That a customer is missing stays in.
"""

import jinsu
import lightgbm
import pandas as pd
from sklearn.metrics import roc_auc_score

TEXTS = ["known_customer"]
NUMBERS = ["price", "units", "month", "weekday", "hour"]

params = jinsu.params(trees=150, rate=0.05, leaves=15, least=50, threads=1, seed=0)
rows = pd.DataFrame(jinsu.dataset(alone="/tmp/returns.parquet"))
features = rows[TEXTS + NUMBERS].astype(dict.fromkeys(TEXTS, "category"))
cancelled = rows["cancelled"] == "yes"

model = lightgbm.LGBMClassifier(
    n_estimators=params.trees,
    learning_rate=params.rate,
    num_leaves=params.leaves,
    min_child_samples=params.least,
    colsample_bytree=0.6,
    random_state=params.seed,
    n_jobs=params.threads,
    verbose=-1,
)

# Invoices to watch: lines of one invoice share customer, day and hour, so a line alone would be known by the others.
watched = (rows["invoice"] * 2654435761 % 2**32 / 2**32 < 0.2).to_numpy()
model.fit(features[~watched], rows["cancelled"][~watched])
scores = model.predict_proba(features[watched])[:, 1]
roc_auc = float(roc_auc_score(cancelled[watched], scores))
jinsu.log(roc_auc=roc_auc)
print(f"roc_auc {roc_auc:.3f} on {watched.sum()} lines of {rows['invoice'][watched].nunique()} other invoices")
gains = model.booster_.feature_importance("gain")
for gain, name in sorted(zip(gains / gains.sum(), features, strict=True), reverse=True):
    print(f"  {name:14} {gain:.0%} of the gain")

model.fit(features, rows["cancelled"])
jinsu.save(model, example=features.iloc[:200])
