"""The Open Inference Protocol's extension for binary tensors: bytes as its specification writes them, in both directions."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.live_models import http_client
from tests.support.tensor_models import write_echo

from jinsu.serving.binary_tensors import flat_from_bytes, to_bytes
from jinsu.serving.replies import Reply
from jinsu.serving.service import Service

TENSORS = {
    "half": ("float16", [-1, 2]),
    "single": ("float32", [-1, 2]),
    "whole": ("int64", [-1]),
    "flag": ("bool", [-1, 2]),
    "byte": ("uint8", [-1, 3]),
    "text": ("string", [-1, 2]),
}
DATATYPES = {"half": "FP16", "single": "FP32", "whole": "INT64", "flag": "BOOL", "byte": "UINT8", "text": "BYTES"}
BYTES = {
    "half": b"\x00\x3c\x00\xc0",  # 1.0, -2.0
    "single": b"\x00\x00\x80\x3f\x00\x00\x20\xc0",  # 1.0, -2.5
    "whole": b"\xfe\xff\xff\xff\xff\xff\xff\xff",  # -2
    "flag": b"\x01\x00",
    "byte": b"\x00\x7f\xff",
    "text": b"\x02\x00\x00\x00hi\x05\x00\x00\x00\xec\xa7\x84!?",
}
VALUES: dict[str, list[Any]] = {
    "half": [1.0, -2.0], "single": [1.0, -2.5], "whole": [-2], "flag": [True, False], "byte": [0, 127, 255],
    "text": ["hi", "진!?"],
}  # fmt: skip
SHAPES = {name: [1, *shape[1:]] for name, (_, shape) in TENSORS.items()}
INFER = "/v2/models/m/infer"


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(write_echo(tmp_path_factory.mktemp("echo"), TENSORS), "m", "3")
    yield service
    service.close()


def ask(service: Service, document: dict[str, Any], content: bytes = b"") -> Reply:
    head = json.dumps(document).encode()
    return asyncio.run(service.respond("POST", INFER, head + content, len(head)))


def tensor(name: str, binary: bool, **change: Any) -> dict[str, Any]:
    values: dict[str, Any] = (
        {"parameters": {"binary_data_size": len(BYTES[name])}} if binary else {"data": VALUES[name]}
    )
    return {"name": name, "datatype": DATATYPES[name], "shape": SHAPES[name], **values, **change}


def parts(reply: Reply) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The JSON of an answer, and the bytes of its binary outputs by name."""
    assert reply.status == 200, reply.body
    if reply.json_bytes is None:
        return json.loads(reply.body), {}
    document, rest, found = json.loads(reply.body[: reply.json_bytes]), reply.body[reply.json_bytes :], {}
    for output in document["outputs"]:
        if "parameters" in output:
            size = output["parameters"]["binary_data_size"]
            found[output["name"]], rest = rest[:size], rest[size:]
    assert not rest
    return document, found


def test_every_type_goes_in_and_comes_back_as_bytes(echo: Service) -> None:
    document = {"inputs": [tensor(name, True) for name in TENSORS], "parameters": {"binary_data_output": True}}
    reply = ask(echo, document, b"".join(BYTES[name] for name in TENSORS))
    answer, contents = parts(reply)
    assert contents == {f"{name}_back": BYTES[name] for name in TENSORS}
    assert all("data" not in output for output in answer["outputs"])
    assert [output["shape"] for output in answer["outputs"]] == list(SHAPES.values())
    assert reply.content_type == "application/octet-stream"


def test_json_and_bytes_may_be_mixed_in_a_request_and_in_an_answer(echo: Service) -> None:
    binary = ("text", "half")
    inputs = [tensor(name, name in binary) for name in reversed(TENSORS)]
    outputs = [{"name": "text_back", "parameters": {"binary_data": True}}, {"name": "single_back"}]
    answer, contents = parts(
        ask(echo, {"id": "7", "inputs": inputs, "outputs": outputs}, BYTES["text"] + BYTES["half"])
    )
    assert answer["id"] == "7"
    assert contents == {"text_back": BYTES["text"]}
    assert answer["outputs"][1] == {"name": "single_back", "datatype": "FP32", "shape": [1, 2], "data": [1.0, -2.5]}


