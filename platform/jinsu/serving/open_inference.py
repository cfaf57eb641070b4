"""The Open Inference Protocol, version 2, over HTTP: tensors by name as JSON or as bytes, and the description of a model.

The extension for binary tensors: the body is JSON of a length that a header names, and behind it the bytes of those
tensors that have a `binary_data_size` in place of `data`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import orjson

from jinsu.packaging.arrays import Arrays
from jinsu.packaging.manifest import Manifest, Tensor
from jinsu.serving.binary_tensors import to_bytes
from jinsu.serving.repeated_keys import refuse_repeated_keys
from jinsu.serving.replies import Reply, json_values
from jinsu.serving.signature import Refused, Signature, protocol_shape, protocol_type, same_rows

_KEYS = (b'"inputs"', b'"data"', b'"shape"', b'"datatype"', b'"name"', b'"outputs"')


JSON_BYTES_HEADER = "inference-header-content-length"
"""Header that says how many bytes of JSON a body with binary tensors begins with."""

_LONG_VALUES = 1024


class _InputParameters(msgspec.Struct):
    binary_data_size: int | None = None


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    parameters: _InputParameters | None = None


class _OutputParameters(msgspec.Struct):
    binary_data: bool | None = None


class _Asked(msgspec.Struct):
    name: str
    parameters: _OutputParameters | None = None


class _Parameters(msgspec.Struct):
    binary_data_output: bool = False


class _Request(msgspec.Struct):
    inputs: list[_Tensor]
    outputs: list[_Asked] = []
    id: str | None = None
    parameters: _Parameters | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A tensor of a request: values as JSON, as the protocol's bytes, or as an array of one axis of the input's type."""

    name: str
    datatype: str
    shape: Sequence[int]
    values: msgspec.Raw | memoryview | np.ndarray


@dataclass(frozen=True, slots=True)
class Inference:
    """A decoded request.

    id: the client's name of the request, which the answer repeats. outputs: places of those asked for. binary: which of
    these are answered as bytes.
    """

    rows: Arrays
    id: str | None
    outputs: Sequence[int]
    binary: frozenset[int] = frozenset()


