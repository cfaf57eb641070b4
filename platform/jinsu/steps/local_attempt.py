"""One attempt on one machine: what its launcher tells its runner, and the fence against runners of earlier attempts.

The file `attempt` of a step names the only attempt that may write its state and its result. The launcher writes it before it
starts a runner; a runner that was thought dead and comes back finds another name there, and leaves everything as it is.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from jinsu.files import write_atomic
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.safe_open import read_regular


@dataclass(frozen=True)
class LocalAttempt:
    """id: of the attempt. confined: whether the script runs in a sandbox.

    shown: folders of this machine that the script sees at their own paths and may write to. hidden: folders that it sees
    empty wherever they are. readable: folders that it sees at their own paths and may not write to. All are of a confined script.
    """

    id: str
    confined: bool
    shown: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> LocalAttempt:
        document = json.loads(text)
        folders = {name: tuple(document.get(name, ())) for name in ("shown", "hidden", "readable")}
        return LocalAttempt(document["id"], document["confined"], **folders)


def make_current(files: StepFiles, attempt: str) -> None:
    """From now on no other attempt may write the step's state or result."""
    write_atomic(files.attempt, attempt)


def is_current(files: StepFiles, attempt: str) -> bool:
    """Whether the attempt is the step's last one."""
    return read_regular(files.root, files.relative(files.attempt)) == attempt.encode()
