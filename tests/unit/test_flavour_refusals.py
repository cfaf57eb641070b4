"""What cannot be exported is refused with the sentence that `docs/flavours.md` lists, before anything is packaged."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, QuantileTransformer
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from jinsu.sdk.saving import example_of, save_model

DOCS = Path(__file__).parents[2] / "docs" / "flavours.md"
ROWS = pd.DataFrame(
    {
        "brand": pd.Series(["Acme", "Blom", "Acme", "Cade"] * 10, dtype=object),
        "size": np.arange(40.0),
        "price": np.linspace(1, 9, 40) ** 2,
    }
)
NUMBERS = ROWS[["size", "price"]]
TARGET = ROWS["size"].to_numpy() % 7
CLASSES = (TARGET > 3).astype(int)


class Doubled(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A step that a script defines."""

    def fit(self, rows: Any, target: Any = None) -> "Doubled":
        self.fitted_ = True
        return self

    def transform(self, rows: Any) -> Any:
        return rows * 2


def halved(rows: Any) -> Any:
    return rows / 2


def after(step: Any) -> Any:
    return make_pipeline(step, Ridge()).fit(NUMBERS, TARGET)


def of_brand(step: Any) -> Any:
    return make_pipeline(ColumnTransformer([("brand", step, ["brand"])]), Ridge()).fit(ROWS, TARGET)


def of_texts(vectorizer: Any) -> Any:
    return make_pipeline(ColumnTransformer([("words", vectorizer, "brand")]), Ridge()).fit(ROWS, TARGET)


def lightgbm_of(target: Any = TARGET, **parameters: Any) -> Any:
    return lightgbm.LGBMRegressor(n_estimators=2, min_child_samples=2, verbose=-1, **parameters).fit(NUMBERS, target)


def mixed_categories() -> Any:
    rows = ROWS.assign(brand=ROWS.brand.astype("category"))
    model = lightgbm.LGBMRegressor(n_estimators=2, min_child_samples=2, verbose=-1)
    return model.fit(rows, TARGET, categorical_feature=["brand", "size"])


def xgboost_of(target: Any = TARGET, **parameters: Any) -> Any:
    return xgboost.XGBRegressor(n_estimators=2, **parameters).fit(NUMBERS, target)


def foreign_categories() -> Any:
    rows = ROWS.assign(brand=ROWS.brand.replace("Blom", "Blöm").astype("category"))
    return xgboost.XGBRegressor(n_estimators=2, enable_categorical=True).fit(rows, TARGET)


def unordered_quantiles() -> Any:
    return xgboost_of(objective="reg:quantileerror", quantile_alpha=[0.9, 0.1])


def with_an_empty_text() -> Any:
    rows = ROWS.assign(brand=pd.Series(["", None, "Acme", "Blom"] * 10, dtype=object))
    model = make_pipeline(
        ColumnTransformer([("brand", OneHotEncoder(handle_unknown="ignore"), ["brand"])]), LogisticRegression()
    )
    return model.fit(rows, CLASSES), rows


REFUSED: dict[str, Callable[[], Any]] = {
    "a step of your own": lambda: after(Doubled()),
    "a function of Python": lambda: after(FunctionTransformer(halved)),
    "OneHotEncoder that refuses unseen categories (the default)": lambda: of_brand(OneHotEncoder()),
    "OrdinalEncoder that refuses unseen categories (the default)": lambda: of_brand(OrdinalEncoder()),
    "parts of words": lambda: of_texts(TfidfVectorizer(analyzer="char_wb")),
    "words without a vocabulary": lambda: of_texts(HashingVectorizer(n_features=16)),
    "a vectorizer with a tokenizer of your own": lambda: of_texts(
        CountVectorizer(tokenizer=str.split, token_pattern=None)
    ),
    "an encoder of both empty and missing texts": with_an_empty_text,
    "a transformer without a faithful converter": lambda: after(QuantileTransformer(n_quantiles=10)),
    "an estimator without a faithful converter": lambda: KernelRidge().fit(NUMBERS, TARGET),
    "a model that is not fitted": lambda: Ridge(),
    "a table without a column of the model": lambda: (Ridge().fit(NUMBERS, TARGET), ROWS[["brand", "size"]]),
    "votes by majority": lambda: VotingClassifier([("tree", DecisionTreeClassifier())]).fit(NUMBERS, CLASSES),
    "answers by chance": lambda: DummyClassifier(strategy="uniform").fit(NUMBERS, CLASSES),
    "another way to calibrate": lambda: CalibratedClassifierCV(LogisticRegression(), method="temperature").fit(
        NUMBERS, CLASSES
    ),
    "a stack of models without probabilities": lambda: StackingClassifier([("svc", LinearSVC())]).fit(NUMBERS, CLASSES),
    "a kernel of your own": lambda: SVC(kernel=lambda one, other: one @ other.T).fit(NUMBERS.to_numpy(), CLASSES),
    "probabilities of another loss": lambda: SGDClassifier(loss="modified_huber").fit(NUMBERS, CLASSES),
    "several targets of classes": lambda: RandomForestClassifier(2).fit(NUMBERS, np.column_stack([CLASSES, CLASSES])),
    "a first guess that is a model": lambda: GradientBoostingRegressor(n_estimators=2, init=Ridge()).fit(
        NUMBERS, TARGET
    ),
    "a target that is transformed otherwise": lambda: TransformedTargetRegressor(
        Ridge(), transformer=QuantileTransformer(n_quantiles=10)
    ).fit(NUMBERS, TARGET),
    "XGBoost of linear models": lambda: xgboost_of(booster="gblinear"),
    "XGBoost with leaves of several targets": lambda: xgboost_of(
        np.column_stack([TARGET, TARGET]), multi_strategy="multi_output_tree"
    ),
    "XGBoost with categories that are not ASCII": foreign_categories,
    "XGBoost with another objective": lambda: xgboost_of(CLASSES, objective="binary:hinge"),
    "XGBoost with levels in another order": unordered_quantiles,
    "LightGBM with linear leaves": lambda: lightgbm_of(linear_tree=True),
    "LightGBM with categories named in two ways": mixed_categories,
    "LightGBM with another objective": lambda: lightgbm_of(CLASSES, objective="cross_entropy_lambda"),
}


def rows_of_the_page() -> dict[str, str]:
    """The table at the end of the page: what is refused, and the message."""
    table = DOCS.read_text(encoding="utf-8").partition("## What cannot be exported")[2]
    return dict(re.findall(r"^\| (?!what)(.+?) \| `(.+)` \|$", table, re.MULTILINE))


def refusal_of(name: str, folder: Path) -> str:
    made = REFUSED[name]()
    model, rows = made if isinstance(made, tuple) else (made, ROWS)
    with pytest.raises(SystemExit) as caught:
        save_model(folder, model, example_of(rows, None, None, {}))
    return str(caught.value.code)


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_be_exported_is_named(name: str, tmp_path: Path) -> None:
    message = refusal_of(name, tmp_path)
    assert message.startswith("jinsu.save: ")
    assert message.removeprefix("jinsu.save: ") == rows_of_the_page().get(name)


def test_the_page_lists_every_refusal() -> None:
    assert list(rows_of_the_page()) == list(REFUSED)
