"""Ready ONNX files, Keras and transformers models: saved, packaged, and answered from."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from jinsu.packaging.manifest import Input, Manifest, Output
from jinsu.packaging.package import package
from jinsu.sdk.character_ngrams import CharacterNgrams
from jinsu.sdk.outputs import OutputKind
from jinsu.sdk.saving import example_of, named_tokenizers, save_model
from jinsu.serving.service import Service

ROWS = np.random.default_rng(0).random((8, 4), dtype=np.float32)
MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)


def save(folder: Path, model: Any, rows: Any, **more: Any) -> Path:
    """As `jinsu.save` does, into `folder`."""
    tokenizers = named_tokenizers(more.pop("tokenizer", None))
    read = example_of(rows, more.pop("columns", None), more.pop("dynamic", None), tokenizers)
    return save_model(folder, model, read, tokenizers=tokenizers, **more)


def packaged(saved: Path) -> Path:
    package(saved, saved.with_name("package"), 1e-4, 1000.0)
    return saved.with_name("package")


def answers(folder: Path, body: Any) -> Any:
    """The predictions of the server of a package."""
    service = Service(folder, "m", "1")
    try:
        reply = asyncio.run(service.respond("POST", "/invocations", json.dumps(body).encode()))
        assert reply.status == 200, reply.body
        return json.loads(reply.body)["predictions"]
    finally:
        service.close()


def refused(folder: Path, model: Any, rows: Any, **more: Any) -> str:
    with pytest.raises(SystemExit) as caught:
        save(folder, model, rows, **more)
    said = str(caught.value.code)
    assert said.startswith("jinsu.save: ")
    assert "\n" not in said
    return said


# A ready ONNX file


def product(name: str = "rows", batch: Any = "n", weights: np.ndarray = MATRIX) -> onnx.ModelProto:
    """A graph that multiplies its rows by a matrix."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", [name, "weights"], ["product"])],
        "product",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, weights.shape[0]])],
        [helper.make_tensor_value_info("product", TensorProto.FLOAT, [batch, weights.shape[1]])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])


def two_inputs() -> onnx.ModelProto:
    """A graph that adds two inputs and says which texts are one text."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["left", "right"], ["sum"]), helper.make_node("Equal", ["left", "right"], ["same"])],
        "two",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("left", "right")],
        [
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("same", TensorProto.BOOL, ["n"]),
        ],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])


def as_file(model: onnx.ModelProto, folder: Path, **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "given.onnx"), **more)
    return folder / "given.onnx"


@pytest.mark.parametrize(
    "form", [lambda path: path, str, lambda path: onnx.load(str(path))], ids=["path", "str", "proto"]
)
def test_an_onnx_file_is_saved_as_it_is(tmp_path: Path, form: Callable[[Path], Any]) -> None:
    given = as_file(product(), tmp_path / "given")
    folder = packaged(save(tmp_path / "model", form(given), ROWS, outputs="value"))
    manifest = Manifest.read(folder)
    assert manifest.framework == f"onnx {onnx.__version__}"
    assert manifest.inputs == (Input("input", "float32", (-1, 4)),)
    assert manifest.outputs == (Output("product", "float32", (-1, 3), OutputKind.VALUE),)
    np.testing.assert_allclose(answers(folder, {"inputs": ROWS[:2].tolist()}), ROWS[:2] @ MATRIX, rtol=1e-5)


def test_inputs_and_outputs_of_an_onnx_file_keep_their_names(tmp_path: Path) -> None:
    rows = {"right": np.array([1, 2], np.float32), "left": np.array([1, 3], np.float32)}
    folder = packaged(save(tmp_path / "model", two_inputs(), rows))
    assert [one.name for one in Manifest.read(folder).inputs] == ["right", "left"]
    predictions = answers(folder, {"inputs": {"left": [5, 2], "right": [1, 2]}})
    assert predictions == {"sum": [6.0, 4.0], "same": [False, True]}


def test_weights_in_other_files_are_folded_in(tmp_path: Path) -> None:
    given = as_file(product(), tmp_path / "given", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (given.parent / "weights.bin").exists()
    folder = packaged(save(tmp_path / "model", given, ROWS))
    assert not any(weight.external_data for weight in onnx.load(str(folder / "model.onnx")).graph.initializer)


def test_items_keep_their_names(tmp_path: Path) -> None:
    folder = packaged(save(tmp_path / "model", product(), ROWS, outputs="item scores", labels=["x", "y", "z"]))
    assert Manifest.read(folder).outputs[0].labels == ("x", "y", "z")


def test_saving_does_not_change_the_given_model(tmp_path: Path) -> None:
    model = product()
    before = model.SerializeToString()
    save(tmp_path / "model", model, ROWS)
    assert model.SerializeToString() == before


def zip_map() -> onnx.ModelProto:
    """A graph that answers with a mapping, as scikit-learn's converter writes it by default."""
    graph = helper.make_graph(
        [helper.make_node("ZipMap", ["rows"], ["maps"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2, 3])],
        "zip",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 4])],
        [
            helper.make_value_info(
                "maps",
                helper.make_sequence_type_proto(
                    helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
                ),
            )
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, ir_version=10, opset_imports=opsets)


