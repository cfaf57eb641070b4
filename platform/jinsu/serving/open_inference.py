"""The Open Inference Protocol, version 2: one tensor `input`, one tensor `output`, and the description of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import orjson

from jinsu.packaging.manifest import Tensor
from jinsu.serving.repeated_keys import refuse_repeated_keys
from jinsu.serving.replies import json_values
from jinsu.serving.signature import Refused, Signature, protocol_type

_KEYS = (b'"inputs"', b'"data"', b'"shape"', b'"datatype"')


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw


class _Request(msgspec.Struct):
    inputs: list[_Tensor]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Inference:
    """A decoded request. rows: first axis the batch. id: the client's name of the request, which the answer repeats."""

    rows: np.ndarray
    id: str | None


class OpenInference:
    """Decodes the body of an inference and encodes its answer, for one version of a model."""

    def __init__(self, name: str, version: str, signature: Signature, output: Tensor) -> None:
        self._name, self._version = name, version
        self._signature, self._output = signature, output
        self._output_type = protocol_type(output)
        self._decoder = msgspec.json.Decoder(_Request)

    def inference(self, body: bytes) -> Inference:
        """The rows of a request. Raises Refused(400), or a MsgspecError for other JSON."""
        request = self._decoder.decode(body)
        refuse_repeated_keys(body, _KEYS)
        names = [tensor.name for tensor in request.inputs]
        if names != ["input"] or request.inputs[0].datatype != self._signature.protocol_type:
            raise Refused(400, f"inputs {names}: the model takes one, 'input' of {self._signature.protocol_type}")
        (tensor,) = request.inputs
        return Inference(self._signature.flat(tensor.data, tensor.shape), request.id)

    def answer(self, output: np.ndarray, id_: str | None) -> bytes:
        """The body of an answer: `output` in row-major order, with its shape."""
        document: dict[str, Any] = {
            "model_name": self._name,
            "model_version": self._version,
            "outputs": [
                {
                    "name": "output",
                    "datatype": self._output_type,
                    "shape": output.shape,
                    "data": json_values(output.reshape(-1)),
                }
            ],
        }
        if id_ is not None:
            document["id"] = id_
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)

    def description(self, labels: Sequence[Any] | None) -> bytes:
        """The model's metadata, with the class of each output where there are labels."""
        input_shape, output_shape = self._signature.tensor.shape, self._output.shape
        return orjson.dumps(
            {
                "name": self._name,
                "versions": [self._version],
                "platform": "onnx_onnxruntime",
                "inputs": [{"name": "input", "datatype": self._signature.protocol_type, "shape": input_shape}],
                "outputs": [{"name": "output", "datatype": self._output_type, "shape": output_shape}],
                "labels": labels,
            }
        )
