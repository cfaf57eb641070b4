"""Every estimator of scikit-learn that the flavour lists answers as its original, on rows that it was not fitted on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn import datasets
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.feature_selection import RFE, SelectFromModel, SequentialFeatureSelector
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators
from threadpoolctl import threadpool_limits

from jinsu.packaging.inputs import model_inputs
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.sdk.flavours import sklearn_steps
from jinsu.sdk.saving import example_of, save_model

BY_NAME = dict(all_estimators())
ALONE = sorted(
    {*sklearn_steps._MODELS, *sklearn_steps._BY_SKL2ONNX_MODELS}
    - {
        *("Pipeline", "GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"),
        *("MultiOutputRegressor", "StackingClassifier", "StackingRegressor", "VotingClassifier", "VotingRegressor"),
    }
)
"""Estimators that need no other one to be made."""
STEPS = sorted(sklearn_steps._BY_SKL2ONNX_STEPS)


def wine(classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Chemical measures of wines, on very different scales and all positive, and the cultivar of each as text."""
    rows, target = datasets.load_wine(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(rows))
    names = np.array(["Barolo", "Grignolino", "Barbera"])[:classes]
    return rows[order], names[target[order] % classes]


def diabetes() -> tuple[np.ndarray, np.ndarray]:
    """Ten measures of patients, small numbers of both signs, and the progress of their disease."""
    rows, target = datasets.load_diabetes(return_X_y=True)
    return rows, target


def assert_alike(model: Any, rows: np.ndarray, target: np.ndarray, folder: Path) -> None:
    """Fits on two thirds of the rows, saves, and compares the answers to all of them."""
    border = len(rows) * 2 // 3
    with threadpool_limits(1):
        model.fit(rows[:border], target[:border])
        expected = model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)
    save_model(folder, model, example_of(rows[:64], None, None, {}))
    packaged = OnnxModel(folder)
    packaged.check_manifest()
    (answers,) = packaged.run((rows,))
    if hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        np.testing.assert_allclose(answers.reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)
    else:
        assert np.asarray(packaged.manifest.outputs[0].labels)[answers].tolist() == expected.tolist()


@pytest.mark.parametrize("name", ALONE)
def test_a_listed_estimator_answers_as_its_original(name: str, tmp_path: Path) -> None:
    made = BY_NAME[name]()
    if name == "TransformedTargetRegressor":
        made.set_params(regressor=Ridge(), transformer=StandardScaler())
    rows, target = wine() if is_classifier(made) else diabetes()
    if name in ("GaussianProcessRegressor", "PLSRegression", "TheilSenRegressor"):
        rows = rows[:, :4]
    assert_alike(made, rows, target, tmp_path)


@pytest.mark.parametrize("name", STEPS)
def test_a_listed_step_answers_as_its_original(name: str, tmp_path: Path) -> None:
    assert_alike(make_pipeline(BY_NAME[name](), Ridge()), *diabetes(), tmp_path)


OF_CLASSES: dict[str, Callable[[], Any]] = {
    "a stack": lambda: StackingClassifier(
        [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=3))], LogisticRegression(), passthrough=True
    ),
    "calibrated forest": lambda: CalibratedClassifierCV(RandomForestClassifier(5, random_state=0), cv=2),
    "calibrated by steps": lambda: CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=2),
    "calibrated lines": lambda: CalibratedClassifierCV(LinearSVC(), cv=2),
    "boosted stumps": lambda: AdaBoostClassifier(n_estimators=5),
    "bags of columns": lambda: BaggingClassifier(max_features=0.5, n_estimators=5, random_state=0),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=5),
    "histograms": lambda: HistGradientBoostingClassifier(max_iter=5),
    "vectors": lambda: SVC(),
    "vectors of a polynomial": lambda: SVC(kernel="poly", coef0=1.0),
    "lines with probabilities": lambda: SGDClassifier(loss="log_loss", random_state=0),
}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", OF_CLASSES)
def test_two_and_three_classes(name: str, classes: int, tmp_path: Path) -> None:
    rows, target = wine(classes)
    assert_alike(make_pipeline(StandardScaler(), OF_CLASSES[name]()), rows, target, tmp_path)


