"""Models of LightGBM: estimators, a Booster, columns of categories, each way to treat missing values."""

from typing import Any

import lightgbm
from tests.support.flavour_cases import Fitted, FlavourCase
from tests.support.flavour_cases.tables import CATEGORIES, fitted, offers, prediction, probabilities, sales
from tests.support.flavour_cases.xgboost_models import typed


def classes() -> Fitted:
    model = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1)
    return fitted(offers(), lambda rows, target: model.fit(rows, target), probabilities, typed)


def values(**parameters: Any) -> Fitted:
    model = lightgbm.LGBMRegressor(n_estimators=20, verbose=-1, n_jobs=1, **parameters)
    return fitted(sales(), lambda rows, target: model.fit(rows, target), prediction, typed)


def booster() -> Fitted:
    rows, target = sales()
    parameters = {"objective": "binary", "verbose": -1, "sigmoid": 2.0, "num_threads": 1}
    numbers = rows.drop(columns="StockCode")
    return fitted(
        (numbers, (target > 10).astype(int)),
        lambda some, truth: lightgbm.train(
            parameters, lightgbm.Dataset(some, truth, categorical_feature=["weekday"]), 20
        ),
        prediction,
    )


CASES = [
    FlavourCase("lightgbm of categories", classes, "probabilities", "f1_macro", CATEGORIES),
    FlavourCase("lightgbm zero is missing", lambda: values(zero_as_missing=True), "value", "mae"),
    FlavourCase("lightgbm no missing", lambda: values(use_missing=False, objective="poisson"), "value", "mae"),
    FlavourCase("lightgbm quantile", lambda: values(objective="quantile", alpha=0.9), "quantiles", None, None, (0.9,)),
    FlavourCase("lightgbm booster", booster, "probabilities", "accuracy"),
    FlavourCase(
        "lightgbm forest", lambda: values(boosting_type="rf", subsample=0.5, subsample_freq=1), "value", "rmse"
    ),
]
