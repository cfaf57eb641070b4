"""What steps that are done have left, among the objects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from jinsu.codec import decode
from jinsu.errors import NotFoundError
from jinsu.objects.mirror import Mirror
from jinsu.sdk.step_files import OUT_NAME, RESULT_NAME, StepFiles
from jinsu.steps.result import StepResult, read_result
from jinsu.steps.spec import Input

_Document = TypeVar("_Document")


@dataclass(frozen=True)
class StepFolders:
    """Steps among the objects: `steps/RUN_KEY/` with `result.json` and `out/`."""

    objects: Mirror

    def out(self, run_key: str) -> Path:
        """The outputs of a step that is done, brought here if need be; the folder is missing when the step is not done."""
        return StepFiles(self._folder(run_key)).out

    def result(self, run_key: str, *, verify: bool = False) -> StepResult | None:
        """The step's result, or None when it is not done.

        verify: brings all outputs here and compares their digests; without it, none is brought from a store.
        """
        if verify or self.objects.store is None:
            return read_result(self._folder(run_key, fresh=True), run_key, verify=verify)
        text = self.objects.read(f"{_name(run_key)}/{RESULT_NAME}", fresh=True)
        result = None if text is None else StepResult.from_json(text)
        return result if result is not None and result.run_key == run_key else None

    def inputs(self, run_key: str, names: Mapping[str, str]) -> tuple[Input, ...]:
        """Outputs of a step that is done, as inputs of another: `names` gives an output's name here by its name there.

        A name that ends with a slash stands for every output below it. Raises NotFoundError when one is missing.
        """
        result = self.result(run_key)
        outputs = {} if result is None else result.outputs
        found = []
        for there, here in names.items():
            below = [name for name in outputs if name == here or (here.endswith("/") and name.startswith(here))]
            if not below:
                raise NotFoundError(f"step {run_key[:12]}: its output {here} is gone; submit again.")
            found += [
                Input(there + name.removeprefix(here), f"{_name(run_key)}/{OUT_NAME}/{name}", outputs[name])
                for name in sorted(below)
            ]
        return tuple(found)

    def document(self, kind: type[_Document], run_key: str, name: str, result: StepResult | None = None) -> _Document:
        """A JSON output of a step that is done, as `content`."""
        return decode(kind, json.loads(self.content(run_key, name, result)))

    def content(self, run_key: str, name: str, result: StepResult | None = None) -> bytes:
        """A small output of a step that is done. Raises NotFoundError when it is gone or not what was sealed.

        result: the step's, where the caller has read it just now; it is read otherwise.
        """
        result = result or self.result(run_key)
        data = self.objects.read(f"{_name(run_key)}/{OUT_NAME}/{name}")
        if result is None or data is None or hashlib.sha256(data).hexdigest() != result.outputs.get(name):
            raise NotFoundError(
                f"step {run_key[:12]}: its output {name} is gone or was changed; see `jinsu audit` for what retention removed, "
                "and submit again."
            )
        return data

    def _folder(self, run_key: str, fresh: bool = False) -> Path:
        return self.objects.folder(_name(run_key), RESULT_NAME, _is_step(run_key), fresh)


def _is_step(run_key: str) -> Callable[[Path], bool]:
    """Whether a folder is the step that is done, with the outputs that its result names."""
    return lambda folder: read_result(folder, run_key, verify=True) is not None


def _name(run_key: str) -> str:
    return f"steps/{run_key}"
