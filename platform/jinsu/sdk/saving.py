"""From a trained model to files that need no trust: ONNX, a manifest, and the original's answers on the example rows.

Runs inside the researcher's own process; nothing else ever loads their code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jinsu.sdk.example import DEFAULT_INPUT, Example, read_example, refuse
from jinsu.sdk.flavours import Exported, flavour_of, known
from jinsu.sdk.model_files import (
    CODE_FILE,
    MANIFEST_FILE,
    MANIFEST_FORMAT,
    MODEL_FILE,
    PROBES_FILE,
    WEIGHTS_FILE,
    input_probe,
    output_probe,
    probe_lengths,
)
from jinsu.sdk.outputs import OutputKind
from jinsu.sdk.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy as np


_LABELLED = (
    OutputKind.SCORES,
    OutputKind.LOGITS,
    OutputKind.PROBABILITIES,
    OutputKind.LABEL,
    OutputKind.ITEM_SCORES,
)
"""Outputs whose numbers have names: of classes, or of items."""


class TextStep(Protocol):
    """What makes numbers of texts in front of a model, in the script and in the graph alike."""

    def __call__(self, texts: Any) -> np.ndarray:
        """Numbers of the texts, first axis the texts."""

    def prepend(self, path: Path, name: str) -> None:
        """Puts itself in front of the input `name` of an ONNX file, which takes texts from then on."""


@dataclass(frozen=True)
class Declared:
    """What a script says about a model's outputs. labels, quantiles: of the first output that can have them."""

    kinds: Mapping[str, OutputKind] = field(default_factory=dict)
    labels: Sequence[Any] | None = None
    other: Any = None
    quantiles: Sequence[float] | None = None


def save_model(
    folder: Path,
    model: Any,
    example: Example,
    outputs: str | Mapping[str, str] | None = None,
    labels: Sequence[Any] | None = None,
    other: Any = None,
    quantiles: Sequence[float] | None = None,
    tokenizers: Mapping[str, TextStep] | None = None,
) -> Path:
    """Writes `model.onnx`, `model.json`, `probes.npz` and, for many weights, `model.onnx.data` into `folder`; returns it.

    The arguments are those of `jinsu.save`. Raises SystemExit when the model cannot be exported.
    """
    flavour = flavour_of(model)
    if flavour is None:
        refuse(f"{type(model).__module__}.{type(model).__name__} is no model of {', '.join(known())}.")
    folder.mkdir(parents=True, exist_ok=True)
    for name in (MODEL_FILE, WEIGHTS_FILE, CODE_FILE):
        (folder / name).unlink(missing_ok=True)
    steps = tokenizers or {}
    for name in set(steps) - set(example.inputs):
        refuse(f"tokenizer: there is no input {name!r}; the inputs are {', '.join(example.inputs)}.")
    numbers = example.replaced({name: step(example.inputs[name]) for name, step in steps.items()})
    exported = flavour.export(model, numbers, folder / MODEL_FILE)
    if steps and exported.code is not None:
        refuse("tokenizer: a python model calls it in its own code.")
    for name, step in steps.items():
        step.prepend(folder / MODEL_FILE, name)
    if exported.read is not None:
        example = example.narrowed(exported.read)
    declared = Declared(_kinds(outputs, exported), labels, other, quantiles)
    _write_probes(folder, example, exported)
    document = {**_manifest(example, exported, declared), "files": _other_files(folder), "python": exported.code}
    manifest = json.dumps(document, indent=1)
    (folder / MANIFEST_FILE).write_text(manifest, encoding="utf-8")
    return folder


def _other_files(folder: Path) -> dict[str, str]:
    """sha256 of the files that the ONNX file reads."""
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        return {}
    with weights.open("rb") as file:
        return {WEIGHTS_FILE: hashlib.file_digest(file, "sha256").hexdigest()}


def named_tokenizers(tokenizer: TextStep | Mapping[str, TextStep] | None) -> Mapping[str, TextStep]:
    """Tokenizers by input; one alone belongs to the only input."""
    if tokenizer is None:
        return {}
    steps = tokenizer if isinstance(tokenizer, Mapping) else {DEFAULT_INPUT: tokenizer}
    for step in steps.values():
        if not hasattr(step, "prepend"):
            refuse(f"tokenizer: {type(step).__name__} is no tokenizer for the graph; give jinsu.Subwords(…) of it.")
    return steps


def example_of(
    example: Any,
    columns: Sequence[str] | None,
    dynamic: Mapping[str, Mapping[int, str]] | None,
    tokenizers: Mapping[str, TextStep],
) -> Example:
    """The example as a script gives it; what a tokenizer takes is text, and what a vocabulary takes is its values."""
    read = read_example(example, columns, dynamic)
    for name, step in tokenizers.items():
        if isinstance(step, Vocabulary) and name in read.inputs:
            read = step.as_input(read, name)
        elif name in read.inputs and read.inputs[name].dtype.kind != "O":
            refuse(f"tokenizer: the example of {name!r} holds {read.inputs[name].dtype}; give texts.")
    return read


