"""Tables in every form and with every oddity: the file answers as the original, or nothing is saved."""

import re
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xgboost
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_selection import SelectFromModel, SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from jinsu.errors import GateFailedError
from jinsu.packaging.inputs import model_inputs
from jinsu.packaging.manifest import Input, Manifest
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.package import package
from jinsu.sdk.saving import example_of, save_model

ROWS = 600
SEEN = slice(0, 400)
FEATURES = ["text", "gaps", "count", "small", "holes", "flag"]


def a_table() -> pd.DataFrame:
    """Texts of several scripts, texts with None, whole numbers, float32, floats with NaN, booleans; the last rows hold
    categories that the first 400 do not."""
    random = np.random.default_rng(0)
    gaps = np.array(random.choice(["low", "mid", "high", "Größe"], ROWS), dtype=object)
    gaps[::5] = None
    table = pd.DataFrame(
        {
            "text": np.array(random.choice(["red", "Grün", "日本", "a b", ""], ROWS), dtype=object),
            "gaps": pd.Series(gaps, dtype=object),
            "count": random.integers(0, 5, ROWS),
            "small": random.normal(size=ROWS).astype(np.float32),
            "holes": np.where(random.random(ROWS) < 0.2, np.nan, random.normal(size=ROWS)),
            "flag": random.random(ROWS) < 0.5,
        }
    )
    table["text"] = table.text.astype(object)
    table.loc[580:589, "text"] = "unseen"
    table.loc[585:594, "count"] = 99
    table.loc[595:599, "count"] = -1
    return table


TABLE = a_table()
IS_LARGE = (TABLE.small + TABLE["count"].clip(0, 4) * 0.3 + TABLE.holes.fillna(0) > 0.5).to_numpy()
VALUE = (TABLE.small * 3 + TABLE["count"].clip(0, 4)).to_numpy(dtype=float)


def saved(model: Any, example: Any, folder: Path, **more: Any) -> OnnxModel:
    """The packaged model, which has passed every check."""
    columns = more.pop("columns", None)
    save_model(folder / "model", model, example_of(example, columns, None, {}), **more)
    package(folder / "model", folder / "package", 1e-5, 1000.0)
    return OnnxModel(folder / "package")


def assert_answers_alike(model: Any, packaged: OnnxModel, rows: pd.DataFrame) -> None:
    columns = {str(name): column.to_numpy() for name, column in rows.items()}
    (answers,) = packaged.run_all(model_inputs(columns, list(columns), packaged.manifest.inputs))
    expected = model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)
    np.testing.assert_allclose(answers.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)


def columns_apart() -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return ColumnTransformer(
        [
            ("classes", OneHotEncoder(handle_unknown="ignore"), ["text", "gaps", "count"]),
            ("numbers", numbers, ["small", "holes"]),
        ],
        remainder="passthrough",
    )


def before(step: Any, *columns: str, model: Any = None) -> Any:
    """A pipeline of one step on some columns."""
    return make_pipeline(ColumnTransformer([("step", step, list(columns))]), model or Ridge())


