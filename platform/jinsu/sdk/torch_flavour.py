"""From a torch model to files that need no trust: ONNX, a manifest, and the original's answers on probe rows.

Runs inside the researcher's own process; nothing else ever loads their code.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinsu.sdk.model_files import MANIFEST_FILE, MODEL_FILE, PROBES_FILE

if TYPE_CHECKING:
    import numpy as np

    from jinsu.sdk.tokenizer import Tokenizer


def save_torch(
    folder: Path,
    model: Any,
    example: np.ndarray,
    labels: Sequence[Any] | None,
    other: Any,
    tokenizer: Tokenizer | None,
) -> Path:
    """Writes `model.onnx`, `model.json` and `probes.npz` into `folder`, and returns it.

    The arguments are those of `jinsu.save`. Raises SystemExit when the model cannot be exported.
    """
    import numpy as np
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    model = model.eval().cpu()
    tensor = torch.from_numpy(np.ascontiguousarray(tokenizer(example) if tokenizer else example))
    with torch.no_grad():
        answered = model(tensor)
    if not isinstance(answered, torch.Tensor) or answered.ndim == 0:
        raise SystemExit("jinsu.save: forward() must return one tensor whose first axis is the rows.")
    answers = answered.numpy()
    if len(answers) != len(example):
        raise SystemExit(f"jinsu.save: {len(example)} example rows gave {len(answers)} answers; give one a row.")
    _export(model, tensor, folder / MODEL_FILE)
    if tokenizer:
        tokenizer.prepend(folder / MODEL_FILE)
    texts = example.astype(str) if tokenizer else example
    np.savez(folder / PROBES_FILE, inputs=texts, outputs=answers)
    manifest = {
        "format": 1,
        "framework": f"torch {torch.__version__}",
        "input": {"dtype": "string" if tokenizer else str(example.dtype), "shape": [-1, *example.shape[1:]]},
        "output": {"dtype": str(answers.dtype), "shape": [-1, *answers.shape[1:]]},
        "labels": None if labels is None else [_plain(label) for label in labels],
        "other": _plain(other),
    }
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return folder


def _plain(value: Any) -> Any:
    """A label as a value of JSON: numpy's scalars become Python's."""
    import numpy as np

    return value.item() if isinstance(value, np.generic) else value


def _export(model: Any, tensor: Any, path: Path) -> None:
    import torch

    # The exporter prints a lot; only its error matters.
    printed = io.StringIO()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model,
                (tensor[:2],),
                dynamo=True,
                input_names=["input"],
                output_names=["output"],
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
                verbose=False,
            )
            assert program is not None
            program.save(str(path), external_data=False)
    except Exception as problem:  # the exporter raises whatever its passes raise
        reason = _reason(problem)
        raise SystemExit(
            f"jinsu.save: the model cannot be exported to ONNX: {reason[:400]}; "
            "see https://pytorch.org/docs/stable/onnx.html for what its forward() may do."
        ) from problem


def _reason(problem: BaseException) -> str:
    """What went wrong at the bottom of the exporter's chain of errors, without its colours, on one line."""
    while problem.__cause__ is not None:
        problem = problem.__cause__
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(problem))
    return next((line.strip() for line in text.splitlines() if line.strip()), type(problem).__name__)