OF_VALUES: dict[str, Callable[[], Any]] = {
    "a stack": lambda: StackingRegressor([("tree", DecisionTreeRegressor(max_depth=3)), ("line", Ridge())]),
    "bags of columns": lambda: BaggingRegressor(max_features=0.5, n_estimators=5, random_state=0),
    "by elimination": lambda: make_pipeline(RFE(Ridge(), n_features_to_select=3), Ridge()),
    "from a model": lambda: make_pipeline(SelectFromModel(Lasso(0.1)), Ridge()),
    "one after the other": lambda: make_pipeline(
        SequentialFeatureSelector(LinearRegression(), n_features_to_select=2, cv=2), Ridge()
    ),
    "powers": lambda: make_pipeline(PowerTransformer(), Ridge()),
    "powers alone": lambda: make_pipeline(PowerTransformer(standardize=False), KNeighborsRegressor()),
    "vectors": lambda: SVR(kernel="sigmoid", C=10),
}


@pytest.mark.parametrize("name", OF_VALUES)
def test_values(name: str, tmp_path: Path) -> None:
    assert_alike(OF_VALUES[name](), *diabetes(), tmp_path)


# --- Pipelines that nobody thought of ---

NUMBER_STEPS = st.sampled_from(
    [
        lambda: [],
        lambda: [StandardScaler(), MinMaxScaler(clip=True)],
        lambda: [PowerTransformer(), StandardScaler()],
        lambda: [StandardScaler(), KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf")],
        lambda: [MinMaxScaler(), PowerTransformer()],
    ]
)
TEXT_STEPS = st.sampled_from(
    [
        lambda: OneHotEncoder(handle_unknown="ignore"),
        lambda: OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5),
        lambda: OneHotEncoder(handle_unknown="ignore", drop="first"),
        lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    ]
)
ENDS = st.sampled_from(
    [
        lambda: Ridge(),
        lambda: DecisionTreeRegressor(max_depth=4, random_state=0),
        lambda: KNeighborsRegressor(3),
        lambda: GaussianNB(),
        lambda: RandomForestClassifier(3, random_state=0),
    ]
)
TEXTS = st.sampled_from(["a", "b", "Ä", "日本", "c d", None])
NUMBERS = st.one_of(st.just(np.nan), st.integers(-3, 3).map(float), st.floats(-1e6, 1e6, width=32))


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(TEXTS, min_size=40, max_size=40),
    values=st.lists(NUMBERS, min_size=40, max_size=40),
    number_steps=NUMBER_STEPS,
    text_step=TEXT_STEPS,
    end=ENDS,
)
def test_a_random_pipeline_answers_as_its_original(
    tmp_path: Path, texts: Any, values: Any, number_steps: Any, text_step: Any, end: Any
) -> None:
    import pandas as pd

    table = pd.DataFrame({"text": pd.Series(texts, dtype=object), "value": values, "place": np.arange(40)})
    numbers = make_pipeline(SimpleImputer(keep_empty_features=True), *number_steps())
    columns = ColumnTransformer([("text", text_step(), ["text"]), ("numbers", numbers, ["place", "value"])])
    model = make_pipeline(columns, end())
    target = np.arange(40) % 3
    with np.errstate(all="ignore"):
        model.fit(table[:30], target[:30])
        expected = model.predict_proba(table) if hasattr(model, "predict_proba") else model.predict(table)
    save_model(tmp_path, model, example_of(table, None, None, {}))
    packaged = OnnxModel(tmp_path)
    rows = {name: column.to_numpy() for name, column in table.items()}
    (answers,) = packaged.run(model_inputs(rows, list(rows), packaged.manifest.inputs))
    np.testing.assert_allclose(answers.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)
