"""The Open Inference Protocol, version 2: tensors by name, and the description of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import orjson

from jinsu.packaging.arrays import Arrays
from jinsu.packaging.manifest import Manifest, Tensor
from jinsu.serving.repeated_keys import refuse_repeated_keys
from jinsu.serving.replies import json_values
from jinsu.serving.signature import Refused, Signature, protocol_shape, protocol_type, same_rows

_KEYS = (b'"inputs"', b'"data"', b'"shape"', b'"datatype"', b'"name"', b'"outputs"')


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw


class _Asked(msgspec.Struct):
    name: str


class _Request(msgspec.Struct):
    inputs: list[_Tensor]
    outputs: list[_Asked] = []
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Inference:
    """A decoded request. id: the client's name of the request, which the answer repeats. outputs: places of those asked for."""

    rows: Arrays
    id: str | None
    outputs: Sequence[int]


class OpenInference:
    """Decodes the body of an inference and encodes its answer, for one version of a model."""

    def __init__(self, name: str, version: str, signature: Signature, manifest: Manifest) -> None:
        self._name, self._version = name, version
        self._signature, self._manifest = signature, manifest
        self._types = [protocol_type(output) for output in manifest.outputs]
        self._places = {output.name: place for place, output in enumerate(manifest.outputs)}
        self._decoder = msgspec.json.Decoder(_Request)

    def inference(self, body: bytes) -> Inference:
        """The rows of a request. Raises Refused(400), or a MsgspecError for other JSON."""
        request = self._decoder.decode(body)
        refuse_repeated_keys(body, _KEYS)
        tensors = {tensor.name: tensor for tensor in request.inputs}
        if len(tensors) != len(request.inputs):
            raise Refused(400, f"inputs {[tensor.name for tensor in request.inputs][:8]}: one occurs twice")
        self._signature.check_names(tensors)
        arrays = []
        for name, decoder in self._signature.decoders.items():
            tensor = tensors[name]
            if tensor.datatype != decoder.protocol_type:
                raise Refused(400, f"{name}: {tensor.datatype[:20]}; the model takes {decoder.protocol_type}")
            arrays.append(decoder.flat(tensor.data, tensor.shape))
        return Inference(same_rows(tuple(arrays)), request.id, self._asked(request))

    def _asked(self, request: _Request) -> Sequence[int]:
        for one in request.outputs:
            if one.name not in self._places:
                raise Refused(400, f"outputs: there is no {one.name[:100]!r}; the model has {list(self._places)[:8]}")
        return [self._places[one.name] for one in request.outputs] or range(len(self._types))

    def answer(self, outputs: Arrays, inference: Inference) -> bytes:
        """The body of an answer: each output that was asked for in row-major order, with its shape."""
        document: dict[str, Any] = {
            "model_name": self._name,
            "model_version": self._version,
            "outputs": [self._tensor(place, outputs[place]) for place in inference.outputs],
        }
        if inference.id is not None:
            document["id"] = inference.id
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)

    def _tensor(self, place: int, output: np.ndarray) -> dict[str, Any]:
        return {
            "name": self._manifest.outputs[place].name,
            "datatype": self._types[place],
            "shape": output.shape,
            "data": json_values(output.reshape(-1)),
        }

    def description(self) -> bytes:
        """The model's metadata; beside the protocol's own, `signature` says what each input and output is."""
        manifest = self._manifest
        return orjson.dumps(
            {
                "name": self._name,
                "versions": [self._version],
                "platform": "onnx_onnxruntime",
                "inputs": [_described(one) for one in manifest.inputs],
                "outputs": [_described(one) for one in manifest.outputs],
                "signature": {
                    "inputs": [
                        {"name": one.name, "nullable": one.nullable, "columns": one.columns} for one in manifest.inputs
                    ],
                    "outputs": [
                        {"name": one.name, "kind": one.kind, "labels": one.labels, "quantiles": one.quantiles}
                        for one in manifest.outputs
                    ],
                },
                "labels": manifest.outputs[0].labels,
            }
        )


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": protocol_type(tensor), "shape": protocol_shape(tensor)}
