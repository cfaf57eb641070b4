"""A number that an embedding has no row for, sent to the real inference process: the client is refused, not the model."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from jinsu.serving.limits import Limits
from jinsu.serving.service import Service

TABLE = np.arange(12, dtype=np.float32).reshape(4, 3)
KINDS = {"int64": TensorProto.INT64, "int32": TensorProto.INT32, "float32": TensorProto.FLOAT}


def write(folder: Path, nodes: list[Any], inputs: dict[str, str], initializers: dict[str, np.ndarray]) -> Path:
    """A package whose inputs have one number a row, and whose output has three."""
    folder.mkdir()
    takes = [helper.make_tensor_value_info(name, KINDS[kind], ["n"]) for name, kind in inputs.items()]
    gives = [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 3])]
    values = [numpy_helper.from_array(array, name) for name, array in initializers.items()]
    graph = helper.make_graph(nodes, "g", takes, gives, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, str(folder / "model.onnx"))
    manifest = {
        "format": 2,
        "framework": "onnx",
        "inputs": [
            {"name": name, "dtype": kind, "shape": [-1], "nullable": False, "columns": None}
            for name, kind in inputs.items()
        ],
        "outputs": [
            {"name": "output", "dtype": "float32", "shape": [-1, 3], "kind": "value", "labels": None, "quantiles": None}
        ],
        "other": None,
    }
    (folder / "model.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Takes a price and the number of a shop, and has an embedding for shops alone."""
    nodes = [
        helper.make_node("Gather", ["table", "shop"], ["row"]),
        helper.make_node("Unsqueeze", ["price", "last"], ["column"]),
        helper.make_node("Add", ["row", "column"], ["output"]),
    ]
    folder = write(
        tmp_path_factory.mktemp("shops") / "package",
        nodes,
        {"price": "float32", "shop": "int64"},
        {"table": TABLE, "last": np.array([1])},
    )
    service = Service(folder, "m", "1", Limits())
    yield service
    service.close()


def ask(service: Service, *bodies: Any) -> list[tuple[int, Any]]:
    async def talk() -> list[tuple[int, Any]]:
        asked = [service.respond("POST", "/invocations", json.dumps(body).encode()) for body in bodies]
        return [(reply.status, json.loads(reply.body)) for reply in await asyncio.gather(*asked)]

    return asyncio.run(talk())


def rows(*shops: int) -> dict[str, Any]:
    return {"inputs": {"price": [0.0] * len(shops), "shop": list(shops)}}


@pytest.mark.parametrize("shop", [4, 99, -5, 2**62])
def test_a_number_without_a_row_is_the_clients_mistake(shops: Service, shop: int) -> None:
    ((status, document),) = ask(shops, rows(1, shop))
    assert status == 400
    assert document["error_code"] == "BAD_REQUEST"
    assert document["message"] == f"shop: {shop} is outside of what the model knows; send 0 to 3"


def test_the_neighbours_of_such_a_row_get_their_answers(shops: Service) -> None:
    answers = ask(shops, rows(1), rows(7), rows(3))
    assert [status for status, _ in answers] == [200, 400, 200]
    assert shops.engine.restarts == 0


def test_an_index_that_the_model_itself_computed_is_the_models_failure(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["price"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["output"]),
    ]
    service = Service(write(tmp_path / "m", nodes, {"price": "float32"}, {"table": TABLE}), "m", "1", Limits())
    ((status, document),) = ask(service, {"inputs": [9.0]})
    service.close()
    assert (status, document["error_code"]) == (500, "INTERNAL_ERROR")
