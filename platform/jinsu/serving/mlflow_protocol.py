"""MLflow's protocol of `/invocations`: rows as `inputs`, `instances` or a data frame; answers as `predictions`."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson

from jinsu.packaging.arrays import Arrays
from jinsu.packaging.manifest import Output
from jinsu.serving.json_numbers import LONG
from jinsu.serving.repeated_keys import refuse_repeated_keys
from jinsu.serving.replies import json_values
from jinsu.serving.signature import Refused, Signature

_KEYS = (b'"inputs"', b'"instances"', b'"dataframe_split"', b'"dataframe_records"')
_BLANK = b" \t\r\n"
_PLAIN = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"(?:inputs|instances)"[ \t\r\n]*:')
_Record = dict[str, msgspec.Raw]


class _Frame(msgspec.Struct):
    columns: list[str | int]
    data: list[list[msgspec.Raw]]


class _Invocation(msgspec.Struct):
    inputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    instances: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    dataframe_split: _Frame | msgspec.UnsetType = msgspec.UNSET
    dataframe_records: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class MlflowProtocol:
    """Decodes the body of an invocation and encodes its answer."""

    def __init__(self, signature: Signature, outputs: tuple[Output, ...]) -> None:
        self._signature = signature
        self._names = tuple(output.name for output in outputs)
        self._decoder = msgspec.json.Decoder(_Invocation)
        self._records = msgspec.json.Decoder(list[_Record])
        self._named = msgspec.json.Decoder(_Record)

    def rows(self, body: bytes) -> Arrays:
        """The rows of a request. Raises Refused(400), or a MsgspecError for other JSON."""
        if len(body) > LONG and (plain := self._plain(body)) is not None:
            return plain
        request = self._decoder.decode(body)
        refuse_repeated_keys(body, _KEYS)
        fields = (request.inputs, request.instances, request.dataframe_split, request.dataframe_records)
        if sum(field is not msgspec.UNSET for field in fields) != 1:
            raise Refused(400, "send exactly one of 'inputs', 'instances', 'dataframe_split' and 'dataframe_records'")
        if isinstance(request.dataframe_split, _Frame):
            return self._split(request.dataframe_split)
        if isinstance(request.dataframe_records, msgspec.Raw):
            return self._table(bytes(request.dataframe_records))
        batch = request.inputs if isinstance(request.inputs, msgspec.Raw) else request.instances
        assert isinstance(batch, msgspec.Raw)
        return self._batch(bytes(batch))

    def answer(self, outputs: Arrays) -> bytes:
        """The body of an answer: the only output, or all of them by name."""
        values = [json_values(output) for output in outputs]
        predictions = values[0] if len(values) == 1 else dict(zip(self._names, values, strict=True))
        return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)

    def _plain(self, body: bytes) -> Arrays | None:
        """The rows of a document that is one array of numbers under one key, read once; None for every other document."""
        head = _PLAIN.match(body)
        if head is None or self._signature.only is None:
            return None
        text = body[head.end() :].rstrip(_BLANK)
        if not text.endswith(b"}"):
            return None
        array = self._signature.only.plain(text[:-1])
        return None if array is None else (array,)

    def _batch(self, text: bytes) -> Arrays:
        """Rows that may name their inputs: `[row, …]`, `{"a": rows, …}` or `[{"a": value, …}, …]`."""
        if text[:1] == b"{":
            refuse_repeated_keys(text, self._quoted())
            return self._signature.named(self._named.decode(text))
        if text[1:].lstrip()[:1] == b"{":
            records = self._decode_records(text)
            self._signature.check_names(records[0])
            return self._signature.named({name: _column(records, name) for name in self._signature.names})
        return self._signature.bare(text)

    def _table(self, text: bytes) -> Arrays:
        records = self._decode_records(text)
        columns = list(records[0])
        if any(record.keys() != records[0].keys() for record in records):
            raise Refused(400, "dataframe_records: every row must have the same columns")
        return self._signature.table(columns, lambda row, place: bytes(records[row][columns[place]]), len(records))

    def _split(self, frame: _Frame) -> Arrays:
        if any(len(row) != len(frame.columns) for row in frame.data):
            raise Refused(400, f"dataframe_split: every row must hold {len(frame.columns)} values")
        columns = [str(name) for name in frame.columns]
        return self._signature.table(columns, lambda row, place: bytes(frame.data[row][place]), len(frame.data))

    def _decode_records(self, text: bytes) -> list[_Record]:
        records = self._records.decode(text)
        if not records:
            raise Refused(400, "there is no row; send at least one")
        if any(text.count(name) > len(records) for name in self._quoted()):
            refuse_repeated_keys(text, self._quoted())
        return records

    def _quoted(self) -> tuple[bytes, ...]:
        columns: list[Any] = [*self._signature.names]
        for one in self._signature.inputs:
            columns += one.columns or ()
        return tuple(orjson.dumps(name) for name in columns)


def _column(records: list[_Record], name: str) -> bytes:
    """The values of one input over all rows, as the JSON value of a batch."""
    try:
        return b"[" + b",".join(bytes(record[name]) for record in records) + b"]"
    except KeyError:
        raise Refused(400, f"instances: a row has no value for {name!r}") from None
