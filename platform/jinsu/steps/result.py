"""`result.json`: written last, it alone means that a step is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from jinsu.errors import StepFailedError
from jinsu.files import file_digest, write_atomic

RESULT_NAME = "result.json"


@dataclass(frozen=True)
class StepResult:
    """What a step produced: the sha256 of every output file, and how long its process ran (seconds)."""

    run_key: str
    outputs: Mapping[str, str]
    seconds: float
    gpu_seconds: float = 0.0
    peak_memory: int = 0


def output_files(out: Path) -> list[Path]:
    """Every regular file below `out`, in a stable order. A link could lead anywhere, so it is refused."""
    if out.is_symlink() or not out.is_dir():
        raise StepFailedError("out: is a symbolic link or no folder; write into the folder that is there.")
    found = []
    for path in sorted(out.rglob("*")):
        if path.is_symlink():
            raise StepFailedError(f"out/{path.relative_to(out)}: is a symbolic link; write regular files only.")
        if path.is_file():
            found.append(path)
    return found


def seal(root: Path, run_key: str, seconds: float, gpu_seconds: float = 0.0, peak_memory: int = 0) -> StepResult:
    """Digests everything in `root/out` and writes `root/result.json` last."""
    out = root / "out"
    outputs = {str(path.relative_to(out)): file_digest(path) for path in output_files(out)}
    result = StepResult(run_key, outputs, round(seconds, 3), round(gpu_seconds, 3), peak_memory)
    write_atomic(root / RESULT_NAME, json.dumps(asdict(result), indent=1))
    return result


def read_result(root: Path, run_key: str | None = None, verify: bool = False) -> StepResult | None:
    """The result in `root`, or None when the step is not done.

    Not done is also: a result of another step, or one whose outputs are gone (`verify` compares their digests too).
    """
    try:
        result = StepResult(**json.loads((root / RESULT_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(result.outputs, dict):
        return None
    if run_key is not None and result.run_key != run_key:
        return None
    for name, digest in result.outputs.items():
        path = root / "out" / name
        if (
            Path(name).is_absolute()
            or ".." in Path(name).parts
            or not path.is_file()
            or (verify and file_digest(path) != digest)
        ):
            return None
    return result