CLASSES = {
    "logistic": lambda: make_pipeline(columns_apart(), LogisticRegression()),
    "search": lambda: GridSearchCV(
        make_pipeline(columns_apart(), LogisticRegression()), {"logisticregression__C": [0.1, 1]}
    ),
    "chosen features": lambda: make_pipeline(
        columns_apart(),
        SelectFromModel(RandomForestClassifier(5, random_state=0)),
        RandomForestClassifier(5, random_state=0),
    ),
    "xgboost behind steps": lambda: make_pipeline(columns_apart(), xgboost.XGBClassifier(n_estimators=5)),
    "lightgbm behind steps": lambda: make_pipeline(
        columns_apart(), lightgbm.LGBMClassifier(n_estimators=5, verbose=-1)
    ),
    "columns by slice and type": lambda: make_pipeline(
        ColumnTransformer(
            [
                ("numbers", SimpleImputer(), slice("small", "holes")),
                ("texts", OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include=object)),
            ]
        ),
        DecisionTreeClassifier(random_state=0),
    ),
}
VALUES = {
    "first dropped": lambda: before(OneHotEncoder(handle_unknown="ignore", drop="first"), "text", "count", "flag"),
    "one of two dropped": lambda: before(OneHotEncoder(handle_unknown="ignore", drop="if_binary"), "text", "flag"),
    "rare together": lambda: before(
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3, drop="first"), "text", "count", "gaps"
    ),
    "ordinal": lambda: before(
        OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-2, encoded_missing_value=-7, min_frequency=30
        ),
        "gaps",
        "count",
    ),
    "unseen as NaN": lambda: before(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
        "text",
        "gaps",
        model=HistGradientBoostingRegressor(max_iter=5),
    ),
    "target encoder": lambda: before(TargetEncoder(target_type="continuous"), "text", "gaps", "count"),
    "text imputed": lambda: before(
        make_pipeline(
            SimpleImputer(strategy="most_frequent", missing_values=None), OneHotEncoder(handle_unknown="ignore")
        ),
        "gaps",
    ),
    "number means missing": lambda: before(SimpleImputer(missing_values=0, add_indicator=True), "count"),
    "bins": lambda: before(
        KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), "small"
    ),
    "functions": lambda: before(make_pipeline(FunctionTransformer(np.square), FunctionTransformer(np.log1p)), "small"),
    "union": lambda: before(
        FeatureUnion(
            [
                ("a", RobustScaler()),
                ("b", make_pipeline(PolynomialFeatures(3, interaction_only=True), SelectKBest(k=2))),
            ],
            transformer_weights={"a": 2.0},
        ),
        "small",
        "count",
    ),
    "range": lambda: before(MinMaxScaler(clip=True), "small", "count"),
    "boosting's own categories": lambda: make_pipeline(
        ColumnTransformer([("all", "passthrough", ["small", "count", "holes"])]),
        HistGradientBoostingRegressor(max_iter=9, categorical_features=[1]),
    ),
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_pipeline_of_classes_answers_every_row(name: str, tmp_path: Path) -> None:
    model = CLASSES[name]().fit(TABLE[SEEN], IS_LARGE[SEEN])
    assert_answers_alike(model, saved(model, TABLE[SEEN], tmp_path), TABLE)


@pytest.mark.parametrize("name", VALUES)
def test_a_pipeline_of_values_answers_every_row(name: str, tmp_path: Path) -> None:
    model = VALUES[name]().fit(TABLE[SEEN], VALUE[SEEN])
    assert_answers_alike(model, saved(model, TABLE[SEEN], tmp_path), TABLE)


@pytest.mark.parametrize("form", ["frame", "arrow", "arrays", "more columns"])
def test_the_example_may_have_every_form(form: str, tmp_path: Path) -> None:
    model = make_pipeline(columns_apart(), LogisticRegression()).fit(TABLE[SEEN], IS_LARGE[SEEN])
    rows = TABLE[SEEN]
    example = {
        "frame": rows,
        "arrow": pa.Table.from_pandas(rows, preserve_index=False),
        "arrays": {name: rows[name].to_numpy() for name in reversed(FEATURES)},
        "more columns": rows.assign(target=IS_LARGE[SEEN]),
    }[form]
    packaged = saved(model, example, tmp_path)
    assert {one.name: one.nullable for one in packaged.manifest.inputs} == {
        name: name in ("gaps", "holes") for name in FEATURES
    }
    assert_answers_alike(model, packaged, TABLE)


def test_columns_that_the_model_does_not_read_are_no_inputs(tmp_path: Path) -> None:
    """A pipeline that was fitted on a whole table, the target among it, once asked its clients for the target."""
    model = before(StandardScaler(), "small").fit(TABLE.assign(target=VALUE), VALUE)
    packaged = saved(model, TABLE.assign(target=VALUE), tmp_path)
    assert [one.name for one in packaged.manifest.inputs] == ["small"]


@pytest.mark.parametrize("model", [Ridge(), DecisionTreeClassifier(), xgboost.XGBRegressor(n_estimators=1)])
def test_a_column_may_have_the_name_of_an_output(model: Any, tmp_path: Path) -> None:
    rows = TABLE[["small", "count"]].rename(columns={"small": "value", "count": "probabilities"})
    packaged = saved(model.fit(rows, IS_LARGE), rows, tmp_path)
    assert packaged.manifest.outputs[0].name in ("predicted_value", "predicted_probabilities")
    assert_answers_alike(model, packaged, rows)


