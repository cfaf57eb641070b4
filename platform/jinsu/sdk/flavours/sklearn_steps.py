"""A fitted pipeline of scikit-learn, step by step, as a graph.

What looks at single columns, and trees, are written here, because the order of their types decides the answer; what is
arithmetic on a matrix of float64 is written by skl2onnx. A step that is in neither list is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from jinsu.sdk.example import refusal, refuse
from jinsu.sdk.flavours import sklearn_around as around
from jinsu.sdk.flavours import sklearn_columns as columns
from jinsu.sdk.flavours import sklearn_trees as trees
from jinsu.sdk.flavours import sklearn_vectors as vectors
from jinsu.sdk.flavours.blocks import Block, Blocks, chosen, numbers, width_of
from jinsu.sdk.flavours.graph import ML_OPSET, OPSET
from jinsu.sdk.flavours.sklearn_text import vectorized

if TYPE_CHECKING:
    from jinsu.sdk.flavours.graph import Graph

# --- Transformers ---


def transformed(graph: Graph, step: Any, blocks: Blocks) -> Blocks:
    """What a fitted transformer makes of the columns. Raises SystemExit for one that cannot be exported."""
    if step is None or step == "passthrough":
        return blocks
    name = type(step).__name__
    if not _is_own(step):
        refuse(f"the step {name} cannot be exported: it is not a class of scikit-learn; {_INSTEAD}.")
    if name in _TRANSFORMERS:
        return _TRANSFORMERS[name](graph, step, blocks)
    if name in _BY_SKL2ONNX_STEPS:
        value = _converted(graph, step, blocks)[0]
        return (Block(value, _width_after(step)),)
    raise refusal(f"the step {name} cannot be exported: nothing converts it faithfully; {_INSTEAD}.")


_INSTEAD = "leave it out, or compute its columns before the pipeline"


def _is_own(step: Any) -> bool:
    return type(step).__module__.partition(".")[0] == "sklearn"


def _pipeline(graph: Graph, pipeline: Any, blocks: Blocks) -> Blocks:
    for _, step in pipeline.steps:
        blocks = transformed(graph, step, blocks)
    return blocks


def _columns_apart(graph: Graph, transformer: Any, blocks: Blocks) -> Blocks:
    """A ColumnTransformer."""
    names = list(getattr(transformer, "feature_names_in_", range(width_of(blocks))))
    found: list[Block] = []
    for _, step, wanted in transformer.transformers_:
        places = _places(wanted, names)
        if places and not (isinstance(step, str) and step == "drop"):
            found.extend(transformed(graph, step, chosen(graph, blocks, places)))
    return tuple(found)


def _places(wanted: Any, names: Sequence[Any]) -> list[int]:
    """Where the columns stand that a ColumnTransformer names in one of its ways."""
    import numpy as np

    if isinstance(wanted, str):
        return [names.index(wanted)]
    if isinstance(wanted, slice) and isinstance(wanted.start or wanted.stop, str):
        start = 0 if wanted.start is None else names.index(wanted.start)
        stop = len(names) if wanted.stop is None else names.index(wanted.stop) + 1
        return list(range(start, stop))
    if not isinstance(wanted, slice | int):
        listed = list(wanted)
        if not listed or isinstance(listed[0], str):
            return [names.index(name) for name in listed]
        wanted = np.asarray(listed)
    places: list[int] = np.atleast_1d(np.arange(len(names))[wanted]).tolist()
    return places


def _side_by_side(graph: Graph, union: Any, blocks: Blocks) -> Blocks:
    """A FeatureUnion, which may weigh its parts."""
    found: list[Block] = []
    weights = union.transformer_weights or {}
    for name, step in union.transformer_list:
        if isinstance(step, str) and step == "drop":
            continue
        parts = transformed(graph, step, blocks)
        if name in weights:
            value = graph.add("Mul", [numbers(graph, parts, name), graph.matrix([[weights[name]]])])
            parts = (Block(value, width_of(parts)),)
        found.extend(parts)
    return tuple(found)


_TRANSFORMERS: Mapping[str, columns.Step] = {
    "ColumnTransformer": _columns_apart,
    "CountVectorizer": vectorized,
    "FeatureUnion": _side_by_side,
    "FunctionTransformer": columns.function_applied,
    "KBinsDiscretizer": columns.binned,
    "MinMaxScaler": columns.ranged,
    "OneHotEncoder": columns.one_hot,
    "OrdinalEncoder": columns.looked_up,
    "Pipeline": _pipeline,
    "PolynomialFeatures": columns.multiplied,
    "PowerTransformer": columns.powered,
    "RobustScaler": columns.standardized,
    "SimpleImputer": columns.imputed,
    "StandardScaler": columns.standardized,
    "TargetEncoder": columns.looked_up,
    "TfidfVectorizer": vectorized,
    **dict.fromkeys(
        (
            *("GenericUnivariateSelect", "RFE", "RFECV", "SelectFdr", "SelectFpr", "SelectFromModel", "SelectFwe"),
            *("SelectKBest", "SelectPercentile", "SequentialFeatureSelector", "VarianceThreshold"),
        ),
        columns.selected,
    ),
}
_BY_SKL2ONNX_STEPS = frozenset(
    {
        "Binarizer",
        "IncrementalPCA",
        "KernelPCA",
        "MaxAbsScaler",
        "Normalizer",
        "PCA",
        "TfidfTransformer",
        "TruncatedSVD",
    }
)
_READ_TEXTS = frozenset({"CountVectorizer", "TfidfVectorizer", "HashingVectorizer"})


def reads_texts(model: Any) -> bool:
    """Whether a pipeline takes texts in one axis, instead of a table."""
    while inner := getattr(model, "best_estimator_", None) or getattr(model, "regressor_", None):
        model = inner
    if hasattr(model, "steps"):
        return reads_texts(model.steps[0][1])
    if hasattr(model, "transformer_list"):
        return reads_texts(model.transformer_list[0][1])
    return type(model).__name__ in _READ_TEXTS


# --- Models ---


def answered(graph: Graph, model: Any, blocks: Blocks) -> str:
    """What a fitted model answers, by its best method: `predict_proba`, else `predict`, else `transform`.

    Probabilities are [rows, classes], values [rows, targets], all float64; classes without probabilities are places among
    `classes_`, int64 [rows]. Raises SystemExit for a model that cannot be exported.
    """
    package, name = type(model).__module__.partition(".")[0], type(model).__name__
    if package == "xgboost":
        from jinsu.sdk.flavours import xgboost_model

        return xgboost_model.answered(graph, model, blocks)
    if package == "lightgbm":
        from jinsu.sdk.flavours import lightgbm_model

        return lightgbm_model.answered(graph, model, blocks)
    if _is_own(model) and name in _MODELS:
        return _MODELS[name](graph, model, blocks)
    if _is_own(model) and name in _BY_SKL2ONNX_MODELS:
        outputs = _converted(graph, model, blocks)
        return outputs[1] if hasattr(model, "predict_proba") else outputs[0]
    if hasattr(model, "transform") and not hasattr(model, "predict"):
        return numbers(graph, transformed(graph, model, blocks), name)
    raise refusal(
        f"{name} cannot be exported: nothing converts it faithfully; use an estimator of the table in docs/flavours.md, such "
        "as LogisticRegression, HistGradientBoostingClassifier or Ridge."
    )


def _after_steps(graph: Graph, pipeline: Any, blocks: Blocks) -> str:
    for _, step in pipeline.steps[:-1]:
        blocks = transformed(graph, step, blocks)
    last = pipeline.steps[-1][1]
    if last is None or last == "passthrough":
        return numbers(graph, blocks, "the pipeline's end")
    return answered(graph, last, blocks)


def _histogram_boosting(graph: Graph, model: Any, blocks: Blocks) -> str:
    if getattr(model, "_preprocessor", None) is not None:
        encoder, others = (places for _, _, places in model._preprocessor.transformers_[:2])
        names = list(range(width_of(blocks)))
        kept = chosen(graph, blocks, _places(others, names))
        encoded = columns.looked_up(
            graph, model._preprocessor.named_transformers_["encoder"], chosen(graph, blocks, _places(encoder, names))
        )
        blocks = (*encoded, *kept)
    return trees.histogram_boosting(graph, model, blocks)


Model: TypeAlias = "Callable[[Graph, Any, Blocks], str]"


def _of_models(adding: Callable[[Graph, Any, Blocks, Model], str]) -> Model:
    """A model that consists of others."""
    return lambda graph, model, blocks: adding(graph, model, blocks, answered)


_MODELS: Mapping[str, Model] = {
    "AdaBoostClassifier": _of_models(around.adaptive),
    "CalibratedClassifierCV": _of_models(around.calibrated),
    "MultiOutputRegressor": _of_models(around.several_targets),
    "Pipeline": _after_steps,
    "TransformedTargetRegressor": _of_models(around.retransformed),
    **dict.fromkeys(("BaggingClassifier", "BaggingRegressor"), _of_models(around.bagged)),
    **dict.fromkeys(("DummyClassifier", "DummyRegressor"), around.constant),
    **dict.fromkeys(("StackingClassifier", "StackingRegressor"), _of_models(around.stacked)),
    **dict.fromkeys(("VotingClassifier", "VotingRegressor"), _of_models(around.mean_of_votes)),
    **dict.fromkeys(
        ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"),
        _of_models(around.best_found),
    ),
    **dict.fromkeys(("GradientBoostingClassifier", "GradientBoostingRegressor"), trees.gradient_boosting),
    **dict.fromkeys(("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"), _histogram_boosting),
    **dict.fromkeys(("NuSVC", "SVC"), vectors.class_by_vectors),
    **dict.fromkeys(("NuSVR", "SVR"), vectors.value_by_vectors),
    **dict.fromkeys(
        (
            *("LinearSVC", "PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier", "RidgeClassifierCV"),
            "SGDClassifier",
        ),
        vectors.scores_of_classes,
    ),
    **dict.fromkeys(
        (
            *("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"),
            *("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor"),
        ),
        trees.forest,
    ),
}
_BY_SKL2ONNX_MODELS = frozenset(
    {
        *(
            "ARDRegression",
            "BayesianRidge",
            "BernoulliNB",
            "ComplementNB",
            "ElasticNet",
            "ElasticNetCV",
            "GammaRegressor",
        ),
        *("GaussianNB", "GaussianProcessRegressor", "HuberRegressor", "KNeighborsClassifier", "KNeighborsRegressor"),
        *(
            "Lars",
            "LarsCV",
            "Lasso",
            "LassoCV",
            "LassoLars",
            "LassoLarsCV",
            "LassoLarsIC",
            "LinearDiscriminantAnalysis",
        ),
        *(
            "LinearRegression",
            "LinearSVR",
            "LogisticRegression",
            "LogisticRegressionCV",
            "MLPClassifier",
            "MLPRegressor",
        ),
        *("MultinomialNB", "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "PLSRegression"),
        *("PassiveAggressiveRegressor", "RANSACRegressor"),
        *("PoissonRegressor", "QuadraticDiscriminantAnalysis", "QuantileRegressor", "Ridge", "RidgeCV", "SGDRegressor"),
        *("TheilSenRegressor", "TweedieRegressor"),
    }
)
"""Those that skl2onnx writes in float64 throughout, and whose answers agree with the original's."""


def _converted(graph: Graph, step: Any, blocks: Blocks) -> list[str]:
    """The outputs of the graph that skl2onnx writes for one step."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType

    matrix, name = numbers(graph, blocks, type(step).__name__), type(step).__name__
    options = {id(step): {"zipmap": False}} if hasattr(step, "predict_proba") else None
    try:
        converted = convert_sklearn(
            step,
            initial_types=[("rows", DoubleTensorType([None, width_of(blocks)]))],
            options=options,
            target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
        )
    except Exception as problem:  # the converters raise whatever they meet
        reason = (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]
        refuse(f"{name} cannot be exported with these settings: skl2onnx says {reason}; use another estimator.")
    return graph.absorb(converted, {"rows": matrix})


def _width_after(step: Any) -> int:
    """How many columns a transformer of a matrix gives."""
    return len(step.get_feature_names_out())
