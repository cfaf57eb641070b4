"""LitServe with one onnxruntime session in each of two workers: python litserve_server.py MODEL.onnx PORT WORKERS"""

import sys

import litserve
import numpy as np
import onnxruntime


class Model(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
        (given,) = self.session.get_inputs()
        self.name, self.dtype = given.name, object if given.type == "tensor(string)" else np.float32

    def decode_request(self, request):
        return np.array(request["inputs"], dtype=self.dtype)

    def predict(self, rows):
        return self.session.run(None, {self.name: rows})[0]

    def encode_response(self, answers):
        return {"predictions": answers.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Model(), accelerator="cpu", workers_per_device=int(sys.argv[3]), timeout=60)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
