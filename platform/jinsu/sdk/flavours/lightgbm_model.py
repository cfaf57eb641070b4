"""A Booster of LightGBM, or one of its estimators with the interface of scikit-learn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinsu.sdk.example import Example, refusal, refuse
from jinsu.sdk.flavours import Exported
from jinsu.sdk.flavours.blocks import Blocks, numbers
from jinsu.sdk.flavours.boosters import Categories, coded, first_line, names_of, with_categories
from jinsu.sdk.flavours.frames import taken
from jinsu.sdk.flavours.graph import Graph, output_name
from jinsu.sdk.flavours.trees import Forest, Test, in_one_of, sigmoid_pair, softmax
from jinsu.sdk.outputs import OutputKind

_EXPONENTIAL = ("poisson", "gamma", "tweedie")
_IDENTITY = ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg", "custom")
_OF_CLASSES = ("binary", "multiclass", "multiclassova")


def export(model: Any, example: Example, path: Path) -> Exported:
    import lightgbm

    framework = f"lightgbm {lightgbm.__version__}"
    if isinstance(model, lightgbm.Booster):
        return _export_booster(model, example, path, framework)
    from jinsu.sdk.flavours.sklearn_model import export_estimator

    categories = categories_of(model.booster_)
    return export_estimator(model, example, path, framework, lambda rows: with_categories(rows, categories))


def answered(graph: Graph, model: Any, blocks: Blocks) -> str:
    """Adds a fitted estimator: probabilities [rows, classes], or values [rows, targets], float64."""
    document = model.booster_.dump_model()
    raw = _raw(graph, model.booster_, document, blocks)
    if hasattr(model, "predict_proba") and _objective(document)[0] not in _OF_CLASSES:
        refuse(
            f"LGBMClassifier with the objective {_objective(document)[0]} cannot be exported; use {', '.join(_OF_CLASSES)}."
        )
    return _transformed(graph, raw, document)


def levels_of(model: Any) -> list[float] | None:
    """The levels of an estimator that was fitted to a quantile."""
    return _levels(model.booster_, model.booster_.dump_model())


def categories_of(booster: Any) -> Categories:
    """The categories that a Booster remembers of the data frame that it was fitted on."""
    known = booster.pandas_categorical or []
    if not known:
        return {}
    found = re.search(r"^\[categorical_feature: ([\d,]+)\]$", booster.model_to_string(), re.MULTILINE)
    places = [int(place) for place in found[1].split(",")] if found else []
    if len(places) != len(known):
        refuse(
            "this LightGBM model has columns of the type category beside others named in categorical_feature, and cannot be "
            "exported; make all of them the type category, and leave categorical_feature out."
        )
    return dict(zip(places, known, strict=True))


def _export_booster(model: Any, example: Example, path: Path, framework: str) -> Exported:
    import numpy as np

    document, categories = model.dump_model(), categories_of(model)
    graph = Graph()
    rows, blocks = taken(graph, example, names_of(example, document["feature_names"]))
    try:
        answers = np.asarray(model.predict(with_categories(rows, categories)), np.float32)
    except Exception as problem:  # its own errors, ValueError, and those of what reads the table
        refuse(f"predict of the model fails on the example: {first_line(problem)}")
    objective = _objective(document)[0]
    value = _transformed(graph, _raw(graph, model, document, blocks), document)
    if objective == "binary":
        value = graph.add("Gather", [value, graph.constant(np.array([1], np.int64))], axis=1)
    levels = _levels(model, document)
    name, kind = "value", OutputKind.VALUE
    if levels:
        name, kind, answers = "quantiles", OutputKind.QUANTILES, answers.reshape(-1, 1)
    elif objective in _OF_CLASSES:
        name, kind = "probabilities", OutputKind.PROBABILITIES
    name = output_name(name, example)
    value = graph.cast(graph.reshaped(value, [-1, *answers.shape[1:]]), "float32")
    read = graph.write(path, example, {name: (value, answers)})
    return Exported(framework, {name: answers}, {name: kind}, None, levels, read)


def _objective(document: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The objective and its settings, such as `sigmoid`; `sqrt` is one without a value."""
    words = document.get("objective", "custom").split()
    return words[0], dict(word.partition(":")[::2] for word in words[1:])


