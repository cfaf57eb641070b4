"""Code as a model: the file, the Python files beside it, and the files that it reads, in one archive."""

from __future__ import annotations

import platform
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from jinsu.sdk.code_model import CODE_FOLDER, FILES_FOLDER, Code, CodeError, CodeModel
from jinsu.sdk.example import Example, refuse
from jinsu.sdk.flavours import Exported
from jinsu.sdk.model_files import CODE_FILE

_MOST_CODE = 4 << 20


def export(model: Code, example: Example, path: Path) -> Exported:
    """Writes `model.tar` in place of the ONNX file, and asks the model, loaded from it as the server will, for its answers."""
    entry = Path(model.path)
    if not entry.is_file() or entry.suffix != ".py":
        refuse(f"there is no Python file {entry}; give jinsu.Code the path of one.")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _copy_code(entry, place / CODE_FOLDER)
        files = _copy_files(model.files, place / FILES_FOLDER)
        _pack(place, path.with_name(CODE_FILE))
        try:
            answers = CodeModel(place, entry.name, files).answers(example.inputs)
        except CodeError as problem:
            refuse(f"the python model fails: {problem}")
    return Exported(f"python {platform.python_version()}", answers, code={"entry": entry.name, "files": dict(files)})


def _copy_code(entry: Path, target: Path) -> None:
    """The file and the Python files beside it and in packages below its folder."""
    target.mkdir(parents=True)
    beside = entry.parent
    size = 0
    for source in sorted(beside.glob("*.py")) + sorted(beside.glob("*/**/*.py")):
        inside = source.relative_to(beside)
        if any(part.startswith((".", "__pycache__")) for part in inside.parts) or source.is_symlink():
            continue
        if len(inside.parts) > 1 and not (beside / inside.parts[0] / "__init__.py").is_file():
            continue
        size += source.stat().st_size
        if size > _MOST_CODE:
            refuse(f"the Python files beside {entry.name} have more than {_MOST_CODE >> 20} MiB; put the model in a folder of its own.")
        (target / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / inside)


def _copy_files(files: Mapping[str, str | Path], target: Path) -> dict[str, str]:
    """Copies each file or folder, and returns what it is called in the archive."""
    target.mkdir(parents=True)
    inside = {}
    for number, (name, given) in enumerate(files.items()):
        source = Path(given)
        inside[name] = f"{number}-{source.name}"
        if source.is_dir():
            shutil.copytree(source, target / inside[name], copy_function=shutil.copyfile)
        elif source.is_file():
            shutil.copyfile(source, target / inside[name])
        else:
            refuse(f"files: {name}: there is no file {source}.")
    return inside


def _pack(place: Path, target: Path) -> None:
    """The folder as an archive; the same files give the same bytes."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as bundle:
        for source in sorted(place.rglob("*")):
            if not source.is_file() or source.is_symlink():
                continue
            member = tarfile.TarInfo(source.relative_to(place).as_posix())
            member.size = source.stat().st_size
            with source.open("rb") as content:
                bundle.addfile(member, content)
