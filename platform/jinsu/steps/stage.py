"""The `stage` container of a step's pod, before the script: brings the inputs, and the last attempt's checkpoints."""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from pathlib import Path

from jinsu.errors import JinsuError, NotFoundError, StepFailedError, TransientError
from jinsu.objects.mirror import Mirror
from jinsu.steps.inputs import bring_inputs
from jinsu.steps.pod_context import PodContext
from jinsu.steps.record import Attempt, AttemptEnd, Stream
from jinsu.steps.status import Phase

log = logging.getLogger("jinsu.stage")


def prepare(context: PodContext) -> None:
    """Fills the step's folder. Raises the JinsuError or OSError that the attempt should end with."""
    context.record.write_attempt(Attempt(context.attempt, context.namespace))
    step = context.record.read_step()
    if step is None:
        raise StepFailedError(f"step {context.run_key[:12]} is not in the object store; submit again.")
    with tempfile.TemporaryDirectory() as folder:
        bring_inputs(step, context.files, Mirror(Path(folder), context.store).file)
    _restore_checkpoints(context)


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
    context = PodContext.from_environment()
    try:
        prepare(context)
    except (JinsuError, OSError) as problem:
        _fail(context, problem)


def _fail(context: PodContext, problem: Exception) -> None:
    log.error("%s", problem)
    shutil.rmtree(context.files.inputs, ignore_errors=True)
    passing = isinstance(problem, TransientError | OSError)
    context.record.write_end(AttemptEnd(context.attempt, Phase.FAILED, str(problem), interrupted=passing))
    sys.exit(1)


if __name__ == "__main__":
    main()
