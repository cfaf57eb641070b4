"""Models of XGBoost: estimators, a Booster, columns of categories."""

from typing import Any

import numpy as np
import pandas as pd
import xgboost
from tests.support.flavour_cases import Fitted, FlavourCase
from tests.support.flavour_cases.tables import CATEGORIES, fitted, offers, prediction, probabilities, sales


def typed(rows: Any) -> Any:
    """The rows as XGBoost takes them: texts have the type category. A category that training did not see is missing."""
    texts = [name for name in rows.columns if not pd.api.types.is_numeric_dtype(rows[name])]
    border = len(rows) * 4 // 5
    known = {name: sorted(set(rows[name][:border].dropna())) for name in texts}
    return rows.assign(
        **{name: pd.Categorical(rows[name].where(rows[name].isin(known[name])), known[name]) for name in texts}
    )


def classes() -> Fitted:
    rows, target = offers()
    model = xgboost.XGBClassifier(n_estimators=20, enable_categorical=True, n_jobs=1, max_cat_to_onehot=2)
    places = np.array([CATEGORIES.index(text) for text in target])
    return fitted((rows, places), lambda some, truth: model.fit(some, truth), probabilities, typed)


def stopped_early() -> Fitted:
    rows, target = sales()
    numbers = rows.drop(columns="StockCode")
    model = xgboost.XGBRegressor(n_estimators=200, learning_rate=0.5, early_stopping_rounds=3, n_jobs=1, missing=0.0)

    def fit(some: Any, truth: np.ndarray) -> Any:
        model.fit(some[:-500], truth[:-500], eval_set=[(some[-500:], truth[-500:])], verbose=False)
        assert model.best_iteration < model.get_booster().num_boosted_rounds() - 1
        return model

    return fitted((numbers, target), fit, prediction)


def booster(parameters: dict[str, Any], target: np.ndarray) -> Fitted:
    numbers = sales()[0].drop(columns="StockCode")
    return fitted(
        (numbers, target),
        lambda some, truth: xgboost.train({"nthread": 1, **parameters}, xgboost.DMatrix(some, truth), 20),
        lambda model, some: model.predict(xgboost.DMatrix(some)),
    )


def quantiles() -> Fitted:
    parameters = {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}
    return booster(parameters, sales()[1])


CASES = [
    FlavourCase("xgboost of categories", classes, "probabilities", "f1_macro", (0, 1, 2, 3, 4)),
    FlavourCase("xgboost that stopped early", stopped_early, "value", "mae"),
    FlavourCase(
        "xgboost booster",
        lambda: booster({"objective": "binary:logistic"}, (sales()[1] > 10).astype(int)),
        "probabilities",
        "accuracy",
    ),
    FlavourCase("xgboost counts", lambda: booster({"objective": "count:poisson"}, sales()[1]), "value", "rmse"),
    FlavourCase("xgboost quantiles", quantiles, "quantiles", None, quantiles=(0.1, 0.5, 0.9)),
]
