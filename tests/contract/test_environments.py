"""A training's own packages, for real: uv, an index of packages on this machine, the launcher, and a script that imports them."""

import hashlib
import io
import os
import signal
import socket
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.wheels import make_wheel, python_index

from jinsu.confined.tasks import ENVIRONMENT_FILE, INDEX, LOCK_FILE, Details, Install, Lock, Locked, confined_step
from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.objects.mirror import Mirror
from jinsu.sdk.step_files import PACKAGES_NAME
from jinsu.steps.confinement import confinement
from jinsu.steps.destinations import PYTHON_INDEX
from jinsu.steps.folders import StepFolders
from jinsu.steps.runner_state import read_state
from jinsu.steps.spec import Input, Limits, StepKind, StepSpec, run_key
from jinsu.steps.status import WAITING, Phase, StepStatus

pytestmark = pytest.mark.skipif(bool(confinement()), reason=f"steps are not confined here: {confinement()}")
LIMITS = Limits(memory=768 * 2**20, seconds=180)


class Machine:
    """An installation's folder with a secret in it, a launcher, and an index of packages that its steps may ask."""

    def __init__(self, home: Path, wheels: Path, port: int, asked: list[str], offline: bool = False) -> None:
        self.home, self.wheels, self.asked = home, wheels, asked
        (home / "settings.json").write_text("the fernet key")
        self.objects = home / "objects"
        self.index = "" if offline else f"http://127.0.0.1:{port}/simple"
        self.links = (str(wheels),) if offline else ()
        egress = {} if offline else {PYTHON_INDEX: (f"127.0.0.1:{port}",)}
        self.launcher = LocalLauncher(
            self.objects / "steps", home, egress={PYTHON_INDEX: (), **egress}, wheels=self.links
        )
        self.steps = StepFolders(Mirror(self.objects))

    def program(self, details: Details, inputs: Sequence[Input] = (), reaches: str = PYTHON_INDEX) -> StepSpec:
        return confined_step(
            details, inputs, LIMITS, "tests", {}, secrets={INDEX: self.index}, egress=(reaches,) if reaches else ()
        )

    def lock(self, requirements: str) -> StepSpec:
        return self.program(Lock(requirements, "requirements.txt", self.links))

    def install(self, lock: StepSpec) -> StepSpec:
        inputs = self.steps.inputs(lock.run_key, {LOCK_FILE: LOCK_FILE})
        return self.program(Install(self.links, 2**26, 1000), inputs)

    def built(self, requirements: str) -> StepSpec:
        """The step that has installed the requirements."""
        lock = self.lock(requirements)
        status = self.perform(lock)
        assert status.phase is Phase.DONE, (status.message, self.launcher.logs(lock.run_key, 0))
        install = self.install(lock)
        status = self.perform(install)
        assert status.phase is Phase.DONE, (status.message, self.launcher.logs(install.run_key, 0))
        return install

    def training(
        self, script: str, install: StepSpec | None, command: Sequence[str] = ("python", "train.py")
    ) -> StepSpec:
        code = self.code({"train.py": script})
        packages = self.steps.inputs(install.run_key, {PACKAGES_NAME: ENVIRONMENT_FILE}) if install else ()
        inputs = (code, *packages)
        key = run_key("train", {"command": list(command)}, {item.name: item.digest for item in inputs}, code.digest, "")
        return StepSpec("train", "local", tuple(command), {}, LIMITS, inputs, f"steps/{key}", key)

    def code(self, files: Mapping[str, str]) -> Input:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                bundle.addfile(member, io.BytesIO(text.encode()))
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        path = self.objects / "code" / f"{digest}.tar.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
        return Input("code", f"code/{digest}.tar.gz", digest)

    def perform(self, step: StepSpec, within: float = 200) -> StepStatus:
        self.launcher.start(step)
        return self.end(step, within)

    def end(self, step: StepSpec, within: float = 200) -> StepStatus:
        deadline = time.monotonic() + within
        while (status := self.launcher.status(step.run_key)).phase in WAITING:
            assert time.monotonic() < deadline, f"still {status.phase} after {within} s"
            time.sleep(0.05)
        return status

    def run(self, script: str, install: StepSpec | None, command: Sequence[str] = ("python", "train.py")) -> str:
        """What a training prints that ends well."""
        step = self.training(script, install, command)
        status = self.perform(step)
        text = self.launcher.logs(step.run_key, 0)[0]
        assert status.phase is Phase.DONE, (status.message, text)
        return text


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    make_wheel(folder, "fast-tables", "1.2", needs=["numpy>=1", "tiny-words"])
    make_wheel(folder, "tiny-words", "0.3")
    return folder


