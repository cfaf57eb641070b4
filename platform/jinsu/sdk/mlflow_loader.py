"""How MLflow loads a python model outside of the platform: `mlflow.pyfunc.load_model` names this module in the MLmodel file."""

from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from jinsu.sdk.code_model import CodeModel
from jinsu.sdk.example import DEFAULT_INPUT
from jinsu.sdk.model_files import MANIFEST_FILE


class _Function:
    """What MLflow calls."""

    def __init__(self, model: CodeModel, place: tempfile.TemporaryDirectory[str]) -> None:
        self._model, self._place = model, place  # the folder is there for as long as the model

    def predict(self, model_input: Any, params: Any = None) -> Any:
        """The answers to an array, a mapping of arrays, or a data frame: an array, or arrays by name."""
        import numpy as np

        named = hasattr(model_input, "keys")
        rows = {str(name): np.asarray(model_input[name]) for name in model_input} if named else {DEFAULT_INPUT: np.asarray(model_input)}
        answers = self._model.answers(rows)
        return next(iter(answers.values())) if len(answers) == 1 else answers


def _load_pyfunc(path: str) -> _Function:
    """path: of the archive, which runs the code of whoever saved it; MLflow's users load models that they trust."""
    manifest = json.loads((Path(path).parent / MANIFEST_FILE).read_text(encoding="utf-8"))
    place = tempfile.TemporaryDirectory(prefix="jinsu-model-")
    with tarfile.open(path, "r:") as bundle:
        bundle.extractall(place.name, filter="data")
    return _Function(CodeModel(Path(place.name), manifest["python"]["entry"], manifest["python"]["files"]), place)
