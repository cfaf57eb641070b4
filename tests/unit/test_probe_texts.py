"""Texts of a model's probes come back as they were."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from jinsu.errors import GateFailedError
from jinsu.packaging.manifest import Manifest
from jinsu.packaging.package import package
from jinsu.packaging.probes import read_probes
from jinsu.sdk.model_files import PROBES_FILE
from jinsu.sdk.saving import example_of, save_model

TEXTS = ["a", "a\0", "\0", "", "a\0b\0\0", "zażółć\0", "plain"]


def saved(folder: Path, texts: list[str]) -> Path:
    """A model that answers each text with itself."""
    kinds = [helper.make_tensor_value_info(name, TensorProto.STRING, ["n"]) for name in ("text", "same")]
    graph = helper.make_graph([helper.make_node("Identity", ["text"], ["same"])], "echo", kinds[:1], kinds[1:])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    folder.mkdir()
    (folder / "echo.onnx").write_bytes(model.SerializeToString())
    example = {"text": np.array(texts, dtype=object)}
    return save_model(folder / "saved", folder / "echo.onnx", example_of(example, None, None, {}), outputs="label")


def test_a_text_that_ends_in_nul_is_the_same_text_in_the_package(tmp_path: Path) -> None:
    """numpy pads its arrays of texts with NUL, and takes every NUL at an end for padding."""
    folder = saved(tmp_path / "echo", TEXTS)
    rows, answers = read_probes(folder, Manifest.read(folder))
    assert (rows[0].tolist(), answers[0].tolist()) == (TEXTS, TEXTS)
    package(folder, tmp_path / "package", 1e-4, 1000)
    assert read_probes(tmp_path / "package", Manifest.read(tmp_path / "package"))[0][0].tolist() == TEXTS


@pytest.mark.parametrize("lengths", [[1 << 40] + [1] * 6, [-1] * 7, [1] * 6, [0.5] * 7], ids=str)
def test_lengths_that_a_script_forged_are_refused(tmp_path: Path, lengths: list[float]) -> None:
    """The file is the script's: a length of a terabyte must not be believed."""
    folder = saved(tmp_path / "echo", TEXTS)
    with zipfile.ZipFile(folder / PROBES_FILE) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    forged = io.BytesIO()
    np.save(forged, np.array(lengths))
    arrays["in0.lengths.npy"] = forged.getvalue()
    with zipfile.ZipFile(folder / PROBES_FILE, "w") as archive:
        for name, content in arrays.items():
            archive.writestr(name, content)
    with pytest.raises(GateFailedError, match=r"probes\.npz: the lengths of text are no lengths; save the model again"):
        read_probes(folder, Manifest.read(folder))
