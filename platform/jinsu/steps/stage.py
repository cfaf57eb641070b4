"""The `stage` container, before a training: brings its inputs, and the checkpoints of the attempt before."""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from pathlib import Path

from jinsu.errors import JinsuError, NotFoundError, StepFailedError, TransientError
from jinsu.objects.mirror import Mirror
from jinsu.steps.inputs import stage
from jinsu.steps.pod_context import Place, here
from jinsu.steps.record import Attempt, Ended
from jinsu.steps.status import Phase

log = logging.getLogger("jinsu.stage")

_BLOCK = 8 << 20


def prepare(place: Place) -> None:
    """Fills the step's folder. Raises what the attempt should end with."""
    place.work.begin(Attempt(place.attempt, place.namespace))
    step = place.work.step()
    if step is None:
        raise StepFailedError(f"step {place.run_key[:12]} is not in the object store; submit again.")
    with tempfile.TemporaryDirectory() as folder:
        stage(step, place.files, Mirror(Path(folder), place.store).file)
    _restore(place)


def _restore(place: Place) -> None:
    work, files = place.work, place.files
    files.checkpoints.mkdir(exist_ok=True)
    kept = work.checkpoints()
    try:
        for name, digest in kept.items():
            place.store.get(work.checkpoint(digest), files.checkpoints / name)
    except NotFoundError:
        log.warning("a checkpoint is gone; it starts from nothing")
        shutil.rmtree(files.checkpoints)
        files.checkpoints.mkdir()
        kept = {}
    if not kept:
        work.forget("metrics")  # it starts from nothing, and so does its curve
        return
    with files.metrics.open("wb") as stream:
        while block := work.bytes_from("metrics", stream.tell(), most=_BLOCK):
            stream.write(block)
    log.info("resuming from %d checkpoint files", len(kept))


def main() -> None:
    """Entry point of the `stage` container: `python -m jinsu.steps.stage`."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    place = here()
    try:
        prepare(place)
    except (JinsuError, OSError) as problem:
        _give_up(place, problem)


def _give_up(place: Place, problem: Exception) -> None:
    log.error("%s", problem)
    shutil.rmtree(place.files.inputs, ignore_errors=True)
    passing = isinstance(problem, TransientError | OSError)
    place.work.end(Ended(place.attempt, Phase.FAILED, str(problem), interrupted=passing))
    sys.exit(1)


if __name__ == "__main__":
    main()