@pytest.mark.parametrize("columns", [["small", "count"], ["count", "small"], None])
def test_an_array_has_its_columns_in_the_order_that_it_says(columns: list[str] | None, tmp_path: Path) -> None:
    names = ["small", "count"]
    model = make_pipeline(StandardScaler(), Ridge()).fit(TABLE[names], VALUE)
    array = TABLE[columns or names].to_numpy(dtype=float)
    packaged = saved(model, array, tmp_path, columns=columns)
    np.testing.assert_allclose(packaged.run((array,))[0], model.predict(TABLE[names]), rtol=1e-6)
    assert Manifest.read(tmp_path / "package").inputs[0].columns == (None if columns is None else tuple(columns))


CLOSE = (1.0 + np.arange(32) * 2.0**-25).repeat(20).reshape(-1, 1)
"""Values of which several are one number in float32."""
CLOSE_TARGET = np.arange(32.0).repeat(20)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeRegressor(random_state=0),
        HistGradientBoostingRegressor(min_samples_leaf=1, max_iter=20),
        lightgbm.LGBMRegressor(n_estimators=20, min_child_samples=1, min_data_in_bin=1, verbose=-1),
        xgboost.XGBRegressor(n_estimators=20),
        make_pipeline(StandardScaler(), DecisionTreeRegressor(random_state=0)),
    ],
    ids=["tree", "histogram", "lightgbm", "xgboost", "scaled tree"],
)
def test_values_beside_a_threshold_go_where_the_original_sends_them(model: Any, tmp_path: Path) -> None:
    """A graph that compared float32 answered 85 % of these rows wrongly."""
    model.fit(CLOSE, CLOSE_TARGET)
    packaged = saved(model, CLOSE[::10], tmp_path)
    np.testing.assert_allclose(packaged.run((CLOSE,))[0], model.predict(CLOSE), rtol=1e-5)


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        (
            [1.0, np.nan],
            "count: 1 of 2 rows have no value, and the model takes int64; save it with an example in which one",
        ),
        ([1.0, 2.5], "count: holds 2.5, and the model takes int64"),
        ([1.0, np.inf], "count: holds inf, and the model takes int64"),
    ],
)
def test_what_is_no_whole_number_never_becomes_one(held_out: list[float], said: str) -> None:
    """A missing value of the held-out rows once reached the model as -9223372036854775808."""
    whole = Input("count", "int64", (-1,))
    with pytest.raises(GateFailedError, match=re.escape(said)):
        model_inputs({"count": np.array(held_out)}, ["count"], [whole])
    (taken,) = model_inputs({"count": np.array([1.0, 2.0])}, ["count"], [whole])
    assert (taken.dtype, taken.tolist()) == (np.dtype("int64"), [1, 2])


@pytest.mark.parametrize("kind", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("column", ["text", "count"])
def test_a_category_that_training_did_not_see_is_missing(kind: str, column: str, tmp_path: Path) -> None:
    rows = TABLE[[column, "small"]].replace({"Grün": "green", "日本": "japan"})
    typed = rows[SEEN].astype({column: "category"})
    model = (
        xgboost.XGBRegressor(n_estimators=9, enable_categorical=True)
        if kind == "xgboost"
        else lightgbm.LGBMRegressor(n_estimators=9, min_child_samples=5, verbose=-1)
    ).fit(typed, VALUE[SEEN])
    packaged = saved(model, rows[SEEN], tmp_path)
    known = pd.Categorical(
        rows[column].where(rows[column].isin(typed[column].cat.categories)), typed[column].cat.categories
    )
    columns = {name: rows[name].to_numpy() for name in rows}
    (answers,) = packaged.run_all(model_inputs(columns, list(columns), packaged.manifest.inputs))
    np.testing.assert_allclose(answers, model.predict(rows.assign(**{column: known})), rtol=1e-5, atol=1e-6)


def test_times_are_seconds_for_a_model_of_numbers() -> None:
    times = np.array(["1970-01-02", "NaT", "1969-12-31T23:59:59.5"], "datetime64[us]")
    wide = Input("when", "float64", (-1,))
    (array,) = model_inputs({"when": times}, ["when"], [wide])
    np.testing.assert_array_equal(array, [86400.0, np.nan, -0.5])
    with pytest.raises(GateFailedError, match="1 of 3 rows have no value, and the model takes int64"):
        model_inputs({"when": times}, ["when"], [Input("when", "int64", (-1,))])
