"""A model that is to use a GPU uses one or is refused: onnxruntime's own habit is to go on with the CPU without a word."""

from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tests.support.tensor_models import write_echo

from jinsu.errors import GateFailedError
from jinsu.inference.remote_model import RemoteModel
from jinsu.packaging import providers
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.providers import CPU, CUDA, chosen_providers, used_provider, why_no_gpu
from jinsu.serving.service import Service

HAS_GPU = CUDA in onnxruntime.get_available_providers()
ROWS = (np.ones((3, 2), np.float32),)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_echo(tmp_path / "echo", {"x": ("float32", [-1, 2])})


@pytest.mark.parametrize(
    "available", [[CPU], [CUDA, CPU], ["TensorrtExecutionProvider", CUDA, CPU], ["AzureExecutionProvider", CPU]]
)
def test_without_a_gpu_in_the_spec_the_cpu_computes_whatever_there_is(available: list[str]) -> None:
    assert chosen_providers(0, available) == [CPU]


def test_a_gpu_comes_first_and_computes_with_all_digits() -> None:
    """TensorRT, which would build an engine for minutes, is not asked for."""
    first, second = chosen_providers(1, ["TensorrtExecutionProvider", CUDA, CPU])
    assert first == (CUDA, {"use_tf32": "0"})
    assert second == CPU


@pytest.mark.parametrize("available", [[CPU], ["AzureExecutionProvider", CPU], ["ROCMExecutionProvider", CPU]])
def test_an_onnxruntime_without_cuda_is_refused(available: list[str]) -> None:
    with pytest.raises(GateFailedError, match=f"serve.gpu: onnxruntime has no {CUDA} here, only .*{CPU}; install"):
        chosen_providers(1, available)


def test_a_session_that_fell_back_to_the_cpu_is_refused() -> None:
    with pytest.raises(
        GateFailedError, match=r"serve.gpu: onnxruntime could not begin to use the GPU, and would compute with CPU"
    ):
        used_provider(1, [CPU])
    assert used_provider(1, [CUDA, CPU]) == CUDA
    assert used_provider(0, [CPU]) == CPU


@pytest.mark.skipif(HAS_GPU, reason=f"onnxruntime has {CUDA} here, so nothing is refused")
def test_here_every_way_to_a_model_refuses_a_gpu(folder: Path) -> None:
    for loading in (OnnxModel, RemoteModel):
        with pytest.raises(GateFailedError, match=r"serve.gpu"):
            loading(folder, gpu=1)
    with pytest.raises(GateFailedError, match=r"serve.gpu"):
        Service(folder, "m", "1", gpu=1)
    assert "onnxruntime-gpu" in why_no_gpu()


@pytest.mark.skipif(
    not HAS_GPU, reason=f"onnxruntime has no {CUDA} here; install onnxruntime-gpu on a machine with a GPU"
)
def test_a_model_answers_on_the_gpu_as_on_the_cpu(folder: Path) -> None:
    """In this process and in a confined one; the server says which provider computes."""
    (expected,) = OnnxModel(folder).run(ROWS)
    for model in (OnnxModel(folder, gpu=1), RemoteModel(folder, gpu=1)):
        assert model.provider == CUDA
        np.testing.assert_allclose(model.run(ROWS)[0], expected, rtol=1e-4)
    service = Service(folder, "m", "1", gpu=1)
    assert service.engine.provider == CUDA
    service.close()


def test_a_model_says_that_the_cpu_computes(folder: Path) -> None:
    assert OnnxModel(folder).provider == CPU
    remote = RemoteModel(folder)
    assert remote.provider == CPU
    remote.close()


@pytest.mark.parametrize(
    ("library", "device", "said"),
    [(False, True, "onnxruntime has no support"), (True, False, "there is no NVIDIA GPU"), (True, True, "")],
)
def test_a_machine_says_why_it_serves_no_model_with_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: bool, device: bool, said: str
) -> None:
    (tmp_path / "capi").mkdir()
    for wanted, path in (
        (library, tmp_path / "capi/libonnxruntime_providers_cuda.so"),
        (device, tmp_path / "nvidiactl"),
    ):
        if wanted:
            path.touch()
    found = ModuleSpec("onnxruntime", None, is_package=True)
    found.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(providers, "find_spec", lambda _: found)
    monkeypatch.setattr(providers, "_CONTROL", tmp_path / "nvidiactl")
    assert why_no_gpu().startswith(said)
    assert bool(why_no_gpu()) == bool(said)
