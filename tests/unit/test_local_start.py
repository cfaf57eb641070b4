"""What `jinsu up` decides and checks before it starts anything."""

import os
import socket
import stat
from collections import namedtuple
from pathlib import Path

import pytest
from tests.support.ports import free_ports

from jinsu.errors import BadInputError, ConflictError
from jinsu.local import preflight
from jinsu.local.new_settings import LISTENERS, at_port, runtime_folder
from jinsu.local.programs import programs
from jinsu.settings import Account, Settings, port_of

NOBODY = Account("nobody", "")


def settings_in(home: Path, port: int = 7700) -> Settings:
    """Settings of an installation that was never started."""
    settings = Settings(str(home), str(home / "runtime"), "", "", "", "", "", "", 0, NOBODY, "", "", "", "", "", "")
    return at_port(settings, port)


# --- Settings ---


def test_an_installation_listens_on_six_ports_in_a_row() -> None:
    settings = settings_in(Path("/home"), 7900)
    urls = (
        settings.api_url,
        settings.endpoint_url,
        settings.airflow_url,
        settings.mlflow_url,
        settings.envoy_admin_url,
    )
    assert [*map(port_of, urls), settings.xds_port] == list(range(7900, 7900 + len(LISTENERS)))
    assert {url.rpartition(":")[0] for url in urls} == {"http://127.0.0.1"}


def test_another_port_changes_the_addresses_and_nothing_else() -> None:
    settings = settings_in(Path("/home"), 7700)
    assert at_port(at_port(settings, 8800), 7700) == settings


def test_the_path_of_a_socket_is_short_however_long_the_homes_is() -> None:
    homes = [Path("/") / (letter * 200) for letter in "ab"]
    sockets = [str(runtime_folder(home) / "pg" / ".s.PGSQL.5432") for home in homes]
    assert len(set(sockets)) == 2
    assert max(map(len, sockets)) < 107


def test_no_secret_is_in_a_programs_description() -> None:
    settings = settings_in(Path("/home"))
    words = [word for program in programs(settings, Path("/envoy")) for word in program.command]
    assert "/home/run/environment/airflow.json" in words
    assert {program.name for program in programs(settings, Path("/envoy"))} == {
        "mlflow", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "api",
        "controller", "envoy",
    }  # fmt: skip


# --- Checks ---


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInputError, match=r"file/home: cannot be used: Not a directory; .* or set JINSU_HOME\."):
        preflight.make_home(tmp_path / "file" / "home")


def test_a_home_is_its_owners_alone(tmp_path: Path) -> None:
    preflight.make_home(tmp_path / "home")
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
    assert stat.S_IMODE((tmp_path / "home" / "run").stat().st_mode) == 0o700
    assert not list((tmp_path / "home" / "run").iterdir())


def test_a_folder_with_somebodys_files_is_no_home(tmp_path: Path) -> None:
    """`jinsu down --erase` removed them with the platform."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(
        BadInputError, match=r"is not empty and holds no platform \(thesis.tex\); set JINSU_HOME to a new folder"
    ):
        preflight.make_home(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    (tmp_path / "settings.json").touch()
    preflight.make_home(tmp_path)


def test_sockets_do_not_go_into_a_folder_that_others_can_change(tmp_path: Path) -> None:
    (tmp_path / "runtime").mkdir(mode=0o777)
    (tmp_path / "runtime").chmod(0o777)
    with pytest.raises(ConflictError, match="runtime: belongs to another user; remove it, or set TMPDIR"):
        preflight.make_runtime(tmp_path / "runtime")


def test_a_link_is_no_folder_for_sockets(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runtime").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConflictError, match="belongs to another user"):
        preflight.make_runtime(tmp_path / "runtime")


def test_a_second_start_beside_the_first_one_is_refused(tmp_path: Path) -> None:
    preflight.make_home(tmp_path)
    with (
        preflight.only_one(tmp_path),
        pytest.raises(ConflictError, match="another 'jinsu up' is at work"),
        preflight.only_one(tmp_path),
    ):
        pass
    with preflight.only_one(tmp_path):
        pass


def test_a_disk_that_is_almost_full_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", ("total", "used", "free"))
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(2**30, 2**30 - 3 * 2**20, 3 * 2**20))
    with pytest.raises(BadInputError, match="3 MiB of disk space are free, the platform needs 256"):
        preflight.check_space(tmp_path)


@pytest.mark.parametrize("place", range(len(LISTENERS)))
def test_a_port_that_is_taken_is_named_with_its_process(place: int, tmp_path: Path) -> None:
    first = free_ports(len(LISTENERS))
    with socket.create_server(("127.0.0.1", first + place)):
        message = rf"port {first + place} for {LISTENERS[place]} is taken".replace("(", r"\(").replace(")", r"\)")
        with pytest.raises(ConflictError, match=rf"{message} by process {os.getpid()} \("):
            preflight.check_ports(settings_in(tmp_path, first))
    preflight.check_ports(settings_in(tmp_path, first))
