"""Long JSON numbers: decoded in pieces they mean what they mean as a whole, and no call for a piece is long."""

import asyncio
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.tensor_models import write_largest

from jinsu.packaging.manifest import Input
from jinsu.serving import json_numbers, mlflow_protocol, signature
from jinsu.serving.limits import Limits
from jinsu.serving.mlflow_protocol import MlflowProtocol
from jinsu.serving.service import Service
from jinsu.serving.signature import InputDecoder, Refused, Signature


def decoded(decoder: InputDecoder, text: bytes, long: int, monkeypatch: pytest.MonkeyPatch) -> object:
    """What a decoder makes of a text, where texts of more than `long` bytes are decoded in pieces of a few bytes."""
    monkeypatch.setattr(signature, "LONG", long)
    monkeypatch.setattr(json_numbers, "_PIECE", 3)
    try:
        return decoder.rows(text).tolist()
    except Refused:
        return "refused"


NUMBERS = st.one_of(st.integers(-300, 300), st.floats(allow_nan=False, allow_infinity=False), st.none())
ROWS = st.lists(st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=2, max_size=2), min_size=1, max_size=4)
TEXTS = st.one_of(
    ROWS.map(json.dumps),
    st.tuples(ROWS.map(json.dumps), st.integers(0, 60), st.sampled_from([*'[],1 "}.', ""]), st.integers(0, 1)).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + parts[3] :]
    ),
)


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.sampled_from(["float32", "int64", "uint8"]), st.booleans())
def test_pieces_mean_what_the_whole_means(text: str, dtype: str, nullable: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signature, "_NARROW", 0)
        decoder = InputDecoder(Input("x", dtype, (-1, 2, 2), nullable), Limits())
        whole, pieces = (decoded(decoder, text.encode(), long, patch) for long in (1 << 20, 0))
    np.testing.assert_equal(pieces, whole)


KEYS = st.sampled_from(
    ['{"inputs":', ' {\n"instances" : ', '{"input":', '{"inputs":[],"inputs":', '{"inputs":{"x":', "{"]
)
ENDS = st.sampled_from(["}", " }\n", '\n,"params":{}}', ',"inputs":[]}', "}}", "", "]}", "} x"])


def asked(body: bytes, long: int) -> object:
    """What a body asks for, where those of more than `long` bytes are read in one go when they can be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signature, "_NARROW", 0)
        patch.setattr(json_numbers, "_PIECE", 3)
        for module in (signature, mlflow_protocol):
            patch.setattr(module, "LONG", long)
        protocol = MlflowProtocol(Signature([Input("x", "float32", (-1, 2, 2))], Limits()), ())
        try:
            return protocol.rows(body)[0].tolist()
        except (Refused, msgspec.MsgspecError, RecursionError):
            return "refused"


@settings(max_examples=400, deadline=None)
@given(KEYS, TEXTS, ENDS)
def test_a_long_document_of_numbers_alone_means_what_the_whole_means(key: str, text: str, end: str) -> None:
    body = (key + text + end).encode()
    np.testing.assert_equal(asked(body, 0), asked(body, 1 << 20))


@pytest.mark.parametrize(
    "text", ["[[[1,2],[3,4]]]", "[[[1,2],3[,4]]]", "[[[1,2]3,[4,5]]]", "[[[1,2],[3,,4]]]", "[[[1,2],[3,4],]]"]
)
def test_numbers_that_brackets_hold_apart_stay_apart(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "_NARROW", 0)
    decoder = InputDecoder(Input("x", "float32", (-1, 2, 2)), Limits())
    valid = text == "[[[1,2],[3,4]]]"
    assert (decoded(decoder, text.encode(), 0, monkeypatch) != "refused") is valid


def test_a_flat_array_may_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "LONG", 0)
    monkeypatch.setattr(json_numbers, "_PIECE", 3)
    decoder = InputDecoder(Input("x", "float32", (-1, 2)), Limits())
    assert decoder.flat(msgspec.Raw(b"[1, 2.5,3 ,4]"), [2, 2]).tolist() == [[1.0, 2.5], [3.0, 4.0]]
    for bad in (b"[1,2,3,]", b"[1,2,,3]", b"[1,2,3]", b'[1,2,3,"4"]', b"[1,[2],3,4]"):
        with pytest.raises(Refused):
            decoder.flat(msgspec.Raw(bad), [2, 2])


# --- A picture of three megabytes ---


def test_a_picture_of_three_megabytes_is_decoded_in_short_calls_beside_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python changes threads between two calls into C, so that the longest call decides how long the event loop waits."""
    calls: list[tuple[int, int]] = []

    def in_pieces(
        text: bytes, row: tuple[int, ...], decode: json_numbers.Decode, dtype: np.dtype[Any]
    ) -> np.ndarray | None:
        def noted(piece: bytes) -> Sequence[Any]:
            calls.append((threading.get_ident(), len(piece)))
            return decode(piece)

        return json_numbers.nested_numbers(text, row, noted, dtype)

    monkeypatch.setattr(signature, "nested_numbers", in_pieces)
    picture = np.random.default_rng(0).random((1, 3, 224, 224), np.float32).astype(float).tolist()
    body = json.dumps({"inputs": picture}).encode()
    service = Service(write_largest(tmp_path, [-1, 3, 224, 224]), "m", "1")
    try:
        reply = asyncio.run(service.respond("POST", "/invocations", body))
    finally:
        service.close()

    assert reply.status == 200
    assert threading.get_ident() not in {thread for thread, _ in calls}
    longest_row = max(len(json.dumps(row)) for channel in picture[0] for row in channel)
    assert max(size for _, size in calls) <= json_numbers._PIECE + longest_row < len(body) / 50
    assert sum(size for _, size in calls) > len(body) * 0.9, "every number went through a counted call"