def test_an_output_says_for_itself_that_it_is_json(echo: Service) -> None:
    outputs = [{"name": "whole_back", "parameters": {"binary_data": False}}, {"name": "flag_back"}]
    document = {"inputs": [tensor(name, False) for name in TENSORS], "outputs": outputs}
    answer, contents = parts(ask(echo, {**document, "parameters": {"binary_data_output": True}}))
    assert answer["outputs"][0]["data"] == [-2]
    assert contents == {"flag_back": BYTES["flag"]}


@pytest.mark.parametrize(
    ("name", "content", "change", "said"),
    [
        ("single", b"\x00" * 7, {}, "7 bytes are no values of 4 bytes"),
        ("single", b"\x00" * 12, {}, "3 values do not fill shape"),
        ("single", b"\x00\x00\xc0\x7f" * 2, {}, "missing (NaN)"),
        ("single", b"\x00\x00\x80\x7f" * 2, {}, "too large"),
        ("single", BYTES["single"], {"datatype": "FP64"}, "FP64; the model takes FP32"),
        ("single", BYTES["single"], {"shape": [2]}, "does not fit"),
        ("single", BYTES["single"], {"data": [1.0, 2.0]}, "either 'data' or"),
        ("single", BYTES["single"], {"parameters": {}}, "either 'data' or"),
        ("single", BYTES["single"], {"parameters": {"binary_data_size": 9000}}, "binary_data_size is 9000"),
        ("single", BYTES["single"], {"parameters": {"binary_data_size": -8}}, "binary_data_size is -8"),
        ("flag", b"\x01\x02", {}, "neither 0 nor 1"),
        ("text", b"\x02\x00\x00\x00hi\x09\x00\x00\x00hi", {}, "of 9 bytes of which 2 are there"),
        ("text", b"\x02\x00\x00\x00hi\x09\x00", {}, "without its length"),
        ("text", b"\x02\x00\x00\x00hi\x01\x00\x00\x00\xff", {}, "utf-8"),
    ],
)
def test_bad_bytes_get_one_sentence(echo: Service, name: str, content: bytes, change: Any, said: str) -> None:
    sized = {"parameters": {"binary_data_size": len(content)}, **change}
    inputs = [tensor(other, False) for other in TENSORS if other != name]
    reply = ask(echo, {"inputs": [tensor(name, True, **sized), *inputs]}, content)
    assert reply.status == 400
    assert said in json.loads(reply.body)["message"]


def test_bytes_that_no_tensor_claims_are_refused(echo: Service) -> None:
    reply = ask(echo, {"inputs": [tensor(name, False) for name in TENSORS]}, b"more")
    assert reply.status == 400
    assert "4 bytes behind the last tensor" in json.loads(reply.body)["message"]


def test_the_header_crosses_http_in_both_directions(echo: Service) -> None:
    head = json.dumps({"inputs": [tensor(name, True) for name in TENSORS], "parameters": {"binary_data_output": True}})
    body = head.encode() + b"".join(BYTES.values())

    async def talk() -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        async with http_client(echo) as client:
            return (
                await client.post(INFER, content=body, headers={"Inference-Header-Content-Length": str(len(head))}),
                await client.post(INFER, content=body, headers={"Inference-Header-Content-Length": "-1"}),
                await client.post(INFER, content=body, headers={"Inference-Header-Content-Length": "99999"}),
            )

    good, *bad = asyncio.run(talk())
    length = int(good.headers["Inference-Header-Content-Length"])
    assert good.headers["content-type"] == "application/octet-stream"
    assert good.content[length:] == b"".join(BYTES.values())
    assert [answer.status_code for answer in bad] == [400, 400]
    assert "binary_tensor_data" in json.loads(asyncio.run(echo.respond("GET", "/v2", b"")).body)["extensions"]


@given(st.lists(st.text(max_size=20), max_size=20))
def test_texts_survive_their_bytes(texts: list[str]) -> None:
    array = np.array(texts, dtype=object)
    assert flat_from_bytes(memoryview(to_bytes(array)), np.dtype(object)).tolist() == texts


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(sorted(TENSORS)))
def test_no_bytes_break_the_server(echo: Service, content: bytes, name: str) -> None:
    inputs = [tensor(other, False) for other in TENSORS if other != name]
    changed = tensor(name, True, parameters={"binary_data_size": len(content)})
    assert ask(echo, {"inputs": [changed, *inputs]}, content).status in (200, 400)
