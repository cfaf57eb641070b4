"""The model server: real ONNX models behind Service.respond, and behind a socket where HTTP matters."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tests.support.live_models import http_client
from tests.support.tensor_models import write_largest
from tests.support.waiting import until_async

from jinsu.gateway.bootstrap import MAX_BODY
from jinsu.packaging.arrays import Arrays
from jinsu.packaging.providers import CPU
from jinsu.serving.batching import Batcher
from jinsu.serving.engine import Done
from jinsu.serving.limits import Limits
from jinsu.serving.replies import Reply
from jinsu.serving.service import Service

INVOKE, INFER = "/invocations", "/v2/models/m/infer"
ROWS = [[1.0, 2.0, 3.0, 4.0], [0.0, 0.5, 0.0, -1.0]]
DOUBLED = [[2.0, 4.0, 6.0, 8.0], [0.0, 1.0, 0.0, -2.0]]
TABLE = np.arange(30, dtype=np.float32).reshape(10, 3)
TYPES = {
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "string": TensorProto.STRING,
}

# What each model is made of: nodes, type and shape of its input and output.
MODELS: dict[str, tuple[list[Any], tuple[str, list[int]], tuple[str, list[int]]]] = {
    "double": ([helper.make_node("Add", ["input", "input"], ["output"])], ("float32", [-1, 4]), ("float32", [-1, 4])),
    "log": ([helper.make_node("Log", ["input"], ["output"])], ("float32", [-1, 4]), ("float32", [-1, 4])),
    "number": ([helper.make_node("Add", ["input", "input"], ["output"])], ("float32", [-1]), ("float32", [-1])),
    "table": ([helper.make_node("Gather", ["table", "input"], ["output"])], ("int64", [-1, 2]), ("float32", [-1, 2, 3])),
    "computed": (
        [helper.make_node("Cast", ["input"], ["index"], to=TensorProto.INT64),
         helper.make_node("Gather", ["table", "index"], ["output"])], ("float32", [-1, 2]), ("float32", [-1, 2, 3])
    ),
    "image": ([helper.make_node("Identity", ["input"], ["output"])], ("uint8", [-1, 2, 2]), ("uint8", [-1, 2, 2])),
    "words": ([helper.make_node("StringSplit", ["input"], ["split", "output"])], ("string", [-1]), ("int64", [-1])),
}  # fmt: skip


def write(folder: Path, name: str) -> Path:
    nodes, (taken, rows), (given_, answers) = MODELS[name]
    values = [
        helper.make_tensor_value_info(label, TYPES[kind], ["batch", *shape[1:]])
        for label, kind, shape in (("input", taken, rows), ("output", given_, answers))
    ]
    graph = helper.make_graph(nodes, name, values[:1], values[1:], [numpy_helper.from_array(TABLE, "table")])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), str(folder / "model.onnx")
    )
    document = {
        "framework": "onnx", "labels": None, "other": None,
        "input": {"dtype": taken, "shape": rows}, "output": {"dtype": given_, "shape": answers},
    }  # fmt: skip
    (folder / "model.json").write_text(json.dumps(document))
    return folder


Make = Callable[..., Service]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: write(tmp_path_factory.mktemp(name), name) for name in MODELS}


def makes(folders: dict[str, Path]) -> Iterator[Make]:
    """Makes services, and ends them."""
    made: list[Service] = []

    def make(name: str, **limits: Any) -> Service:
        made.append(Service(folders[name], "m", "3", Limits(**limits)))
        return made[-1]

    yield make
    for service in made:
        service.close()


@pytest.fixture
def make(folders: dict[str, Path]) -> Iterator[Make]:
    yield from makes(folders)


@pytest.fixture(scope="module")
def keep(folders: dict[str, Path]) -> Iterator[Make]:
    """Services for the whole module."""
    yield from makes(folders)


@pytest.fixture(scope="module")
def double(keep: Make) -> Service:
    return keep("double")


@pytest.fixture(scope="module")
def table(keep: Make) -> Service:
    return keep("table")


@pytest.fixture(scope="module")
def words(keep: Make) -> Service:
    return keep("words")


@pytest.fixture(scope="module")
def image(keep: Make) -> Service:
    return keep("image")


def ask(service: Service, body: Any, path: str = INVOKE) -> tuple[int, Any]:
    """Status and document of one POST, outside any server."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = asyncio.run(service.respond("POST", path, data))
    return reply.status, json.loads(reply.body)


