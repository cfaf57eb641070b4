"""A torch module. With several inputs, `forward` gets each by its name in the example."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.sdk.example import DEFAULT_INPUT, Example, refuse
from jinsu.sdk.flavours import Exported
from jinsu.sdk.model_writing import needs_weights_file

if TYPE_CHECKING:
    import numpy as np

DEFAULT_OUTPUT = "output"


def export(model: Any, example: Example, path: Path, in_order: bool = False) -> Exported:
    """in_order: `forward(*tensors)` gets the inputs in the example's order instead of by name."""
    import torch

    texts = [name for name, array in example.inputs.items() if array.dtype.kind == "O"]
    if texts:
        refuse(
            f"a torch model takes numbers, and {texts[0]!r} is text; give a tokenizer or a jinsu.Vocabulary for it, tokenizer={{name: …}}."
        )
    with _evaluating(model) as still:
        tensors = {name: _tensor(array) for name, array in example.inputs.items()}
        with torch.no_grad():
            answers = _apart(_named(_call(still, tensors, in_order)), tensors)
        for name, answer in answers.items():
            if answer.ndim == 0 or len(answer) != example.rows:
                refuse(f"{example.rows} example rows gave {_count(answer)} answers in {name!r}; give one a row.")
        graph = _Graph(list(answers), example, path, in_order)
        _export(still, {name: tensor[:2] for name, tensor in tensors.items()}, graph)
    numbers = {name: answer.detach().cpu().numpy() for name, answer in answers.items()}
    return Exported(f"torch {torch.__version__}", numbers)


def _count(answer: Any) -> int:
    return 1 if answer.ndim == 0 else len(answer)


def _tensor(array: np.ndarray) -> Any:
    import numpy as np
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))


@contextlib.contextmanager
def _evaluating(model: Any) -> Iterator[Any]:
    """The model on the CPU without dropout; the caller's is afterwards as it was before."""
    import torch

    tensors = [*model.parameters(), *model.buffers()]
    moved = copy.deepcopy(model).cpu() if any(tensor.device.type != "cpu" for tensor in tensors) else model
    if any(tensor.dtype == torch.bfloat16 for tensor in tensors):
        # numpy and onnxruntime's CPU have no bfloat16; float32 holds each of its numbers exactly.
        moved = (copy.deepcopy(model) if moved is model else moved).float()
    modes = [(module, module.training) for module in moved.modules()]
    moved.eval()
    try:
        yield moved
    finally:
        for module, training in modes:
            module.training = training


def _call(model: Any, tensors: Mapping[str, Any], in_order: bool) -> Any:
    try:
        return model(*tensors.values()) if in_order or list(tensors) == [DEFAULT_INPUT] else model(**tensors)
    except TypeError as problem:
        refuse(f"forward() does not take the inputs {', '.join(tensors)}: {problem}")


def _named(answered: Any) -> dict[str, Any]:
    """The tensors that the model answers with, by name: one, several, or a mapping."""
    import torch

    if isinstance(answered, torch.Tensor):
        return {DEFAULT_OUTPUT: answered}
    if isinstance(answered, Mapping):
        named = {str(name): value for name, value in answered.items()}
    elif isinstance(answered, tuple | list):
        named = {f"{DEFAULT_OUTPUT}_{place}": value for place, value in enumerate(answered)}
    else:
        named = {}
    if not named or not all(isinstance(value, torch.Tensor) for value in named.values()):
        refuse(
            "forward() must return a tensor, several tensors, or a dict of tensors; the first axis of each is the rows."
        )
    return named


def _apart(answers: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The answers, none of which is called like an input: a graph has each name once."""
    return {f"{name}_{DEFAULT_OUTPUT}" if name in inputs else name: value for name, value in answers.items()}


def _size(model: Any) -> int:
    """Bytes of the weights."""
    return sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *model.buffers()))


@dataclass(frozen=True)
class _Graph:
    """How a graph is written. outputs: their names. in_order: as `export`."""

    outputs: list[str]
    example: Example
    path: Path
    in_order: bool


def _export(model: Any, tensors: dict[str, Any], graph: _Graph) -> None:
    import torch

    batch = torch.export.Dim("batch", min=1)
    dynamic = graph.example.dynamic
    labels = {label for axes in dynamic.values() for label in axes.values()}
    axes = {label: torch.export.Dim(label) for label in labels}  # one name is one length in every input
    shapes: Any = {
        name: {0: batch, **{axis: axes[label] for axis, label in dynamic.get(name, {}).items()}} for name in tensors
    }
    alone = graph.in_order or list(tensors) == [DEFAULT_INPUT]
    arguments = tuple(tensors.values()) if alone else ()
    if graph.in_order:
        shapes = (tuple(shapes.values()),)
    elif alone:
        shapes = tuple(shapes.values())
    # The exporter prints a lot; only its error matters.
    printed = io.StringIO()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model,
                arguments,
                kwargs=None if alone else tensors,
                dynamo=True,
                input_names=list(tensors),
                output_names=graph.outputs,
                dynamic_shapes=shapes,
                verbose=False,
            )
            assert program is not None
            program.save(str(graph.path), external_data=needs_weights_file(_size(model)))
    except Exception as problem:  # the exporter raises whatever its passes raise
        raise SystemExit(
            f"jinsu.save: the model cannot be exported to ONNX: {_reason(problem)[:400]}; "
            "see https://pytorch.org/docs/stable/onnx.html for what its forward() may do."
        ) from problem


def _reason(problem: BaseException) -> str:
    """What went wrong at the bottom of the exporter's chain of errors, without its colours, on one line."""
    while problem.__cause__ is not None:
        problem = problem.__cause__
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(problem))
    return next((line.strip() for line in text.splitlines() if line.strip()), type(problem).__name__)
