"""Steps that are done, as a launcher leaves them: in the folder of one machine, or in a store."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from jinsu.objects.mirror import Mirror
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.result import seal


def write_step(objects: Mirror, key: str, outputs: Mapping[str, bytes]) -> None:
    """Writes the outputs first and the result last."""
    with tempfile.TemporaryDirectory() as scratch:
        files = StepFiles(Path(scratch) / key if objects.store else objects.root / "steps" / key)
        for name, content in outputs.items():
            path = files.out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        seal(files.root, key, 1.0)
        if objects.store is not None:
            for path in [*sorted(files.out.rglob("*")), files.result]:
                if path.is_file():
                    objects.store.put(path, f"steps/{key}/{path.relative_to(files.root)}")
