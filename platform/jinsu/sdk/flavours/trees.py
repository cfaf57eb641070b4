"""Trees of decisions as one operator of ONNX, for every framework that grows them.

onnxruntime compares in the type of the matrix: float32 for frameworks whose thresholds are float32, else float64. The sums
of the leaves are float32 in any case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from jinsu.sdk.flavours.graph import ML

if TYPE_CHECKING:
    import numpy as np

    from jinsu.sdk.flavours.graph import Graph


class Test(StrEnum):
    """How a value is compared with a threshold; the first child is for values that pass."""

    AT_MOST = "BRANCH_LEQ"
    """At most the threshold."""
    BELOW = "BRANCH_LT"
    """Less than the threshold."""
    EQUAL = "BRANCH_EQ"
    """The threshold itself."""


_LEAF = "LEAF"


@dataclass
class Forest:
    """Trees whose leaves are added up. dtype: of the matrix and the thresholds, `float32` or `float64`."""

    dtype: str
    _nodes: list[tuple[int, int, int, str, float, int, int, int]] = field(default_factory=list)
    _leaves: list[tuple[int, int, int, float]] = field(default_factory=list)

    def split(
        self, tree: int, node: int, feature: int, test: Test, threshold: float, children: tuple[int, int], missing: int
    ) -> None:
        """A decision. children: the nodes for values that pass and for those that do not; missing: the one for NaN."""
        passes, fails = children
        self._nodes.append((tree, node, feature, str(test), threshold, passes, fails, int(missing == passes)))

    def leaf(self, tree: int, node: int, weights: Mapping[int, float]) -> None:
        """weights: what the leaf adds to each target that it adds to."""
        self._nodes.append((tree, node, 0, _LEAF, 0.0, 0, 0, 0))
        self._leaves.extend((tree, node, target, weight) for target, weight in weights.items())

    def sums(self, graph: Graph, matrix: str, base: Sequence[float]) -> str:
        """Adds the operator. matrix: of the forest's type. base: what each target begins with.

        Returns float64 [rows, targets], rounded to float32.
        """
        if not self._nodes:
            self.leaf(0, 0, {0: 0.0})
        sums = graph.add("TreeEnsembleRegressor", [matrix], domain=ML, **self._attributes(base))
        return graph.cast(sums, "float64")

    def _attributes(self, base: Sequence[float]) -> dict[str, Any]:
        import numpy as np

        trees, ids, features, modes, thresholds, passes, fails, missing = zip(*self._nodes, strict=True)
        leaf_trees, leaf_ids, targets, weights = zip(*self._leaves, strict=True)
        found: dict[str, Any] = {
            "n_targets": len(base),
            "aggregate_function": "SUM",
            "post_transform": "NONE",
            "nodes_treeids": trees,
            "nodes_nodeids": ids,
            "nodes_featureids": features,
            "nodes_modes": modes,
            "nodes_truenodeids": passes,
            "nodes_falsenodeids": fails,
            "nodes_missing_value_tracks_true": missing,
            "target_treeids": leaf_trees,
            "target_nodeids": leaf_ids,
            "target_ids": targets,
        }
        numbers = {"nodes_values": thresholds, "target_weights": weights, "base_values": base}
        for name, values in numbers.items():
            array = np.asarray(values, dtype=self.dtype)
            found |= {name: array.tolist()} if self.dtype == "float32" else {f"{name}_as_tensor": _tensor(array, name)}
        return found


def _tensor(array: np.ndarray, name: str) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(array, name)


def in_one_of(
    forest: Forest,
    tree: int,
    node: int,
    feature: int,
    members: Sequence[int],
    children: tuple[int, int],
    missing: int,
    fresh: Iterator[int],
) -> None:
    """A decision whether a category is one of several: one comparison after the other.

    children: the nodes for members and for all others. fresh: numbers of nodes that the tree does not use yet.
    """
    passes, fails = children
    if not members:
        members = [-1]  # no category
    for place, member in enumerate(members):
        following = next(fresh) if place + 1 < len(members) else fails
        forest.split(tree, node, feature, Test.EQUAL, float(member), (passes, following), missing)
        node = following


def sigmoid_pair(graph: Graph, raw: str, factor: float = 1.0) -> str:
    """Probabilities of two classes, [rows, 2], from the second one's logit, [rows, 1]."""
    raw = raw if factor == 1.0 else graph.add("Mul", [raw, graph.matrix([factor])])
    second = graph.add("Sigmoid", [raw])
    return graph.add("Concat", [graph.add("Sub", [graph.matrix([[1.0]]), second]), second], axis=1)


def softmax(graph: Graph, raw: str) -> str:
    """Probabilities of the classes from a score for each."""
    return graph.add("Softmax", [raw], axis=1)
