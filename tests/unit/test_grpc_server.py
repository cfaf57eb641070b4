"""The Open Inference Protocol over gRPC: bytes on the wire as the specification numbers them, and a real server process."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx
import numpy as np
import pytest
from tests.support.tensor_models import write_echo
from tests.support.waiting import until

from jinsu.serving.grpc_messages import MESSAGES, METHODS
from jinsu.serving.grpc_server import GrpcServer
from jinsu.serving.grpc_service import SERVICE
from jinsu.serving.key import KEY_HEADER, KEY_VARIABLE
from jinsu.serving.service import Service

TENSORS = {
    "half": ("float16", [-1, 2]),
    "single": ("float32", [-1, 2]),
    "small": ("int8", [-1]),
    "flag": ("bool", [-1]),
    "text": ("string", [-1]),
}
DATATYPES = {"half": "FP16", "single": "FP32", "small": "INT8", "flag": "BOOL", "text": "BYTES"}
RAW = {
    "half": b"\x00\x3c\x00\xc0",
    "single": b"\x00\x00\x80\x3f\x00\x00\x20\xc0",
    "small": b"\xfe",
    "flag": b"\x01",
    "text": b"\x03\x00\x00\x00\xec\xa7\x84",
}
SHAPES = {name: [1, *shape[1:]] for name, (_, shape) in TENSORS.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_echo(tmp_path_factory.mktemp("echo"), TENSORS)


@pytest.fixture(scope="module")
def echo(folder: Path) -> Iterator[Service]:
    service = Service(folder, "m", "3")
    yield service
    service.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A model of one number of type int8 and one text."""
    tensors = {"small": TENSORS["small"], "text": TENSORS["text"]}
    service = Service(write_echo(tmp_path_factory.mktemp("plain"), tensors), "m", "3")
    yield service
    service.close()


Call = Callable[..., Awaitable[Any]]


@contextlib.asynccontextmanager
async def calling(address: str) -> AsyncIterator[Call]:
    async with grpc.aio.insecure_channel(address) as channel:

        async def call(method: str, document: dict[str, Any] | None = None, **options: Any) -> Any:
            taken, given = METHODS[method]
            ask = channel.unary_unary(f"/{SERVICE}/{method}", taken.SerializeToString, given.FromString)
            return await ask(taken(**document or {}), **options)

        yield call


def talk(service: Service, talking: Callable[[Call], Awaitable[Any]], folder: Path, key: str = "") -> Any:
    async def run() -> Any:
        server = GrpcServer(service, key)
        await server.start(f"unix:{folder}/grpc.sock")
        try:
            async with calling(f"unix:{folder}/grpc.sock") as call:
                return await talking(call)
        finally:
            await server.stop(0)

    return asyncio.run(run())


def refused(service: Service, document: dict[str, Any], folder: Path, method: str = "ModelInfer") -> tuple[Any, str]:
    async def ask(call: Call) -> tuple[Any, str]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(method, document)
        return caught.value.code(), str(caught.value.details())

    found: tuple[Any, str] = talk(service, ask, folder)
    return found


def inference(**change: Any) -> dict[str, Any]:
    inputs = [{"name": name, "datatype": DATATYPES[name], "shape": SHAPES[name]} for name in TENSORS]
    return {"model_name": "m", "inputs": inputs, "raw_input_contents": list(RAW.values()), **change}


def test_the_messages_are_those_of_the_specification() -> None:
    """A request and an answer written byte by byte from the specification's field numbers."""
    tensor = (
        b"\x0a\x01x"
        + b"\x12\x04FP32"
        + b"\x1a\x02\x01\x02"
        + b"\x2a\x0a"
        + b"\x32\x08"
        + bytes.fromhex("0000803f00002040")
    )
    parameter = b"\x0a\x01p" + b"\x12\x02\x08\x01"
    request = (
        b"\x0a\x01m" + b"\x12\x013" + b"\x1a\x02id" + b"\x22" + bytes([len(parameter)]) + parameter
        + b"\x2a" + bytes([len(tensor)]) + tensor + b"\x32\x03\x0a\x01y" + b"\x3a\x02\x01\x02"
    )  # fmt: skip
    decoded = MESSAGES["ModelInferRequest"].FromString(request)
    assert (decoded.model_name, decoded.model_version, decoded.id) == ("m", "3", "id")
    assert decoded.parameters["p"].bool_param is True
    (one,) = decoded.inputs
    assert (one.name, one.datatype, list(one.shape), list(one.contents.fp32_contents)) == (
        "x",
        "FP32",
        [1, 2],
        [1.0, 2.5],
    )
    assert [output.name for output in decoded.outputs] == ["y"]
    assert list(decoded.raw_input_contents) == [b"\x01\x02"]
    answer = MESSAGES["ModelInferResponse"](outputs=[{"name": "y", "shape": [1]}], raw_output_contents=[b"\x01"])
    assert answer.SerializeToString() == b"\x2a\x06\x0a\x01y\x1a\x01\x01" + b"\x32\x01\x01"


def test_every_type_goes_in_and_comes_back(echo: Service, tmp_path: Path) -> None:
    answer = talk(echo, lambda call: call("ModelInfer", inference(id="7")), tmp_path)
    assert (answer.model_name, answer.model_version, answer.id) == ("m", "3", "7")
    assert [(one.name, one.datatype, list(one.shape)) for one in answer.outputs] == [
        (f"{name}_back", DATATYPES[name], SHAPES[name]) for name in TENSORS
    ]
    assert list(answer.raw_output_contents) == list(RAW.values())


