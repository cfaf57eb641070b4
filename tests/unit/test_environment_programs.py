"""LOCK and INSTALL with the real uv, and wheels in a folder: what is locked, what is refused, and what an archive holds."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.wheels import make_wheel, python_index

from jinsu.codec import decode, encode
from jinsu.confined import install as install_program
from jinsu.confined import lock as lock_program
from jinsu.confined.base import base_packages
from jinsu.confined.tasks import ENVIRONMENT_FILE, FINDINGS, INDEX, LOCK_FILE, Environment, Install, Lock, Locked
from jinsu.confined.uv import failure, in_one_line
from jinsu.errors import BadInputError, TransientError
from jinsu.sdk.step_files import StepFiles

Locking = Callable[..., tuple[str, Locked]]
PYPI = "https://user:secret@index.example/simple"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    make_wheel(folder, "fast-tables", "1.2", needs=["numpy>=1", "tiny-words"])
    make_wheel(folder, "fast-tables", "1.1")
    make_wheel(folder, "tiny-words", "0.3")
    return folder


def step_files(place: Path) -> StepFiles:
    files = StepFiles(place)
    files.out.mkdir(parents=True)
    files.inputs.mkdir()
    return files


@pytest.fixture
def locking(wheels: Path, tmp_path: Path) -> Locking:
    def lock(text: str, index: str = "") -> tuple[str, Locked]:
        number = len(list(tmp_path.iterdir()))
        files = step_files(tmp_path / f"lock-{number}")
        links = () if index else (str(wheels),)
        lock_program.run(encode(Lock(text, "requirements.txt", links)), {INDEX: index}, files)
        return (files.out / LOCK_FILE).read_text(), decode(Locked, json.loads((files.out / FINDINGS).read_text()))

    return lock


def test_what_is_asked_for_is_locked_with_hashes_and_the_base_is_not_in_it(locking: Locking) -> None:
    text, found = locking("fast_tables>=1\nnumpy\njinsu\n")

    assert found.packages == ["fast-tables==1.2", "tiny-words==0.3"]
    assert found.provided == [f"jinsu=={base_packages()['jinsu']}", f"numpy=={base_packages()['numpy']}"]
    assert text.count("--hash=sha256:") == 2
    assert "numpy" not in text


def test_a_base_package_brings_what_it_needs_itself(locking: Locking) -> None:
    text, found = locking("torch\nscikit-learn>=1\n")
    assert (text, found.packages) == ("", [])


def test_an_index_is_asked_for_what_the_base_lacks(locking: Locking, wheels: Path) -> None:
    with python_index(wheels) as (port, asked):
        _, found = locking("fast-tables==1.1", f"http://127.0.0.1:{port}/simple")
    assert found.packages == ["fast-tables==1.1"]
    assert "/simple/fast-tables/" in asked


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "numpy\n\nno-such-package>=3\n",
            ("requirements.txt: line 3 (no-such-package>=3) cannot be resolved: ", "not found"),
        ),
        ("fast-tables>=7\n", ("line 1 (fast-tables>=7) cannot be resolved", "fast-tables")),
        ("fast-tables==1.2\ntiny-words>=2\n", ("line 2 (tiny-words>=2)", "tiny-words")),
    ],
    ids=["unknown", "no such version", "contradiction"],
)
def test_what_cannot_be_resolved_names_its_lines(locking: Locking, text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(BadInputError) as refused:
        locking(text)
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)


def test_another_version_of_what_the_platform_has_is_a_conflict_with_its_line(locking: Locking) -> None:
    version = base_packages()["numpy"]
    with pytest.raises(BadInputError) as refused:
        locking("fast-tables\nnumpy<1.5  # an old one\n")
    assert str(refused.value) == (
        f"requirements.txt: line 2: numpy<1.5: trainings have numpy {version} from the platform; take this version, or a "
        "training image that your team's policy lists (train.image)."
    )


def test_a_package_that_needs_another_version_of_the_base_is_a_conflict(locking: Locking, wheels: Path) -> None:
    make_wheel(wheels, "old-tables", "1.0", needs=["numpy<1.5"])
    with pytest.raises(BadInputError, match=r"line 1 \(old-tables\) cannot be resolved: .*numpy"):
        locking("old-tables")


def test_a_package_that_would_have_to_be_built_is_refused_unbuilt(
    locking: Locking, wheels: Path, tmp_path: Path
) -> None:
    proof = tmp_path / "built"
    source = tmp_path / "evil-1.0"
    source.mkdir()
    (source / "setup.py").write_text(
        f"open({str(proof)!r}, 'w')\nfrom setuptools import setup\nsetup(name='evil', version='1.0')"
    )
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    with tarfile.open(wheels / "evil-1.0.tar.gz", "w:gz") as bundle:
        bundle.add(source, "evil-1.0")

    with pytest.raises(BadInputError, match=r"line 1 \(evil\) cannot be resolved: .*Only wheels are installed"):
        locking("evil")
    assert not proof.exists()


def test_an_index_that_does_not_answer_is_tried_again(locking: Locking) -> None:
    with pytest.raises(TransientError, match="the index of packages does not answer"):
        locking("fast-tables", "http://127.0.0.1:9/simple")


def test_the_account_of_an_index_is_in_no_message() -> None:
    said = in_one_line(f"error: Failed to fetch: `{PYPI}/x/`\n  cause: dns error\n")
    assert "secret" not in str(failure(2, said))
    assert isinstance(failure(2, said), TransientError)
    assert isinstance(failure(1, "Because x was not found"), BadInputError)


# --- Installing ---


def installed(folder: Path, lock: str, wheels: Path, most_bytes: int = 2**20, most_files: int = 100) -> StepFiles:
    files = step_files(folder)
    (files.inputs / LOCK_FILE).write_text(lock)
    install_program.run(encode(Install((str(wheels),), most_bytes, most_files)), {}, files)
    return files


def members(files: StepFiles) -> list[str]:
    with tarfile.open(files.out / ENVIRONMENT_FILE) as bundle:
        return bundle.getnames()


def test_an_archive_holds_the_packages_and_the_same_lock_gives_the_same_bytes(
    locking: Locking, wheels: Path, tmp_path: Path
) -> None:
    text, _ = locking("fast-tables")
    first, second = (installed(tmp_path / name, text, wheels) for name in ("first", "second"))

    assert {"fast_tables/__init__.py", "tiny_words/__init__.py"} <= set(members(first))
    archives = [(files.out / ENVIRONMENT_FILE).read_bytes() for files in (first, second)]
    assert archives[0] == archives[1]
    found = decode(Environment, json.loads((first.out / FINDINGS).read_text()))
    assert found.files == len(members(first))


def test_a_wheel_that_is_not_the_locked_one_is_refused(locking: Locking, wheels: Path, tmp_path: Path) -> None:
    text, _ = locking("tiny-words")
    make_wheel(wheels, "tiny-words", "0.3", {"tiny_words.py": "import os\n"})
    with pytest.raises(BadInputError, match=r"(?i)hash"):
        installed(tmp_path / "step", text, wheels)


def test_an_environment_is_bounded_in_bytes_and_files(locking: Locking, wheels: Path, tmp_path: Path) -> None:
    make_wheel(wheels, "bomb", "1", {"bomb.bin": b"\0" * (3 << 20)})
    make_wheel(wheels, "crumbs", "1", {f"crumbs/{number}.py": "" for number in range(300)})
    bomb, crumbs = locking("bomb")[0], locking("crumbs")[0]
    with pytest.raises(BadInputError, match="more than 1Mi, the limit of an environment"):
        installed(tmp_path / "bomb", bomb, wheels)
    with pytest.raises(BadInputError, match="more than 100 files"):
        installed(tmp_path / "crumbs", crumbs, wheels)


@pytest.mark.parametrize("name", ["../outside.py", "/tmp/jinsu-outside.py", "x-1.data/data/../../../outside.py"])
def test_a_wheel_that_leads_out_of_its_folder_leaves_nothing_there(
    name: str, locking: Locking, wheels: Path, tmp_path: Path
) -> None:
    make_wheel(wheels, "outside", "1", {name: "raise SystemExit(1)\n", "outside.py": ""})
    text, _ = locking("outside")
    try:
        files = installed(tmp_path / "step", text, wheels)
    except BadInputError:
        files = None
    assert not Path("/tmp/jinsu-outside.py").exists()
    assert list(tmp_path.rglob("outside.py")) == []
    assert files is None or not any(".." in member or member.startswith("/") for member in members(files))
