"""What was evaluated is what serves: another file, anywhere between the package step and the session, is refused."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.hostile_models import write_model

from jinsu.errors import GateFailedError, JinsuError
from jinsu.files import file_digest
from jinsu.packaging.contents import contents_digest, verify_contents
from jinsu.sdk.model_files import MODEL_FILES
from jinsu.serving.fetch import fetch
from jinsu.serving.service import Service
from jinsu.steps.result import seal

KEY = "a" * 64


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A package step that is done."""
    write_model(tmp_path / "step" / "out", "loop")
    (tmp_path / "step" / "out" / "probes.npz").write_bytes(b"probes")
    (tmp_path / "step" / "out" / "report.json").write_text("{}")
    seal(tmp_path / "step", KEY, 1.0)
    return tmp_path / "step"


def contents(root: Path) -> str:
    return contents_digest({name: file_digest(root / "out" / name) for name in MODEL_FILES})


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")


def test_a_digest_is_of_the_models_files_alone(root: Path) -> None:
    before = contents(root)
    change(root / "out" / "report.json")
    verify_contents(root / "out", before)
    with pytest.raises(GateFailedError, match=r"has no model\.json"):
        contents_digest({"model.onnx": "1", "probes.npz": "2"})


@pytest.mark.parametrize("name", MODEL_FILES)
def test_another_file_is_refused_and_named(root: Path, name: str) -> None:
    before = contents(root)
    change(root / "out" / name)
    with pytest.raises(GateFailedError, match=r"not those that were evaluated .*; roll back to another version"):
        verify_contents(root / "out", before)
    (root / "out" / name).unlink()
    with pytest.raises(GateFailedError, match=name):
        verify_contents(root / "out", before)


def test_a_server_of_another_package_does_not_start_and_says_why(root: Path) -> None:
    command = [sys.executable, "-m", "jinsu.serving.server", str(root / "out"), "--name", "digits", "--version", "3"]
    done = subprocess.run(
        [*command, "--contents", "0" * 64, "--socket", str(root / "socket")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith("digits version 3 is not served: the files in ")
    assert done.stderr.count("\n") == 1
    assert not (root / "socket").exists()


def test_a_file_that_changes_after_the_start_is_not_loaded_again(root: Path) -> None:
    service = Service(root / "out", "m", "3", contents=contents(root))
    process = service.engine._process
    assert process is not None
    process.kill()
    change(root / "out" / "model.onnx")
    from jinsu.inference.process import InferenceProcess

    again = InferenceProcess(root / "out", 1 << 30, contents(root).replace(contents(root)[0], "0"))
    frame = again.wait(30)
    again.kill()
    assert "not those that were evaluated" in frame.sentence()


class Folder:
    """An object store in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, key: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.root / key, path)


@pytest.fixture
def store(root: Path, tmp_path: Path) -> Any:
    shutil.copytree(root, tmp_path / "store" / "steps" / KEY)
    return Folder(tmp_path / "store")


def test_what_was_registered_is_fetched_whole(root: Path, store: Any, tmp_path: Path) -> None:
    fetch(store, KEY, tmp_path / "package", contents(root))
    verify_contents(tmp_path / "package" / "out", contents(root))


def test_a_package_that_was_replaced_with_its_result_is_refused(root: Path, store: Any, tmp_path: Path) -> None:
    """Whoever can write to the store can write a result that fits; the digest in the database is out of reach."""
    registered, place = contents(root), store.root / "steps" / KEY
    change(place / "out" / "model.onnx")
    seal(place, KEY, 1.0)
    fetch(store, KEY, tmp_path / "unsealed")  # as it was before there were digests
    with pytest.raises(JinsuError, match="not those that were evaluated"):
        fetch(store, KEY, tmp_path / "package", registered)


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "a/../../../escaped"])
def test_a_result_cannot_send_files_elsewhere(root: Path, store: Any, tmp_path: Path, name: str) -> None:
    result = store.root / "steps" / KEY / "result.json"
    result.write_text(result.read_text().replace('"report.json"', f'"{name}"'))
    with pytest.raises(JinsuError, match="result cannot be read"):
        fetch(store, KEY, tmp_path / "package")
    assert not (tmp_path / "escaped").exists()
