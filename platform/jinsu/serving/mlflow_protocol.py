"""MLflow's protocol of `/invocations`: rows as `inputs`, `instances` or `dataframe_split`; answers as `predictions`."""

from __future__ import annotations

import msgspec
import numpy as np
import orjson

from jinsu.serving.repeated_keys import refuse_repeated_keys
from jinsu.serving.replies import json_values
from jinsu.serving.signature import Refused, Signature

_INPUT = "input"
_KEYS = (b'"inputs"', b'"instances"', b'"dataframe_split"')


class _Frame(msgspec.Struct):
    columns: list[str]
    data: list[list[msgspec.Raw]]


class _Invocation(msgspec.Struct):
    inputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    instances: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    dataframe_split: _Frame | msgspec.UnsetType = msgspec.UNSET


class MlflowProtocol:
    """Decodes the body of an invocation and encodes its answer."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._decoder = msgspec.json.Decoder(_Invocation)

    def rows(self, body: bytes) -> np.ndarray:
        """The rows of a request, first axis the batch. Raises Refused(400), or a MsgspecError for other JSON."""
        request = self._decoder.decode(body)
        refuse_repeated_keys(body, _KEYS)
        batches = [
            field
            for field in (request.inputs, request.instances, request.dataframe_split)
            if field is not msgspec.UNSET
        ]
        if len(batches) != 1:
            raise Refused(400, "send exactly one of 'inputs', 'instances' and 'dataframe_split'")
        (batch,) = batches
        raw = _frame_rows(batch, len(self._signature.tensor.shape)) if isinstance(batch, _Frame) else batch
        return self._signature.rows(_bare_rows(raw))

    def answer(self, output: np.ndarray) -> bytes:
        """The body of an answer; first axis the batch."""
        return orjson.dumps({"predictions": json_values(output)}, option=orjson.OPT_SERIALIZE_NUMPY)


def _bare_rows(raw: msgspec.Raw) -> msgspec.Raw:
    """The rows alone, of a batch that may name its input: `{"input": rows}` or `[{"input": row}, …]`."""
    text = bytes(raw)
    if text[:1] == b"{":
        named = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        if list(named) != [_INPUT]:
            raise Refused(400, f"inputs {list(named)}: the model takes one, 'input'")
        return named[_INPUT]
    if text[1:].lstrip()[:1] == b"{":
        rows = msgspec.json.decode(text, type=list[dict[str, msgspec.Raw]])
        if any(list(row) != [_INPUT] for row in rows):
            raise Refused(400, "instances: each takes one value, 'input'")
        return msgspec.Raw(b"[" + b",".join(bytes(row[_INPUT]) for row in rows) + b"]")
    return msgspec.Raw(text)


def _frame_rows(frame: _Frame, axes: int) -> msgspec.Raw:
    """Rows of a data frame: one column as it is for 1 axis or an `input` column, several side by side for a matrix."""
    if any(len(row) != len(frame.columns) for row in frame.data):
        raise Refused(400, f"dataframe_split: every row must hold {len(frame.columns)} values")
    bare = len(frame.columns) == 1 and (axes == 1 or frame.columns == [_INPUT])
    rows = (bytes(row[0]) if bare else b"[" + b",".join(map(bytes, row)) + b"]" for row in frame.data)
    return msgspec.Raw(b"[" + b",".join(rows) + b"]")
