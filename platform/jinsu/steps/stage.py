"""The `stage` container of a step's pod, before the script: brings the inputs, and the last attempt's checkpoints."""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from jinsu.errors import JinsuError, NotFoundError, StepFailedError, TransientError
from jinsu.objects.store import Store
from jinsu.steps.inputs import bring_inputs
from jinsu.steps.pod_context import PodContext, brokered_store
from jinsu.steps.record import AttemptEnd, Stream
from jinsu.steps.status import Phase

log = logging.getLogger("jinsu.stage")

_PARALLEL = 8


def prepare(context: PodContext) -> None:
    """Fills the step's folder. Raises the JinsuError or OSError that the attempt should end with."""
    step = context.record.read_step()
    if step is None:
        raise StepFailedError(f"step {context.run_key[:12]} is not in the object store; submit again.")
    with tempfile.TemporaryDirectory() as folder:
        bring_inputs(
            replace(step, secrets=context.secrets), context.files, _Downloads(Path(folder), context.store).find
        )
    _restore_checkpoints(context)


@dataclass(frozen=True)
class _Downloads:
    """Objects that are brought into a folder: files, and folders with all that is below them."""

    folder: Path
    store: Store

    def find(self, name: str) -> Path:
        """The path of an object; it is missing when there is no such object."""
        path = self.folder / name
        with suppress(NotFoundError):
            self.store.get(name, path)
            return path
        keys = list(self.store.keys(f"{name}/"))
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(lambda key: self.store.get(key, self.folder / key), keys))
        return path


def _restore_checkpoints(context: PodContext) -> None:
    record, files = context.record, context.files
    files.checkpoints.mkdir(exist_ok=True)
    digests = record.read_checkpoints()
    try:
        for name, digest in digests.items():
            context.store.get(record.checkpoint_key(digest), files.checkpoints / name)
    except NotFoundError:
        log.warning("a checkpoint is gone; the script starts from nothing")
        shutil.rmtree(files.checkpoints)
        files.checkpoints.mkdir()
        digests = {}
    if not digests:
        record.delete_pieces(Stream.METRICS)  # the script starts from nothing, and so do its metrics
        return
    with files.metrics.open("wb") as file:
        while block := record.read_bytes(Stream.METRICS, file.tell()):
            file.write(block)
    log.info("resuming from %d checkpoint files", len(digests))


def main() -> None:
    """Entry point of the `stage` container: `python -m jinsu.steps.stage`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(
        logging.WARNING
    )  # an address that is signed is a secret for as long as it is valid
    context = PodContext.from_environment()
    try:
        brokered_store().begin()
        prepare(context)
    except (JinsuError, OSError) as problem:
        _fail(context, problem)


def _fail(context: PodContext, problem: Exception) -> None:
    log.error("%s", problem)
    shutil.rmtree(context.files.inputs, ignore_errors=True)
    passing = isinstance(problem, TransientError | OSError)
    with suppress(JinsuError):  # without it, the exit code says that the inputs did not come
        context.record.write_end(AttemptEnd(context.attempt, Phase.FAILED, str(problem), interrupted=passing))
    sys.exit(1)


if __name__ == "__main__":
    main()