def test_outputs_are_those_that_were_asked_for(echo: Service, tmp_path: Path) -> None:
    asked = inference(outputs=[{"name": "text_back"}, {"name": "half_back"}], model_version="3")
    answer = talk(echo, lambda call: call("ModelInfer", asked), tmp_path)
    assert list(answer.raw_output_contents) == [RAW["text"], RAW["half"]]


def typed(small: list[int], text: list[bytes]) -> dict[str, Any]:
    """A request of the plain model that holds its values in `contents`."""
    return {
        "model_name": "m",
        "inputs": [
            {"name": "text", "datatype": "BYTES", "shape": [len(text)], "contents": {"bytes_contents": text}},
            {"name": "small", "datatype": "INT8", "shape": [len(small)], "contents": {"int_contents": small}},
        ],
    }


def test_values_may_come_with_their_types(plain: Service, tmp_path: Path) -> None:
    answer = talk(plain, lambda call: call("ModelInfer", typed([-2, 5], [b"a", b"\xec\xa7\x84"])), tmp_path)
    assert np.frombuffer(answer.raw_output_contents[0], np.int8).tolist() == [-2, 5]
    assert answer.raw_output_contents[1] == b"\x01\x00\x00\x00a" + RAW["text"]


@pytest.mark.parametrize(
    ("document", "code", "said"),
    [
        (typed([300], [b"a"]), "INVALID_ARGUMENT", "small: "),
        (typed([1], [b"\xff"]), "INVALID_ARGUMENT", "text: "),
        (typed([1, 2], [b"a"]), "INVALID_ARGUMENT", "differ in rows"),
        ({**typed([1], [b"a"]), "model_name": "other"}, "NOT_FOUND", "no such model here: other"),
        ({**typed([1], [b"a"]), "model_version": "4"}, "NOT_FOUND", "version 4"),
        ({**typed([1], [b"a"]), "raw_input_contents": [b"", b""]}, "INVALID_ARGUMENT", "either raw_input_contents"),
        ({**typed([1], [b"a"]), "raw_input_contents": [b""]}, "INVALID_ARGUMENT", "1 raw_input_contents for 2"),
        ({**typed([1], [b"a"]), "outputs": [{"name": "no"}]}, "INVALID_ARGUMENT", "there is no 'no'"),
        ({"model_name": "m", "inputs": [{"name": "small", "datatype": "FP16"}]}, "INVALID_ARGUMENT", "raw_input_contents alone"),
        ({"model_name": "m"}, "INVALID_ARGUMENT", "the model takes"),
    ],
)  # fmt: skip
def test_a_bad_inference_gets_one_sentence(
    plain: Service, tmp_path: Path, document: dict[str, Any], code: str, said: str
) -> None:
    found, sentence = refused(plain, document, tmp_path)
    assert found.name == code
    assert said in sentence


def test_the_server_and_the_model_describe_themselves(echo: Service, tmp_path: Path) -> None:
    async def ask(call: Call) -> None:
        assert (await call("ServerLive")).live
        assert (await call("ServerReady")).ready
        assert (await call("ModelReady", {"name": "m"})).ready
        assert not (await call("ModelReady", {"name": "m", "version": "2"})).ready
        assert list((await call("ServerMetadata")).extensions) == ["binary_tensor_data"]
        metadata = await call("ModelMetadata", {"name": "m", "version": "3"})
        assert [(one.name, one.datatype, list(one.shape)) for one in metadata.inputs][:2] == [
            ("half", "FP16", [-1, 2]),
            ("single", "FP32", [-1, 2]),
        ]

    talk(echo, ask, tmp_path)


def test_only_the_key_opens_the_server(echo: Service, tmp_path: Path) -> None:
    async def ask(call: Call) -> None:
        assert (await call("ServerReady", metadata=((KEY_HEADER, "secret"),))).ready
        for metadata in ((), ((KEY_HEADER, "secre"),), ((KEY_HEADER, ""),)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call("ModelInfer", inference(), metadata=metadata)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED

    talk(echo, ask, tmp_path, key="secret")


def test_a_server_process_speaks_both_protocols(folder: Path, tmp_path: Path) -> None:
    """One process, one batcher: what came over gRPC is counted with what came over HTTP."""
    command = [sys.executable, "-m", "jinsu.serving.server", str(folder), "--name", "m", "--version", "3"]
    command += ["--socket", f"{tmp_path}/http.sock", "--grpc", f"unix:{tmp_path}/grpc.sock"]
    process = subprocess.Popen(command, env={**os.environ, KEY_VARIABLE: "k"})

    async def ask() -> Any:
        async with calling(f"unix:{tmp_path}/grpc.sock") as call:
            return await call("ModelInfer", inference(), metadata=((KEY_HEADER, "k"),))

    try:
        until((tmp_path / "grpc.sock").exists, 60, "the server")
        until((tmp_path / "http.sock").exists, 60, "the server")
        assert list(asyncio.run(ask()).raw_output_contents) == list(RAW.values())
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=f"{tmp_path}/http.sock"), headers={KEY_HEADER: "k"}
        ) as client:
            assert 'jinsu_requests_total{status="200"} 1.0' in client.get("http://m/metrics").text
    finally:
        process.terminate()
        assert process.wait(60) in (0, -15)


def test_a_taken_address_is_a_sentence_and_an_end(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "jinsu.serving.server", str(folder), "--name", "m", "--version", "3"]
        command += ["--socket", f"{tmp_path}/http.sock", "--grpc", f"127.0.0.1:{taken.getsockname()[1]}"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert "Failed to bind" in ended.stderr, json.dumps(ended.stderr)
