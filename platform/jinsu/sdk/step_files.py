"""Names of a step's files: the contract between a training script, the runner, and the containers beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STEP_DIR_VARIABLE = "JINSU_STEP_DIR"
"""Names the step's folder as the script sees it."""

OUT_NAME = "out"
RESULT_NAME = "result.json"
PACKAGES_NAME = "packages"
TRAIN_ROWS_NAME = "data/train.parquet"
FILES_NAME = "data/files"


@dataclass(frozen=True)
class StepFiles:
    """Paths of one step, below its folder `root`."""

    root: Path

    # --- What the script reads ---

    @property
    def inputs(self) -> Path:
        """The folder of the inputs, by their names."""
        return self.root / "in"

    @property
    def code(self) -> Path:
        """The folder of the unpacked code snapshot, in which the script runs."""
        return self.inputs / "code"

    @property
    def params(self) -> Path:
        """The step's parameters, a JSON object."""
        return self.inputs / "params.json"

    @property
    def secrets(self) -> Path:
        """What only this step's process may know, a JSON object of texts; missing when there is nothing."""
        return self.inputs / "secrets.json"

    @property
    def packages(self) -> Path:
        """The packages of the script's environment beside the platform's own; missing when it asked for none."""
        return self.inputs / PACKAGES_NAME

    @property
    def train_rows(self) -> Path:
        """The training part of the dataset."""
        return self.inputs / TRAIN_ROWS_NAME

    @property
    def train_files(self) -> Path:
        """The listing and the packs of the files that training rows name; missing when the dataset is a table."""
        return self.inputs / FILES_NAME

    # --- What the script writes ---

    @property
    def out(self) -> Path:
        """The folder of the outputs."""
        return self.root / OUT_NAME

    @property
    def checkpoints(self) -> Path:
        """The folder that the next attempt finds as this attempt left it."""
        return self.root / "checkpoints"

    @property
    def metrics(self) -> Path:
        """One JSON object a line: a metric's name, value, step and time."""
        return self.root / "metrics.jsonl"

    # --- What the runner writes ---

    @property
    def log(self) -> Path:
        """What the script printed, in all attempts."""
        return self.root / "log.txt"

    @property
    def state(self) -> Path:
        """What the runner last wrote about itself (`jinsu.steps.runner_state`)."""
        return self.root / "state.json"

    @property
    def result(self) -> Path:
        """Written last: a valid result alone means that the step is done (`jinsu.steps.result`)."""
        return self.root / RESULT_NAME

    @property
    def lock(self) -> Path:
        """Held by the step's runner as long as it lives.

        The name is what the runner was called in earlier versions. It must stay: a launcher of this version that looked
        at another name would find no runner of a step that an earlier version started, and would start a second one.
        """
        return self.root / "agent.lock"

    @property
    def reserve(self) -> Path:
        """Room on the disk that the runner frees at its end, so that it can write its state when the disk is full."""
        return self.root / "reserve"

    @property
    def runner_errors(self) -> Path:
        """What the runner itself printed as errors; only the local launcher keeps it."""
        return self.root / "runner.err"

    # --- What launchers write ---

    @property
    def step(self) -> Path:
        """The step's specification (`jinsu.steps.spec`)."""
        return self.root / "step.json"

    @property
    def cancel(self) -> Path:
        """Its existence asks the runner to stop; it holds the reason."""
        return self.root / "cancel"

    @property
    def attempt(self) -> Path:
        """The only attempt that may write the state and the result (`jinsu.steps.local_attempt`)."""
        return self.root / "attempt"

    @property
    def start_lock(self) -> Path:
        """Held while a launcher starts a runner, so that two starts at once start one."""
        return self.root / "start.lock"

    def relative(self, path: Path) -> str:
        """The name of one of these files below `root`."""
        return path.relative_to(self.root).as_posix()
