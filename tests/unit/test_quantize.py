"""Weights of eight bits: faithful, the same alone as in a batch, smaller, and judged by the metric."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from tests.support.stage_bench import StageBench
from tests.support.tiny_model import GOOD

from jinsu.confined.tasks import FINDINGS
from jinsu.errors import GateFailedError
from jinsu.evaluation.quantized import beside_original
from jinsu.evaluation.report import Report
from jinsu.evaluation.score import Score
from jinsu.packaging.manifest import Manifest
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.package import package
from jinsu.runs.stages import Evaluated, StageName
from jinsu.sdk import model_writing
from jinsu.sdk.model_files import MODEL_FILES, ORIGINAL_FILE
from jinsu.sdk.saving import example_of, save_model

ROWS = np.random.default_rng(0).normal(size=(16, 64)).astype(np.float32)
IDS = np.random.default_rng(0).integers(0, 500, (16, 12))


class Linear(torch.nn.Module):
    """Two layers: `Gemm` with a bias, and `MatMul` without one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Linear(64, 256), torch.nn.Linear(256, 32, bias=False)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(rows)))


class Texts(torch.nn.Module):
    """A table, and layers over three axes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = torch.nn.Embedding(500, 64)
        self.layer = torch.nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
        self.scores = torch.nn.Linear(64, 32)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.scores(self.layer(self.table(ids)).mean(1))


def quantized(folder: Path, model: torch.nn.Module, rows: np.ndarray) -> Any:
    saved = save_model(folder / "saved", model, example_of(rows, None, None, {}))
    return package(saved, folder / "package", 1e-4, 1000.0, quantized=True)


@pytest.mark.parametrize(
    ("model", "rows", "kinds"), [(Linear(), ROWS, 2), (Texts(), IDS, 6)], ids=["linear", "transformer"]
)
def test_eight_bits_change_little_and_the_same_in_every_batch(
    tmp_path: Path, model: torch.nn.Module, rows: np.ndarray, kinds: int
) -> None:
    found = quantized(tmp_path, model, rows)
    folder = tmp_path / "package"
    assert found.quantized.size < 0.45 * found.quantized.original_size
    assert 0 < found.quantized.largest_relative < 0.03
    graph = onnx.load(str(folder / "model.onnx")).graph
    assert sum(weight.data_type == TensorProto.INT8 for weight in graph.initializer) >= kinds
    run = OnnxModel(folder).run
    (together,) = run((rows,))
    for row in range(len(rows)):
        np.testing.assert_allclose(run((rows[row : row + 1],))[0][0], together[row], rtol=0, atol=1e-6)
    # Neighbours with large numbers, which a scale of the whole batch would follow.
    if rows is ROWS:
        np.testing.assert_allclose(run((np.concatenate([rows, rows * 1000]),))[0][: len(rows)], together, atol=1e-6)


def test_the_package_keeps_the_model_as_it_was_saved(tmp_path: Path) -> None:
    quantized(tmp_path, Linear(), ROWS)
    saved = (tmp_path / "saved" / "model.onnx").read_bytes()
    assert (tmp_path / "package" / ORIGINAL_FILE).read_bytes() == saved
    assert Manifest.read(tmp_path / "package").files == MODEL_FILES


def test_weights_fit_processors_that_add_products_in_sixteen_bits(tmp_path: Path) -> None:
    quantized(tmp_path, Linear(), ROWS)
    for weight in onnx.load(str(tmp_path / "package" / "model.onnx")).graph.initializer:
        if weight.data_type == TensorProto.INT8:
            assert np.abs(onnx.numpy_helper.to_array(weight).astype(int)).max() * 255 * 2 < 2**15


def test_a_row_of_zeros_and_a_missing_number_stay_what_they_are(tmp_path: Path) -> None:
    quantized(tmp_path, Linear(), ROWS)
    run = OnnxModel(tmp_path / "package").run
    rows = np.zeros((2, 64), np.float32)
    rows[1, 3] = np.nan
    (answers,) = run((rows,))
    original = Linear()(torch.from_numpy(rows[:1])).detach().numpy()
    np.testing.assert_allclose(answers[0], original[0], atol=0.02)
    assert np.isnan(answers[1]).all()


def shared(folder: Path) -> Path:
    """A matrix that is read twice, once where it is not quantised."""
    weights = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["input", "weights"], ["product"]),
            helper.make_node("ReduceSum", ["weights", "axes"], ["sums"], keepdims=0),
            helper.make_node("Add", ["product", "sums"], ["scores"]),
        ],
        "shared",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", 64])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 64])],
        [onnx.numpy_helper.from_array(weights, "weights"), onnx.numpy_helper.from_array(np.array([0]), "axes")],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10),
        str(folder / "shared.onnx"),
    )
    return folder / "shared.onnx"


def test_a_matrix_that_is_read_elsewhere_too_stays(tmp_path: Path) -> None:
    saved = save_model(tmp_path / "saved", shared(tmp_path), example_of(ROWS, None, None, {}))
    assert package(saved, tmp_path / "package", 1e-4, 1000.0, quantized=True).quantized.largest_relative < 0.3  # type: ignore[union-attr]


def _small(_: pytest.MonkeyPatch) -> torch.nn.Module:
    return torch.nn.Linear(64, 3)


def _apart(patch: pytest.MonkeyPatch) -> torch.nn.Module:
    patch.setattr(model_writing, "MOST_INLINE", 100)
    return Linear()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_small, "has no multiplication with a fixed matrix, and no table, of 1024 values"),
        (_apart, "weights lie in model.onnx.data cannot be quantised"),
    ],
)
def test_a_model_that_cannot_be_quantised_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[pytest.MonkeyPatch], Any], sentence: str
) -> None:
    with pytest.raises(GateFailedError, match=rf"^serve.quantize: .*{sentence}"):
        quantized(tmp_path, make(monkeypatch), ROWS)


# Judged


def report(value: float) -> Report:
    return Report("accuracy", Score(value, value - 0.01, value + 0.01, 900), {}, {}, None, None)


@pytest.mark.parametrize(("before", "after", "passes"), [(0.9, 0.895, True), (0.9, 0.88, False), (0.9, 0.95, True)])
def test_a_loss_beyond_the_allowed_share_is_a_reason(before: float, after: float, passes: bool) -> None:
    gain = Score(after - before, -0.1, 0.1, 900)
    found = beside_original(report(after), Score(before, 0.8, 0.99, 900), gain, 0.01)
    assert found.original is not None
    assert found.original.allowed == pytest.approx(0.009)
    assert found.passed is passes
    if not passes:
        assert found.reasons == (
            "quantisation takes accuracy from 0.9000 to 0.8800, serve.quantization_loss allows a loss of 0.0090; leave out "
            "serve.quantize, or allow more",
        )


def test_other_reasons_stay() -> None:
    failed = replace(report(0.5), reasons=("min asks for 0.6",))
    found = beside_original(failed, Score(0.5, 0.4, 0.6, 900), Score(0.0, 0.0, 0.0, 900), 0.01)
    assert found.reasons == ("min asks for 0.6",)


def wide_model(folder: Path, noise: float) -> dict[str, bytes]:
    """Files of a model that answers as the tiny one does, through 512 values, `noise` of which eight bits cannot hold."""
    random = np.random.default_rng(0)
    inner = random.normal(size=(2, 512)).astype(np.float32)
    outer = (np.linalg.pinv(inner) @ np.asarray(GOOD)).astype(np.float32)
    # What is added cancels out, unless it is rounded.
    null = random.normal(size=(512, 1)) * noise
    null -= np.linalg.pinv(inner) @ (inner @ null)
    outer[:, 1:] += null.astype(np.float32)
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
    rows = random.normal(size=(16, 2)).astype(np.float32)
    saved = save_model(folder / "wide", folder / "wide.onnx", example_of(rows, None, None, {}), labels=[0, 1])
    return {f"model/{path.name}": path.read_bytes() for path in saved.iterdir()}


def evaluated(bench: StageBench, model: dict[str, bytes]) -> Report:
    bench.run = bench.another_run(
        StageName.VALIDATE_DATA, serve__quantize="int8", serve__parity_tolerance=0.05, train__params={"quantized": 1}
    )
    bench.launcher.finish(bench.start_training(bench.run, 0), model)
    bench.carry_out(StageName.TRAIN)
    bench.carry_out(StageName.PACKAGE)
    found = bench.carry_out(StageName.EVALUATE)
    assert isinstance(found, Evaluated)
    return bench.installation.steps.document(Report, found.run_key, FINDINGS)


def test_the_report_of_a_quantised_model_says_both(
    bench_after: Callable[[StageName | None], StageBench], tmp_path: Path
) -> None:
    bench = bench_after(StageName.PACKAGE)
    report = evaluated(bench, wide_model(tmp_path, 0.0))
    assert report.original is not None
    assert report.original.score.value == 1.0
    assert report.original.gain.value == pytest.approx(report.overall.value - 1.0)
    assert -0.01 <= report.original.gain.value <= 0


def test_a_model_that_eight_bits_ruin_is_refused(
    bench_after: Callable[[StageName | None], StageBench], tmp_path: Path
) -> None:
    bench = bench_after(StageName.PACKAGE)
    with pytest.raises(
        GateFailedError, match=r"quantisation takes accuracy from 1\.0000 to 0\..*serve.quantization_loss allows"
    ):
        evaluated(bench, wide_model(tmp_path, 1.0))
