"""Weights in a file of their own, as a model of more than 2 GiB has them; here the limit is a few bytes."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from tests.support.stage_bench import StageBench
from tests.support.tiny_model import GOOD

from jinsu.errors import GateFailedError
from jinsu.packaging.contents import contents_digest, verify_contents
from jinsu.packaging.manifest import Manifest
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.package import package
from jinsu.runs.stages import Registered, StageName
from jinsu.sdk import model_writing
from jinsu.sdk.character_ngrams import CharacterNgrams
from jinsu.sdk.model_files import MODEL_FILES, WEIGHTS_FILE
from jinsu.sdk.saving import example_of, save_model
from jinsu.serving.service import Service

ROWS = np.random.default_rng(0).random((8, 16), dtype=np.float32)


@pytest.fixture(autouse=True)
def _low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_writing, "MOST_INLINE", 100)


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(16, 64), torch.nn.ReLU(), torch.nn.Linear(64, 3))


def saved(folder: Path, model: Any, rows: Any = ROWS, tokenizers: Any = None) -> Path:
    return save_model(folder / "saved", model, example_of(rows, None, None, tokenizers or {}), tokenizers=tokenizers)


def packaged(folder: Path, model: Any, rows: Any = ROWS, tokenizers: Any = None) -> Path:
    package(saved(folder, model, rows, tokenizers), folder / "package", 1e-4, 1000.0)
    return folder / "package"


def ready_file(folder: Path) -> Path:
    weights = helper.make_tensor(
        "weights", TensorProto.FLOAT, [16, 64], np.ones((16, 64), np.float32).tobytes(), raw=True
    )
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["input", "weights"], ["scores"])],
        "ready",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", 16])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 64])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(folder / "ready.onnx"))
    return folder / "ready.onnx"


@pytest.mark.parametrize("make", [lambda _: network(), ready_file], ids=["torch", "onnx"])
def test_weights_of_their_own_file_are_packaged_and_served(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    folder = packaged(tmp_path, make(tmp_path))
    weights = (folder / WEIGHTS_FILE).read_bytes()
    assert len(weights) > 100
    assert Manifest.read(folder).weights == hashlib.sha256(weights).hexdigest()
    kept = onnx.load(str(folder / "model.onnx"), load_external_data=False).graph.initializer
    assert any(weight.data_location == TensorProto.EXTERNAL and not weight.raw_data for weight in kept)
    service = Service(folder, "model", "1")
    try:
        reply = asyncio.run(service.respond("POST", "/invocations", json.dumps({"inputs": ROWS[:2].tolist()}).encode()))
        assert len(json.loads(reply.body)["predictions"]) == 2
    finally:
        service.close()


def test_a_tokenizer_in_front_leaves_the_weights_where_they_are(tmp_path: Path) -> None:
    ngrams = CharacterNgrams.fit(["한국어를", "배우는"], size=20, sizes=(1, 2), length=10)

    class Bag(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.scores = torch.nn.Embedding(ngrams.size, 16), network()

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.scores(self.table(ids).mean(1))

    texts = np.array(["한국어를 배우는", "", "사람"], dtype=object)
    folder = packaged(tmp_path, Bag(), texts, {"input": ngrams})
    assert Manifest.read(folder).weights is not None
    assert OnnxModel(folder).run((texts,))[0].shape == (3, 3)


def test_a_smaller_model_saved_again_leaves_no_weights_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, network())
    monkeypatch.setattr(model_writing, "MOST_INLINE", 1 << 20)
    folder = packaged(tmp_path, network())
    assert Manifest.read(folder).weights is None
    assert not (folder / WEIGHTS_FILE).exists()
    assert Manifest.read(folder).files == MODEL_FILES


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_digest_of_a_package_covers_its_weights(tmp_path: Path) -> None:
    folder = packaged(tmp_path, network())
    contents = contents_digest(digests(folder))
    verify_contents(folder, contents)
    with (folder / WEIGHTS_FILE).open("r+b") as file:
        file.write(b"\x00\x00\x00\x01")
    with pytest.raises(GateFailedError, match="not those that were evaluated"):
        verify_contents(folder, contents)
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(GateFailedError, match="not those that were evaluated"):
        verify_contents(folder, contents)


def _other_bytes(folder: Path) -> None:
    (folder / WEIGHTS_FILE).write_bytes(bytes(10_000))


def _moved(folder: Path, location: str) -> None:
    """Has each weight lie at another place."""
    model = onnx.load(str(folder / "model.onnx"), load_external_data=False)
    for weight in model.graph.initializer:
        for entry in weight.external_data:
            if entry.key == "location":
                entry.value = location
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def _hidden(folder: Path) -> None:
    """Hides a constant that lies elsewhere in an inner graph."""
    tensor = TensorProto(name="hidden", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../secret")
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["value"], value=tensor)],
        "inner",
        [],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, [1])],
    )
    model = onnx.load(str(folder / "model.onnx"), load_external_data=False)
    model.graph.node.append(helper.make_node("If", ["condition"], ["unused"], then_branch=inner, else_branch=inner))
    model.graph.initializer.append(helper.make_tensor("condition", TensorProto.BOOL, [], [True]))
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def _other_name(folder: Path) -> None:
    document = json.loads((folder / "model.json").read_text())
    document["files"]["../../secret"] = "0" * 64
    (folder / "model.json").write_text(json.dumps(document))


def _short(folder: Path) -> None:
    data = (folder / WEIGHTS_FILE).read_bytes()[:100]
    (folder / WEIGHTS_FILE).write_bytes(data)
    document = json.loads((folder / "model.json").read_text())
    document["files"][WEIGHTS_FILE] = hashlib.sha256(data).hexdigest()
    (folder / "model.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_other_bytes, "model.onnx.data: missing, or not what jinsu.save"),
        (lambda folder: (folder / WEIGHTS_FILE).unlink(), "model.onnx.data: missing, or not what jinsu.save"),
        (lambda folder: _moved(folder, "../../../etc/passwd"), "lies in another file than model.onnx.data"),
        (lambda folder: _moved(folder, "probes.npz"), "lies in another file than model.onnx.data"),
        (_hidden, "weight 'hidden' lies in another file than model.onnx.data"),
        (_other_name, "the only other file is model.onnx.data"),
        (_short, "cannot be read"),
    ],
    ids=["other bytes", "missing", "elsewhere", "in the probes", "hidden", "other name", "short"],
)
def test_weights_that_are_not_what_was_saved_are_refused(
    tmp_path: Path, change: Callable[[Path], None], sentence: str
) -> None:
    folder = saved(tmp_path, network())
    change(folder)
    with pytest.raises(GateFailedError, match=sentence):
        package(folder, tmp_path / "package", 1e-4, 1000.0)


def test_a_weight_of_the_other_file_that_is_not_finite_is_named(tmp_path: Path) -> None:
    model = network()
    with torch.no_grad():
        model[2].weight[0, 0] = float("nan")  # type: ignore[index,operator]
    with pytest.raises(GateFailedError, match="holds 1 values that are not finite"):
        packaged(tmp_path, model)


def wide_model(folder: Path) -> dict[str, bytes]:
    """Files of a model that answers as the tiny one does, with its weights in a file of their own."""
    inner = np.random.default_rng(0).normal(size=(2, 512)).astype(np.float32)
    outer = (np.linalg.pinv(inner) @ np.asarray(GOOD)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["input", "inner"], ["hidden"]),
            helper.make_node("MatMul", ["hidden", "outer"], ["output"]),
        ],
        "wide",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", 2])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["rows", 2])],
        [onnx.numpy_helper.from_array(inner, "inner"), onnx.numpy_helper.from_array(outer, "outer")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(folder / "wide.onnx"))
    rows = np.random.default_rng(0).normal(size=(16, 2)).astype(np.float32)
    saved = save_model(folder / "wide", folder / "wide.onnx", example_of(rows, None, None, {}), labels=[0, 1])
    return {f"model/{path.name}": path.read_bytes() for path in saved.iterdir()}


def test_every_stage_takes_the_weights_along(
    bench_after: Callable[[StageName | None], StageBench], tmp_path: Path
) -> None:
    bench = bench_after(StageName.PACKAGE)
    files = wide_model(tmp_path)
    assert f"model/{WEIGHTS_FILE}" in files
    bench.run = bench.another_run(StageName.VALIDATE_DATA, train__params={"wide": 1}, serve__parity_tolerance=0.01)
    bench.launcher.finish(bench.start_training(bench.run, 0), files)
    for stage in (StageName.TRAIN, StageName.PACKAGE, StageName.EVALUATE, StageName.REGISTER):
        found = bench.carry_out(stage)
    assert isinstance(found, Registered)
    uploaded = bench.mlflow.artifact(str(bench.submission.mlflow_run), f"model/{WEIGHTS_FILE}")
    assert uploaded == files[f"model/{WEIGHTS_FILE}"]
