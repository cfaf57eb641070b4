"""The messages of the Open Inference Protocol over gRPC, built from a table of their fields as the specification numbers them.

No compiler is needed, and the classes live in a pool of their own: another package that holds the same protocol, such as a
client in the same process, does not clash with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PARAMETERS = "map<string, InferParameter>"
# By message, the fields: number, name, and type; a list is `repeated`, a field after `|` is one of several of which one is set.
_MESSAGES: Mapping[str, tuple[tuple[int, str, str], ...]] = {
    "ServerLiveRequest": (),
    "ServerLiveResponse": ((1, "live", "bool"),),
    "ServerReadyRequest": (),
    "ServerReadyResponse": ((1, "ready", "bool"),),
    "ModelReadyRequest": ((1, "name", "string"), (2, "version", "string")),
    "ModelReadyResponse": ((1, "ready", "bool"),),
    "ServerMetadataRequest": (),
    "ServerMetadataResponse": ((1, "name", "string"), (2, "version", "string"), (3, "extensions", "repeated string")),
    "ModelMetadataRequest": ((1, "name", "string"), (2, "version", "string")),
    "TensorMetadata": ((1, "name", "string"), (2, "datatype", "string"), (3, "shape", "repeated int64")),
    "ModelMetadataResponse": (
        (1, "name", "string"),
        (2, "versions", "repeated string"),
        (3, "platform", "string"),
        (4, "inputs", "repeated TensorMetadata"),
        (5, "outputs", "repeated TensorMetadata"),
    ),
    "InferParameter": (
        (1, "bool_param", "|bool"),
        (2, "int64_param", "|int64"),
        (3, "string_param", "|string"),
        (4, "double_param", "|double"),
        (5, "uint64_param", "|uint64"),
    ),
    "InferTensorContents": (
        (1, "bool_contents", "repeated bool"),
        (2, "int_contents", "repeated int32"),
        (3, "int64_contents", "repeated int64"),
        (4, "uint_contents", "repeated uint32"),
        (5, "uint64_contents", "repeated uint64"),
        (6, "fp32_contents", "repeated float"),
        (7, "fp64_contents", "repeated double"),
        (8, "bytes_contents", "repeated bytes"),
    ),
    "InferInputTensor": (
        (1, "name", "string"),
        (2, "datatype", "string"),
        (3, "shape", "repeated int64"),
        (4, "parameters", _PARAMETERS),
        (5, "contents", "InferTensorContents"),
    ),
    "InferRequestedOutputTensor": ((1, "name", "string"), (2, "parameters", _PARAMETERS)),
    "InferOutputTensor": (
        (1, "name", "string"),
        (2, "datatype", "string"),
        (3, "shape", "repeated int64"),
        (4, "parameters", _PARAMETERS),
        (5, "contents", "InferTensorContents"),
    ),
    "ModelInferRequest": (
        (1, "model_name", "string"),
        (2, "model_version", "string"),
        (3, "id", "string"),
        (4, "parameters", _PARAMETERS),
        (5, "inputs", "repeated InferInputTensor"),
        (6, "outputs", "repeated InferRequestedOutputTensor"),
        (7, "raw_input_contents", "repeated bytes"),
    ),
    "ModelInferResponse": (
        (1, "model_name", "string"),
        (2, "model_version", "string"),
        (3, "id", "string"),
        (4, "parameters", _PARAMETERS),
        (5, "outputs", "repeated InferOutputTensor"),
        (6, "raw_output_contents", "repeated bytes"),
    ),
}
_Field = descriptor_pb2.FieldDescriptorProto


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="jinsu/open_inference.proto", package="inference", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field, type_ in fields:
            _add(message, number, field, type_)
    return file


def _add(message: Any, number: int, name: str, type_: str) -> None:
    field = message.field.add(name=name, number=number)
    field.label = _Field.LABEL_REPEATED if type_.startswith(("repeated ", "map<")) else _Field.LABEL_OPTIONAL
    if type_.startswith("|"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0
    base = type_.removeprefix("repeated ").removeprefix("|")
    if base == _PARAMETERS:
        _add_entries(message, field)
    elif base in _MESSAGES:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".inference.{base}"
    else:
        field.type = getattr(_Field, f"TYPE_{base.upper()}")


def _add_entries(message: Any, field: Any) -> None:
    """A map is a repeated message of a key and a value."""
    entry = message.nested_type.add(name="ParametersEntry")
    entry.options.map_entry = True
    _add(entry, 1, "key", "string")
    _add(entry, 2, "value", "InferParameter")
    field.type, field.type_name = _Field.TYPE_MESSAGE, f".inference.{message.name}.ParametersEntry"


def _classes() -> Mapping[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"inference.{name}")) for name in _MESSAGES
    }


MESSAGES: Mapping[str, Any] = _classes()
"""Message classes by name."""
METHODS: Mapping[str, tuple[Any, Any]] = {
    name: (MESSAGES[f"{name}Request"], MESSAGES[f"{name}Response"])
    for name in ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
}
"""The class of request and of answer of each method."""
