"""A Hugging Face transformers model. It takes token numbers by the names of its forward(), such as `input_ids`.

A mask that is missing follows from the padding. Texts need a tokenizer in the graph (`jinsu.save(tokenizer=…)`).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinsu.sdk.example import DEFAULT_INPUT, Example, refuse
from jinsu.sdk.flavours import Exported, torch_module
from jinsu.sdk.outputs import OutputKind

_IDS, _MASK = "input_ids", "attention_mask"


def export(model: Any, example: Example, path: Path) -> Exported:
    import transformers

    if not isinstance(model, transformers.PreTrainedModel):
        refuse(
            f"{type(model).__name__} is no transformers.PreTrainedModel; save the model of a pipeline: pipeline.model."
        )
    names = _argument_names(model, example)
    exported = torch_module.export(_as_torch(model, names), example, path, in_order=True)
    kinds = {name: kind for name in exported.answers if (kind := _kind(model, name)) is not None}
    framework = f"transformers {transformers.__version__}"
    return replace(exported, framework=framework, kinds=kinds, labels=_labels(model))


def _argument_names(model: Any, example: Example) -> list[str]:
    """What forward() calls each input of the example; the only one without a name is what the model reads first."""
    taken = [name for name in inspect.signature(model.forward).parameters if name not in ("args", "kwargs")]
    given = list(example.inputs)
    if len(given) == 1 and given[0] not in taken:
        return [model.main_input_name]
    unknown = [name for name in given if name not in taken]
    if unknown:
        hint = "; give the only input no name" if unknown == [DEFAULT_INPUT] else ""
        refuse(f"{type(model).__name__} takes {', '.join(taken[:8])}, not {', '.join(unknown)}{hint}.")
    return given


def _as_torch(model: Any, names: list[str]) -> Any:
    import torch

    masked = _IDS in names and _MASK not in names and _MASK in inspect.signature(model.forward).parameters
    padding = getattr(model.config, "pad_token_id", None)

    class Answering(torch.nn.Module):  # type: ignore[misc]  # mypy skips torch
        """The model with its tensors of one row for each row that it takes, by name."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *arrays: Any) -> dict[str, Any]:
            named = dict(zip(names, arrays, strict=True))
            if masked and padding is not None:
                named[_MASK] = (named[_IDS] != padding).long()
            answered = self.model(**named, return_dict=True)
            return {name: value for name, value in answered.items() if isinstance(value, torch.Tensor)}

    return Answering()


def _kind(model: Any, name: str) -> OutputKind | None:
    if name == "logits" and _classifies(model):
        regression = model.config.problem_type == "regression" or model.config.num_labels == 1
        return OutputKind.VALUE if regression else OutputKind.LOGITS
    return OutputKind.EMBEDDING if name == "pooler_output" or name.endswith("_embeds") else None


def _labels(model: Any) -> Sequence[str] | None:
    """The names of the classes, unless they are those that transformers makes up."""
    names = [name for _, name in sorted(model.config.id2label.items())] if _classifies(model) else []
    made_up = all(name == f"LABEL_{place}" for place, name in enumerate(names))
    return None if made_up else names


def _classifies(model: Any) -> bool:
    return type(model).__name__.endswith(("ForSequenceClassification", "ForImageClassification"))