def get(service: Service, path: str) -> Reply:
    return asyncio.run(service.respond("GET", path, b""))


def metric(service: Service, name: str) -> float:
    """A value from /metrics as Prometheus would read it."""
    lines = get(service, "/metrics").body.decode().splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(name + " ")))


def together(service: Service, bodies: list[Any]) -> list[tuple[int, Any]]:
    """Answers to requests that arrive at once."""

    async def send() -> list[Reply]:
        return await asyncio.gather(*(service.respond("POST", INVOKE, json.dumps(body).encode()) for body in bodies))

    return [(reply.status, json.loads(reply.body)) for reply in asyncio.run(send())]


def over_http(service: Service, talk: Callable[[httpx.AsyncClient], Coroutine[Any, Any, Any]]) -> Any:
    """Runs `talk` with a client whose requests reach the service over a socket."""

    async def run() -> Any:
        async with http_client(service) as client:
            return await talk(client)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": ROWS},
        {"instances": ROWS},
        {"inputs": {"input": ROWS}},
        {"instances": [{"input": row} for row in ROWS]},
        {"dataframe_split": {"columns": [0, 1, 2, 3], "data": ROWS}},
        {"dataframe_split": {"columns": ["0", "1", "2", "3"], "index": [0, 1], "data": ROWS}},
        {"dataframe_records": [{"input": row} for row in ROWS]},
        {"dataframe_split": {"columns": ["input"], "data": [[row] for row in ROWS]}},
        {"inputs": ROWS, "params": {"ignored": 1}},
        b' { "inputs" : [ {"input": [1,2,3,4]} , {"input": [0,0.5,0,-1]} ] } ',
    ],
    ids=["inputs", "instances", "named inputs", "named instances", "frame", "indexed frame", "records",
         "frame of one column", "params", "spaces"],
)  # fmt: skip
def test_every_form_of_an_invocation_is_understood(double: Service, body: Any) -> None:
    assert ask(double, body) == (200, {"predictions": DOUBLED})


@pytest.mark.parametrize("path", [INFER, "/v2/models/m/versions/3/infer"])
@pytest.mark.parametrize("data", [ROWS, [value for row in ROWS for value in row]], ids=["nested", "flat"])
def test_the_open_inference_protocol_is_spoken(double: Service, path: str, data: Any) -> None:
    tensor = {"name": "input", "shape": [2, 4], "datatype": "FP32", "data": data}
    status, document = ask(double, {"id": "q1", "inputs": [tensor], "outputs": [{"name": "output"}]}, path)
    assert status == 200
    flat = [value for row in DOUBLED for value in row]
    assert document == {
        "model_name": "m", "model_version": "3", "id": "q1",
        "outputs": [{"name": "output", "datatype": "FP32", "shape": [2, 4], "data": flat}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "body", "answers"),
    [
        ("number", {"inputs": [1, 2.5]}, [2, 5]),
        ("number", {"dataframe_split": {"columns": ["x"], "data": [[1], [2.5]]}}, [2, 5]),
        ("table", {"inputs": [[0, 9]]}, [[[0, 1, 2], [27, 28, 29]]]),
        ("image", {"inputs": [[[0, 1], [2, 255]]]}, [[[0, 1], [2, 255]]]),
        ("words", {"inputs": ["a b", "", "{[", "é\u0000 \n x"]}, [2, 0, 1, 3]),
        ("words", {"instances": [{"input": "a b"}]}, [2]),
        ("words", {"dataframe_split": {"columns": ["text"], "data": [["a b"], ["c"]]}}, [2, 1]),
    ],
)
def test_models_of_every_shape_answer(make: Make, name: str, body: Any, answers: Any) -> None:
    assert ask(make(name), body) == (200, {"predictions": answers})


