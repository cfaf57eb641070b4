"""The program LOCK: a requirements.txt becomes exact versions with hashes. Nothing of any package is executed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement as Parsed

from jinsu.codec import decode
from jinsu.confined import tasks
from jinsu.confined.base import base_packages, write_base
from jinsu.confined.findings import write_findings
from jinsu.confined.uv import places, run_uv
from jinsu.errors import BadInputError
from jinsu.sdk.step_files import StepFiles
from jinsu.spec.requirements import Requirement, normal_name, read_requirements

_PIN = re.compile(r"(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)")


def run(document: Mapping[str, Any], secrets: Mapping[str, str], files: StepFiles) -> None:
    details = decode(tasks.Lock, document)
    asked = read_requirements(details.requirements, details.file)
    with tempfile.TemporaryDirectory() as folder:
        text = lock(asked, details.file, secrets.get(tasks.INDEX, ""), details.links, Path(folder))
    (files.out / tasks.LOCK_FILE).write_text(text, encoding="utf-8")
    packages = tuple(f"{match[1]}=={match[2]}" for match in _PIN.finditer(text))
    base = base_packages()
    provided = tuple(f"{name}=={base[name]}" for name in sorted({item.name for item in asked} & base.keys()))
    write_findings(files.out, tasks.Locked(packages, provided))


def lock(asked: Sequence[Requirement], file: str, index: str, links: Sequence[str], folder: Path) -> str:
    """The lock: every package that is not of the base, with its hashes. file: how messages call the requirements.

    Raises BadInputError with a sentence that names packages and lines, TransientError when the index does not answer.
    """
    base = base_packages()
    check_base(asked, file, base)
    write_base(folder / "base")
    (folder / "asked.in").write_text("\n".join(item.text for item in asked) + "\n", encoding="utf-8")
    (folder / "base.txt").write_text("".join(f"{name}=={base[name]}\n" for name in base), encoding="utf-8")
    words = [
        *("pip", "compile", "asked.in", "--output-file", "lock.txt", "--constraints", "base.txt"),
        *("--only-binary", ":all:", "--generate-hashes", "--no-annotate", "--no-header"),
        *("--no-emit-index-url", "--no-emit-find-links"),
        *(word for name in base for word in ("--no-emit-package", name)),
        *places(index, [*links, "base"]),
    ]
    try:
        run_uv(words, folder)
    except BadInputError as problem:
        raise BadInputError(sentence(str(problem), asked, file)) from None
    lines = (folder / "lock.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


def check_base(asked: Sequence[Requirement], file: str, base: Mapping[str, str]) -> None:
    """Raises BadInputError for a line that excludes the version that the platform has."""
    for item in asked:
        if item.name not in base:
            continue
        parsed = Parsed(item.text)
        applies = parsed.marker is None or parsed.marker.evaluate()
        if applies and not parsed.specifier.contains(base[item.name], prereleases=True):
            raise BadInputError(
                f"{file}: line {item.line}: {item.text}: trainings have {item.name} {base[item.name]} from the platform; "
                f"take this version, or a training image that your team's policy lists (train.image)."
            )


def sentence(said: str, asked: Sequence[Requirement], file: str) -> str:
    """What uv says, behind the lines that it speaks of. Pure."""
    words = {normal_name(word) for word in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]", said)}
    named = [item for item in asked if item.name in words]
    where = "".join(f" line {item.line} ({item.text[:80]})," for item in named[:5]).rstrip(",")
    return f"{file}:{where} cannot be resolved: {said}. Only wheels are installed; correct the line and submit again."
