"""A ready ONNX file, by its path or as an `onnx.ModelProto`. Its inputs are found by name; the only one may have any name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.sdk.example import DEFAULT_INPUT, Example, refuse
from jinsu.sdk.flavours import Exported
from jinsu.sdk.model_writing import write_model

if TYPE_CHECKING:
    import numpy as np


def export(model: Any, example: Example, path: Path) -> Exported:
    import onnx

    graph = _copied(model) if isinstance(model, onnx.ModelProto) else _loaded(Path(model))
    _name_the_only_input(graph, example)
    _check_inputs(graph, example)
    try:
        write_model(graph, path)
    except Exception as problem:  # protobuf's errors differ between its back ends
        refuse(f"the ONNX model cannot be written out: {_first_line(problem)}.")
    return Exported(f"onnx {onnx.__version__}", _answers(path, example))


def _loaded(path: Path) -> Any:
    """The model with the weights that lie in other files."""
    import onnx

    if not path.is_file():
        refuse(f"there is no file {path}; give the path of an ONNX file.")
    try:
        return onnx.load(str(path))
    except Exception as problem:  # protobuf's errors differ between its back ends
        refuse(f"{path} is no ONNX file with all its weights: {_first_line(problem)}.")


def _copied(model: Any) -> Any:
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    apart = [weight.name for weight in copy.graph.initializer if weight.data_location == onnx.TensorProto.EXTERNAL]
    if apart:
        refuse(
            f"the weight {apart[0]!r} lies in another file; give the path of the ONNX file, or load it with its weights."
        )
    return copy


def _taken(model: Any) -> list[Any]:
    """The inputs that a caller gives: older files list their weights among them."""
    weights = {weight.name for weight in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def _name_the_only_input(model: Any, example: Example) -> None:
    """The only input takes the name that the example has for it: another name stays inside the graph."""
    from onnx import helper

    inputs = _taken(model)
    if len(inputs) != 1 or len(example.inputs) != 1:
        return
    (wanted,) = example.inputs
    former = inputs[0].name
    if former == wanted or wanted != DEFAULT_INPUT:
        return
    if any(wanted in (*node.input, *node.output) for node in model.graph.node):
        refuse(f"the graph uses the name {wanted!r} inside; name the example: example={{{former!r}: …}}.")
    inputs[0].name = wanted
    model.graph.node.insert(0, helper.make_node("Identity", [wanted], [former]))


def _check_inputs(model: Any, example: Example) -> None:
    from onnx import helper

    inputs = {value.name: value for value in _taken(model)}
    if set(inputs) != set(example.inputs):
        refuse(f"the ONNX model takes {', '.join(inputs)}; the example gives {', '.join(example.inputs)}.")
    for name, array in example.inputs.items():
        tensor = inputs[name].type.tensor_type
        if not tensor.elem_type:
            refuse(f"the input {name!r} of the ONNX model is no tensor.")
        dtype = str(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        if dtype != str(array.dtype):
            wanted = "texts" if dtype == "object" else dtype
            refuse(f"the ONNX model takes {name!r} as {wanted}, and the example is {array.dtype}; convert the example.")
        if tensor.HasField("shape") and tensor.shape.dim and tensor.shape.dim[0].HasField("dim_value"):
            rows = tensor.shape.dim[0].dim_value
            refuse(f"the ONNX model takes exactly {rows} rows in {name!r}; export it with a dynamic first axis.")


def _answers(path: Path, example: Example) -> dict[str, np.ndarray]:
    """What onnxruntime answers to the example, in this process."""
    import numpy as np

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is imported
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it would print is in the exception
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        answers = session.run(None, dict(example.inputs))
    except Exception as problem:  # onnxruntime has one exception class for each status code
        refuse(f"onnxruntime cannot run the ONNX model: {_first_line(problem)}.")
    names = [node.name for node in session.get_outputs()]
    for name, answer in zip(names, answers, strict=True):
        if not isinstance(answer, np.ndarray):
            refuse(f"the output {name!r} of the ONNX model is a {type(answer).__name__}, no tensor; export it without.")
        if not answer.ndim or len(answer) != example.rows:
            refuse(f"{example.rows} example rows gave {_count(answer)} answers in {name!r}; give one a row.")
    return dict(zip(names, answers, strict=True))


def _count(answer: Any) -> int:
    return len(answer) if answer.ndim else 1


def _first_line(problem: BaseException) -> str:
    lines: Sequence[str] = str(problem).strip().splitlines()
    return (lines[0] if lines else type(problem).__name__)[:300].rstrip(".")
