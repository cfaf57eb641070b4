"""What of onnxruntime computes a model: the CPU, or a GPU where the spec asks for one. Pure, but for a look at installed files.

onnxruntime goes on with the CPU when it cannot use a GPU, and says so in its log alone. Here that is a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from jinsu.errors import GateFailedError

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
GPU_HOST_MEMORY = 4 * 2**30
"""Bytes of the machine's own memory that CUDA's libraries allocate for a process, beside what the model needs."""
Provider = str | tuple[str, Mapping[str, str]]
_LIBRARY = "capi/libonnxruntime_providers_cuda.so"
_CONTROL = Path("/dev/nvidiactl")
_EXACT = {"use_tf32": "0"}
"""Products of float32 keep their digits: with TF32, which is onnxruntime's default, they would have three."""


def chosen_providers(gpu: int, available: Sequence[str]) -> list[Provider]:
    """What a session is given, best first. gpu: how many GPUs the model may use. available: what onnxruntime was built with.

    The CPU stands behind the GPU for single operators that have no form for GPUs. Raises GateFailedError where a GPU is asked for
    and onnxruntime cannot use any.
    """
    if not gpu:
        return [CPU]
    if CUDA not in available:
        raise GateFailedError(
            f"serve.gpu: onnxruntime has no {CUDA} here, only {', '.join(available)}; install onnxruntime-gpu in place of "
            "onnxruntime, or leave the line out."
        )
    return [(CUDA, _EXACT), CPU]


def used_provider(gpu: int, used: Sequence[str]) -> str:
    """The provider that computes. used: what a session says that it uses, best first.

    Raises GateFailedError where a GPU is asked for and the session fell back to the CPU.
    """
    if gpu and (not used or used[0] != CUDA):
        raise GateFailedError(
            f"serve.gpu: onnxruntime could not begin to use the GPU, and would compute with {', '.join(used) or 'nothing'}; "
            "look whether nvidia-smi sees a GPU and the CUDA and cuDNN of this onnxruntime are installed, or leave the line out."
        )
    return used[0]


def why_no_gpu() -> str:
    """Why models cannot be served with a GPU of this machine, as a sentence; "" when they can. onnxruntime is not imported."""
    found = find_spec("onnxruntime")
    folders = [] if found is None else list(found.submodule_search_locations or ())
    if not any((Path(folder) / _LIBRARY).is_file() for folder in folders):
        return "onnxruntime has no support for GPUs here; install onnxruntime-gpu in place of onnxruntime"
    if not _CONTROL.exists():
        return f"there is no NVIDIA GPU ({_CONTROL} is missing)"
    return ""
