"""What the command line prints for a person to type works as printed: from any folder, in any shell."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from jinsu import settings as configuration
from jinsu.api.models import Run
from jinsu.cli.command_line import compose, printed_command
from jinsu.cli.demo_pages import closing_lines, curl
from jinsu.cli.installation import show_addresses
from jinsu.local.new_settings import at_port
from jinsu.settings import Account, Settings
from jinsu.state.states import SubmissionState

CHECKOUT, USER, OTHER = Path("/checkout/.jinsu"), Path("/home/minji/.jinsu"), Path("/var/a b/.jinsu")
FULL = "/checkout/.venv/bin/jinsu"


@pytest.mark.parametrize(
    ("program", "homes", "home", "line"),
    [
        (["jinsu"], [USER], USER, "jinsu down"),
        ([FULL], [CHECKOUT], CHECKOUT, f"{FULL} down"),
        ([FULL], [CHECKOUT, USER], CHECKOUT, f"JINSU_HOME={CHECKOUT} {FULL} down"),
        (["jinsu"], [CHECKOUT], USER, f"JINSU_HOME={USER} jinsu down"),
        ([FULL], [], OTHER, f"JINSU_HOME='{OTHER}' {FULL} down"),
        (["/a b/jinsu"], [OTHER], OTHER, "'/a b/jinsu' down"),
    ],
)
def test_a_command_names_what_it_would_not_find_by_itself(
    program: list[str], homes: list[Path], home: Path, line: str
) -> None:
    assert compose(program, homes, home, ["down"]) == line


# --- Run as printed ---


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """An installation that does not run, in a folder that only `$JINSU_HOME` names."""
    nobody = Account("nobody", "")
    with TemporaryDirectory(prefix="jinsu-test-") as runtime:
        settings = at_port(
            Settings(
                str(tmp_path / "my home"), runtime, "", "", "", "", "", "", 0, nobody, "", "", "", "", "", ""
            ),
            7700,
        )  # fmt: skip
        settings.write()
        monkeypatch.setenv("JINSU_HOME", settings.home)
        monkeypatch.setenv("PATH", os.defpath)
        configuration.load.cache_clear()
        yield settings
        configuration.load.cache_clear()
        Path(runtime).mkdir(exist_ok=True)


def in_a_shell(line: str, folder: str = "/", path: str = os.defpath) -> subprocess.CompletedProcess[str]:
    """The line typed into a new shell, in another folder, by a person whose home is empty."""
    environment = {"PATH": path, "HOME": "/nonexistent", "PYTHONPATH": ":".join(filter(None, sys.path))}
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_that_stops_works_as_printed(installation: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    show_addresses()
    line = capsys.readouterr().out.rpartition("Stop with: ")[2].strip()
    assert line.endswith(" down")

    ended = in_a_shell(line)

    assert ended.returncode == 0, ended.stderr
    assert not Path(installation.runtime).exists(), "another installation was stopped"


@pytest.mark.parametrize("reason", ["", "bubblewrap exists for Linux only"])
def test_a_machine_that_cannot_confine_scripts_says_so(
    installation: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    monkeypatch.setattr("jinsu.steps.confinement.confinement", lambda: reason)
    show_addresses()
    sentence = f"Scripts of researchers are not confined: {reason}. Run only those that you trust."
    assert (sentence in capsys.readouterr().out) == bool(reason)


def test_a_program_on_the_path_is_called_by_its_name(installation: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{Path(sys.executable).parent}:{os.defpath}"
    monkeypatch.setenv("PATH", path)
    line = printed_command(Path(installation.home), "down")
    assert line.endswith(" jinsu down")
    assert in_a_shell(line, path=path).returncode == 0
    assert not Path(installation.runtime).exists()


def test_another_program_of_that_name_is_not_meant(
    installation: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jinsu").write_text("#!/bin/sh\nexit 9\n")
    (tmp_path / "jinsu").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert shlex.split(printed_command(Path(installation.home), "down"))[1] == str(
        Path(sys.executable).with_name("jinsu")
    )


# --- The demo's last lines ---


def run() -> Run:
    links = {
        "Endpoint": "http://127.0.0.1:7701/models/digits/invocations",
        "Evidence": "http://127.0.0.1:7703/#/experiments/1/runs/0a/artifactPath/evidence.html",
    }
    return Run(
        id="digits-1", model="digits", team="default", problem="digits", rules=[],
        submitter="minji", state=SubmissionState.SUCCEEDED, reason="", dataset="digits@1",
        created=1.0, ended=2.0, mlflow_run="0a", dag_run="manual__2026-11-24T10:00:00+00:00", why="", stages=[],
        rollout=None, links=links,
    )  # fmt: skip


def test_the_demo_ends_with_the_pages_that_matter(installation: Settings) -> None:
    lines = closing_lines(installation, run(), [[[0, 16]]])
    text = "\n".join(lines)
    assert "http://127.0.0.1:7702/dags/lifecycle/runs/manual__2026-11-24T10%3A00%3A00%2B00%3A00\n" in text
    assert text.count(f"your name and first password are in {installation.home}/first-password.json\n") == 2
    assert f"{run().links['Evidence']}\n" in text
    assert "curl -sS http://127.0.0.1:7701/models/digits/invocations " in text


def test_the_line_that_asks_the_endpoint_is_one_for_a_shell() -> None:
    words = shlex.split(curl("http://127.0.0.1:7701/models/it's/invocations", [["it's", 1]]))
    assert words[2] == "http://127.0.0.1:7701/models/it's/invocations"
    assert json.loads(words[words.index("-d") + 1]) == {"inputs": [["it's", 1]]}
