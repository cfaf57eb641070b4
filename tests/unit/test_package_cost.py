"""The check of a model's cost, on real ONNX files: what follows from a request's values is refused, what is bounded is not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.support.hostile_models import write_model

from jinsu.errors import GateFailedError
from jinsu.packaging.cost import check_cost
from jinsu.packaging.package import package

NODE = helper.make_node


def write(path: Path, nodes: Sequence[Any], functions: Sequence[Any] = ()) -> Path:
    """A model from float32 [rows, 4] to one tensor, with the constants `four`, `one` and `zero` (int64)."""
    value = helper.make_tensor_value_info
    constants = [numpy_helper.from_array(np.array(number, np.int64), name) for name, number in
                 (("four", 4), ("one", 1), ("zero", 0), ("ones", [1]), ("fours", [4]))]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "g",
        [value("input", TensorProto.FLOAT, ["rows", 4])],
        [value("output", TensorProto.INT64, None)],
        constants,
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=functions)
    onnx.save(model, str(path))
    return path


COUNT = [
    NODE("ReduceMax", ["input"], ["largest"], keepdims=0),
    NODE("Cast", ["largest"], ["count"], to=TensorProto.INT64),
]
RANGE = NODE("Range", ["zero", "size", "one"], ["output"], name="wide")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("loop", "operator Loop 'counting' turns as often as a request's values say"),
        ("endless loop", "operator Loop 'counting' turns as often"),
        ("memory", "operator ConstantOfShape 'wide' makes as many values as a request's values say"),
        ("matrix", "operator ConstantOfShape 'wide'"),
        ("expand", "operator Expand 'wide'"),
        ("tile", "operator Tile 'wide'"),
        ("range", "operator Range 'wide'"),
    ],
)
def test_a_model_whose_cost_follows_from_values_is_no_package(tmp_path: Path, name: str, said: str) -> None:
    folder = write_model(tmp_path / "model", name)
    np.savez(folder / "probes.npz", inputs=np.ones((2, 4), np.float32), outputs=np.ones((2, 4), np.float32))
    with pytest.raises(GateFailedError) as caught:
        package(folder, tmp_path / "out", 1e-4, 1e4)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "nodes",
    [
        [NODE("Shape", ["input"], ["shape"]), NODE("ReduceProd", ["shape"], ["size"], keepdims=0), RANGE],
        [*COUNT, NODE("Min", ["count", "four"], ["size"]), RANGE],
        [*COUNT, NODE("Clip", ["count", "zero", "four"], ["size"]), RANGE],
        [*COUNT, NODE("Mod", ["count", "four"], ["size"]), RANGE],
        [NODE("ArgMax", ["input"], ["places"], axis=1), NODE("ReduceMax", ["places"], ["size"], keepdims=0), RANGE],
        [NODE("Identity", ["four"], ["size"]), RANGE],
        [NODE("ReduceMax", ["input"], ["x"], keepdims=0), NODE("Greater", ["x", "x"], ["y"]),
         NODE("Cast", ["y"], ["size"], to=TensorProto.INT64), RANGE],
    ],
    ids=["a shape", "the least", "clipped", "the rest", "an index", "a constant", "a comparison"],
)  # fmt: skip
def test_what_is_bounded_is_allowed(tmp_path: Path, nodes: list[Any]) -> None:
    check_cost(write(tmp_path / "m.onnx", nodes))


@pytest.mark.parametrize(
    "nodes",
    [
        [*COUNT, NODE("Min", ["count", "count"], ["size"]), RANGE],
        [*COUNT, NODE("Clip", ["count", "zero"], ["size"]), RANGE],
        [*COUNT, NODE("Clip", ["four", "zero", "count"], ["low"]), NODE("Add", ["low", "count"], ["size"]), RANGE],
        [*COUNT, NODE("Add", ["count", "four"], ["size"]), RANGE],
    ],
    ids=["no bound", "a bound below", "bounded by the input", "a sum"],
)
def test_what_is_not_bounded_is_refused(tmp_path: Path, nodes: list[Any]) -> None:
    with pytest.raises(GateFailedError, match="operator Range 'wide'"):
        check_cost(write(tmp_path / "m.onnx", nodes))


def test_a_branch_is_looked_into(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("size_out", TensorProto.INT64, None)
    wide = helper.make_graph([NODE("Range", ["zero", "count", "one"], ["size_out"], name="inner")], "then", [], [value])
    plain = helper.make_graph([NODE("Identity", ["ones"], ["size_out"])], "else", [], [value])
    nodes = [*COUNT, NODE("Cast", ["count"], ["chosen"], to=TensorProto.BOOL),
             NODE("If", ["chosen"], ["output"], then_branch=wide, else_branch=plain)]  # fmt: skip
    with pytest.raises(GateFailedError, match="operator Range 'inner'"):
        check_cost(write(tmp_path / "m.onnx", nodes))


def test_a_function_is_looked_into(tmp_path: Path) -> None:
    opsets = [helper.make_opsetid("", 20)]
    function = helper.make_function(
        "own", "Wide", ["low", "end", "step"], ["all"], [NODE("Range", ["low", "end", "step"], ["all"])], opsets
    )
    call = NODE("Wide", ["zero", "count", "one"], ["output"], domain="own")
    with pytest.raises(GateFailedError, match="operator Range"):
        check_cost(write(tmp_path / "m.onnx", [*COUNT, call], [function]))
    bounded = NODE("Wide", ["zero", "four", "one"], ["output"], domain="own")
    check_cost(write(tmp_path / "m.onnx", [bounded], [function]))


def test_a_loop_with_a_fixed_number_of_turns_is_allowed(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [NODE("Identity", ["go"], ["again"]), NODE("Add", ["sum", "sum"], ["more"])], "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("sum", TensorProto.INT64, [])],
        [value("again", TensorProto.BOOL, []), value("more", TensorProto.INT64, [])],
    )  # fmt: skip
    check_cost(write(tmp_path / "m.onnx", [NODE("Loop", ["four", "", "one"], ["output"], body=body)]))