def _raw(graph: Graph, booster: Any, document: dict[str, Any], blocks: Blocks) -> str:
    """The sums of the leaves [rows, targets], before the objective's transformation."""
    targets = document["num_tree_per_iteration"]
    trees = document["tree_info"]
    share = targets / len(trees) if document["average_output"] and trees else 1.0
    grown = Forest("float64")
    for number, tree in enumerate(trees):
        _grow(grown, number, tree["tree_structure"], number % targets, share)
    blocks = coded(graph, blocks, categories_of(booster))
    return grown.sums(graph, numbers(graph, blocks, "LightGBM"), [0.0] * targets)


def _grow(grown: Forest, number: int, root: dict[str, Any], target: int, share: float) -> None:
    fresh = iter(range(1, 1 << 62))
    waiting = [(0, root)]
    while waiting:
        place, node = waiting.pop()
        if "split_feature" not in node:
            if node.get("leaf_coeff"):
                refuse("LightGBM with linear_tree=True cannot be exported; train with linear_tree=False.")
            grown.leaf(number, place, {target: node["leaf_value"] * share})
            continue
        left, right = next(fresh), next(fresh)
        waiting += [(left, node["left_child"]), (right, node["right_child"])]
        if node["decision_type"] == "==":
            members = [int(member) for member in node["threshold"].split("||")]
            in_one_of(grown, number, place, node["split_feature"], members, (left, right), right, fresh)
        else:
            _split(grown, number, place, node, (left, right), fresh)


def _split(
    grown: Forest, number: int, place: int, node: dict[str, Any], children: tuple[int, int], fresh: Iterator[int]
) -> None:
    """A numeric decision. Without a type of missing values NaN counts as zero; with the type Zero, zero counts as missing."""
    left, right = children
    feature, threshold = node["split_feature"], float(node["threshold"])
    default = left if node["default_left"] else right
    zero = left if threshold >= 0 else right
    missing = zero if node["missing_type"] == "None" else default
    if node["missing_type"] == "Zero" and zero != default:
        following = next(fresh)
        grown.split(number, place, feature, Test.EQUAL, 0.0, (default, following), default)
        place = following
    grown.split(number, place, feature, Test.AT_MOST, threshold, children, missing)


def _transformed(graph: Graph, raw: str, document: dict[str, Any]) -> str:
    objective, settings = _objective(document)
    factor = float(settings.get("sigmoid", 1.0))
    if objective == "binary":
        return sigmoid_pair(graph, raw, factor)
    if objective == "multiclass":
        return softmax(graph, raw)
    if objective in ("multiclassova", "cross_entropy"):
        return graph.add("Sigmoid", [graph.add("Mul", [raw, graph.matrix([[factor]])])])
    if objective in _EXPONENTIAL:
        return graph.add("Exp", [raw])
    if objective == "regression" and "sqrt" in settings:
        return graph.add("Mul", [raw, graph.add("Abs", [raw])])
    if objective in _IDENTITY:
        return raw
    raise refusal(
        f"LightGBM with the objective {objective} cannot be exported; use one of "
        f"{', '.join((*_OF_CLASSES, 'cross_entropy', *_EXPONENTIAL, *_IDENTITY[:-1]))}."
    )


def _levels(booster: Any, document: dict[str, Any]) -> list[float] | None:
    if _objective(document)[0] != "quantile":
        return None
    found = re.search(r"^\[alpha: ([\d.e-]+)\]$", booster.model_to_string(), re.MULTILINE)
    return [float(found[1])] if found else None
