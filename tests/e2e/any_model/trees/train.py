"""The units of a product that are sold on a day: trees of XGBoost on numbers, some of them missing, and a category."""

import jinsu
import pandas as pd
import xgboost

params = jinsu.params(rounds=60)
rows = pd.DataFrame(jinsu.dataset())
features = rows[["product", "n_lines", "avg_price", "weekday"]].astype({"product": "category"})
model = xgboost.XGBRegressor(
    n_estimators=params.rounds, max_depth=5, objective="reg:absoluteerror", enable_categorical=True, random_state=0
)
model.fit(features, rows["units_sold"])
jinsu.save(model, example=features.iloc[:200])
