"""Which installation a command means: named, only one, or one of several."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from jinsu import home
from jinsu.errors import BadInputError
from jinsu.home import Candidate, choose, find_home, installations

CHECKOUT, USER = Path("/checkout/.jinsu"), Path("/home/minji/.jinsu")


def candidates(*, checkout: bool | None = None, user: bool | None = None) -> list[Candidate]:
    """Installations that exist, each running or not."""
    states = ((CHECKOUT, 7700, checkout), (USER, 7800, user))
    return [Candidate(place, port, running) for place, port, running in states if running is not None]


@pytest.mark.parametrize(
    ("exist", "meant"),
    [
        (candidates(), USER),
        (candidates(checkout=False), CHECKOUT),
        (candidates(checkout=True), CHECKOUT),
        (candidates(user=False), USER),
        (candidates(checkout=True, user=False), CHECKOUT),
        (candidates(checkout=False, user=True), USER),
    ],
)
def test_one_installation_is_meant(exist: list[Candidate], meant: Path) -> None:
    assert choose(exist, USER) == meant


@pytest.mark.parametrize("running", [True, False])
def test_several_are_listed_with_what_to_type(running: bool) -> None:
    with pytest.raises(BadInputError) as caught:
        choose(candidates(checkout=running, user=running), USER)
    state = "running" if running else "stopped"
    assert str(caught.value) == (
        f"there are several installations on this machine: {CHECKOUT} (port 7700, {state}), {USER} (port 7800, {state}); "
        f"name the one that you mean: JINSU_HOME={CHECKOUT} jinsu …"
    )


# --- On this machine ---


@contextmanager
def listening(runtime: Path) -> Iterator[None]:
    """A process that accepts connections where supervisord would."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(runtime / "supervisor.sock"))
        server.listen()
        yield


def install(place: Path, runtime: Path, port: int) -> Path:
    place.mkdir(parents=True)
    document = {"runtime": str(runtime), "api_url": f"http://127.0.0.1:{port}"}
    (place / "settings.json").write_text(json.dumps(document))
    return place


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path, Path]]:
    """A checkout, a user's folder, and a folder for sockets whose path is short."""
    monkeypatch.delenv("JINSU_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "minji"))
    monkeypatch.setattr(home, "checkout", lambda: tmp_path / "checkout")
    with TemporaryDirectory(prefix="jinsu-test-") as short:
        yield tmp_path / "checkout", tmp_path / "minji", Path(short)


def test_the_checkouts_installation_comes_before_an_empty_home(machine: tuple[Path, Path, Path]) -> None:
    checkout, user, runtime = machine
    assert find_home() == user / ".jinsu"
    place = install(checkout / ".jinsu", runtime, 7700)
    assert find_home() == place
    assert installations() == [Candidate(place, 7700, False)]


def test_the_one_that_runs_is_taken(machine: tuple[Path, Path, Path]) -> None:
    checkout, user, runtime = machine
    (runtime / "a").mkdir()
    (runtime / "b").mkdir()
    install(checkout / ".jinsu", runtime / "a", 7700)
    install(user / ".jinsu", runtime / "b", 7800)
    with ExitStack() as sockets:
        sockets.enter_context(listening(runtime / "b"))
        assert find_home() == user / ".jinsu"
        sockets.enter_context(listening(runtime / "a"))
        with pytest.raises(BadInputError, match=r"port 7700, running\).*port 7800, running\)"):
            find_home()
    with pytest.raises(BadInputError, match=r"port 7700, stopped\).*port 7800, stopped\)"):
        find_home()  # the sockets' files are still there, as after a kill


def test_a_named_one_is_taken_before_all_others(
    machine: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checkout, user, runtime = machine
    install(checkout / ".jinsu", runtime, 7700)
    install(user / ".jinsu", runtime, 7800)
    monkeypatch.setenv("JINSU_HOME", str(tmp_path / "third"))
    assert find_home() == tmp_path / "third"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"api_url": 3}', '{"api_url": "http://127.0.0.1:7700"}'])
def test_settings_that_cannot_be_read_are_an_installation_all_the_same(
    machine: tuple[Path, Path, Path], text: str
) -> None:
    checkout, _, runtime = machine
    place = install(checkout / ".jinsu", runtime, 7700)
    (place / "settings.json").write_text(text)
    assert installations() == [Candidate(place, None, False)]


def test_the_command_lists_them(tmp_path: Path) -> None:
    """From a copy of the source in another checkout, through the real command."""
    checkout = tmp_path / "checkout"
    (checkout / "platform").mkdir(parents=True)
    (checkout / "pyproject.toml").touch()
    (checkout / "platform" / "jinsu").symlink_to(Path(home.__file__).parent)
    install(checkout / ".jinsu", tmp_path, 7700)
    install(tmp_path / "minji" / ".jinsu", tmp_path, 7800)
    environment = {"PATH": os.defpath, "HOME": str(tmp_path / "minji"), "PYTHONPATH": str(checkout / "platform")}
    ended = subprocess.run(
        [sys.executable, "-m", "jinsu.cli.main", "status"],
        env=environment, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.startswith("jinsu: there are several installations on this machine: ")
    assert ended.stderr.count("\n") == 1
    assert f"JINSU_HOME={checkout}/.jinsu jinsu …" in ended.stderr