def _kinds(outputs: str | Mapping[str, str] | None, exported: Exported) -> dict[str, OutputKind]:
    """The kind of each output: as declared, else as the framework says, else as the answers look."""
    if isinstance(outputs, str):
        outputs = {next(iter(exported.answers)): outputs}
    declared = {name: _kind(name, kind, exported) for name, kind in (outputs or {}).items()}
    return {
        name: declared.get(name) or exported.kinds.get(name) or _as_it_looks(answer)
        for name, answer in exported.answers.items()
    }


def _kind(name: str, kind: str, exported: Exported) -> OutputKind:
    if name not in exported.answers:
        refuse(f"outputs: there is no output {name!r}; the outputs are {', '.join(exported.answers)}.")
    try:
        return OutputKind(kind)
    except ValueError:
        refuse(f"outputs: {kind!r} is none of {', '.join(OutputKind)}.")


def _as_it_looks(answer: np.ndarray) -> OutputKind:
    """Texts, and whole numbers one a row, are labels; numbers that sum to one in each row, or lie between 0 and 1, one a
    row, are probabilities; the problem decides about all others."""
    import numpy as np

    flat = answer.reshape(len(answer), -1)
    if answer.dtype.kind in "OU" or (answer.dtype.kind in "iub" and flat.shape[1] == 1):
        return OutputKind.LABEL
    between = bool(answer.dtype.kind == "f" and ((flat >= 0) & (flat <= 1)).all())
    single = flat.shape[1] == 1
    if between and answer.ndim <= 2 and (single or np.allclose(flat.sum(1, dtype=np.float64), 1, atol=1e-2)):
        return OutputKind.PROBABILITIES
    return OutputKind.SCORES


def _write_probes(folder: Path, example: Example, exported: Exported) -> None:
    import numpy as np

    probes = {input_probe(place): array for place, array in enumerate(example.inputs.values())}
    answers = {output_probe(place): array for place, array in enumerate(exported.answers.values())}
    arrays: dict[str, np.ndarray] = {}
    for name, array in {**probes, **answers}.items():
        arrays |= _plain_arrays(name, array)
    np.savez(folder / PROBES_FILE, **arrays)  # type: ignore[arg-type]


def _plain_arrays(name: str, array: np.ndarray) -> dict[str, np.ndarray]:
    """Texts as numpy keeps them without pickle. It drops NUL at an end, so the lengths stand beside texts that have any there."""
    import numpy as np

    if array.dtype.kind != "O":
        return {name: array}
    texts = [str(text) for text in array.reshape(-1).tolist()]
    longest = max(map(len, texts), default=0)
    found = {name: np.array(texts, dtype=f"U{max(longest, 1)}").reshape(array.shape)}
    if any(text.endswith("\0") for text in texts):
        found[probe_lengths(name)] = np.array([len(text) for text in texts], dtype=np.int64)
    return found


def _manifest(example: Example, exported: Exported, declared: Declared) -> dict[str, Any]:
    outputs = [_output(name, answer, exported, declared) for name, answer in exported.answers.items()]
    return {
        "format": MANIFEST_FORMAT,
        "framework": exported.framework,
        "inputs": [_input(name, array, example) for name, array in example.inputs.items()],
        "outputs": outputs,
        "other": _plain(declared.other),
    }


def _input(name: str, array: np.ndarray, example: Example) -> dict[str, Any]:
    axes: list[int | str] = [-1, *array.shape[1:]]
    for axis, label in example.dynamic.get(name, {}).items():
        axes[axis] = label
    return {
        "name": name,
        "dtype": _dtype(array),
        "shape": axes,
        "nullable": name in example.nullable,
        "columns": None if example.columns is None else list(example.columns),
    }


def _output(name: str, answer: np.ndarray, exported: Exported, declared: Declared) -> dict[str, Any]:
    kind = declared.kinds[name]
    labels = declared.labels if declared.labels is not None else exported.labels
    quantiles = declared.quantiles if declared.quantiles is not None else exported.quantiles
    named = kind in _LABELLED
    return {
        "name": name,
        "dtype": _dtype(answer),
        "shape": [-1, *answer.shape[1:]],
        "kind": str(kind),
        "labels": None if labels is None or not named else [_plain(label) for label in labels],
        "quantiles": None if quantiles is None or kind is not OutputKind.QUANTILES else list(map(float, quantiles)),
    }


def _dtype(array: np.ndarray) -> str:
    return "string" if array.dtype.kind in "OU" else str(array.dtype)


def _plain(value: Any) -> Any:
    """A label as a value of JSON: numpy's scalars become Python's."""
    import numpy as np

    return value.item() if isinstance(value, np.generic) else value