def unknown_operator() -> onnx.ModelProto:
    model = product()
    model.graph.node[0].op_type = "MatMulOfMine"
    return model


def weights_apart(folder: Path) -> onnx.ModelProto:
    given = as_file(product(), folder, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return onnx.load(str(given), load_external_data=False)


@pytest.mark.parametrize(
    ("model", "rows", "said"),
    [
        (lambda _: "missing.onnx", ROWS, "there is no file missing.onnx"),
        (lambda folder: _garbage(folder), ROWS, "is no ONNX file"),
        (lambda _: product(), {"cells": ROWS}, "the ONNX model takes rows; the example gives cells"),
        (lambda _: two_inputs(), ROWS, "the ONNX model takes left, right; the example gives input"),
        (lambda _: product(), ROWS.astype(np.float64), "takes 'input' as float32, and the example is float64"),
        (lambda _: product(), np.array(["a", "b"]), "takes 'input' as float32, and the example is object"),
        (lambda _: product(batch=1), ROWS, "takes exactly 1 rows in 'input'; export it with a dynamic first axis"),
        (lambda _: product(), ROWS[:, :3], "onnxruntime cannot run the ONNX model"),
        (lambda _: unknown_operator(), ROWS, "onnxruntime cannot run the ONNX model"),
        (lambda _: zip_map(), ROWS, "the output 'maps' of the ONNX model is a list, no tensor"),
        (weights_apart, ROWS, "the weight 'weights' lies in another file; give the path"),
    ],
    ids=["no file", "garbage", "name", "names", "type", "text", "batch", "shape", "operator", "map", "weights"],
)
def test_an_onnx_file_that_cannot_be_saved_is_named(
    tmp_path: Path, model: Callable[[Path], Any], rows: Any, said: str
) -> None:
    assert said in refused(tmp_path / "model", model(tmp_path), rows)


def _garbage(folder: Path) -> Path:
    (folder / "garbage.onnx").write_bytes(b"garbage")
    return folder / "garbage.onnx"


# Keras on torch


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    keras.utils.set_random_seed(0)
    return keras


OFFERS = {"age": ROWS, "wage": ROWS[:, :3].copy()}


def keras_offers(keras: Any, listed: bool) -> Any:
    """Two inputs and two outputs, by mapping or by list, with layers that behave otherwise in training."""
    age, wage = keras.Input((4,), name="age"), keras.Input((3,), name="wage")
    hidden = keras.layers.Dense(5, activation="relu")(keras.layers.Concatenate()([age, wage]))
    hidden = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(hidden))
    share = keras.layers.Dense(2, activation="softmax", name="share")(hidden)
    worth = keras.layers.Dense(1, name="worth")(hidden)
    if listed:
        return keras.Model([wage, age], [share, worth])
    return keras.Model({"age": age, "wage": wage}, {"share": share, "worth": worth})


@pytest.mark.parametrize("listed", [True, False], ids=["lists", "mappings"])
def test_a_keras_model_keeps_the_names_of_its_inputs_and_outputs(keras: Any, tmp_path: Path, listed: bool) -> None:
    model = keras_offers(keras, listed)
    model.train()
    before = [weight.copy() for weight in model.get_weights()]
    folder = packaged(save(tmp_path / "model", model, OFFERS, outputs={"worth": "value"}))
    assert model.training
    assert all(np.array_equal(now, then) for now, then in zip(model.get_weights(), before, strict=True))
    manifest = Manifest.read(folder)
    assert manifest.framework == f"keras {keras.__version__}"
    assert [(one.name, one.kind) for one in manifest.outputs] == [
        ("share", OutputKind.PROBABILITIES),
        ("worth", OutputKind.VALUE),
    ]
    found = answers(folder, {"inputs": {"wage": OFFERS["wage"][:2].tolist(), "age": OFFERS["age"][:2].tolist()}})
    ordered = [OFFERS["wage"][:2], OFFERS["age"][:2]]
    wanted = model(ordered if listed else {name: rows[:2] for name, rows in OFFERS.items()}, training=False)
    share = wanted[0] if listed else wanted["share"]
    np.testing.assert_allclose(found["share"], share.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_a_sequential_keras_model_takes_one_array(keras: Any, tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3)])
    pictures = np.random.default_rng(0).random((8, 8, 8, 1), dtype=np.float32)
    folder = packaged(save(tmp_path / "model", model, pictures, labels=["a", "b", "c"]))
    assert Manifest.read(folder).inputs == (Input("input", "float32", (-1, 8, 8, 1)),)