def refused(answer: tuple[int, Any], said: str) -> None:
    status, document = answer
    assert status == 400
    assert document["error_code"] == "BAD_REQUEST"
    assert said in document["message"]
    assert "\n" not in document["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not the expected JSON"),
        (b"{", "not the expected JSON"),
        (b"[]", "not the expected JSON"),
        (b"\xff\xfe", "not the expected JSON"),
        (b'{"inputs":' + b"[" * 100_000, "not the expected JSON"),
        (b'{"inputs":[[1,2,3,4]]} x', "not the expected JSON"),
        (b'{"inputs":[[NaN,0,0,0]]}', "not the expected JSON"),
        (b'{"inputs":[[Infinity,0,0,0]]}', "not the expected JSON"),
        (b'{"inputs":[[1e999,0,0,0]]}', "out of range"),
        ({"inputs": [[1e39, 0, 0, 0]]}, "too large for float32"),
        ({}, "send exactly one of 'inputs', 'instances', 'dataframe_split' and 'dataframe_records'"),
        ({"inputs": ROWS, "instances": ROWS}, "send exactly one of"),
        ({"inputs": []}, "the model takes float32 [rows, 4]"),
        ({"inputs": [[]]}, "shape [1, 0] does not fit; the model takes float32 [rows, 4]"),
        ({"inputs": [[1, 2, 3]]}, "shape [1, 3] does not fit; the model takes float32 [rows, 4]"),
        ({"inputs": [[1, 2, 3, 4], [1]]}, "rows differ in length"),
        ({"inputs": [1, 2, 3, 4]}, "the model takes float32 [rows, 4]"),
        ({"inputs": [ROWS]}, "the model takes float32 [rows, 4]"),
        ({"inputs": [[1, 2, 3, "4"]]}, "got `str` - at `$[0][3]`"),
        ({"inputs": [[1, 2, 3, None]]}, "got `null` - at `$[0][3]`"),
        ({"inputs": [[1, 2, 3, True]]}, "got `bool` - at `$[0][3]`"),
        ({"inputs": None}, "got `null`"),
        ({"inputs": {"other": ROWS}}, "the model takes one, 'input'"),
        ({"inputs": {"input": ROWS, "more": 1}}, "the model takes one, 'input'"),
        ({"instances": [{"input": ROWS[0]}, {"other": 1}]}, "a row has no value for 'input'"),
        ({"inputs": [[0, 0, 0, 0]] * 1025}, "1025 rows; send 1 to 1024"),
        ({"dataframe_split": {"columns": ["a", "b"], "data": ROWS}}, "every row must hold 2 values"),
        ({"dataframe_split": {"columns": ["a"], "data": []}}, "the model takes float32 [rows, 4]"),
        ({"dataframe_split": 3}, "not the expected JSON"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_invocation_gets_one_sentence(double: Service, body: Any, said: str) -> None:
    refused(ask(double, body), said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "x"}, "the model takes one, 'input', float32 [rows, 4]"),
        ({"datatype": "FP64"}, "input: FP64; the model takes FP32"),
        ({"shape": [8]}, "shape [8] does not fit"),
        ({"shape": [1, 8]}, "shape [1, 8] does not fit"),
        ({"shape": [2, 5]}, "8 values do not fill shape [2, 5]"),
        ({"shape": [-2, -4]}, "do not fill shape"),
        ({"shape": []}, "do not fill shape"),
        ({"shape": [2.5, 4]}, "not the expected JSON"),
        ({"shape": [2**62, 4]}, "do not fill shape"),
        ({"shape": [2**62, 4], "data": []}, "input: "),
        ({"shape": [0, 4], "data": []}, "0 rows; send 1 to 1024"),
        ({"shape": [1] * 70, "data": [1]}, "input: "),
        ({"data": "x"}, "got `str`"),
        ({"data": None}, "got `null`"),
        ({"data": [1] * 7 + ["x"]}, "got `str` - at `$[7]`"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_inference_gets_one_sentence(double: Service, change: Any, said: str) -> None:
    tensor = {"name": "input", "shape": [2, 4], "datatype": "FP32", "data": [0] * 8, **change}
    refused(ask(double, {"inputs": [tensor]}, INFER), said)


def test_another_number_of_tensors_than_one_is_refused(double: Service) -> None:
    twice = [{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": ROWS[0]}] * 2
    refused(ask(double, {"inputs": []}, INFER), "the model takes one, 'input', float32 [rows, 4]")
    refused(ask(double, {"inputs": twice}, INFER), "one occurs twice")


@pytest.mark.parametrize("value", [256, -1, 1.5, 1.0, True, 2**70, "1"])
def test_what_is_no_byte_is_refused(image: Service, value: Any) -> None:
    refused(ask(image, {"inputs": [[[1, 2], [3, value]]]}), "the model takes uint8 [rows, 2, 2]")


def test_a_text_may_be_so_long_and_no_longer(make: Make) -> None:
    service = make("words")
    assert ask(service, {"inputs": ["x" * 4096]}) == (200, {"predictions": [1]})
    refused(ask(service, {"inputs": ["x" * 4097]}), "longer than 4096 characters")


@given(st.binary(max_size=60))
@settings(deadline=None)
def test_no_bytes_break_the_server(double: Service, body: bytes) -> None:
    assert ask(double, body)[0] == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["input", "columns", "data"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["inputs", "instances", "dataframe_split", "x"]), JSON))
@settings(deadline=None)
def test_no_document_breaks_the_server(double: Service, body: Any) -> None:
    assert ask(double, body)[0] in (200, 400)


@pytest.mark.parametrize(
    "path", ["/health", "/ping", "/v2/health/ready", "/v2/models/m/ready", "/v2/models/m/versions/3/ready"]
)
def test_health_names_the_version_that_answers(double: Service, path: str) -> None:
    reply = get(double, path)
    assert (reply.status, json.loads(reply.body)) == (
        200,
        {"ready": True, "name": "m", "version": "3", "provider": CPU},
    )


def test_a_server_says_that_it_lives(double: Service) -> None:
    assert json.loads(get(double, "/v2/health/live").body) == {"live": True}


@pytest.mark.parametrize("path", ["/v2/models/m", "/v2/models/m/versions/3"])
def test_a_model_describes_itself(double: Service, path: str) -> None:
    document = json.loads(get(double, path).body)
    assert document["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 4]}]
    assert document["outputs"] == [{"name": "output", "datatype": "FP32", "shape": [-1, 4]}]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("POST", "/nothing", 404), ("POST", "/health", 405), ("PUT", INVOKE, 405), ("DELETE", "/x", 404),
     ("POST", "/v2/models/m/versions/4/infer", 404), ("POST", "/v2/models/other/infer", 404)],
)  # fmt: skip
def test_what_is_not_served_is_said_to_be_so(double: Service, method: str, path: str, status: int) -> None:
    reply = asyncio.run(double.respond(method, path, b"{}"))
    assert reply.status == status
    assert path in json.loads(reply.body)["message"]


