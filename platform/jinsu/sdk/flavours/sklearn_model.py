"""An estimator of scikit-learn, whole pipelines too. A model of a table's columns has one input for each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.sdk.example import Example, refusal, refuse
from jinsu.sdk.flavours import Exported
from jinsu.sdk.flavours.boosters import names_of
from jinsu.sdk.flavours.frames import taken
from jinsu.sdk.flavours.graph import Graph, output_name
from jinsu.sdk.outputs import OutputKind

if TYPE_CHECKING:
    import numpy as np


def export(model: Any, example: Example, path: Path) -> Exported:
    import sklearn

    return export_estimator(model, example, path, f"scikit-learn {sklearn.__version__}")


def export_estimator(
    model: Any, example: Example, path: Path, framework: str, prepare: Callable[[Any], Any] = lambda rows: rows
) -> Exported:
    """Writes a fitted estimator of scikit-learn or of a library that has its interface.

    framework: name and version. prepare: makes what the original takes of a plain table.
    """
    from jinsu.sdk.flavours.sklearn_steps import answered, reads_texts

    _require_fitted(model)
    graph = Graph()
    names = getattr(model, "feature_names_in_", None)
    rows, blocks = taken(
        graph, example, names_of(example, None if names is None else [str(name) for name in names]), reads_texts(model)
    )
    method = _method(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = answered(graph, model, blocks)
        answers = _answers(model, method, prepare(rows))
    name, kind, quantiles = _said(model, method)
    name = output_name(name, example)
    classes = list(model.classes_) if hasattr(model, "classes_") else None
    if method == "predict" and classes is not None:  # the graph gives places among the classes
        places = {_key(label): place for place, label in enumerate(classes)}
        answers = _array([places[_key(label)] for label in answers.tolist()], "int64")
    else:
        answers = _array(answers, "float64").reshape(len(answers), -1)
        if kind is OutputKind.VALUE and answers.shape[1] == 1:
            value, answers = graph.reshaped(value, [-1]), answers.reshape(-1)
        if kind is OutputKind.PROBABILITIES:
            value, answers = graph.cast(value, "float32"), answers.astype("float32")
    read = graph.write(path, example, {name: (value, answers)})
    return Exported(framework, {name: answers}, {name: kind}, classes, quantiles, read)


def _array(values: Any, dtype: str) -> np.ndarray:
    import numpy as np

    return np.asarray(values, dtype=dtype)


def _key(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label


def _require_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError:
        refuse(f"{type(model).__name__} is not fitted; call fit() before you save it.")
    except TypeError:
        refuse(f"{type(model).__name__} is no estimator; give a fitted estimator or pipeline.")


def _method(model: Any) -> str:
    for method in ("predict_proba", "predict", "transform"):
        if hasattr(model, method):
            return method
    raise refusal(f"{type(model).__name__} cannot be exported: it neither predicts nor transforms new rows.")


def _answers(model: Any, method: str, rows: Any) -> np.ndarray:
    try:
        answers = getattr(model, method)(rows)
    except Exception as problem:  # whatever the steps of a pipeline raise
        refuse(f"{method} of the model fails on the example: {(str(problem).splitlines() or [''])[0][:300]}")
    dense: np.ndarray = answers.toarray() if hasattr(answers, "toarray") else answers
    return dense


def _said(model: Any, method: str) -> tuple[str, OutputKind, Sequence[float] | None]:
    """What the output is called, what it is, and its levels."""
    if method == "predict_proba":
        return "probabilities", OutputKind.PROBABILITIES, None
    if method == "transform":
        return "embedding", OutputKind.EMBEDDING, None
    if hasattr(model, "classes_"):
        return "label", OutputKind.LABEL, None
    levels = levels_of(model)
    return ("value", OutputKind.VALUE, None) if levels is None else ("quantiles", OutputKind.QUANTILES, levels)


def levels_of(model: Any) -> list[float] | None:
    """The levels of a model that was fitted to quantiles; None for any other."""
    while hasattr(model, "steps") or hasattr(model, "best_estimator_"):
        model = model.best_estimator_ if hasattr(model, "best_estimator_") else model.steps[-1][1]
    package, name = type(model).__module__.partition(".")[0], type(model).__name__
    if package == "xgboost":
        from jinsu.sdk.flavours import xgboost_model

        return xgboost_model.levels_of(model)
    if package == "lightgbm":
        from jinsu.sdk.flavours import lightgbm_model

        return lightgbm_model.levels_of(model)
    if name == "QuantileRegressor":
        return [float(model.quantile)]
    if getattr(model, "loss", None) == "quantile":
        return [float(model.alpha if name == "GradientBoostingRegressor" else model.quantile)]
    return None
