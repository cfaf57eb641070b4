"""Names of the files that a saved model consists of, in the folder `model/` of a training's outputs."""

MODEL_FILE = "model.onnx"
MANIFEST_FILE = "model.json"
PROBES_FILE = "probes.npz"
MODEL_FILES = (MODEL_FILE, MANIFEST_FILE, PROBES_FILE)
MODEL_FOLDER = "model"
