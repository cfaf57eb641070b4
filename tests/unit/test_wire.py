"""Frames between a model server and its inference process, in whatever pieces a socket brings them."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.inference.wire import (
    HEAD,
    MAX_BODY,
    Frame,
    FrameReader,
    Kind,
    MalformedFrame,
    Outgoing,
    arrays_frame,
    without,
)


def sent(frame: Outgoing) -> bytes:
    return b"".join(frame.buffers())


def read(data: bytes, pieces: Sequence[int]) -> list[Frame]:
    """The frames in the data when a socket brings it in pieces of these sizes, over and over."""
    reader, found, place = FrameReader(), [], 0
    while data:
        room = reader.room()
        count = min(len(room), len(data), pieces[place % len(pieces)])
        room[:count] = data[:count]
        data, place = data[count:], place + 1
        frame = reader.received(count)
        while frame is not None:
            found.append(frame)
            frame = reader.first()
    return found


@given(
    shapes=st.lists(st.sampled_from([(1,), (3, 5), (0, 4), (4097,), (2, 9000), (1, 3, 100, 100), (7, 20_000)]), min_size=1, max_size=3),
    pieces=st.lists(st.sampled_from([1000, 4096, 65_535, 65_536, 1 << 20]), min_size=1, max_size=3),
    turned=st.booleans(),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_arrays_of_every_size_arrive_as_they_were_sent(
    shapes: list[tuple[int, ...]], pieces: list[int], turned: bool
) -> None:
    arrays = tuple(np.random.default_rng(0).normal(size=shape).astype(np.float32) for shape in shapes)
    if turned:
        arrays = tuple(array.T for array in arrays)
    data = sent(arrays_frame(Kind.ROWS, arrays))
    first, second = read(data + sent(Frame(Kind.FAILED, 0, b"a sentence")), pieces)
    for array, found in zip(arrays, first.arrays([array.dtype for array in arrays]), strict=True):
        np.testing.assert_array_equal(array, found)
    assert (second.kind, second.sentence()) == (Kind.FAILED, "a sentence")


def test_a_frame_in_single_bytes_arrives() -> None:
    texts = (np.array(["진수", ""], dtype=object), np.array([True, False]))
    (frame,) = read(sent(arrays_frame(Kind.ANSWERS, texts)), [1])
    found = frame.arrays([np.dtype(object), np.dtype(bool)])
    assert found[0].tolist() == ["진수", ""]
    assert found[1].tolist() == [True, False]


@pytest.mark.parametrize("head", [HEAD.pack(5, 0, 0), HEAD.pack(255, 0, 3), HEAD.pack(2, 1, MAX_BODY + 1), b"\xff" * 80])
def test_what_is_no_frame_is_refused_with_its_head(head: bytes) -> None:
    with pytest.raises(MalformedFrame):
        read(head, [7])


def test_a_long_array_is_sent_without_a_copy() -> None:
    array = np.zeros((1, 3, 224, 224), np.float32)
    assert any(isinstance(one, memoryview) and one.obj is not None for one in arrays_frame(Kind.ROWS, (array,)).buffers())
    array[0, 0, 0, 0] = 7.0
    buffers = arrays_frame(Kind.ROWS, (array,)).buffers()
    assert sum(map(len, buffers)) > array.nbytes
    array[0, 0, 0, 0] = 9.0
    (frame,) = read(b"".join(buffers), [1 << 16])
    assert frame.arrays([array.dtype])[0].flat[0] == 9.0


@given(st.lists(st.binary(max_size=6), max_size=6), st.integers(0, 40))
def test_what_is_left_to_send_is_what_was_not_sent(buffers: list[bytes], count: int) -> None:
    left = without(buffers, count)
    assert b"".join(left) == b"".join(buffers)[count:]
    assert all(len(one) for one in left)
