"""Categories go with the model: whatever a client sends has a number, the same in the script and in the served graph."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.package import package
from jinsu.sdk.saving import example_of, save_model
from jinsu.sdk.vocabulary import MISSING, UNSEEN, Vocabulary
from jinsu.serving.limits import Limits
from jinsu.serving.service import Service

SHOPS = ["north", "east", "north", "west", None, "", "east", "north"]


# --- In the script ---


def test_the_most_frequent_values_come_first() -> None:
    shops = Vocabulary.fit(SHOPS)
    assert shops.values == ("north", "east", "west")
    assert shops.size == 5
    assert shops(["west", "south", None, "", float("nan"), "north"]).tolist() == [
        4,
        UNSEEN,
        MISSING,
        MISSING,
        MISSING,
        2,
    ]
    assert Vocabulary.fit(SHOPS, size=1).values == ("north",)
    assert Vocabulary.fit(SHOPS, least=2).values == ("north", "east")
    assert Vocabulary.fit(["a", "b"], least=9).values == ("a", "b")


def test_whole_numbers_are_categories_in_any_type() -> None:
    for column in (
        np.array([7, 7, -3]),
        np.array([7.0, 7.0, -3.0, np.nan]),
        [7, 7, None, -3],
        np.array([7, 7, -3], np.int8),
    ):
        assert Vocabulary.fit(column).values == (7, -3)
    known = Vocabulary.fit([7, 7, None, -3])
    assert known.nullable
    assert known(np.array([[7.0, np.nan], [2.5, -3.0]])).tolist() == [[2, MISSING], [UNSEEN, 3]]
    assert Vocabulary.fit(np.array([True, True, False])).values == (1, 0)


@pytest.mark.parametrize(
    "values", [[], [None], [1, "a"], [2.5], [b"a"], [2**53]], ids=["none", "missing", "both", "half", "bytes", "long"]
)
def test_what_is_no_category(values: list[Any]) -> None:
    with pytest.raises(ValueError):
        Vocabulary.fit(values)


def test_values_of_the_other_kind_are_named_when_the_model_is_saved() -> None:
    words, numbers = Vocabulary(("a",)), Vocabulary((1,))
    with pytest.raises(SystemExit, match="the vocabulary of 'shop' holds texts, and its example does not"):
        example_of({"shop": [1, 2]}, None, None, {"shop": words})
    with pytest.raises(SystemExit, match="the vocabulary of 'shop' holds whole numbers, and its example does not"):
        example_of({"shop": ["1", "2"]}, None, None, {"shop": numbers})
    with pytest.raises(SystemExit, match="fitted without any; give it nullable=True"):
        example_of({"shop": [1, None]}, None, None, {"shop": numbers})


# --- In the graph ---

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Saves embeddings of categories beside a price, as a script does."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self, sizes: dict[str, int]) -> None:
            super().__init__()
            self.rows = torch.nn.ModuleDict({name: torch.nn.Embedding(size, 3) for name, size in sizes.items()})

        def forward(
            self, price: torch.Tensor, shop: torch.Tensor, brand: torch.Tensor, maker: torch.Tensor
        ) -> torch.Tensor:
            rows = self.rows["shop"](shop) + self.rows["brand"](brand) + self.rows["maker"](maker)
            return rows + price[:, None]

    def run(**columns: Any) -> Path:
        torch.manual_seed(1)
        steps = {name: Vocabulary.fit(values) for name, values in columns.items()}
        net = Net({name: step.size for name, step in steps.items()})
        count = len(next(iter(columns.values())))
        given = {"price": np.linspace(0, 1, count, dtype=np.float32), **columns}
        return save_model(tmp_path / "model", net, example_of(given, None, None, steps), tokenizers=steps)

    return run


@given(
    st.lists(
        st.one_of(st.text(max_size=3), st.sampled_from(["north", "east", "Ost é", "손실"])), min_size=1, max_size=8
    )
)
@settings(max_examples=60, deadline=None)
def test_the_graph_and_the_script_number_texts_alike(made: tuple[Vocabulary, OnnxModel], texts: list[str]) -> None:
    vocabulary, model = made
    texts = [text.replace("\0", "") for text in texts]
    (answers,) = model.run((np.array(texts, dtype=object),))
    assert answers.tolist() == vocabulary(np.array(texts, dtype=object)).tolist()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Vocabulary, OnnxModel]:
    vocabulary = Vocabulary.fit(["north", "east", "Ost é", "손실", "a", "b"])
    return vocabulary, numbering(tmp_path_factory.mktemp("texts"), vocabulary, "string")


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Vocabulary, OnnxModel]:
    vocabulary = Vocabulary((7, -3, 0, 2**52), nullable=True)
    return vocabulary, numbering(tmp_path_factory.mktemp("numbers"), vocabulary, "float64")


def numbering(folder: Path, vocabulary: Vocabulary, dtype: str) -> OnnxModel:
    """A model that answers with the numbers themselves."""
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Identity", ["input"], ["output"])],
        "g",
        [helper.make_tensor_value_info("input", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("output", TensorProto.INT64, ["n"])],
    )
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), str(path))
    vocabulary.prepend(path, "input")
    taken = {"name": "input", "dtype": dtype, "shape": [-1], "nullable": True, "columns": None}
    given_ = {"name": "output", "dtype": "int64", "shape": [-1], "kind": "label", "labels": None, "quantiles": None}
    document = {"format": 2, "framework": "onnx", "inputs": [taken], "outputs": [given_], "other": None}
    (folder / "model.json").write_text(json.dumps(document))
    return OnnxModel(folder)


@given(
    st.lists(st.one_of(st.floats(allow_infinity=False), st.sampled_from([7.0, -3.0, 0.0, 2.0**52, -0.0])), min_size=1)
)
@settings(max_examples=100, deadline=None)
def test_the_graph_and_the_script_number_numbers_alike(
    counted: tuple[Vocabulary, OnnxModel], numbers: list[float]
) -> None:
    vocabulary, model = counted
    (answers,) = model.run((np.array(numbers),))
    assert answers.tolist() == vocabulary(np.array(numbers)).tolist()


# --- Served ---


@pytest.fixture
def served(save: Save, tmp_path: Path) -> Iterator[Service]:
    shops = np.array([["north", "east", None][place % 3] for place in range(20)], dtype=object)
    found = save(shop=shops, brand=np.array([7, 9] * 10), maker=[1, None] * 10)
    report = package(found, tmp_path / "package", 1e-3, 50.0)
    assert report.parity.largest_relative < 1e-3
    service = Service(tmp_path / "package", "m", "1", Limits())
    yield service
    service.close()


def ask(service: Service, **changed: Any) -> tuple[int, Any]:
    row = {"price": 0.0, "shop": "north", "brand": 7, "maker": 1, **changed}
    body = json.dumps({"inputs": {name: [value] for name, value in row.items()}}).encode()
    reply = asyncio.run(service.respond("POST", "/invocations", body))
    document = json.loads(reply.body)
    return reply.status, document.get("predictions", document.get("message"))


def test_an_unseen_category_and_a_missing_one_have_an_answer_of_their_own(served: Service) -> None:
    seen = {}
    for shop in ("north", "south", "NORTH", None, ""):
        status, seen[shop] = ask(served, shop=shop)
        assert status == 200, seen
    assert seen["south"] == seen["NORTH"] != seen["north"]
    assert seen[None] == seen[""]
    assert seen[None] not in (seen["south"], seen["north"])
    assert ask(served, brand=2**62) == ask(served, brand=-1) != ask(served)
    assert ask(served, maker=5) == ask(served, maker=2.5) == ask(served, maker=-1e300)
    assert ask(served, maker=None)[0] == 200
    assert ask(served, maker=None) not in (ask(served), ask(served, maker=5))


def test_a_value_of_another_kind_is_refused(served: Service) -> None:
    assert ask(served, shop=3)[0] == 400
    assert ask(served, brand=None)[0] == 400
    assert ask(served, brand="7")[0] == 400
