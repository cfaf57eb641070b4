"""A problem of each kind from problem.yaml's lines to the report and the evidence page, with a packaged model that is executed."""

import json
import re
import struct
import zlib
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto, helper
from tests.support.splits import holdout_mask

from jinsu.codec import decode, encode
from jinsu.confined.evaluate import compare
from jinsu.confined.tasks import Evaluate
from jinsu.data.split import fix
from jinsu.errors import BadInputError, GateFailedError
from jinsu.evaluation.report import Report
from jinsu.evaluation.thumbnails import thumbnail
from jinsu.registry.evidence import evaluation_parts
from jinsu.sdk.columns import Columns
from jinsu.spec.load import problem_from

RANDOM = np.random.default_rng(0)


def matrix_model(
    folder: Path, weights: np.ndarray, output: dict[str, Any], shape: tuple[int, ...] | None = None
) -> Path:
    """A packaged model that multiplies a row by a matrix; output: what the manifest says of the answers.

    shape: of a row that is a picture, which the model flattens first and answers in the same shape.
    """
    folder.mkdir()
    takes, gives = weights.shape
    row = list(shape or (takes,))
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["product" if shape else "output"]),
    ]
    if shape:
        nodes.append(helper.make_node("Reshape", ["product", "shape"], ["output"]))
    answered = list(shape) if shape else [gives]
    graph = helper.make_graph(
        nodes,
        "matrix",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", *row])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", *answered])],
        [
            helper.make_tensor(
                "weights", TensorProto.FLOAT, weights.shape, weights.astype(np.float32).tobytes(), raw=True
            ),
            helper.make_tensor("shape", TensorProto.INT64, [len(answered) + 1], [-1, *answered]),
        ],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    said = {"name": "output", "dtype": "float32", "shape": [-1, *answered], "labels": None, "quantiles": None}
    taken = {"name": "input", "dtype": "float32", "shape": [-1, *row], "nullable": False, "columns": None}
    manifest = {"format": 2, "framework": "none", "inputs": [taken], "outputs": [said | output], "other": None}
    (folder / "model.json").write_text(json.dumps(manifest))
    return folder


def judged(problem: dict[str, Any], columns: Columns, model: Path, champion: Path | None = None) -> Report:
    """What the confined program finds for a problem that is written so."""
    spec = problem_from({"dataset": "rows", "target": "target"} | problem)
    details = Evaluate(spec.judging, spec.target, spec.features, None, champion is not None, spec.split.keys)
    report = compare(decode(Evaluate, encode(details)), columns, model, champion)
    return decode(Report, json.loads(json.dumps(encode(report), allow_nan=False)))


def numbers(rows: int = 200) -> np.ndarray:
    return RANDOM.normal(0, 1, (rows, 3))


FEATURES = {"features": ["a", "b", "c"]}


def columns_of(features: np.ndarray, **more: Any) -> Columns:
    return {name: features[:, place] for place, name in enumerate("abc")} | more


def test_embeddings_of_a_group_are_found(tmp_path: Path) -> None:
    groups = np.repeat(np.arange(60), 3)
    features = RANDOM.normal(0, 1, (60, 3))[groups] + RANDOM.normal(0, 0.2, (180, 3))
    problem = {**FEATURES, "kind": "retrieval", "metric": "recall_at_5", "min": 0.5, "vs_champion": ">= -0.3"}
    model = matrix_model(tmp_path / "one", np.eye(3), {"kind": "embedding"})
    flat = matrix_model(tmp_path / "flat", np.diag([1.0, 1.0, 0.0]), {"kind": "embedding"})
    report = judged(problem, columns_of(features, target=groups.astype(str).astype(object)), model, flat)
    assert report.passed
    assert report.overall.value > 0.5
    assert report.gain is not None
    assert report.gain.value > 0
    assert {"pair_f1", "mean_average_precision"} <= set(report.others)
    assert report.audit.better > report.audit.worse
    assert report.audit.worst[0].error >= report.audit.worst[-1].error > 0


def test_pictures_become_pictures(tmp_path: Path) -> None:
    pixels = RANDOM.random((60, 64))
    noisy = np.clip(pixels + RANDOM.normal(0, 0.1, pixels.shape), 0, 1)
    problem = {"features": ["noisy"], "metric": "psnr", "min": 10, "guardrails": {"ssim": ">= 0.5"}}
    model = matrix_model(tmp_path / "same", np.eye(64), {"kind": "image"}, (1, 8, 8))
    report = judged(problem, {"noisy": noisy, "target": pixels}, model)
    assert report.passed
    assert 15 < report.overall.value < 25
    assert set(report.audit.worst[0].pictures) == {"input", "truth", "answer"}
    page = "".join(evaluation_parts(report, None))
    assert page.count("data:image/png;base64,") == 3 * len(report.audit.worst)


def test_items_are_ranked(tmp_path: Path) -> None:
    features = numbers(300)
    scores = features @ np.eye(3)
    best = np.array(["x", "y", "z"], dtype=object)[scores.argmax(axis=1)]
    problem = {**FEATURES, "metric": "ndcg_at_2", "min": 0.9, "guardrails": {"mrr": ">= 0.9"}}
    model = matrix_model(tmp_path / "items", np.eye(3), {"kind": "item scores", "labels": ["x", "y", "z"]})
    report = judged(problem, columns_of(features, target=best), model)
    assert (report.passed, report.overall.value) == (True, 1.0)
    assert report.audit.worst == []
    turned = matrix_model(tmp_path / "turned", -np.eye(3), {"kind": "item scores", "labels": ["x", "y", "z"]})
    report = judged(problem, columns_of(features, target=best), turned, model)
    assert {round(row.error, 4) for row in report.audit.worst} == {0.6667}  # the relevant item is the last of three
    assert report.audit.worse == 300
    assert len(report.reasons) == 2


