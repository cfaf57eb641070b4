"""A Booster of XGBoost, or one of its estimators with the interface of scikit-learn."""

from __future__ import annotations

import json
import math
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

_EXPONENTIAL = ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox")
_IDENTITY = (
    *("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:squaredlogerror", "reg:quantileerror"),
    *("rank:ndcg", "rank:map", "rank:pairwise"),
)
_LOGISTIC = ("binary:logistic", "reg:logistic")


def export(model: Any, example: Example, path: Path) -> Exported:
    import xgboost

    framework = f"xgboost {xgboost.__version__}"
    if isinstance(model, xgboost.Booster):
        return _export_booster(model, example, path, framework)
    from jinsu.sdk.flavours.sklearn_model import export_estimator

    categories = categories_of(_document(_booster(model)))
    return export_estimator(model, example, path, framework, lambda rows: with_categories(rows, categories))


def answered(graph: Graph, model: Any, blocks: Blocks) -> str:
    """Adds a fitted estimator: probabilities [rows, classes], or values [rows, targets], float64."""
    document = _document(_booster(model))
    objective = document["objective"]["name"]
    raw = _raw(graph, model, document, blocks, getattr(model, "best_iteration", None) if _stopped(model) else None)
    if not hasattr(model, "predict_proba"):
        return _transformed(graph, raw, objective)
    if objective == "binary:logistic":
        return sigmoid_pair(graph, raw)
    if objective in ("multi:softprob", "multi:softmax"):
        return softmax(graph, raw)
    raise refusal(
        f"XGBClassifier with objective {objective} cannot be exported; use binary:logistic or multi:softprob."
    )


def levels_of(model: Any) -> list[float] | None:
    """The levels of an estimator that was fitted to quantiles."""
    return _levels(_document(_booster(model)))


def categories_of(document: dict[str, Any]) -> Categories:
    """The categories that a Booster remembers of the data frame that it was fitted on."""
    found: dict[int, list[Any]] = {}
    for place, column in enumerate(_gbtree(document).get("cats", {}).get("enc", [])):
        values = column["values"]
        if "type" in column:
            if values:
                found[place] = list(values)
        elif len(column["offsets"]) > 1:
            edges, raw = column["offsets"], bytes(value & 0xFF for value in values)
            if not raw.isascii():  # it counts letters where it should count bytes, and cuts the names
                refuse(
                    "XGBoost keeps the names of categories only when they are ASCII, so this model cannot be exported; use an "
                    "OrdinalEncoder in a pipeline, or LightGBM."
                )
            found[place] = [raw[start:end].decode() for start, end in zip(edges, edges[1:], strict=False)]
    return found


def _export_booster(model: Any, example: Example, path: Path, framework: str) -> Exported:
    import numpy as np
    import xgboost

    document = _document(model)
    objective, categories = document["objective"]["name"], categories_of(document)
    graph = Graph()
    names = names_of(example, model.feature_names)
    rows, blocks = taken(graph, example, names)
    try:
        matrix = xgboost.DMatrix(with_categories(rows, categories), enable_categorical=bool(categories))
        answers = np.asarray(model.predict(matrix, validate_features=names is not None), np.float32)
    except Exception as problem:  # its own errors, ValueError, and those of what reads the table
        refuse(f"predict of the model fails on the example: {first_line(problem)}")
    raw = _raw(graph, model, document, blocks, None)
    if objective == "multi:softmax":
        value = graph.add("ArgMax", [raw], axis=1, keepdims=0)
        name, answers = output_name("label", example), answers.astype(np.int64)
        read = graph.write(path, example, {name: (value, answers)})
        return Exported(framework, {name: answers}, {name: OutputKind.LABEL}, read=read)
    levels = _levels(document)
    name, kind = "value", OutputKind.VALUE
    if levels:
        name, kind, answers = "quantiles", OutputKind.QUANTILES, answers.reshape(len(answers), -1)
    elif objective in ("binary:logistic", "multi:softprob"):
        name, kind = "probabilities", OutputKind.PROBABILITIES
    name = output_name(name, example)
    value = softmax(graph, raw) if objective == "multi:softprob" else _transformed(graph, raw, objective)
    value = graph.cast(graph.reshaped(value, [-1, *answers.shape[1:]]), "float32")
    read = graph.write(path, example, {name: (value, answers)})
    return Exported(framework, {name: answers}, {name: kind}, None, levels, read)