def test_keras_inputs_of_other_names_are_refused(keras: Any, tmp_path: Path) -> None:
    said = refused(tmp_path / "model", keras_offers(keras, True), {"age": ROWS, "pay": ROWS})
    assert "the Keras model takes wage, age; the example gives age, pay" in said
    assert "Dense is no keras.Model" in refused(tmp_path / "model", keras.layers.Dense(2), ROWS)


# Transformers


def bert(kind: str = "BertForSequenceClassification", **more: Any) -> Any:
    import transformers

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return getattr(transformers, kind)(
        transformers.BertConfig(vocab_size=99, max_position_embeddings=32, **sizes, **more)
    )


IDS = np.array([[5, 6, 7, 0, 0], [8, 9, 10, 11, 12], [1, 0, 0, 0, 0]], dtype=np.int64)
MASK = (IDS > 0).astype(np.int64)


def test_a_transformer_keeps_its_classes_and_takes_any_length(tmp_path: Path) -> None:
    model = bert(id2label={0: "bad", 1: "fair", 2: "good"})
    model.train()
    length = {1: "length"}
    rows = {"input_ids": IDS, "attention_mask": MASK}
    folder = packaged(save(tmp_path / "model", model, rows, dynamic=dict.fromkeys(rows, length)))
    assert model.training
    (output,) = Manifest.read(folder).outputs
    assert output == Output("logits", "float32", (-1, 3), OutputKind.LOGITS, ("bad", "fair", "good"))
    longer = np.array([[3, 4, 5, 6, 7, 8, 9]])
    found = answers(folder, {"inputs": {"input_ids": longer.tolist(), "attention_mask": [[1] * 7]}})
    with torch.no_grad():
        wanted = model.eval()(input_ids=torch.from_numpy(longer)).logits
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-5)


def test_the_mask_follows_from_the_padding(tmp_path: Path) -> None:
    model = bert()
    folder = packaged(save(tmp_path / "model", model, IDS))
    with torch.no_grad():
        wanted = model.eval()(input_ids=torch.from_numpy(IDS), attention_mask=torch.from_numpy(MASK)).logits
    np.testing.assert_allclose(answers(folder, {"inputs": IDS.tolist()}), wanted.numpy(), rtol=1e-4, atol=1e-5)
    assert Manifest.read(folder).outputs[0].labels is None


def test_a_transformer_without_a_head_answers_embeddings(tmp_path: Path) -> None:
    folder = packaged(save(tmp_path / "model", bert("BertModel"), {"input_ids": IDS}))
    kinds = {one.name: one.kind for one in Manifest.read(folder).outputs}
    assert kinds["pooler_output"] is OutputKind.EMBEDDING
    assert "last_hidden_state" in kinds


def test_a_transformer_reads_texts_through_a_tokenizer_in_the_graph(tmp_path: Path) -> None:
    ngrams = CharacterNgrams.fit(["한국어를", "배우는"], size=90, sizes=(1, 2), length=10)
    texts = np.array(["한국어를 배우는", "", "사람"])
    folder = packaged(save(tmp_path / "model", bert(), texts, tokenizer=ngrams))
    assert Manifest.read(folder).inputs == (Input("input", "string", (-1,)),)


def test_arguments_that_a_transformer_does_not_take_are_refused(tmp_path: Path) -> None:
    said = refused(tmp_path / "model", bert(), {"input_ids": IDS, "weights": IDS})
    assert "BertForSequenceClassification takes input_ids, attention_mask" in said
    assert "not weights" in said


# Types of a torch model


class Types(torch.nn.Module):
    """One answer of each type that a client may read."""

    def forward(self, pixels: torch.Tensor, seen: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"brighter": pixels // 2, "dark": (pixels.float().mean(1) < 100) & seen, "half": pixels.half() / 255}


def test_bytes_and_booleans_go_in_and_out(tmp_path: Path) -> None:
    rows = {"pixels": (ROWS * 255).astype(np.uint8), "seen": ROWS[:, 0] > 0.5}
    folder = packaged(save(tmp_path / "model", Types(), rows))
    manifest = Manifest.read(folder)
    assert [one.dtype for one in (*manifest.inputs, *manifest.outputs)] == ["uint8", "bool", "uint8", "bool", "float16"]
    found = answers(folder, {"inputs": {"pixels": [[2, 4, 6, 8]], "seen": [True]}})
    assert (found["brighter"], found["dark"]) == ([[1, 2, 3, 4]], [True])


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_weights_of_half_the_size_are_carried(tmp_path: Path, kind: str) -> None:
    model = torch.nn.Linear(4, 3).to(getattr(torch, kind))
    rows = ROWS.astype(np.float16) if kind == "float16" else ROWS
    saved = save(tmp_path / "model", model, rows)
    package(saved, tmp_path / "package", 1e-3, 1000.0)
    assert model.weight.dtype == getattr(torch, kind)
    assert Manifest.read(tmp_path / "package").inputs[0].dtype == ("float16" if kind == "float16" else "float32")
