"""supervisord behind `Supervisor`: whatever is killed, nothing is doubled and nothing is left."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.waiting import eventually

from jinsu.clients.supervisord import Program, Supervisor

PASSWORD = "hush-hush-password"
WAIT = "import time; time.sleep(600)"
# A leader with a child, as Airflow and MLflow are; the child does not care for SIGTERM.
FAMILY = "import os, signal, time; os.fork() or signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"

SLOW_TO_END = """
import pathlib, signal, sys, time
place = pathlib.Path(sys.argv[1]) / sys.argv[2]
def end(*_):
    time.sleep(0.5)
    place.with_suffix(".ended").touch()
    sys.exit()
signal.signal(signal.SIGTERM, end)
place.with_suffix(".ready").touch()
time.sleep(600)
"""


@pytest.fixture
def supervisor(tmp_path: Path, short: Path, own: object) -> Iterator[Supervisor]:
    found = Supervisor(tmp_path, short, PASSWORD)
    found.launch()
    yield found
    with contextlib.suppress(psutil.Error, FileNotFoundError):
        psutil.Process(pid_of(tmp_path)).kill()


def pid_of(home: Path) -> int:
    return int(json.loads((home / "run" / "supervisord.json").read_text())["pid"])


def program(name: str, home: Path, script: str = WAIT, **options: Any) -> Program:
    """A program that carries the test's folder in its arguments, so that it can be found."""
    return Program(name, (sys.executable, "-c", script, str(home), name), **options)


