"""A BentoML service over one onnxruntime session a worker; the file is named by the variable MODEL, the workers by WORKERS."""

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=int(os.environ["WORKERS"]), traffic={"timeout": 60})
class Model:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        (given,) = self.session.get_inputs()
        self.name, self.dtype = given.name, object if given.type == "tensor(string)" else np.float32

    @bentoml.api
    def predict(self, inputs: list) -> dict:
        rows = np.array(inputs, dtype=self.dtype)
        return {"predictions": self.session.run(None, {self.name: rows})[0].tolist()}
