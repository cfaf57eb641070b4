"""An MLServer runtime over one onnxruntime session a worker."""

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec


class Model(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = self.settings.parameters.uri
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (self.given,) = self.session.get_inputs()
        return True

    async def predict(self, payload):
        (sent,) = payload.inputs
        if self.given.type == "tensor(string)":
            rows = np.array(StringCodec.decode_input(sent), dtype=object)
        else:
            rows = NumpyCodec.decode_input(sent).astype(np.float32)
        answers = self.session.run(None, {self.given.name: rows})[0]
        from mlserver.types import InferenceResponse

        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("predictions", answers)])
