"""Pipelines of scikit-learn on columns of numbers, texts and nulls."""

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier
from tests.support.flavour_cases import Fitted, FlavourCase
from tests.support.flavour_cases.tables import CATEGORIES, fitted, offers, prediction, probabilities, sales, titles


def offer_columns() -> Any:
    prices = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return ColumnTransformer(
        [
            ("prices", prices, ["discounted_price", "retail_price"]),
            ("brand", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3), ["brand"]),
        ],
        remainder="passthrough",
    )


def numbered_columns(*texts: str) -> Any:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return ColumnTransformer([("texts", encoder, list(texts))], remainder=SimpleImputer(strategy="mean"))


def of_offers(model: Any, ask: Any = probabilities, columns: Any = offer_columns) -> Fitted:
    return fitted(offers(), lambda rows, target: make_pipeline(columns(), model).fit(rows, target), ask)


def of_sales(model: Any, columns: Any) -> Fitted:
    return fitted(sales(), lambda rows, target: make_pipeline(columns, model).fit(rows, target), prediction)


def is_clothing() -> Fitted:
    rows, target = offers()
    model = DecisionTreeClassifier(max_depth=5, random_state=0)
    columns = numbered_columns("brand")
    return fitted(
        (rows, target == "Clothing"),
        lambda some, truth: make_pipeline(columns, model).fit(some, truth),
        probabilities,
    )


def words_of_titles() -> Fitted:
    words = ColumnTransformer(
        [("words", TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), "product_name")]
    )
    model = make_pipeline(words, LogisticRegression())
    return fitted(titles(), lambda rows, target: model.fit(rows, target), probabilities)


def several_targets() -> Fitted:
    rows, target = sales()
    both = np.column_stack([target, target**2])
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = ColumnTransformer([("code", encoder, ["StockCode"])], remainder="passthrough")
    model = make_pipeline(columns, SimpleImputer(), MultiOutputRegressor(Ridge()))
    return fitted((rows, both), lambda some, truth: model.fit(some, truth), prediction)


def with_history() -> Fitted:
    columns = ColumnTransformer(
        [("code", TargetEncoder(target_type="continuous"), ["StockCode"])], remainder=SimpleImputer()
    )
    back = TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1)
    return of_sales(back, columns)


CASES = [
    FlavourCase(
        "logistic regression",
        lambda: of_offers(LogisticRegression(max_iter=100)),
        "probabilities",
        "accuracy",
        CATEGORIES,
    ),
    FlavourCase(
        "forest",
        lambda: of_offers(RandomForestClassifier(10, random_state=0)),
        "probabilities",
        "f1_macro",
        CATEGORIES,
    ),
    FlavourCase("linear classes", lambda: of_offers(RidgeClassifier(), prediction), "label", "accuracy", CATEGORIES),
    FlavourCase(
        "vote",
        lambda: of_offers(
            VotingClassifier(
                [("line", LogisticRegression()), ("tree", DecisionTreeClassifier(max_depth=4))],
                voting="soft",
                weights=[2, 1],
            )
        ),
        "probabilities",
        "accuracy",
        CATEGORIES,
    ),
    FlavourCase("words", words_of_titles, "probabilities", "accuracy", (False, True)),
    FlavourCase("tree of two classes", is_clothing, "probabilities", "accuracy", (False, True)),
    FlavourCase("target encoder", with_history, "value", "mae"),
    FlavourCase("several targets", several_targets, "value", None),
    FlavourCase(
        "histogram boosting",
        lambda: of_sales(HistGradientBoostingRegressor(max_iter=20, loss="poisson"), numbered_columns("StockCode")),
        "value",
        "rmse",
    ),
    FlavourCase(
        "quantile",
        lambda: of_sales(
            GradientBoostingRegressor(loss="quantile", alpha=0.9, n_estimators=10), numbered_columns("StockCode")
        ),
        "quantiles",
        None,
        quantiles=(0.9,),
    ),
]