def running(name: str, home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[-2:] == [str(home), name]:
                found.append(process)
    return found


def test_a_program_is_added_replaced_and_removed(supervisor: Supervisor, tmp_path: Path) -> None:
    show = "import os, time; print('I am', os.environ['WHO'], '100%', flush=True); time.sleep(600)"
    supervisor.add(program("one", tmp_path, show, environment={"WHO": "first, with 5 %"}, folder=str(tmp_path)))
    assert eventually(lambda: supervisor.names()["one"] == "RUNNING")
    first = supervisor.processes()["one"]
    assert Path(f"/proc/{first}/cwd").readlink() == tmp_path

    supervisor.add(program("one", tmp_path, show, environment={"WHO": "first, with 5 %"}, folder=str(tmp_path)))
    assert supervisor.processes()["one"] == first  # the same description changes nothing

    supervisor.add(program("one", tmp_path, show, environment={"WHO": "second"}, folder=str(tmp_path)))
    assert eventually(lambda: supervisor.processes().get("one", first) != first)
    assert not psutil.pid_exists(first)

    log = tmp_path / "logs" / "one.log"
    assert eventually(lambda: "second" in log.read_text())
    assert log.read_text() == "I am first, with 5 % 100%\nI am second 100%\n"

    supervisor.remove("one")
    supervisor.remove("one")
    assert "one" not in supervisor.names()
    assert running("one", tmp_path) == []


def test_a_killed_program_is_started_again_and_its_children_go_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add(program("family", tmp_path, FAMILY))
    assert eventually(lambda: supervisor.names()["family"] == "RUNNING")
    first = running("family", tmp_path)
    assert len(first) == 2

    os.kill(supervisor.processes()["family"], signal.SIGKILL)

    assert eventually(lambda: not any(process.is_running() for process in first))
    assert eventually(lambda: supervisor.names()["family"] == "RUNNING")
    assert len(running("family", tmp_path)) == 2


def test_stop_leaves_nothing(supervisor: Supervisor, tmp_path: Path, own: Callable[[], list[psutil.Process]]) -> None:
    for name in ("one", "two"):
        supervisor.add(program(name, tmp_path, FAMILY))
    assert eventually(lambda: len(running("one", tmp_path) + running("two", tmp_path)) == 4)

    begun = time.monotonic()
    supervisor.stop()

    assert own() == []
    assert not supervisor.running()
    assert time.monotonic() - begun < 60
    supervisor.stop()  # again is harmless


def test_many_programs_stop_at_once_and_the_one_that_others_need_stops_last(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    script = tmp_path / "ending.py"
    script.write_text(SLOW_TO_END, encoding="utf-8")
    ending = f"exec(open({str(script)!r}).read())"
    others = [f"model-{number}" for number in range(24)]
    supervisor.add(program("database", tmp_path, ending, needed=True))
    for name in others:
        supervisor.add(program(name, tmp_path, ending))
    assert eventually(lambda: len(list(tmp_path.glob("*.ready"))) == 25, 60)

    begun = time.monotonic()
    supervisor.stop()

    assert time.monotonic() - begun < 15
    ended = {name: (tmp_path / f"{name}.ended").stat().st_mtime for name in ("database", *others)}
    assert max(ended, key=ended.__getitem__) == "database"


def test_a_killed_supervisord_is_succeeded_without_doubles(supervisor: Supervisor, tmp_path: Path, short: Path) -> None:
    supervisor.add(program("family", tmp_path, FAMILY))
    assert eventually(lambda: len(running("family", tmp_path)) == 2)
    orphans = running("family", tmp_path)

    os.kill(pid_of(tmp_path), signal.SIGKILL)
    assert eventually(lambda: not supervisor.running())
    assert len(running("family", tmp_path)) == 2  # they outlive it

    successor = Supervisor(tmp_path, short, PASSWORD)
    successor.launch()

    assert "family" not in successor.names()
    assert not any(process.is_running() for process in orphans)
    successor.add(program("family", tmp_path, FAMILY))
    assert eventually(lambda: len(running("family", tmp_path)) == 2)


def test_a_stop_after_a_killed_supervisord_leaves_nothing(
    supervisor: Supervisor, tmp_path: Path, own: Callable[[], list[psutil.Process]]
) -> None:
    supervisor.add(program("one", tmp_path))
    assert eventually(lambda: running("one", tmp_path))
    os.kill(pid_of(tmp_path), signal.SIGKILL)

    supervisor.stop()

    assert own() == []


@pytest.mark.parametrize("name", ["my home", "100%", "it's mine"])
def test_the_installation_may_be_in_any_folder(tmp_path: Path, short: Path, own: object, name: str) -> None:
    home = tmp_path / name
    home.mkdir()
    supervisor = Supervisor(home, short, PASSWORD)
    supervisor.launch()
    supervisor.add(program("one", home, environment={"HOME": str(home)}, folder=str(home)))

    assert eventually(lambda: running("one", home))
    assert running("one", home)[0].environ()["HOME"] == str(home)
    supervisor.stop()


def test_a_program_that_cannot_be_described_spoils_no_other(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="bad"):
        supervisor.add(program("bad", tmp_path, "import time\ntime.sleep(600)\n"))

    supervisor.add(program("good", tmp_path))
    assert eventually(lambda: running("good", tmp_path))


def test_a_second_launch_is_harmless(supervisor: Supervisor, tmp_path: Path, short: Path) -> None:
    supervisor.add(program("one", tmp_path))
    before, first = supervisor.processes(), pid_of(tmp_path)

    Supervisor(tmp_path, short, PASSWORD).launch()

    assert pid_of(tmp_path) == first
    assert supervisor.processes() == before


def test_two_installations_do_not_touch_each_other(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add(program("one", tmp_path))
    other_home = tmp_path / "other"
    other_home.mkdir()
    (other_home / "run").mkdir()
    # As if the process id of a dead supervisord had been given to somebody else meanwhile.
    stale = {"pid": os.getsid(0), "created": time.time() + 60}
    (other_home / "run" / "supervisord.json").write_text(json.dumps(stale))
    Supervisor(other_home, other_home, "other").stop()

    assert eventually(lambda: supervisor.names()["one"] == "RUNNING")
    assert len(running("one", tmp_path)) == 1


def test_secrets_are_not_in_arguments_logs_or_the_environment(
    supervisor: Supervisor, tmp_path: Path, own: Callable[[], list[psutil.Process]]
) -> None:
    secret = tmp_path / "environment.json"
    secret.write_text(json.dumps({"TOKEN": "hush-hush-token"}))
    script = "import os, time; print(len(os.environ['TOKEN']), flush=True); time.sleep(600)"
    command = (sys.executable, "-m", "jinsu.local.launch", str(secret), sys.executable, "-c", script, str(tmp_path))
    supervisor.add(Program("server", command))
    log = tmp_path / "logs" / "server.log"
    assert eventually(lambda: log.exists() and log.read_text() == "15\n")

    assert len(own()) >= 2
    assert not [process for process in own() if "hush-hush" in " ".join(process.cmdline())]
    assert not [path for path in (tmp_path / "logs").iterdir() if "hush-hush" in path.read_text()]
    holders = [path for path in (tmp_path / "run").rglob("*") if path.is_file() and "hush-hush" in path.read_text()]
    assert [path.name for path in holders] == ["supervisord.conf"]
    assert [path.stat().st_mode & 0o077 for path in holders] == [0]


def test_servers_do_not_inherit_the_secrets_of_a_shell(
    tmp_path: Path, short: Path, own: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush-key")
    supervisor = Supervisor(tmp_path, short, PASSWORD)
    supervisor.launch()
    supervisor.add(program("one", tmp_path))
    assert eventually(lambda: running("one", tmp_path))
    leader = running("one", tmp_path)[0]

    environments = [psutil.Process(pid_of(tmp_path)).environ(), leader.environ()]
    supervisor.stop()

    assert "hush-hush-key" not in json.dumps(environments)


def test_only_its_owner_may_command_it(supervisor: Supervisor, tmp_path: Path, short: Path) -> None:
    assert (short / "supervisor.sock").stat().st_mode & 0o077 == 0
    assert not Supervisor(tmp_path, short, "guessed").running()


def test_it_outlives_the_shell_that_launched_it(tmp_path: Path, short: Path, own: object) -> None:
    script = (
        "import sys; from pathlib import Path; from jinsu.clients.supervisord import Supervisor;"
        "Supervisor(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]).launch()"
    )
    command = [sys.executable, "-c", script, tmp_path, short, PASSWORD]
    subprocess.run(command, check=True, timeout=30, start_new_session=True)

    supervisor = Supervisor(tmp_path, short, PASSWORD)
    assert supervisor.running()
    supervisor.stop()