@pytest.fixture
def machine(tmp_path: Path, wheels: Path) -> Iterator[Machine]:
    home = tmp_path / "home"
    home.mkdir()
    with python_index(wheels) as (port, asked):
        yield Machine(home, wheels, port, asked)


IMPORT = "import fast_tables, tiny_words, numpy, jinsu; print(fast_tables.VERSION, tiny_words.VERSION, jinsu.__name__)"


def test_a_script_imports_what_its_requirements_ask_for(machine: Machine) -> None:
    install = machine.built("fast-tables>=1\nnumpy\n")

    assert machine.run(IMPORT, install) == "1.2 0.3 jinsu\n"
    assert "/simple/fast-tables/" in machine.asked
    step = machine.training(IMPORT, None)
    assert "No module named 'fast_tables'" in machine.perform(step).message


def test_wheels_of_a_folder_serve_where_no_index_is_reached(tmp_path: Path, wheels: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    machine = Machine(home, wheels, 0, [], offline=True)

    assert machine.run(IMPORT, machine.built("fast-tables\n")) == "1.2 0.3 jinsu\n"
    hidden = machine.run(f"import os; print(os.path.exists({str(wheels)!r}))", None)
    assert hidden == "False\n", "a training does not see the operator's folder"


def test_what_only_the_platforms_programs_use_is_the_scripts_own_to_choose(machine: Machine) -> None:
    """Alembic is there on one machine, because the platform lives in the same Python; no training has it from the base."""
    make_wheel(machine.wheels, "alembic", "99.0")
    assert machine.run("import alembic; print(alembic.VERSION)", machine.built("alembic==99.0\n")) == "99.0\n"


def test_programs_of_packages_are_on_the_path(machine: Machine) -> None:
    entry = "[console_scripts]\nlaunch = launching:main\n"
    files = {"launching.py": "def main(): print('launched')\n", "launching-1.dist-info/entry_points.txt": entry}
    make_wheel(machine.wheels, "launching", "1", files)

    assert machine.run("", machine.built("launching\n"), ("launch",)) == "launched\n"


def test_the_packages_are_read_only(machine: Machine) -> None:
    script = """
import os, sys
from pathlib import Path
place = Path(os.environ["JINSU_STEP_DIR"]) / "in" / "packages"
for change in (
    lambda: (place / "fast_tables" / "__init__.py").write_text("VERSION = 'spoilt'"),
    lambda: (place / "more.py").write_text(""),
    lambda: place.rename(place.with_name("old")),
):
    try:
        change()
        print("changed")
    except OSError as problem:
        print(problem.strerror)
"""
    install = machine.built("fast-tables\n")
    assert "changed" not in machine.run(script, install)
    assert machine.run(IMPORT, install) == "1.2 0.3 jinsu\n"


# --- Sentences ---


@pytest.mark.parametrize(
    ("requirements", "words"),
    [
        ("tiny-words\nno-such-package\n", "requirements.txt: line 2 (no-such-package) cannot be resolved: "),
        ("numpy<1.5\n", "requirements.txt: line 1: numpy<1.5: trainings have numpy "),
        ("needs-old-numpy\n", "line 1 (needs-old-numpy) cannot be resolved: "),
    ],
    ids=["unknown", "conflict", "conflict of a dependency"],
)
def test_what_cannot_be_installed_is_one_sentence(requirements: str, words: str, machine: Machine) -> None:
    make_wheel(machine.wheels, "needs-old-numpy", "1", needs=["numpy<1.5"])
    step = machine.lock(requirements)
    status = machine.perform(step)

    assert (status.phase, status.interrupted) == (Phase.FAILED, False)
    assert words in status.message
    assert machine.steps.result(step.run_key) is None


def test_an_index_that_is_away_is_tried_again(tmp_path: Path, wheels: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with python_index(wheels) as (port, asked):
        machine = Machine(home, wheels, port, asked)
    status = machine.perform(machine.lock("tiny-words\n"))

    assert (status.phase, status.interrupted) == (Phase.FAILED, True), status.message
    assert status.message.startswith("the index of packages does not answer: ")


# --- Attacks ---

EVIL = """
import os, socket
from pathlib import Path
said = []
for place in {places!r}:
    try:
        Path(place).read_text()
        said.append("read " + place)
    except OSError:
        pass
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=2).close()
    said.append("connected")
except OSError:
    pass
step = os.environ.get("JINSU_STEP_DIR", "")
try:
    said.append("secrets " + (Path(step) / "in" / "secrets.json").read_text())
except OSError:
    pass
print("evil ran and has:", said, flush=True)
"""


def test_a_wheel_that_attacks_runs_in_no_build_and_reaches_nothing_in_a_training(machine: Machine) -> None:
    """Code in a .pth, in sitecustomize, in the package: it runs with the script that imports it, where the script is."""
    reached = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        try:
            listener.accept()
            reached.set()
        except OSError:
            pass

    threading.Thread(target=accept, daemon=True).start()
    evil = EVIL.format(places=[str(machine.home / "settings.json")], port=listener.getsockname()[1])
    files = {
        "evil/__init__.py": evil,
        "evil.pth": f"import sys; exec({evil!r})\n",
        "sitecustomize.py": evil,
        "usercustomize.py": evil,
    }
    make_wheel(machine.wheels, "evil", "1.0", files)

    lock = machine.lock("evil\n")
    assert machine.perform(lock).phase is Phase.DONE
    install = machine.install(lock)
    assert machine.perform(install).phase is Phase.DONE
    for step in (lock, install):
        assert "evil ran" not in machine.launcher.logs(step.run_key, 0)[0]

    said = machine.run("import evil", install)
    listener.close()
    assert "evil ran and has: []" in said, "the attack was carried out"
    assert not reached.is_set()
    assert all(line == "evil ran and has: []" for line in said.splitlines() if "evil" in line)


def test_a_build_reaches_the_index_and_nothing_else(machine: Machine) -> None:
    """The address comes from the operator; one that an index redirects to is not reached."""
    with python_index(machine.wheels) as (port, asked):
        machine.index = f"http://127.0.0.1:{port}/simple"
        status = machine.perform(machine.lock("tiny-words\n"))
        assert status.phase is Phase.FAILED
        assert "403" in status.message
        assert asked == []


# --- Once, and whole or not at all ---


def test_two_runs_at_once_share_one_build(machine: Machine) -> None:
    lock = machine.lock("fast-tables\n")
    machine.perform(lock)
    machine.asked.clear()
    install = machine.install(lock)
    starts = [threading.Thread(target=machine.launcher.start, args=(install,)) for _ in range(4)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert machine.end(install).phase is Phase.DONE
    assert machine.launcher.start(install).phase is Phase.DONE
    assert len([path for path in machine.asked if path.startswith("/files/fast_tables")]) == 1


def test_a_build_that_is_killed_leaves_nothing_that_a_training_could_find(machine: Machine) -> None:
    make_wheel(machine.wheels, "many", "1", {f"many/{number}.py": "x = 1\n" * 500 for number in range(900)})
    lock = machine.lock("many\n")
    machine.perform(lock)
    install = machine.install(lock)
    for pause in (0.0, 0.3, 0.6):
        machine.launcher.start(install)
        time.sleep(pause)
        state = read_state(machine.launcher.files(install.run_key))
        if machine.launcher.status(install.run_key).phase is Phase.DONE:
            break
        assert state is not None
        with suppress(ProcessLookupError):  # it has ended this moment
            os.kill(state.pid, signal.SIGKILL)
        if machine.end(install).phase is Phase.DONE:
            break
        assert machine.launcher.status(install.run_key).interrupted
        assert machine.steps.result(install.run_key) is None
        assert not machine.launcher.files(install.run_key).secrets.exists()
    assert machine.perform(install).phase is Phase.DONE
    assert machine.run("import many; print('whole')", install) == "whole\n"


def test_an_environment_that_was_spoilt_on_the_disk_is_not_trained_in(machine: Machine) -> None:
    install = machine.built("tiny-words\n")
    step = machine.training("import tiny_words", install)
    archive = machine.objects / f"steps/{install.run_key}/out/{ENVIRONMENT_FILE}"
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    with pytest.raises(Exception, match="is not what it was"):
        machine.launcher.start(step)


def test_the_lock_can_be_read_by_whoever_reviews(machine: Machine) -> None:
    lock = machine.lock("fast-tables\n")
    machine.perform(lock)
    found = machine.steps.document(Locked, lock.run_key, "findings.json")
    assert found.packages == ["fast-tables==1.2", "tiny-words==0.3"]
    assert machine.steps.content(lock.run_key, LOCK_FILE).count(b"--hash=sha256:") == 2
    assert lock.kind is StepKind.PLATFORM
