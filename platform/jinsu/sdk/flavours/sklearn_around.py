"""Models of scikit-learn that consist of other models: searches, votes, stacks, bags, calibration, several targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from jinsu.sdk.example import refusal, refuse
from jinsu.sdk.flavours.blocks import Block, Blocks, chosen, numbers, width_of
from jinsu.sdk.flavours.sklearn_columns import applied

if TYPE_CHECKING:
    from jinsu.sdk.flavours.graph import Graph

Answering: TypeAlias = "Callable[[Graph, Any, Blocks], str]"
"""Adds a model inside another one, and returns its answers."""


def best_found(graph: Graph, search: Any, blocks: Blocks, inner: Answering) -> str:
    """A GridSearchCV and its kin."""
    return inner(graph, search.best_estimator_, blocks)


def retransformed(graph: Graph, model: Any, blocks: Blocks, inner: Answering) -> str:
    """A TransformedTargetRegressor: what the inner model answers, taken back to the target's unit."""
    value = inner(graph, model.regressor_, blocks)
    back = model.transformer_
    name = type(back).__name__
    if name == "FunctionTransformer":
        return value if back.inverse_func is None else applied(graph, back.inverse_func, value)
    if name == "StandardScaler":
        scaled = value if back.scale_ is None else graph.add("Mul", [value, graph.matrix([back.scale_])])
        return scaled if back.mean_ is None else graph.add("Add", [scaled, graph.matrix([back.mean_])])
    if name == "MinMaxScaler":
        return graph.add("Div", [graph.add("Sub", [value, graph.matrix([back.min_])]), graph.matrix([back.scale_])])
    raise refusal(
        f"TransformedTargetRegressor with {name} cannot be exported; use func and inverse_func of numpy, a StandardScaler or "
        "a MinMaxScaler."
    )


def mean_of_votes(graph: Graph, model: Any, blocks: Blocks, inner: Answering) -> str:
    """A VotingRegressor, or a VotingClassifier with voting='soft'."""
    if getattr(model, "voting", "soft") != "soft":
        refuse("VotingClassifier with voting='hard' cannot be exported; fit it with voting='soft'.")
    weights = [1.0] * len(model.estimators_)
    if model.weights is not None:
        kept = zip(model.weights, model.estimators, strict=True)
        weights = [weight for weight, (_, one) in kept if one != "drop"]
    return _mean(graph, [inner(graph, one, blocks) for one in model.estimators_], weights)


def _mean(graph: Graph, answers: Sequence[str], weights: Sequence[float]) -> str:
    shares = [weight / sum(weights) for weight in weights]
    return graph.add(
        "Sum",
        [graph.add("Mul", [one, graph.matrix([[share]])]) for one, share in zip(answers, shares, strict=True)],
    )


def several_targets(graph: Graph, model: Any, blocks: Blocks, inner: Answering) -> str:
    """A MultiOutputRegressor."""
    return graph.add("Concat", [inner(graph, one, blocks) for one in model.estimators_], axis=1)


def bagged(graph: Graph, model: Any, blocks: Blocks, inner: Answering) -> str:
    """A BaggingRegressor or a BaggingClassifier, whose models read some of the columns each."""
    if hasattr(model, "classes_"):
        for one in model.estimators_:
            if not hasattr(one, "predict_proba") or len(one.classes_) != len(model.classes_):
                refuse(
                    "BaggingClassifier cannot be exported when one of its models has no probabilities, or did not see every "
                    "class; use RandomForestClassifier, or more rows of each class."
                )
    pairs = zip(model.estimators_, model.estimators_features_, strict=True)
    answers = [inner(graph, one, chosen(graph, blocks, places)) for one, places in pairs]
    return _mean(graph, answers, [1.0] * len(answers))


def stacked(graph: Graph, model: Any, blocks: Blocks, inner: Answering) -> str:
    """A StackingRegressor, or a StackingClassifier of models with probabilities."""
    found: list[Block] = []
    for one, method in zip(model.estimators_, model.stack_method_, strict=True):
        classes = hasattr(model, "classes_")
        if method != ("predict_proba" if classes else "predict"):
            refuse(
                f"{type(model).__name__} cannot be exported: it reads {method} of {type(one).__name__}; stack models that "
                "have predict_proba."
            )
        answers = Block(inner(graph, one, blocks), len(model.classes_) if classes else 1)
        found.extend(chosen(graph, (answers,), [1]) if answers.width == 2 else (answers,))
    if model.passthrough:
        found.append(Block(numbers(graph, blocks, type(model).__name__), width_of(blocks)))
    return inner(graph, model.final_estimator_, tuple(found))


def calibrated(graph: Graph, model: Any, blocks: Blocks, inner: Answering) -> str:
    """A CalibratedClassifierCV over models without `decision_function`, or over linear ones."""
    answers = [_corrected(graph, one, blocks, inner) for one in model.calibrated_classifiers_]
    return _mean(graph, answers, [1.0] * len(answers))


