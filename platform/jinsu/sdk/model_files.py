"""Names of the files that a saved model consists of, in the folder `model/` of a training's outputs."""

MODEL_FILE = "model.onnx"
CODE_FILE = "model.tar"
"""A python model in place of the ONNX file: its code and its files."""
MANIFEST_FILE = "model.json"
PROBES_FILE = "probes.npz"
MODEL_FILES = (MODEL_FILE, MANIFEST_FILE, PROBES_FILE)
"""What every model in ONNX has."""
CODE_FILES = (CODE_FILE, MANIFEST_FILE, PROBES_FILE)
"""What every python model has."""
PACKAGES_FILE = "packages.tar.gz"
"""In the package of a python model: what its training installed beside the platform's packages."""
WEIGHTS_FILE = "model.onnx.data"
"""The weights, where they are too many for the ONNX file."""
ORIGINAL_FILE = "original.onnx"
"""The ONNX file before it was quantised, in a package."""
MODEL_FOLDER = "model"

MANIFEST_FORMAT = 2
"""Format 1 had one input and one output without names."""


def input_probe(place: int) -> str:
    """The array in the file of probes that holds the rows of an input, by its place in the manifest."""
    return f"in{place}"


def output_probe(place: int) -> str:
    """The array in the file of probes that holds the original's answers, by the output's place in the manifest."""
    return f"out{place}"


def probe_lengths(name: str) -> str:
    """The array in the file of probes that holds how long each text of another one is, where a text ends in NUL."""
    return f"{name}.lengths"