def test_requests_are_counted_by_status(make: Make) -> None:
    service = make("double")
    for body in ({"inputs": ROWS}, {"inputs": ROWS}, {}):
        ask(service, body)
    assert metric(service, 'jinsu_requests_total{status="200"}') == 2
    assert metric(service, 'jinsu_requests_total{status="400"}') == 1
    assert metric(service, "jinsu_request_seconds_count") == 3


@pytest.mark.parametrize("value", [0, -1], ids=["minus infinity", "NaN"])
def test_an_answer_that_is_no_number_is_a_failure_and_counted(make: Make, value: float) -> None:
    service = make("log")
    status, document = ask(service, {"inputs": [[1, 1, 1, value]]})
    assert (status, document["message"]) == (500, "the model's answer is not finite")
    assert metric(service, "jinsu_non_finite_total") == 1
    assert metric(service, 'jinsu_requests_total{status="500"}') == 1
    assert ask(service, {"inputs": [[1, 1, 1, 1]]}) == (200, {"predictions": [[0, 0, 0, 0]]})


# Many at once

WAITING, BY_EVENT = {"inline_below": 1e9}, {"inline_below": 0.0}


@pytest.fixture(scope="module", params=[WAITING, BY_EVENT], ids=["waiting", "by event"])
def numbers(request: pytest.FixtureRequest, keep: Make) -> Service:
    return keep("number", batch=8, **request.param)


