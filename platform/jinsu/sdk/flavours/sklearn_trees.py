"""Trees of scikit-learn: single ones, forests, and both kinds of gradient boosting."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jinsu.sdk.example import refuse
from jinsu.sdk.flavours.blocks import Blocks, numbers
from jinsu.sdk.flavours.trees import Forest, Test, in_one_of, sigmoid_pair, softmax

if TYPE_CHECKING:
    import numpy as np

    from jinsu.sdk.flavours.graph import Graph


def _float32_matrix(graph: Graph, model: Any, blocks: Blocks) -> str:
    """These trees round their features to float32, and compare with thresholds of float64."""
    matrix = numbers(graph, blocks, type(model).__name__)
    return graph.cast(graph.cast(matrix, "float32"), "float64")


def _grow(forest: Forest, number: int, tree: Any, leaf: Callable[[np.ndarray], dict[int, float]]) -> None:
    """Adds a fitted `tree_`. leaf: what a node's value, shape (outputs, classes), adds to each target."""
    missing_left = getattr(tree, "missing_go_to_left", None)
    for node in range(tree.node_count):
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left == -1:
            forest.leaf(number, node, leaf(tree.value[node]))
            continue
        missing = left if missing_left is not None and missing_left[node] else right
        forest.split(
            number, node, int(tree.feature[node]), Test.AT_MOST, float(tree.threshold[node]), (left, right), missing
        )


def forest(graph: Graph, model: Any, blocks: Blocks) -> str:
    """The mean of one or more trees: shares of the classes, or the values."""
    if isinstance(getattr(model, "n_classes_", 0), list):
        refuse(
            f"{type(model).__name__} with several targets of classes cannot be exported; save one model for each target."
        )
    trees = [one.tree_ for one in model.estimators_] if hasattr(model, "estimators_") else [model.tree_]
    classes = hasattr(model, "classes_")
    targets = len(model.classes_) if classes else model.n_outputs_
    grown = Forest("float64")
    for number, tree in enumerate(trees):
        _grow(
            grown,
            number,
            tree,
            lambda value: {
                place: float(share) / len(trees) for place, share in enumerate(value[0] if classes else value[:, 0])
            },
        )
    return grown.sums(graph, _float32_matrix(graph, model, blocks), [0.0] * targets)


def gradient_boosting(graph: Graph, model: Any, blocks: Blocks) -> str:
    """GradientBoostingClassifier and -Regressor, whose first guess is a constant."""
    import numpy as np

    if model.init_ != "zero" and type(model.init_).__name__ not in ("DummyClassifier", "DummyRegressor"):
        refuse(
            f"{type(model).__name__} with init={type(model.init_).__name__} cannot be exported; leave init out, or "
            "use HistGradientBoosting."
        )
    base = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))[0]
    grown = Forest("float64")
    for number, (step, target) in enumerate(np.ndindex(*model.estimators_.shape)):
        _grow(grown, number, model.estimators_[step, target].tree_, _adding_to(target, model.learning_rate))
    raw = grown.sums(graph, _float32_matrix(graph, model, blocks), [float(value) for value in base])
    if not hasattr(model, "classes_"):
        return raw
    if len(model.classes_) > 2:
        return softmax(graph, raw)
    return sigmoid_pair(graph, raw, 2.0 if model.loss == "exponential" else 1.0)


def _adding_to(target: int, rate: float) -> Callable[[np.ndarray], dict[int, float]]:
    return lambda value: {target: float(value[0, 0]) * rate}


def histogram_boosting(graph: Graph, model: Any, blocks: Blocks) -> str:
    """HistGradientBoosting, whose trees compare float64. blocks: after its own encoder of categories."""
    grown = Forest("float64")
    known, places = (
        model._bin_mapper.make_known_categories_bitsets() if model.is_categorical_ is not None else (None, None)
    )
    for number, (target, predictor) in enumerate(
        (target, predictor) for step in model._predictors for target, predictor in enumerate(step)
    ):
        _grow_histogram(grown, number, target, predictor, known, places)
    base = [float(value) for value in model._baseline_prediction.reshape(-1)]
    raw = grown.sums(graph, numbers(graph, blocks, type(model).__name__), base)
    if hasattr(model, "classes_"):
        return sigmoid_pair(graph, raw) if len(base) == 1 else softmax(graph, raw)
    return graph.add("Exp", [raw]) if model.loss in ("poisson", "gamma") else raw


def _grow_histogram(grown: Forest, number: int, target: int, predictor: Any, known: Any, places: Any) -> None:
    nodes = predictor.nodes
    fresh = iter(range(len(nodes), 1 << 62))
    for place, node in enumerate(nodes):
        if node["is_leaf"]:
            grown.leaf(number, place, {target: float(node["value"])})
            continue
        left, right = int(node["left"]), int(node["right"])
        missing_left = bool(node["missing_go_to_left"])
        feature = int(node["feature_idx"])
        missing = left if missing_left else right
        if not node["is_categorical"]:
            threshold = float(node["num_threshold"])
            grown.split(number, place, feature, Test.AT_MOST, threshold, (left, right), missing)
            continue
        goes_left = _members(predictor.raw_left_cat_bitsets[node["bitset_idx"]])
        if missing_left:  # an unseen category goes where a missing one goes
            goes_right = sorted(set(_members(known[places[feature]])) - set(goes_left))
            in_one_of(grown, number, place, feature, goes_right, (right, left), left, fresh)
        else:
            in_one_of(grown, number, place, feature, goes_left, (left, right), right, fresh)


def _members(bits: np.ndarray) -> list[int]:
    """The numbers in a set of 256 bits, written as eight words of 32."""
    return [number for number in range(256) if int(bits[number // 32]) >> (number % 32) & 1]
