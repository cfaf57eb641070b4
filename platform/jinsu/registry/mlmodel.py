"""A packaged model in MLflow's own folder format, which `mlflow models serve` and `pyfunc.load_model` read.

The module writes the files by hand: `mlflow.onnx.save_model` would cost 1.4 s of imports for the same five small files.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from jinsu.packaging.arrays import Arrays
from jinsu.packaging.manifest import Manifest, Tensor
from jinsu.packaging.probes import read_probes
from jinsu.registry.facts import Facts
from jinsu.sdk.model_files import CODE_FILE, MODEL_FILE

_EXAMPLE_ROWS = 2


def mlmodel_files(package: Path, facts: Facts) -> dict[str, bytes | Path]:
    """Content of every file of the folder, by name; those of the model itself as paths.

    Raises GateFailedError for an invalid package.
    """
    manifest = Manifest.read(package)
    inputs, _ = read_probes(package, manifest)
    needed = ("mlflow", "onnx", "onnxruntime", "numpy") if manifest.code is None else ("mlflow", "jinsu", "numpy")
    requirements = [f"{name}=={version(name)}" for name in needed]
    if manifest.code is not None:
        requirements += filter(None, facts.lineage.packages.split(", "))
    python = platform.python_version()
    environment = {"python": python, "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    conda = {
        "name": "model",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": requirements}],
    }
    return {
        "MLmodel": _yaml(_mlmodel(manifest, facts, python)),
        "requirements.txt": ("\n".join(requirements) + "\n").encode(),
        "python_env.yaml": _yaml(environment),
        "conda.yaml": _yaml(conda),
        "input_example.json": json.dumps({"inputs": _example(manifest, inputs)}).encode(),
        "serving_input_example.json": json.dumps({"inputs": _example(manifest, inputs)}).encode(),
        **{name: package / name for name in manifest.files},
    }


def _mlmodel(manifest: Manifest, facts: Facts, python: str) -> dict[str, Any]:
    return {
        "artifact_path": "model",
        "flavors": _code_flavors(python) if manifest.code else _onnx_flavors(python),
        "mlflow_version": version("mlflow"),
        "model_uuid": facts.lineage.package[:32],
        "metadata": {
            "jinsu.submission": facts.submission,
            **{f"jinsu.{name}": value for name, value in asdict(facts.lineage).items()},
        },
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
            "type": "json_object",
        },
        "signature": {
            "inputs": json.dumps([_column(tensor) for tensor in manifest.inputs]),
            "outputs": json.dumps([_column(tensor) for tensor in manifest.outputs]),
            "params": None,
        },
        "utc_time_created": "2000-01-01 00:00:00.000000",  # the same package gives the same bytes
    }


def _onnx_flavors(python: str) -> dict[str, Any]:
    session = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
    return {
        "onnx": {
            "code": None,
            "data": MODEL_FILE,
            "onnx_version": version("onnx"),
            "providers": ["CPUExecutionProvider"],
            "onnx_session_options": session,
        },
        "python_function": _function(python, MODEL_FILE, "mlflow.onnx"),
    }


def _code_flavors(python: str) -> dict[str, Any]:
    return {"python_function": _function(python, CODE_FILE, "jinsu.sdk.mlflow_loader")}


def _function(python: str, data: str, loader: str) -> dict[str, Any]:
    environments = {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
    return {"data": data, "loader_module": loader, "python_version": python, "env": environments}


def _column(tensor: Tensor) -> dict[str, Any]:
    if tensor.dtype == "string" and len(tensor.shape) == 1:
        return {"name": tensor.name, "type": "string", "required": True}
    dtype = "object" if tensor.dtype == "string" else tensor.dtype
    shape = [axis if isinstance(axis, int) else -1 for axis in tensor.shape]
    return {"name": tensor.name, "type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}


def _example(manifest: Manifest, inputs: Arrays) -> Any:
    """The first probe rows, as `/invocations` takes them. A missing number is null."""
    rows = [_jsonable(array[:_EXAMPLE_ROWS]) for array in inputs]
    names = [tensor.name for tensor in manifest.inputs]
    return rows[0] if len(rows) == 1 else dict(zip(names, rows, strict=True))


def _jsonable(array: np.ndarray) -> Any:
    objects = array.astype(object)
    if array.dtype.kind == "f":
        objects[np.isnan(array)] = None
    return objects.tolist()


def _yaml(document: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(document, sort_keys=False).encode()
