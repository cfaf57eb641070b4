"""What `pip install jinsu` brings: a small command line and the SDK, with the DAGs and the examples of `jinsu up`."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from jinsu import __version__
from jinsu.cli.extras import MODULES, Extra

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
MAX_MB, MAX_PACKAGES = 40, 20


def run(*command: str | Path, code: int = 0, folder: Path = Path("/"), **environment: str) -> str:
    """What the command prints, its errors too, having ended with that exit code."""
    # Neither this checkout's source nor an installation of this machine may help.
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "JINSU_HOME", "JINSU_API")}
    ended = subprocess.run(
        command, cwd=folder, env={**kept, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    assert ended.returncode == code, ended.stdout[-3000:]
    return ended.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A wheel and the source archive that it was made from."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and no extra; the versions are those of requirements.lock."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    run(UV, "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--python", python, "-c", ROOT / "requirements.lock", built[0])
    return environment


def names(archive: Path) -> set[str]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return set(wheel.namelist())
    with tarfile.open(archive) as source:
        return {name.partition("/")[2] for name in source.getnames()}


def tracked(*folders: str) -> set[str]:
    """Files of those folders that git knows and that still exist."""
    listed = run("git", "ls-files", *folders, folder=ROOT).splitlines()
    return {name for name in listed if (ROOT / name).is_file()}


def test_the_wheel_holds_the_package_the_dags_and_the_examples(built: tuple[Path, Path]) -> None:
    wheel, _ = built
    wanted = {name.removeprefix("platform/") for name in tracked("platform/jinsu")}
    wanted |= {f"jinsu/share/{name}" for name in tracked("dags", "examples")}
    assert wheel.name == f"jinsu-{__version__}-py3-none-any.whl"
    assert wanted <= names(wheel)
    assert {name for name in names(wheel) - wanted if ".dist-info/" not in name and not name.endswith(".py")} == set()
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in names(wheel)}


def test_the_source_archive_holds_what_a_wheel_is_made_from(built: tuple[Path, Path]) -> None:
    _, source = built
    assert tracked("platform/jinsu", "dags", "examples") | {"pyproject.toml", "README.md", "LICENSE"} <= names(source)


def test_the_client_is_small(installed: Path) -> None:
    (packages,) = (installed / "lib").glob("python3*/site-packages")
    megabytes = sum(path.lstat().st_size for path in packages.rglob("*") if not path.is_dir()) / 1e6
    found = [item.metadata["Name"] for item in importlib.metadata.distributions(path=[str(packages)])]
    print(f"{megabytes:.1f} MB in {len(found)} packages: {', '.join(sorted(found))}")
    assert len(found) <= MAX_PACKAGES
    assert megabytes < MAX_MB


def test_the_command_and_the_sdk_work_without_an_extra(installed: Path, tmp_path: Path) -> None:
    jinsu = installed / "bin" / "jinsu"
    assert "Launch machine-learning models" in run(jinsu, "--help")
    assert run(jinsu, "--version").strip().endswith(__version__)
    for command in ("submit", "check", "up", "data"):
        assert f"Usage: jinsu {command}" in run(jinsu, command, "--help")
    assert run(jinsu, "init", "new", folder=tmp_path).count("written") == 2
    script = "import jinsu; print(jinsu.params(a=1).a)"
    assert run(installed / "bin" / "python", "-c", script, folder=tmp_path).strip() == "1"


def test_a_submission_needs_no_extra(installed: Path, tmp_path: Path) -> None:
    """All but the platform itself: the folder is packed, and then nothing answers."""
    run(installed / "bin" / "jinsu", "init", "new", folder=tmp_path)
    elsewhere = {"JINSU_API": "http://127.0.0.1:1", "JINSU_TOKEN": "none"}
    for words in (("submit", "new"), ("runs",), ("predict", "new", "[]"), ("data", "put", "new", "new")):
        shown = run(installed / "bin" / "jinsu", *words, code=75, folder=tmp_path, **elsewhere)
        assert "http://127.0.0.1:1 does not answer" in shown
        assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("up", "jinsu up needs the platform: pip install 'jinsu[platform]'"),
        ("down", "jinsu down needs the platform: pip install 'jinsu[platform]'"),
        ("status", "jinsu status needs the platform: pip install 'jinsu[platform]'"),
        ("check", "jinsu check needs PyTorch, ONNX Runtime and Great Expectations: pip install 'jinsu[check]'"),
    ],
)
def test_a_command_that_needs_an_extra_says_so(installed: Path, command: str, sentence: str, tmp_path: Path) -> None:
    shown = run(installed / "bin" / "jinsu", command, code=2, HOME=str(tmp_path))
    assert shown == f"jinsu: {sentence}\n"
    assert not list(tmp_path.iterdir())


def test_jinsu_up_finds_its_dags_and_examples_in_the_wheel(installed: Path) -> None:
    script = "import json; from jinsu import resources as r; print(json.dumps([str(r.dags()), str(r.examples()), r.checkout()]))"
    dags, examples, checkout = json.loads(run(installed / "bin" / "python", "-c", script))
    assert checkout is None
    assert Path(dags).is_relative_to(installed)
    assert (Path(dags) / "lifecycle.py").is_file()
    assert (Path(examples) / "digits" / "model.yaml").is_file()


def test_a_library_that_stands_for_an_extra_is_in_it() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    requirements = {
        Extra.PLATFORM: extras["platform"],
        Extra.CHECK: [*extras["check"], *extras["torch"]],
    }
    for extra, modules in MODULES.items():
        known = {re.split(r"[\[<>=~! ]", line)[0].replace("-", "_") for line in requirements[extra]}
        known |= {name.removeprefix("apache_") for name in known}
        assert set(modules) <= known