def _corrected(graph: Graph, one: Any, blocks: Blocks, inner: Answering) -> str:
    name, count = type(one.estimator).__name__, len(one.classes)
    linear = hasattr(one.estimator, "coef_")
    if (hasattr(one.estimator, "decision_function") and not linear) or one.method not in ("sigmoid", "isotonic"):
        refuse(
            f"CalibratedClassifierCV of {name} with method={one.method!r} cannot be exported; calibrate a linear model or "
            "RandomForestClassifier, with 'sigmoid' or 'isotonic'."
        )
    if linear:
        given = Block(linear_scores(graph, one.estimator, blocks), len(one.estimator.coef_))
    else:
        given = Block(inner(graph, one.estimator, blocks), count)
    places = range(given.width) if given.width == len(one.calibrators) else [1]
    parts = []
    for place, calibrator in zip(places, one.calibrators, strict=True):
        (column,) = chosen(graph, (given,), [place])
        correct = _by_sigmoid if one.method == "sigmoid" else _by_steps
        parts.append(correct(graph, calibrator, column.value))
    if count == 2:
        return graph.add("Concat", [graph.add("Sub", [graph.matrix([[1.0]]), parts[0]]), parts[0]], axis=1)
    return shares(graph, graph.add("Concat", parts, axis=1), count)


def linear_scores(graph: Graph, model: Any, blocks: Blocks) -> str:
    """The scores of a linear model, one for each class, or one of the second of two classes."""
    product = graph.add("MatMul", [numbers(graph, blocks, type(model).__name__), graph.matrix(model.coef_.T)])
    return graph.add("Add", [product, graph.matrix([model.intercept_])])


def _by_sigmoid(graph: Graph, calibrator: Any, value: str) -> str:
    scaled = graph.add("Mul", [value, graph.matrix([[-calibrator.a_]])])
    return graph.add("Sigmoid", [graph.add("Sub", [scaled, graph.matrix([[calibrator.b_]])])])


def _by_steps(graph: Graph, calibrator: Any, value: str) -> str:
    """An IsotonicRegression: straight lines between its thresholds."""
    import numpy as np

    at, height = calibrator.X_thresholds_, calibrator.y_thresholds_
    if len(at) == 1:
        at, height = np.append(at, at[0] + 1.0), np.repeat(height, 2)
    inside = graph.add("Clip", [value, graph.matrix(at[0]), graph.matrix(at[-1])])
    reached = graph.cast(graph.add("GreaterOrEqual", [inside, graph.matrix([at[1:-1]])]), "int64")
    axis = graph.constant(np.array([1], np.int64))
    place = graph.add("ReduceSum", [reached, axis], keepdims=1)
    start, slope, base = (
        graph.add("Gather", [graph.matrix(table), place], axis=0)
        for table in (at[:-1], np.diff(height) / np.diff(at), height[:-1])
    )
    return graph.add("Add", [base, graph.add("Mul", [slope, graph.add("Sub", [inside, start])])])


def shares(graph: Graph, values: str, count: int) -> str:
    """The values of each row divided by their sum; equal shares where the sum is zero."""
    import numpy as np

    axis = graph.constant(np.array([1], np.int64))
    total = graph.add("ReduceSum", [values, axis], keepdims=1)
    none = graph.add("Equal", [total, graph.matrix([[0.0]])])
    divided = graph.add("Div", [values, graph.add("Where", [none, graph.matrix([[1.0]]), total])])
    return graph.add("Where", [none, graph.matrix(np.full((1, count), 1 / count)), divided])


def adaptive(graph: Graph, model: Any, blocks: Blocks, inner: Answering) -> str:
    """An AdaBoostClassifier: each model's most probable class gets the model's weight."""
    import numpy as np

    count = len(model.classes_)
    total = float(np.sum(model.estimator_weights_[: len(model.estimators_)]))
    votes = []
    for one, weight in zip(model.estimators_, model.estimator_weights_, strict=False):
        if not hasattr(one, "predict_proba") or len(one.classes_) != count:
            refuse(
                "AdaBoostClassifier cannot be exported when one of its models has no probabilities, or did not see every "
                "class; use GradientBoostingClassifier."
            )
        best = graph.add("ArgMax", [inner(graph, one, blocks)], axis=1, keepdims=1)
        same = graph.cast(graph.add("Equal", [best, graph.constant(np.arange(count).reshape(1, -1))]), "bool")
        high, low = graph.matrix([[weight / total]]), graph.matrix([[-weight / total / (count - 1)]])
        votes.append(graph.add("Where", [same, high, low]))
    # With two classes the decision is the difference of both votes, and half of it is the logit of each.
    scores = graph.add("Sum", votes)
    return graph.add(
        "Softmax", [scores if count == 2 else graph.add("Mul", [scores, graph.matrix([[1 / (count - 1)]])])], axis=1
    )


def constant(graph: Graph, model: Any, blocks: Blocks) -> str:
    """A DummyClassifier or a DummyRegressor that looks at no column."""
    import numpy as np

    name = type(model).__name__
    if model.strategy in ("stratified", "uniform"):
        refuse(
            f"{name} with strategy={model.strategy!r} cannot be exported: it answers by chance; use 'most_frequent'."
        )
    nothing = np.zeros((1, 1))
    answer = model.predict_proba(nothing) if hasattr(model, "classes_") else model.predict(nothing)
    row = np.asarray(answer, dtype=np.float64).reshape(1, -1)
    axes = graph.add("Shape", [blocks[0].value], start=0, end=1)
    shape = graph.add("Concat", [axes, graph.constant(np.array([row.shape[1]], np.int64))], axis=0)
    return graph.add("Expand", [graph.matrix(row), shape])