def _booster(model: Any) -> Any:
    return model.get_booster()


def _stopped(model: Any) -> bool:
    """Whether training ended early, so that an estimator answers with its best iteration."""
    return "best_iteration" in model.get_booster().attributes()


def _document(booster: Any) -> dict[str, Any]:
    """The whole model as XGBoost itself writes it."""
    document: dict[str, Any] = json.loads(booster.save_raw("json"))["learner"]
    name = document["gradient_booster"]["name"]
    if name not in ("gbtree", "dart"):
        refuse(f"XGBoost with booster={name!r} cannot be exported; train with booster='gbtree' or 'dart'.")
    return document


def _gbtree(document: dict[str, Any]) -> dict[str, Any]:
    booster = document["gradient_booster"]
    found: dict[str, Any] = (booster["gbtree"] if booster["name"] == "dart" else booster)["model"]
    return found


def _raw(graph: Graph, model: Any, document: dict[str, Any], blocks: Blocks, best: int | None) -> str:
    """The margins [rows, targets], before the objective's transformation. best: the last iteration that counts."""
    trees = _gbtree(document)
    if any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in trees["trees"]):
        refuse("XGBoost with multi_strategy='multi_output_tree' cannot be exported; use 'one_output_per_tree'.")
    count = len(trees["trees"]) if best is None else trees["iteration_indptr"][int(best) + 1]
    dropped = document["gradient_booster"].get("weight_drop", [1.0] * count)
    base = _margins(document)
    grown = Forest("float32")
    for number in range(count):
        _grow(grown, number, trees["trees"][number], trees["tree_info"][number], dropped[number])
    matrix = numbers(graph, coded(graph, blocks, categories_of(document)), type(model).__name__)
    missing = getattr(model, "missing", math.nan)
    if missing is not None and missing == missing:  # a number that means missing
        marked = graph.add("Equal", [matrix, graph.matrix([missing])])
        matrix = graph.add("Where", [marked, graph.nan(), matrix])
    return grown.sums(graph, graph.cast(matrix, "float32"), base)


def _grow(grown: Forest, number: int, tree: dict[str, Any], target: int, weight: float) -> None:
    fresh = iter(range(len(tree["left_children"]), 1 << 62))
    members = {
        node: tree["categories"][start : start + size]
        for node, start, size in zip(
            tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True
        )
    }
    for node, left in enumerate(tree["left_children"]):
        right, value = tree["right_children"][node], tree["split_conditions"][node]
        feature = tree["split_indices"][node]
        missing = left if tree["default_left"][node] else right
        if left == -1:
            grown.leaf(number, node, {target: value * weight})
        elif tree["split_type"][node] == 1:
            in_one_of(grown, number, node, feature, members[node], (right, left), missing, fresh)
        else:
            grown.split(number, node, feature, Test.BELOW, value, (left, right), missing)


def _margins(document: dict[str, Any]) -> list[float]:
    """What each target begins with: the base score, which the file keeps in the target's unit."""
    parameters, objective = document["learner_model_param"], document["objective"]["name"]
    targets = max(1, int(parameters["num_class"]), int(parameters["num_target"]))
    scores = [float(score) for score in parameters["base_score"].strip("[]").split(",")]
    scores = scores * targets if len(scores) == 1 else scores
    if objective in _LOGISTIC:
        return [math.log(score / (1 - score)) for score in scores]
    return [math.log(score) for score in scores] if objective in _EXPONENTIAL else scores


def _transformed(graph: Graph, raw: str, objective: str) -> str:
    if objective in _LOGISTIC:
        return graph.add("Sigmoid", [raw])
    if objective in _EXPONENTIAL:
        return graph.add("Exp", [raw])
    if objective in _IDENTITY:
        return raw
    raise refusal(
        f"XGBoost with the objective {objective} cannot be exported; use one of "
        f"{', '.join((*_LOGISTIC, 'multi:softprob', *_EXPONENTIAL, *_IDENTITY))}."
    )


def _levels(document: dict[str, Any]) -> list[float] | None:
    objective = document["objective"]
    if objective["name"] != "reg:quantileerror":
        return None
    text = objective["quantile_loss_param"]["quantile_alpha"].strip("[]")
    levels = [float(level) for level in text.replace(",", " ").split()]
    if levels != sorted(set(levels)):
        refuse(f"quantile_alpha {levels} cannot be exported; give each level once, in rising order.")
    return [round(level, 6) for level in levels]  # the file keeps float32