def test_quantiles_and_forecasts(tmp_path: Path) -> None:
    features = numbers(400)
    truth = features[:, 0] + RANDOM.normal(0, 0.1, 400)
    answered = {"kind": "quantiles", "quantiles": [0.1, 0.5, 0.9]}
    model = matrix_model(tmp_path / "quantiles", np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0]]), answered)
    problem = {**FEATURES, "metric": "pinball", "max": 0.1, "guardrails": {"interval_coverage": ">= 0.5"}}
    report = judged(problem, columns_of(features, target=truth), model)
    assert report.overall.value < 0.1
    assert report.reasons == ["interval_coverage is 0.0000, guardrails.interval_coverage asks for >= 0.5"]
    forecast = {**FEATURES, "kind": "forecasting", "metric": "bias", "max": 0.05, "series": "shop", "slices": ["shop"]}
    shops = np.repeat(list("abcdefghijklmnop"), 25).astype(object)
    report = judged(forecast, columns_of(features, target=truth, shop=shops), model)
    assert report.passed
    assert len(report.slices["shop"]) == 16


def test_labels_in_sets(tmp_path: Path) -> None:
    features = numbers(100)
    target = np.empty(100, dtype=object)
    target[:] = [[name for name, value in zip("xyz", row, strict=True) if value >= 0] for row in features]
    model = matrix_model(tmp_path / "labels", np.eye(3), {"kind": "logits", "labels": ["x", "y", "z"]})
    report = judged(
        {**FEATURES, "kind": "multilabel", "metric": "f1_macro"}, columns_of(features, target=target), model
    )
    assert report.overall.value == 1


def test_classes_with_their_audit(tmp_path: Path) -> None:
    features = numbers(300)
    target = np.array(["x", "y", "z"], dtype=object)[(features + RANDOM.normal(0, 0.4, (300, 3))).argmax(axis=1)]
    said = {"kind": "logits", "labels": ["x", "y", "z"]}
    ours = matrix_model(tmp_path / "ours", np.eye(3) * 4, said)
    theirs = matrix_model(tmp_path / "theirs", np.diag([4.0, 4.0, 1.0]), said)
    texts = np.array([f"<b>row {row}</b>\x1b" for row in range(300)], dtype=object)
    report = judged(
        {**FEATURES, "metric": "log_loss", "slices": ["text"]},
        columns_of(features, target=target, text=texts),
        ours,
        theirs,
    )
    found = report.audit
    assert sum(rows for _, _, rows in found.calibration) == 300
    assert found.better + found.worse + found.same == 300
    assert found.better > found.worse
    assert all(row.truth != row.answer and row.champion == row.truth for row in found.lost)
    page = "".join(evaluation_parts(report, "3"))
    assert "What changed row by row" in page
    assert 'aria-label="calibration"' in page
    assert "<b>row" not in page
    assert "\x1b" not in page


def test_a_model_of_another_kind_reads_what_to_do(tmp_path: Path) -> None:
    model = matrix_model(tmp_path / "numbers", np.eye(3), {"kind": "probabilities"})
    with pytest.raises(
        GateFailedError, match=r"answers probabilities; recall_at_5 needs embedding; .*jinsu\.save\(outputs="
    ):
        judged(
            {**FEATURES, "kind": "retrieval", "metric": "recall_at_5"},
            columns_of(numbers(9), target=np.arange(9)),
            model,
        )


def test_a_report_of_an_earlier_version_is_read() -> None:
    score = {"value": 0.9, "low": 0.8, "high": 0.95, "rows": 48}
    report = decode(
        Report, {"metric": "f1_macro", "overall": score, "others": {}, "slices": {}, "champion": None, "gain": None}
    )
    assert (report.overall.certain, report.warnings, report.audit.worst) == (True, (), ())


def test_a_thumbnail_is_a_png_of_its_pixels() -> None:
    address = thumbnail(np.array([[[0.0, 1.0], [0.5, 2.0]]]), 1.0)
    data = b64decode(address.removeprefix("data:image/png;base64,"))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (2, 2)
    (body,) = re.findall(rb"IDAT(.*)....\x00\x00\x00\x00IEND", data, re.DOTALL)
    assert zlib.decompress(body) == bytes([0, 0, 255, 0, 127, 255])


def test_a_problem_of_embeddings_holds_out_whole_groups() -> None:
    spec = problem_from(
        {
            "dataset": "rows",
            "target": "target",
            **FEATURES,
            "kind": "retrieval",
            "metric": "recall_at_1",
            "split": {"by": "target"},
        }
    )
    groups = np.arange(300) // 3
    table = pa.table(columns_of(numbers(300), target=groups.astype(str)))
    salt = b"x" * 32
    held = holdout_mask(table, fix(table, spec.split, spec.target, spec.features, salt), salt, None)
    assert 0.1 < held.mean() < 0.4
    assert np.array_equal(held.reshape(100, 3).all(axis=1), held.reshape(100, 3).any(axis=1))


def test_a_problem_of_classes_does_not() -> None:
    with pytest.raises(BadInputError, match=r"split\.by: 'target' is the target; whole classes would be held out"):
        problem_from({"dataset": "rows", "target": "target", "metric": "accuracy", "split": {"by": "target"}})
