"""Envoy's own protobuf schema, read from the very binary that the controller will talk to.

Every Envoy carries the descriptors of its configuration. Taking them from there needs no generated package (which would
overwrite files of other packages and lag behind Envoy's releases), and it can never be of another version.
"""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ROOTS = (
    "envoy/service/discovery/v3/discovery.proto",
    "envoy/service/runtime/v3/rtds.proto",
    "envoy/config/cluster/v3/cluster.proto",
    "envoy/config/route/v3/route.proto",
    "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
)
# Annotations steer code generators and validators; the wire format does not need them.
_ANNOTATIONS = (
    "udpa/annotations",
    "validate/",
    "xds/annotations",
    "envoy/annotations",
    "google/protobuf/descriptor.proto",
    "google/api/",
)
_SYNTAX_FIELD, _LAST_FIELD, _LONGEST = 12, 12, 1 << 20


class Schema:
    """Message classes by their full name, in a pool of their own."""

    def __init__(self, files: descriptor_pb2.FileDescriptorSet) -> None:
        self.pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self.pool.Add(file)

    def message(self, name: str) -> Any:
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))


def load(binary: Path, cache: Path) -> Schema:
    """The schema inside the Envoy at `binary`; extracted once, then kept in `cache`."""
    status = binary.stat()
    name = hashlib.sha256(f"{binary}:{status.st_size}:{status.st_mtime_ns}".encode()).hexdigest()[:16]
    path = cache / f"envoy-schema-{name}.binpb"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_bytes(extract(binary).SerializeToString(deterministic=True))
        draft.replace(path)
    return Schema(descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()))


def extract(binary: Path) -> descriptor_pb2.FileDescriptorSet:
    """The descriptors of `ROOTS` and of all they import. Raises LookupError when one is not in the binary."""
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    with binary.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:

        def visit(name: str) -> None:
            if name in files:
                return
            file = _find(data, name)
            imports = [other for other in file.dependency if not other.startswith(_ANNOTATIONS)]
            _simplify(file, imports)
            for other in imports:
                visit(other)
            files[name] = file  # after what it imports: a pool takes files in that order

        for root in ROOTS:
            visit(root)
    return descriptor_pb2.FileDescriptorSet(file=files.values())


def _find(data: mmap.mmap, name: str) -> descriptor_pb2.FileDescriptorProto:
    key, place = b"\x0a" + bytes([len(name)]) + name.encode(), -1
    while (place := data.find(key, place + 1)) >= 0:
        if (file := _parse(data, place)) is not None:
            return file
    raise LookupError(f"this Envoy carries no {name}; is it Envoy 1.40?")


def _parse(data: mmap.mmap, start: int) -> descriptor_pb2.FileDescriptorProto | None:
    """The file descriptor at this place; None when the bytes there are something else.

    Its fields are walked up to `syntax`, the last one that the compiler writes.
    """
    place = start
    while True:
        tag, place = _varint(data, place)
        length, place = _varint(data, place)
        if tag & 7 != 2 or not 1 <= tag >> 3 <= _LAST_FIELD or length > _LONGEST:
            return None
        place += length
        if tag >> 3 == _SYNTAX_FIELD:
            try:
                return descriptor_pb2.FileDescriptorProto.FromString(data[start:place])
            except Exception:  # the same bytes by chance, not a descriptor
                return None


def _varint(data: mmap.mmap, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value, place, shift = value | (byte & 127) << shift, place + 1, shift + 7
        if byte < 128:
            return value, place


def _simplify(file: descriptor_pb2.FileDescriptorProto, dependencies: list[str]) -> None:
    """Takes out what the wire format does not need, and every import but these."""
    for name in (
        "options",
        "service",
        "extension",
        "public_dependency",
        "weak_dependency",
        "source_code_info",
    ):
        file.ClearField(name)
    for message in file.message_type:
        _strip(message)
    for enum in file.enum_type:
        _strip_enum(enum)
    del file.dependency[:]
    file.dependency.extend(dependencies)


def _strip(message: descriptor_pb2.DescriptorProto) -> None:
    is_map = message.options.map_entry
    message.ClearField("options")
    if is_map:
        message.options.map_entry = True
    for field in (*message.field, *message.oneof_decl):
        field.ClearField("options")
    for nested in message.nested_type:
        _strip(nested)
    for enum in message.enum_type:
        _strip_enum(enum)


def _strip_enum(enum: descriptor_pb2.EnumDescriptorProto) -> None:
    alias = enum.options.allow_alias
    enum.ClearField("options")
    if alias:
        enum.options.allow_alias = True
    for value in enum.value:
        value.ClearField("options")
