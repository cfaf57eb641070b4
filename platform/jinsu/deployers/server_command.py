"""How a model server is started, wherever it runs, and how much memory it gets. Pure."""

from __future__ import annotations

from jinsu.gateway.backend import Backend
from jinsu.packaging.contents import SealedPackage

SERVER_MEMORY = 256 * 2**20
"""Bytes beside those of the model: the process that answers requests, with the bodies that it holds."""
_LEAST = 768 * 2**20
_INTERPRETER = 256 * 2**20
_TIMES = 3  # a batch may be larger than the probe rows, and freed memory comes back late


def inference_memory(package: SealedPackage) -> int:
    """Bytes that the model may allocate in its process, from what it took while it was packaged."""
    return max(_LEAST, _INTERPRETER + _TIMES * package.memory)


def server_arguments(backend: Backend, package: SealedPackage, memory: int | None = None) -> tuple[str, ...]:
    """The arguments of `jinsu.serving.server` after the folder. memory: of the inference process, in bytes."""
    named = ("--name", backend.model, "--version", backend.version)
    limits = ("--memory", str(memory or inference_memory(package)))
    gpu = ("--gpu", str(package.gpu)) if package.gpu else ()
    return (*named, *limits, *gpu, *(("--contents", package.contents) if package.contents else ()))
