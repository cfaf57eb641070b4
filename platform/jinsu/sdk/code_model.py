"""A python model: a file of code that answers rows, for what has no form in ONNX. MLflow calls such a file a model from code."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from jinsu.sdk.example import DEFAULT_INPUT

if TYPE_CHECKING:
    import numpy as np

DEFAULT_OUTPUT = "output"
"""What the only output of a python model is called when its answer has no names."""
CODE_FOLDER, FILES_FOLDER = "code", "files"
"""Folders of the archive."""
_MODULE = "jinsu_model"
_MLFLOW = "mlflow.models.model"
_found: list[Any] = []


@dataclass(frozen=True)
class Code:
    """A python model, for `jinsu.save`: the server runs this code, confined, where a model has no form in ONNX.

        jinsu.save(jinsu.Code("model.py", files={"trees": "trees.bin"}), example=rows, outputs="value")

    The file makes an object with a method `predict` and names it:

        class Demand:
            def load(self, files):
                self.trees = read_trees(files["trees"])

            def predict(self, rows):
                return self.trees.answer(rows["shop"], rows["price"])

        jinsu.set_model(Demand())

    `predict` takes what the example is: an array, or arrays by name; and answers an array, or arrays by name, one row for
    each. Texts that are missing are empty. A `mlflow.pyfunc.PythonModel` with `mlflow.models.set_model` will do too. The model is
    served with the packages of the training. Prefer a model that can be exported: it starts faster, answers faster, and
    a reviewer need not read code.

    path: the file. The other Python files beside it belong to the code too.
    files: what the model reads when it is loaded, files or folders by a name of yours.
    """

    path: str | Path
    files: Mapping[str, str | Path] = field(default_factory=dict)


def set_model(model: Any) -> None:
    """Names the object that answers, in the file of a `jinsu.Code`.

        jinsu.set_model(Demand())

    model: has `predict(rows)`, and may have `load(files)`, which gets the path of each file by its name.
    """
    _found.append(model)


class CodeError(Exception):
    """The code of a python model failed. The text names the line, and what was wrong."""


class CodeModel:
    """A python model that is loaded in this process.

    place: a folder with `code/` and `files/`. entry: the file in `code/`. files: names in `files/`, by the model's own names.
    Raises CodeError.
    """

    def __init__(self, place: Path, entry: str, files: Mapping[str, str]) -> None:
        self._code = place / CODE_FOLDER
        found = {name: place / FILES_FOLDER / inside for name, inside in files.items()}
        self._model = self._guarded("", lambda: self._loaded(self._code / entry, found))

    def _loaded(self, path: Path, files: Mapping[str, Path]) -> Any:
        _found.clear()
        sys.path.insert(0, str(self._code))
        spec = importlib.util.spec_from_file_location(_MODULE, path)
        assert spec is not None and spec.loader is not None  # noqa: PT018
        module = importlib.util.module_from_spec(spec)
        sys.modules[_MODULE] = module  # where pickle and dataclasses look for what the file defines
        spec.loader.exec_module(module)
        model = _found[-1] if _found else _mlflow_model()
        if model is None or not callable(getattr(model, "predict", None)):
            raise CodeError(f"{path.name} names no model; end it with jinsu.set_model(…) of an object with a method predict.")
        if hasattr(model, "load_context"):  # MLflow's PythonModel
            context = SimpleNamespace(artifacts={name: str(path) for name, path in files.items()}, model_config=None)
            model.load_context(context)
            return SimpleNamespace(predict=lambda rows: model.predict(context, rows))
        if callable(getattr(model, "load", None)):
            model.load(files)
        return model

    def answers(self, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The model's answers by name, first axis rows. Raises CodeError."""
        given = rows[DEFAULT_INPUT] if list(rows) == [DEFAULT_INPUT] else dict(rows)
        said = self._guarded("predict: ", lambda: self._model.predict(given))
        answers: dict[str, np.ndarray] = self._guarded(
            "predict: ", lambda: _by_name(said, len(next(iter(rows.values()))))
        )
        return answers

    def _guarded(self, where: str, call: Any) -> Any:
        """Whatever the code raises becomes one sentence."""
        try:
            return call()
        except CodeError:
            raise
        except MemoryError:
            raise
        except BaseException as problem:
            said = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
            raise CodeError(f"{_line_of(problem, self._code)}{where}{said}") from None


def _line_of(problem: BaseException, code: Path) -> str:
    """The last line of the model's own code that the error passed, such as `model.py, line 12: `."""
    own = [frame for frame in traceback.extract_tb(problem.__traceback__) if Path(frame.filename).is_relative_to(code)]
    return f"{Path(own[-1].filename).relative_to(code)}, line {own[-1].lineno}: " if own else ""


def _mlflow_model() -> Any:
    """What the file gave to `mlflow.models.set_model`, if it did."""
    module: ModuleType | None = sys.modules.get(_MLFLOW)
    return getattr(module, "__mlflow_model__", None)


def _by_name(said: Any, rows: int) -> dict[str, np.ndarray]:
    """Arrays by name of what `predict` answered. Raises CodeError for what is no array of as many rows."""
    import numpy as np

    named = {str(name): said[name] for name in said} if hasattr(said, "keys") else {DEFAULT_OUTPUT: said}
    arrays = {}
    for name, values in named.items():
        array = np.asarray(values)
        if array.dtype.kind in "OU":
            array = np.vectorize(str, otypes=[object])(array)
        if array.ndim == 0 or len(array) != rows or array.dtype.kind not in "biufO":
            raise CodeError(f"predict answered {name} of {array.dtype}{list(array.shape)} to {rows} rows; answer one value, or an "
                            "array of numbers or texts, for each row.")
        arrays[name] = array
    if not arrays:
        raise CodeError("predict answered nothing; answer an array, or arrays by name.")
    return arrays
