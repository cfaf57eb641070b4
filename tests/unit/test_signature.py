"""Models with several inputs and outputs: what jinsu.save says about them, and what their server takes."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from jinsu.packaging.manifest import Input, Manifest, Output
from jinsu.packaging.package import package
from jinsu.sdk.outputs import OutputKind
from jinsu.sdk.saving import example_of, named_tokenizers, save_model
from jinsu.sdk.tokenizer import Tokenizer
from jinsu.serving.service import Service

TITLES = ["red shoes", "blue hat", "red hat"]
PRICES = np.array([3.0, 1.5, np.nan], dtype=np.float32)
TOKENIZER = Tokenizer.fit(TITLES, length=3)


class Offers(nn.Module):
    """Two numbers about an offer from its title and its price; a missing price counts as zero."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(TOKENIZER.size, 2, mode="mean")
        self.words.weight.data = torch.arange(2.0 * TOKENIZER.size).reshape(-1, 2) / 10

    def forward(self, title: torch.Tensor, price: torch.Tensor) -> dict[str, torch.Tensor]:
        known = torch.nan_to_num(price, nan=0.0)
        return {"scores": torch.softmax(self.words(title), 1), "worth": known * 2}


class Last(nn.Module):
    """The mean of a sequence of any length."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.mean(1)


def save(folder: Path, model: nn.Module, rows: Any, **more: Any) -> Path:
    """As `jinsu.save` does, into `folder`."""
    tokenizers = named_tokenizers(more.pop("tokenizer", None))
    read = example_of(rows, more.pop("columns", None), more.pop("dynamic", None), tokenizers)
    return save_model(folder, model, read, tokenizers=tokenizers, **more)


def packaged(saved: Path) -> Path:
    package(saved, saved.with_name("package"), 1e-4, 1000.0)
    return saved.with_name("package")


@pytest.fixture(scope="module")
def offers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offers") / "model"
    rows = {"title": np.array(TITLES), "price": PRICES}
    return packaged(
        save(folder, Offers(), rows, tokenizer={"title": TOKENIZER}, outputs={"worth": "value"}, labels=["shoe", "hat"])
    )


@pytest.fixture(scope="module")
def service(offers: Path) -> Iterator[Service]:
    made = Service(offers, "offers", "1")
    yield made
    made.close()


def ask(service: Service, body: Any, path: str = "/invocations") -> tuple[int, Any]:
    reply = asyncio.run(service.respond("POST", path, json.dumps(body).encode()))
    return reply.status, json.loads(reply.body)


def expected(title: str, price: float | None) -> dict[str, Any]:
    numbers = torch.from_numpy(TOKENIZER([title]))
    with torch.no_grad():
        answers = Offers()(numbers, torch.tensor([np.nan if price is None else price], dtype=torch.float32))
    return {name: answer.tolist() for name, answer in answers.items()}


def assert_answers(document: Mapping[str, Any], title: str, price: float | None) -> None:
    for name, values in expected(title, price).items():
        np.testing.assert_allclose(document[name], values, rtol=1e-5)


def test_the_manifest_names_inputs_and_outputs(offers: Path) -> None:
    manifest = Manifest.read(offers)
    assert manifest.inputs == (Input("title", "string", (-1,)), Input("price", "float32", (-1,), nullable=True))
    assert manifest.outputs == (
        Output("scores", "float32", (-1, 2), OutputKind.PROBABILITIES, ("shoe", "hat")),
        Output("worth", "float32", (-1,), OutputKind.VALUE),
    )


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": {"price": [1.5], "title": ["blue hat"]}},
        {"instances": [{"price": 1.5, "title": "blue hat"}]},
        {"dataframe_split": {"columns": ["price", "title"], "data": [[1.5, "blue hat"]]}},
        {"dataframe_split": {"columns": ["more", "title", "price"], "data": [["?", "blue hat", 1.5]]}},
        {"dataframe_records": [{"price": 1.5, "title": "blue hat"}]},
    ],
    ids=["inputs", "instances", "split", "split with more columns", "records"],
)
def test_inputs_are_found_by_name_in_any_order(service: Service, body: Any) -> None:
    status, document = ask(service, body)
    assert status == 200, document
    assert_answers(document["predictions"], "blue hat", 1.5)


def test_a_missing_value_is_null_where_the_model_takes_one(service: Service) -> None:
    status, document = ask(service, {"dataframe_records": [{"title": "red hat", "price": None}]})
    assert status == 200, document
    assert_answers(document["predictions"], "red hat", None)
    assert ask(service, {"dataframe_records": [{"title": None, "price": 1}]})[0] == 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"inputs": {"title": ["a"]}}, "the model takes title string [rows], price float32 [rows]"),
        ({"inputs": {"title": ["a"], "price": [1], "more": [1]}}, "the model takes title"),
        ({"inputs": {"title": ["a", "b"], "price": [1]}}, "the inputs differ in rows: [1, 2]"),
        ({"inputs": ["a"]}, "name the inputs; the model takes title"),
        ({"instances": [{"title": "a", "price": 1}, {"title": "a"}]}, "a row has no value for 'price'"),
        ({"dataframe_split": {"columns": ["title"], "data": [["a"]]}}, "price is missing"),
        ({"dataframe_split": {"columns": ["title", "title"], "data": [["a", "b"]]}}, "one occurs twice"),
        ({"dataframe_records": [{"title": "a", "price": 1}, {"title": "a"}]}, "every row must have the same columns"),
        ({"dataframe_records": []}, "there is no row"),
        ({"instances": [{}]}, "the model takes title"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_does_not_fit_gets_one_sentence(service: Service, body: Any, said: str) -> None:
    status, document = ask(service, body)
    assert (status, said in document["message"]) == (400, True), document


def test_a_name_that_occurs_twice_is_refused(service: Service) -> None:
    for body in (
        b'{"inputs": {"title": ["a"], "title": ["b"], "price": [1]}}',
        b'{"instances": [{"title": "a", "title": "b", "price": 1}]}',
    ):
        reply = asyncio.run(service.respond("POST", "/invocations", body))
        assert (reply.status, b"occurs twice" in reply.body) == (400, True), reply.body


def test_the_open_inference_protocol_carries_several_tensors(service: Service) -> None:
    inputs = [
        {"name": "price", "shape": [2], "datatype": "FP32", "data": [1.5, 3]},
        {"name": "title", "shape": [2], "datatype": "BYTES", "data": ["blue hat", "red shoes"]},
    ]
    path = "/v2/models/offers/infer"
    status, document = ask(service, {"inputs": inputs, "outputs": [{"name": "worth"}]}, path)
    assert (status, document["outputs"]) == (
        200,
        [{"name": "worth", "datatype": "FP32", "shape": [2], "data": [3.0, 6.0]}],
    )
    both = ask(service, {"inputs": inputs}, path)[1]["outputs"]
    assert [tensor["name"] for tensor in both] == ["scores", "worth"]
    assert ask(service, {"inputs": inputs, "outputs": [{"name": "no"}]}, path)[0] == 400


def test_columns_of_a_matrix_are_put_in_order(tmp_path: Path) -> None:
    """The order of the columns in a request once changed the answer without a word."""
    model = nn.Linear(2, 1)
    model.weight.data, model.bias.data = torch.tensor([[1.0, 100.0]]), torch.zeros(1)
    rows = np.random.default_rng(0).random((8, 2), dtype=np.float32)
    named = Service(packaged(save(tmp_path / "named", model, rows, columns=["age", "income"])), "m", "1")
    try:
        for columns, row in ((["age", "income"], [1, 2]), (["income", "age"], [2, 1])):
            body = {"dataframe_split": {"columns": columns, "data": [row]}}
            assert ask(named, body) == (200, {"predictions": [[201.0]]})
        assert "income is missing" in ask(named, {"dataframe_records": [{"age": 1, "wage": 2}]})[1]["message"]
    finally:
        named.close()


def test_columns_without_known_names_are_refused(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((8, 2), dtype=np.float32)
    service = Service(packaged(save(tmp_path / "model", nn.Linear(2, 1), rows)), "m", "1")
    try:
        status, document = ask(service, {"dataframe_records": [{"age": 1, "income": 2}]})
        assert (status, "without names of columns" in document["message"]) == (400, True)
    finally:
        service.close()


def test_an_axis_may_have_any_length(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((8, 5), dtype=np.float32)
    saved = packaged(save(tmp_path / "model", Last(), rows, dynamic={"input": {1: "length"}}))
    assert Manifest.read(saved).inputs == (Input("input", "float32", (-1, "length")),)
    service = Service(saved, "m", "1")

    async def several() -> list[Any]:
        bodies = [json.dumps({"inputs": [[1.0] * length]}).encode() for length in (1, 3, 3, 7)]
        replies = await asyncio.gather(*(service.respond("POST", "/invocations", body) for body in bodies))
        return [json.loads(reply.body) for reply in replies]

    try:
        assert asyncio.run(several()) == [{"predictions": [1.0]}] * 4
        assert ask(service, {"inputs": [[]]})[0] == 400
    finally:
        service.close()


@pytest.mark.parametrize("training", [True, False])
def test_saving_leaves_the_model_as_it_was(tmp_path: Path, training: bool) -> None:
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)).train(training)
    model[1].train(not training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    save(tmp_path / "model", model, np.random.default_rng(0).random((8, 4), dtype=np.float32))
    assert [module.training for module in model.modules()] == [training, training, not training, training]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("rows", "more", "said"),
    [
        ({"a": [1.0, 2.0], "b": [1.0]}, {}, "at least 2 rows, the same number for each input"),
        ({"a": np.array([1, "x"], dtype=object)}, {}, "the example of 'a' holds int, str"),
        ({"a": np.array(["2026-01-01"] * 2, dtype="datetime64[D]")}, {}, "holds datetime64[D]; give numbers or texts"),
        ({"a\n": [1.0, 2.0]}, {}, "needs a name"),
        (np.zeros((4, 2)), {"columns": ["a"]}, "columns names 1 columns"),
        (np.zeros((4, 2)), {"dynamic": {"x": {1: "n"}}}, "'x' has no axes [1]"),
        (np.zeros((4, 2)), {"outputs": "certainty"}, "'certainty' is none of scores, probabilities"),
        (np.zeros((4, 2)), {"outputs": {"x": "value"}}, "there is no output 'x'; the outputs are output"),
        (np.array(["a", "b"]), {}, "takes numbers, and 'input' is text; give a tokenizer"),
        (np.zeros((4, 2)), {"tokenizer": TOKENIZER}, "the example of 'input' holds float64; give texts"),
        ({"a": np.zeros((4, 2)), "b": np.zeros((4, 2))}, {}, "forward() does not take the inputs a, b"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_saved_is_named(tmp_path: Path, rows: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(SystemExit) as caught:
        save(tmp_path / "model", nn.Linear(2, 1).double(), rows, **more)
    assert str(caught.value.code).startswith("jinsu.save: ")
    assert said in str(caught.value.code)


def test_a_model_that_no_flavour_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"builtins\.dict is no model of "):
        save(tmp_path / "model", {}, np.zeros((4, 2)))  # type: ignore[arg-type]


def test_a_manifest_of_the_first_format_is_still_read(tmp_path: Path) -> None:
    """Versions that were registered before inputs had names are served after an upgrade."""
    document = {
        "format": 1,
        "framework": "torch 2.13.0",
        "input": {"dtype": "float32", "shape": [-1, 4]},
        "output": {"dtype": "float32", "shape": [-1, 2]},
        "labels": ["a", "b"],
        "other": "b",
    }
    (tmp_path / "model.json").write_text(json.dumps(document))
    manifest = Manifest.read(tmp_path)
    assert manifest.inputs == (Input("input", "float32", (-1, 4)),)
    assert manifest.outputs == (Output("output", "float32", (-1, 2), OutputKind.SCORES, ("a", "b")),)
    assert manifest.other == "b"


def test_an_input_may_have_the_name_of_an_output(tmp_path: Path) -> None:
    """A graph has each name once, so a forward(output) made a file that onnxruntime did not load."""

    class Doubled(nn.Module):
        def forward(self, output: torch.Tensor) -> torch.Tensor:
            return output * 2

    rows = {"output": np.ones((3, 2), np.float32)}
    save_model(tmp_path / "saved", Doubled(), example_of(rows, None, None, {}))
    package(tmp_path / "saved", tmp_path / "package", 1e-4, 100)
    manifest = Manifest.read(tmp_path / "package")
    assert [one.name for one in (*manifest.inputs, *manifest.outputs)] == ["output", "output_output"]