class OpenInference:
    """Decodes the body of an inference and encodes its answer, for one version of a model."""

    def __init__(self, name: str, version: str, signature: Signature, manifest: Manifest) -> None:
        self._name, self._version = name, version
        self._signature, self._manifest = signature, manifest
        self._types = [protocol_type(output) for output in manifest.outputs]
        self._places = {output.name: place for place, output in enumerate(manifest.outputs)}
        self._decoder = msgspec.json.Decoder(_Request)
        self._metadata: dict[str, Any] = {
            "name": name,
            "versions": [version],
            "platform": "onnx_onnxruntime",
            "inputs": [_described(one) for one in manifest.inputs],
            "outputs": [_described(one) for one in manifest.outputs],
        }

    def inference(self, body: bytes, json_bytes: int | None = None) -> Inference:
        """The rows of a request. json_bytes: how many bytes of JSON the body begins with; None for all.

        Raises Refused(400), or a MsgspecError for other JSON.
        """
        text = body if json_bytes is None else body[:json_bytes]
        request = self._decoder.decode(text)
        refuse_repeated_keys(_without_long_values(text, request.inputs), _KEYS)
        rest = memoryview(body)[len(text) :]
        sent = []
        for tensor in request.inputs:
            values, rest = _values(tensor, rest)
            sent.append(Sent(tensor.name, tensor.datatype, tensor.shape, values))
        if rest:
            raise Refused(400, f"{len(rest)} bytes behind the last tensor")
        outputs = self.asked([one.name for one in request.outputs])
        return Inference(self.rows(sent), request.id, outputs, _binary(request, outputs))

    def rows(self, sent: Sequence[Sent]) -> Arrays:
        """The arrays of the model's inputs. Raises Refused(400)."""
        tensors = {tensor.name: tensor for tensor in sent}
        if len(tensors) != len(sent):
            raise Refused(400, f"inputs {[tensor.name for tensor in sent][:8]}: one occurs twice")
        self._signature.check_names(tensors)
        arrays = []
        for name, decoder in self._signature.decoders.items():
            tensor = tensors[name]
            if tensor.datatype != decoder.protocol_type:
                raise Refused(400, f"{name}: {tensor.datatype[:20]}; the model takes {decoder.protocol_type}")
            values = tensor.values
            if isinstance(values, msgspec.Raw):
                arrays.append(decoder.flat(values, list(tensor.shape)))
            elif isinstance(values, memoryview):
                arrays.append(decoder.binary(values, tensor.shape))
            else:
                arrays.append(decoder.shaped(values, tensor.shape))
        return same_rows(tuple(arrays))

    def asked(self, names: Sequence[str]) -> Sequence[int]:
        """The places of the outputs of these names; of all outputs when no name is given. Raises Refused(400)."""
        for name in names:
            if name not in self._places:
                raise Refused(400, f"outputs: there is no {name[:100]!r}; the model has {list(self._places)[:8]}")
        return [self._places[name] for name in names] or range(len(self._types))

    def answer(self, outputs: Arrays, inference: Inference) -> Reply:
        """Each output that was asked for in row-major order, with its shape."""
        contents = {place: to_bytes(outputs[place]) for place in inference.outputs if place in inference.binary}
        document: dict[str, Any] = {
            "model_name": self._name,
            "model_version": self._version,
            "outputs": [self._tensor(place, outputs[place], contents.get(place)) for place in inference.outputs],
        }
        if inference.id is not None:
            document["id"] = inference.id
        text = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        if not contents:
            return Reply(200, text)
        body = b"".join((text, *(contents[place] for place in inference.outputs if place in contents)))
        return Reply(200, body, "application/octet-stream", len(text))

    def _tensor(self, place: int, output: np.ndarray, content: bytes | None) -> dict[str, Any]:
        values = {"data": json_values(output.reshape(-1))} if content is None else _sized(len(content))
        return {
            "name": self._manifest.outputs[place].name,
            "datatype": self._types[place],
            "shape": output.shape,
            **values,
        }

    def is_version(self, name: str, version: str) -> bool:
        """Whether this is the model of that name and version; an empty version means any."""
        return name == self._name and version in ("", self._version)

    def metadata(self) -> dict[str, Any]:
        """The model's metadata as the protocol defines it."""
        return self._metadata

    def description(self, provider: str) -> bytes:
        """The model's metadata; beside the protocol's own, `signature` says what each input and output is.

        provider: what of onnxruntime computes; "" for a python model.
        """
        manifest = self._manifest
        return orjson.dumps(
            {
                **self._metadata,
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
                "provider": provider,
            }
        )


def _values(tensor: _Tensor, rest: memoryview) -> tuple[msgspec.Raw | memoryview, memoryview]:
    """A tensor's values, and the bytes that belong to the tensors after it. Raises Refused(400)."""
    size = None if tensor.parameters is None else tensor.parameters.binary_data_size
    if (size is None) == (tensor.data is msgspec.UNSET):
        raise Refused(400, f"{tensor.name[:100]}: send either 'data' or parameters.binary_data_size")
    if size is None:
        assert isinstance(tensor.data, msgspec.Raw)
        return tensor.data, rest
    if not 0 <= size <= len(rest):
        raise Refused(400, f"{tensor.name[:100]}: binary_data_size is {size}; {len(rest)} bytes are left")
    return rest[:size], rest[size:]


def _without_long_values(text: bytes, inputs: Sequence[_Tensor]) -> bytes:
    """The same document with a number in place of each long array, whose elements are checked when they are decoded."""
    for tensor in inputs:
        if isinstance(tensor.data, msgspec.Raw) and len(values := bytes(tensor.data)) > _LONG_VALUES:
            text = text.replace(values, b"0", 1)
    return text


def _binary(request: _Request, outputs: Sequence[int]) -> frozenset[int]:
    """The outputs to be answered as bytes: each says so itself, or the request says so for those that say nothing."""
    default = request.parameters is not None and request.parameters.binary_data_output
    if not request.outputs:
        return frozenset(outputs if default else ())
    said = [default if one.parameters is None else one.parameters.binary_data for one in request.outputs]
    return frozenset(place for place, one in zip(outputs, said, strict=True) if (default if one is None else one))


def _sized(size: int) -> dict[str, Any]:
    return {"parameters": {"binary_data_size": size}}


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": protocol_type(tensor), "shape": protocol_shape(tensor)}
