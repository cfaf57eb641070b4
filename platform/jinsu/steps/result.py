"""`result.json`: written last, it alone means that a step is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from jinsu.errors import StepFailedError
from jinsu.files import file_digest, write_atomic
from jinsu.sdk.step_files import StepFiles


@dataclass(frozen=True)
class StepResult:
    """What a step produced: the sha256 of every output file by its name, and what the step used.

    seconds: how long its process ran. gpu_seconds: the same for each of its GPUs. peak_memory: in bytes.
    """

    run_key: str
    outputs: Mapping[str, str]
    seconds: float
    gpu_seconds: float = 0.0
    peak_memory: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @staticmethod
    def from_json(text: bytes) -> StepResult | None:
        """The result; None when the text is damaged or something else."""
        try:
            result = StepResult(**json.loads(text))
        except (ValueError, TypeError, RecursionError):
            return None
        return result if isinstance(result.outputs, dict) else None


def output_files(out: Path) -> list[Path]:
    """Every regular file below `out`, in a stable order.

    Raises StepFailedError for a symbolic link, because a link could lead anywhere.
    """
    if out.is_symlink() or not out.is_dir():
        raise StepFailedError("out: is a symbolic link or no folder; write into the folder that is there.")
    files = []
    for path in sorted(out.rglob("*")):
        if path.is_symlink():
            raise StepFailedError(f"out/{path.relative_to(out)}: is a symbolic link; write regular files only.")
        if path.is_file():
            files.append(path)
    return files


def seal(root: Path, run_key: str, seconds: float, gpu_seconds: float = 0.0, peak_memory: int = 0) -> StepResult:
    """Digests every output of the step in the folder `root` and writes its result last.

    Raises StepFailedError for a symbolic link among the outputs.
    """
    files = StepFiles(root)
    outputs = {str(path.relative_to(files.out)): file_digest(path) for path in output_files(files.out)}
    result = StepResult(run_key, outputs, round(seconds, 3), round(gpu_seconds, 3), peak_memory)
    write_atomic(files.result, result.to_json())
    return result


def read_result(root: Path, run_key: str | None = None, verify: bool = False) -> StepResult | None:
    """The result of the step in the folder `root`; None when the step is not done.

    A result of another step (`run_key`) does not count, nor does one whose outputs are gone; `verify` compares the digest
    of every output, too.
    """
    files = StepFiles(root)
    try:
        result = StepResult.from_json(files.result.read_bytes())
    except OSError:
        return None
    if result is None or (run_key is not None and result.run_key != run_key):
        return None
    complete = all(_is_output(files.out, name, digest if verify else None) for name, digest in result.outputs.items())
    return result if complete else None


def _is_output(out: Path, name: str, digest: str | None) -> bool:
    """Whether `name` is a file below `out`, with that digest unless it is None."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return False
    path = out / name
    return path.is_file() and (digest is None or file_digest(path) == digest)
