"""Support vector machines and linear scores of scikit-learn, in float64."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from jinsu.sdk.example import refusal, refuse
from jinsu.sdk.flavours.blocks import Blocks, numbers
from jinsu.sdk.flavours.sklearn_around import linear_scores, shares
from jinsu.sdk.flavours.trees import sigmoid_pair

if TYPE_CHECKING:
    from jinsu.sdk.flavours.graph import Graph


def scores_of_classes(graph: Graph, model: Any, blocks: Blocks) -> str:
    """A linear classifier: the class with the largest score, or probabilities by a sigmoid of each score."""
    scores = linear_scores(graph, model, blocks)
    if hasattr(model, "predict_proba"):
        return _probabilities(graph, model, scores)
    if model.coef_.shape[0] == 1:
        above = graph.cast(graph.add("Greater", [scores, graph.matrix([[0.0]])]), "int64")
        return graph.reshaped(above, [-1])
    return graph.add("ArgMax", [scores], axis=1, keepdims=0)


def _probabilities(graph: Graph, model: Any, scores: str) -> str:
    if model.loss != "log_loss":
        refuse(f"{type(model).__name__} with loss={model.loss!r} cannot be exported; use loss='log_loss' or 'hinge'.")
    if len(model.classes_) == 2:
        return sigmoid_pair(graph, scores)
    return shares(graph, graph.add("Sigmoid", [scores]), len(model.classes_))


def value_by_vectors(graph: Graph, model: Any, blocks: Blocks) -> str:
    """A SVR or a NuSVR."""
    near = _kernel(graph, model, numbers(graph, blocks, type(model).__name__))
    weighed = graph.add("MatMul", [near, graph.matrix(model.dual_coef_.T)])
    return graph.add("Add", [weighed, graph.matrix([model.intercept_])])


def class_by_vectors(graph: Graph, model: Any, blocks: Blocks) -> str:
    """A SVC or a NuSVC: each pair of classes has one vote, and the first class with the most votes is the answer."""
    import numpy as np

    if hasattr(model, "predict_proba"):
        refuse(
            f"{type(model).__name__} with probability=True cannot be exported: its probabilities and its classes contradict "
            "each other; fit it with probability=False, or use LogisticRegression."
        )
    count, ends = len(model.classes_), np.cumsum(model.n_support_)
    starts = ends - model.n_support_
    pairs = list(combinations(range(count), 2))
    weights = np.zeros((len(model.support_), len(pairs)))
    votes = np.zeros((2, len(pairs), count))
    for place, (one, other) in enumerate(pairs):
        weights[starts[one] : ends[one], place] = model._dual_coef_[other - 1, starts[one] : ends[one]]
        weights[starts[other] : ends[other], place] = model._dual_coef_[one, starts[other] : ends[other]]
        votes[0, place, one] = votes[1, place, other] = 1.0
    near = _kernel(graph, model, numbers(graph, blocks, type(model).__name__))
    scores = graph.add("MatMul", [near, graph.matrix(weights)])
    scores = graph.add("Add", [scores, graph.matrix([model._intercept_])])
    first = graph.cast(graph.add("Greater", [scores, graph.matrix([[0.0]])]), "float64")
    second = graph.add("Sub", [graph.matrix([[1.0]]), first])
    counted = graph.add(
        "Add",
        [graph.add("MatMul", [first, graph.matrix(votes[0])]), graph.add("MatMul", [second, graph.matrix(votes[1])])],
    )
    return graph.add("ArgMax", [counted], axis=1, keepdims=0)


def _kernel(graph: Graph, model: Any, matrix: str) -> str:
    """How near each row is to each support vector, [rows, vectors]."""
    import numpy as np

    vectors, gamma = model.support_vectors_, float(model._gamma)
    products = graph.add("MatMul", [matrix, graph.matrix(vectors.T)])
    if model.kernel == "linear":
        return products
    if model.kernel == "rbf":
        axis = graph.constant(np.array([1], np.int64))
        own = graph.add("ReduceSumSquare", [matrix, axis], keepdims=1)
        distance = graph.add("Add", [own, graph.matrix([(vectors**2).sum(1)])])
        distance = graph.add("Sub", [distance, graph.add("Mul", [products, graph.matrix([[2.0]])])])
        return graph.add("Exp", [graph.add("Mul", [distance, graph.matrix([[-gamma]])])])
    scaled = graph.add("Mul", [products, graph.matrix([[gamma]])])
    scaled = graph.add("Add", [scaled, graph.matrix([[model.coef0]])])
    if model.kernel == "sigmoid":
        return graph.add("Tanh", [scaled])
    if model.kernel == "poly":
        return graph.add("Pow", [scaled, graph.matrix([[float(model.degree)]])])
    raise refusal(
        f"{type(model).__name__} with kernel={model.kernel!r} cannot be exported; use 'rbf', 'linear', 'poly' or 'sigmoid'."
    )