@given(st.lists(st.lists(st.integers(-1000, 1000), min_size=1, max_size=9), min_size=1, max_size=20))
@settings(deadline=None, max_examples=30)
def test_everyone_gets_their_own_answer(numbers: Service, callers: list[list[int]]) -> None:
    answers = together(numbers, [{"inputs": rows} for rows in callers])
    assert answers == [(200, {"predictions": [2 * number for number in rows]}) for rows in callers]


def test_a_batch_answers_as_single_requests_do(make: Make) -> None:
    service = make("log")
    rows = np.random.default_rng(0).random((60, 4)).astype(np.float32).tolist()
    bodies = [{"inputs": [row]} for row in rows]
    assert together(service, bodies) == [ask(service, body) for body in bodies]


def test_requests_that_wait_run_together_but_no_more_than_a_batch(make: Make) -> None:
    service = make("number", batch=8)
    assert {status for status, _ in together(service, [{"inputs": [1]}] * 20)} == {200}
    assert metric(service, "jinsu_batch_rows_count") == 3
    assert metric(service, "jinsu_batch_rows_sum") == 20
    assert metric(service, 'jinsu_batch_rows_bucket{le="8.0"}') == 3


def test_a_request_larger_than_a_batch_is_answered_whole(make: Make) -> None:
    assert ask(make("number", batch=8), {"inputs": list(range(100))}) == (200, {"predictions": list(range(0, 200, 2))})


def test_a_neighbour_whose_answer_is_no_number_harms_nobody(make: Make) -> None:
    good, bad = {"inputs": [[1, 1, 1, 1]]}, {"inputs": [[1, 1, 1, 0]]}
    assert [status for status, _ in together(make("log"), [good, bad, good])] == [200, 500, 200]


@pytest.mark.parametrize("mode", [WAITING, BY_EVENT], ids=["waiting", "by event"])
def test_a_neighbour_that_makes_the_model_fail_harms_nobody(make: Make, mode: dict[str, float]) -> None:
    good, bad = {"inputs": [[0, 1]]}, {"inputs": [[0, 99]]}  # the table has 10 rows
    service = make("computed", **mode)
    assert [status for status, _ in together(service, [good, bad, good])] == [200, 500, 200]
    assert ask(service, good)[0] == 200


def test_a_model_that_fails_says_so_in_one_sentence(make: Make) -> None:
    status, document = ask(make("computed"), {"inputs": [[0, 99]]})
    assert status == 500
    assert document["error_code"] == "INTERNAL_ERROR"
    assert document["message"].startswith("the model failed: ")
    assert "\n" not in document["message"]


def slow(service: Service, seconds: float) -> Service:
    """The same service with a model that takes its time."""

    def run(rows: Arrays, done: Done) -> None:
        asyncio.get_running_loop().call_later(seconds, done, (rows[0] * 2,))

    service.batcher = Batcher(run, service.limits, lambda rows: service.telemetry.batch.observe(rows))
    return service


class Held:
    """The model of a service whose runs end when the test says so."""

    def __init__(self, service: Service) -> None:
        self.begun: list[tuple[Arrays, Done]] = []
        self.service = service
        service.batcher = Batcher(
            lambda rows, done: self.begun.append((rows, done)), service.limits, service.telemetry.batch.observe
        )

    def post(self) -> asyncio.Task[Reply]:
        return asyncio.create_task(self.service.respond("POST", INVOKE, b'{"inputs":[1]}'))

    async def run(self, number: int) -> None:
        """Waits until so many runs have begun."""
        await until_async(lambda: len(self.begun) >= number, 20, f"run {number}")

    def end(self, number: int) -> None:
        """Answers the rows of this run, counted from 1."""
        rows, done = self.begun[number - 1]
        done((rows[0] * 2,))


def test_a_full_queue_turns_requests_away_at_once(make: Make) -> None:
    service = slow(make("number", queue=2, batch=1), 0.01)
    answers = together(service, [{"inputs": [number]} for number in range(6)])
    assert [status for status, _ in answers] == [200, 200, 429, 429, 429, 429]
    assert answers[2][1]["message"] == "2 rows are waiting already; try again in a second"
    assert ask(service, {"inputs": [1]})[0] == 200


