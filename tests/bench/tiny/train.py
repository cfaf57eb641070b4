"""Ridge regression on the pixels in closed form, written as ONNX by hand: no torch, no epochs."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import jinsu

params = jinsu.params(ridge=1.0)
columns = jinsu.dataset()
pixels = np.stack(columns["pixels"]).reshape(len(columns["label"]), -1).astype(np.float64)
wanted = np.eye(10)[columns["label"]]
weights = np.linalg.solve(pixels.T @ pixels + params.ridge * np.eye(pixels.shape[1]), pixels.T @ wanted)
jinsu.log(step=0, accuracy=float(((pixels @ weights).argmax(1) == columns["label"]).mean()))

folder = jinsu.out_dir() / "model"
folder.mkdir()
graph = helper.make_graph(
    [helper.make_node("MatMul", ["input", "weights"], ["output"])],
    "tiny",
    [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", pixels.shape[1]])],
    [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 10])],
    [numpy_helper.from_array(weights.astype(np.float32), "weights")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
onnx.save(model, folder / "model.onnx")
probes = pixels[:64].astype(np.float32)
np.savez(folder / "probes.npz", inputs=probes, outputs=probes @ weights.astype(np.float32))
manifest = {
    "format": 1,
    "framework": "numpy",
    "input": {"dtype": "float32", "shape": [-1, pixels.shape[1]]},
    "output": {"dtype": "float32", "shape": [-1, 10]},
    "labels": None,
    "other": None,
}
(folder / "model.json").write_text(json.dumps(manifest), encoding="utf-8")