def test_who_is_turned_away_is_told_when_to_come_back(make: Make) -> None:
    model = Held(make("number", queue=1, batch=1))

    async def talk(client: httpx.AsyncClient) -> tuple[list[httpx.Response], httpx.Response]:
        first = asyncio.create_task(client.post(INVOKE, json={"inputs": [1]}))
        await model.run(1)
        second = asyncio.create_task(client.post(INVOKE, json={"inputs": [1]}))
        await until_async(lambda: model.service.batcher.waiting == 1, 20, "the second request to wait")
        third = await client.post(INVOKE, json={"inputs": [1]})
        model.end(1)
        await model.run(2)
        model.end(2)
        return [await first, await second], third

    answered, turned_away = over_http(model.service, talk)
    assert [answer.status_code for answer in answered] == [200, 200]
    assert (turned_away.status_code, turned_away.headers["retry-after"]) == (429, "1")


def test_the_deadline_ends_the_wait_and_not_the_server(make: Make) -> None:
    model = Held(make("number", deadline=0.05, batch=1))

    async def wait() -> tuple[list[Reply], Reply]:
        posts = [model.post() for _ in range(3)]
        await model.run(1)
        health = await model.service.respond("GET", "/health", b"")
        return list(await asyncio.gather(*posts)), health

    replies, health = asyncio.run(asyncio.wait_for(wait(), 60))
    assert health.status == 200
    assert [reply.status for reply in replies] == [504] * 3
    assert json.loads(replies[0].body)["message"] == "no answer within 0.05 s"


def test_a_blank_batch_may_be_larger_than_what_a_socket_holds(tmp_path: Path) -> None:
    """16 MB of blank pictures, which the inference process takes in several pieces."""
    service = Service(write_largest(tmp_path, [-1, 3, 224, 224]), "m", "3")
    service.close()


def test_who_waited_too_long_behind_a_slow_run_is_not_computed(make: Make) -> None:
    model = Held(make("number", deadline=1.0, batch=1))

    async def wait() -> list[Reply]:
        posts = [model.post() for _ in range(3)]
        await model.run(1)
        replies = list(await asyncio.gather(*posts))
        model.end(1)
        late = model.post()  # behind the two whose time is over
        await model.run(2)
        model.end(2)
        return [*replies, await late]

    assert [reply.status for reply in asyncio.run(wait())] == [504, 504, 504, 200]
    assert metric(model.service, "jinsu_batch_rows_count") == 2


def test_nobody_computes_for_those_who_have_left(make: Make) -> None:
    model = Held(make("number", batch=1))

    async def leave() -> list[int]:
        first, second, third = (model.post() for _ in range(3))
        await model.run(1)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        model.end(1)
        await model.run(2)
        model.end(2)
        return [(await first).status, (await third).status]

    assert asyncio.run(leave()) == [200, 200]
    assert metric(model.service, "jinsu_batch_rows_count") == 2
    assert metric(model.service, "jinsu_queue_rows") == 0


# Over HTTP


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 413)])
def test_a_body_may_be_so_long_and_no_longer(make: Make, extra: int, status: int) -> None:
    body = json.dumps({"inputs": ROWS}).encode()
    service = make("double", body=len(body))

    async def talk(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(INVOKE, content=body + b" " * extra)

    answer = over_http(service, talk)
    assert answer.status_code == status
    assert (answer.headers.get("connection") == "close") == (status == 413)
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_body_without_an_end_is_cut_off(make: Make) -> None:
    service, sent = make("double", body=1000), 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100
            yield b" " * 100

    async def talk(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(INVOKE, content=endless())

    answer = over_http(service, talk)
    assert answer.status_code == 413
    assert answer.json()["message"] == "the body is longer than 1000 bytes"
    assert sent <= 1 << 20, "what the sockets hold, and what is read before the client knows"


def test_a_body_may_come_in_pieces(double: Service) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in json.dumps({"inputs": ROWS}).encode():
            yield bytes([byte])

    async def talk(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(INVOKE, content=pieces())

    assert over_http(double, talk).json() == {"predictions": DOUBLED}


def test_callers_over_http_get_their_own_answers(make: Make) -> None:
    service = make("number", batch=8, **BY_EVENT)

    async def talk(client: httpx.AsyncClient) -> list[httpx.Response]:
        return await asyncio.gather(*(client.post(INVOKE, json={"inputs": [number]}) for number in range(100)))

    assert [answer.json() for answer in over_http(service, talk)] == [
        {"predictions": [2 * number]} for number in range(100)
    ]


def test_metrics_are_plain_text_for_prometheus(double: Service) -> None:
    async def talk(client: httpx.AsyncClient) -> httpx.Response:
        return await client.get("/metrics")

    assert over_http(double, talk).headers["content-type"] == "text/plain; version=0.0.4"


def test_the_gateway_lets_through_what_the_server_takes() -> None:
    assert Limits().body == MAX_BODY


# Requests that mean harm


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (INVOKE, b'{"inputs":[[1,2,3,4]],"inputs":[[5,6,7,8]]}'),
        (INVOKE, b'{"inputs":{"input":[[1,2,3,4]],"input":[[5,6,7,8]]},"params":{"inputs":1}}'),
        (INVOKE, b'{"dataframe_split":{"columns":["a"],"data":[]},"dataframe_split":{"columns":["a","b","c","d"],"data":[[1,2,3,4]]}}'),
        (INFER, b'{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":[1,2,3,4],"data":[5,6,7,8]}]}'),
        (INFER, b'{"inputs":[{"name":"input","shape":[2,4],"shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}'),
    ],
)  # fmt: skip
def test_a_key_that_occurs_twice_is_refused(double: Service, path: str, body: bytes) -> None:
    refused(ask(double, body, path), "occurs twice in one object")


def test_a_text_that_looks_like_a_key_is_a_text(make: Make) -> None:
    assert ask(make("words"), {"inputs": ["inputs", "inputs inputs"]}) == (200, {"predictions": [1, 2]})


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs":{"' + b"x" * 100_000 + b'":1}}',
        b'{"inputs":[{"name":"' + b"x" * 100_000 + b'","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}',
        b'{"inputs":[{"name":"input","shape":['
        + b"9223372036854775807," * 1000
        + b'4],"datatype":"FP32","data":[1]}]}',
        b'{"inputs":{"\\u001b[31m\\u0000":1}}',
    ],
    ids=["a long name", "a long tensor name", "a long shape", "a terminal escape"],
)
@pytest.mark.parametrize("path", [INVOKE, INFER])
def test_an_answer_does_not_repeat_whatever_was_sent(double: Service, path: str, body: bytes) -> None:
    reply = asyncio.run(double.respond("POST", path, body))
    assert reply.status == 400
    assert len(reply.body) < 2000
    assert json.loads(reply.body)["message"].isprintable()


@pytest.mark.parametrize("path", ["/" + "x" * 70_000, "/\udc80", "/a\nb", "/\x1b[31m"])
@pytest.mark.parametrize("method", ["GET", "POST", "G" * 1000])
def test_a_strange_path_gets_a_sentence(double: Service, method: str, path: str) -> None:
    reply = asyncio.run(double.respond(method, path, b"{}"))
    assert reply.status == 404
    assert json.loads(reply.body)["message"].isprintable()
    assert len(reply.body) < 2000


@pytest.mark.parametrize("number", ["9" * 5000, "-1e400", "1e400", "1e39"])
def test_a_number_that_no_float_holds_is_refused(double: Service, number: str) -> None:
    refused(ask(double, f'{{"inputs":[[{number},0,0,0]]}}'.encode()), "input: ")


@pytest.mark.parametrize("number", ["9" * 5000, "9223372036854775808", "-9223372036854775809", "1e2", "1.0", "null"])
def test_a_number_that_no_integer_holds_is_refused(table: Service, number: str) -> None:
    refused(ask(table, f'{{"inputs":[[{number},0]]}}'.encode()), "input: ")


@pytest.mark.parametrize("kind", ["string", "bool", "int8", "int16", "int32", "uint16", "uint64", "float64", "int64"])
@pytest.mark.parametrize("path", [INVOKE, INFER])
def test_answers_of_every_type_can_be_sent(tmp_path: Path, kind: str, path: str) -> None:
    onnx_type = helper.np_dtype_to_tensor_dtype(np.dtype(object if kind == "string" else kind))
    values = [helper.make_tensor_value_info(name, onnx_type, ["batch", 2]) for name in ("input", "output")]
    graph = helper.make_graph([helper.make_node("Identity", ["input"], ["output"])], "echo", values[:1], values[1:])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10),
        str(tmp_path / "model.onnx"),
    )
    tensor = {"dtype": kind, "shape": [-1, 2]}
    document = {"framework": "onnx", "labels": None, "other": None, "input": tensor, "output": tensor}
    (tmp_path / "model.json").write_text(json.dumps(document))
    service = Service(tmp_path, "m", "3")
    row: list[Any] = {"string": ["é", ""], "bool": [True, False]}.get(kind, [0, 1])
    data_type = json.loads(get(service, "/v2/models/m").body)["inputs"][0]["datatype"]
    try:
        if path == INVOKE:
            assert ask(service, {"inputs": [row]}) == (200, {"predictions": [row]})
        else:
            sent = {"name": "input", "shape": [1, 2], "datatype": data_type, "data": row}
            status, answer = ask(service, {"inputs": [sent]}, INFER)
            assert (status, answer["outputs"]) == (200, [{**sent, "name": "output"}])
    finally:
        service.close()


async def trickle(first: bytes = b" ") -> AsyncIterator[bytes]:
    """A body whose end never comes."""
    yield first
    while True:
        await asyncio.sleep(0.05)
        yield b" "


def test_a_body_that_does_not_arrive_is_given_up(make: Make) -> None:
    service = make("double", read=0.2)

    async def talk(client: httpx.AsyncClient) -> httpx.Response:
        return await asyncio.wait_for(client.post(INVOKE, content=trickle()), 20)

    answer = over_http(service, talk)
    assert answer.status_code == 408
    assert answer.headers["connection"] == "close"
    assert answer.json()["message"] == "the body did not arrive within 0.2 s"


def test_the_bodies_of_all_requests_together_are_bounded(make: Make) -> None:
    service = make("double", bodies=3900, read=2.0)

    async def talk(client: httpx.AsyncClient) -> list[httpx.Response]:
        many = await asyncio.gather(*(client.post(INVOKE, content=trickle(b" " * 1000)) for _ in range(5)))
        return [*many, await client.post(INVOKE, json={"inputs": ROWS})]

    answers = over_http(service, talk)
    assert answers[5].status_code == 200
    assert sorted(answer.status_code for answer in answers[:5]) == [408, 408, 408, 503, 503]
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 503)
    assert answers[5].status_code == 200  # what was given up is not held any longer


PROTOCOL_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("input") | st.just("FP32"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "shape", "datatype", "data", "input", "id", "parameters"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["inputs", "id", "outputs", "parameters"]), PROTOCOL_JSON))
@settings(deadline=None, max_examples=300)
def test_no_document_breaks_the_open_inference_protocol(double: Service, body: Any) -> None:
    assert ask(double, body, INFER)[0] in (200, 400)


@given(
    shape=st.lists(st.integers(-(2**70), 2**70) | st.integers(-2, 5), max_size=4),
    data=st.lists(st.integers() | st.floats() | st.none() | st.lists(st.floats(), max_size=4), max_size=9),
)
@settings(deadline=None, max_examples=300)
def test_no_tensor_breaks_the_server(double: Service, shape: list[int], data: list[Any]) -> None:
    tensor = {"name": "input", "shape": shape, "datatype": "FP32", "data": data}
    assert ask(double, {"inputs": [tensor]}, INFER)[0] in (200, 400)


@given(st.lists(st.text(max_size=8) | st.binary(max_size=4).map(lambda raw: raw.decode("latin-1")), max_size=5))
@settings(deadline=None, max_examples=200)
def test_no_text_breaks_a_model_of_text(words: Service, texts: list[str]) -> None:
    assert ask(words, {"inputs": texts})[0] == (200 if texts else 400)
