"""Sets of files put, appended, compared, copied and deleted by `jinsu data`, against the real API."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.answers import refused
from tests.support.api_client import ApiClient
from tests.support.stage_bench import StageBench
from tests.support.waiting import until

from jinsu.cli.file_sources import folder_files
from jinsu.errors import BadInputError
from jinsu.retention.removal import Retention
from jinsu.sdk.files import Files, FolderFiles

Jinsu = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jinsu.cli.file_putting.PACK_BYTES", 4000)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """60 files of different sizes, one of them empty and one larger than a pack."""
    folder = tmp_path / "pictures"
    for number in range(60):
        path = folder / ("cats" if number % 2 else "dogs") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number]) * number * 10)
    (folder / "large.bin").write_bytes(os.urandom(15_000))
    return folder


def packs(bench: StageBench, name: str = "pictures") -> set[str]:
    folder = bench.home / "objects" / "packs" / name
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def put(jinsu: Jinsu, folder: Path, *more: object, who: str = "ann") -> str:
    """The version, as a spec names it."""
    code, out, err = jinsu("data", "put", "pictures", folder, *more, who=who)
    assert code == 0, err
    return out.partition(":")[0]


def test_a_copy_is_the_folder_that_was_put(bench: StageBench, jinsu: Jinsu, pictures: Path, tmp_path: Path) -> None:
    reference = put(jinsu, pictures)
    assert len(packs(bench)) > 3
    assert not any((bench.home / "objects" / "uploads").iterdir()), "what was sent is deleted"
    code, out, err = jinsu("data", "get", reference, tmp_path / "copy")
    assert (code, out) == (0, f"{reference}: 61 files in {tmp_path / 'copy'}\n"), err
    assert files(tmp_path / "copy") == files(pictures)
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["cats", "dogs", "large.bin"]


def test_what_is_there_is_not_sent_again(bench: StageBench, jinsu: Jinsu, pictures: Path) -> None:
    first = put(jinsu, pictures, "--note", "all")
    before = packs(bench)
    assert put(jinsu, pictures) == first
    assert packs(bench) == before
    (pictures / "cats" / "new.jpg").write_bytes(b"new")
    second = put(jinsu, pictures)
    assert second != first
    assert len(packs(bench) - before) == 1
    assert jinsu("data", "diff", first)[1].endswith("1 added, 0 removed, 61 the same\n")


def test_files_are_added_and_replaced(bench: StageBench, jinsu: Jinsu, pictures: Path, tmp_path: Path) -> None:
    first = put(jinsu, pictures)
    (tmp_path / "more" / "cats").mkdir(parents=True)
    (tmp_path / "more" / "cats" / "1.jpg").write_bytes(b"another one")
    (tmp_path / "more" / "bird.jpg").write_bytes(b"bird")
    second = put(jinsu, tmp_path / "more", "--append")
    assert jinsu("data", "diff", first, second)[1].endswith("1 added, 0 removed, 1 changed, 60 the same\n")
    jinsu("data", "get", second, tmp_path / "copy")
    assert files(tmp_path / "copy") == {**files(pictures), **files(tmp_path / "more")}
    assert jinsu("data", "put", "points", tmp_path / "more", "--append")[0] != 0


def test_a_table_of_the_files_has_their_labels(jinsu: Jinsu, pictures: Path, tmp_path: Path) -> None:
    rows = [f"{name},{name.split('/')[0]}" for name in files(pictures) if "/" in name]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]))
    code, out, err = jinsu("data", "put", "pictures", pictures, "--index", tmp_path / "labels.csv", "--json")
    assert code == 0, err
    made = json.loads(out)
    assert (made["kind"], made["rows"], made["columns"]) == ("files", 61, {"path": "string", "label": "string"})
    assert put(jinsu, pictures, "--index", tmp_path / "labels.csv").endswith(made["version"])
    code, _, err = jinsu("data", "put", "pictures", pictures, "--index", tmp_path / "nothing.csv")
    assert code != 0
    assert "is no .csv, .parquet or .jsonl file with a column `path`" in err


def test_a_deletion_leaves_what_another_version_needs(
    bench: StageBench, jinsu: Jinsu, pictures: Path, tmp_path: Path
) -> None:
    first = put(jinsu, pictures)
    (pictures / "large.bin").write_bytes(os.urandom(9_000))
    second = put(jinsu, pictures)
    before = packs(bench)
    assert jinsu("data", "delete", first, "--yes", who="olga")[0] == 0
    assert 0 < len(before) - len(packs(bench)) < len(before)
    code, _, err = jinsu("data", "get", second, tmp_path / "copy")
    assert code == 0, err
    assert files(tmp_path / "copy") == files(pictures)
    assert jinsu("data", "delete", "pictures", "--yes", who="olga")[0] == 0
    assert packs(bench) == set()


def test_a_colleague_puts_files_without_seeing_those_of_others(
    bench: StageBench, jinsu: Jinsu, pictures: Path, tmp_path: Path
) -> None:
    put(jinsu, pictures)
    shutil.rmtree(pictures / "cats")
    put(jinsu, pictures, who="eve")
    code, _, err = jinsu("data", "put", "pictures", pictures, who="tom")
    assert code != 0
    assert "taken by another team" in err


# --- A kill in the middle ---

KILLED = """
import os, sys
from jinsu.cli import file_putting
from jinsu.cli.main import main
file_putting.PACK_BYTES, send = 4000, file_putting.Putting._send
def sends(self, pack, data, count=[0]):
    count[0] += 1
    if count[0] == int(os.environ["KILL_AT"]):
        os.kill(os.getpid(), 9)
    send(self, pack, data)
file_putting.Putting._send = sends
main(sys.argv[1:])
"""


@pytest.mark.parametrize("kill_at", [1, 3, 5])
def test_a_put_that_is_killed_leaves_no_version_and_goes_on(
    bench: StageBench, jinsu: Jinsu, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_at: int
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, "data", "put", "pictures", str(pictures)],
        env={**os.environ, "KILL_AT": str(kill_at), "JINSU_TOKEN": "token of ann"}, capture_output=True, timeout=60,
    )  # fmt: skip
    assert killed.returncode == -9, killed.stderr
    until(lambda: not any((bench.home / "objects" / "uploads").glob("*")), 60, "the API lets the broken upload go")
    assert jinsu("data", "log", "pictures")[0] != 0, "no version is visible"
    there = packs(bench)
    sent = _sent(monkeypatch)
    reference = put(jinsu, pictures)
    assert not there & set(sent), "what had come is not sent again"
    assert there | set(sent) == packs(bench)
    jinsu("data", "get", reference, tmp_path / "copy")
    assert files(tmp_path / "copy") == files(pictures)


def _sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The packs that are sent from now on."""
    from jinsu.cli.client import Client

    upload, found = Client.upload, list[str]()

    def noted(self: Client, path: str, *arguments: Any, **more: Any) -> Any:
        if "/packs/" in path:
            found.append(path.rpartition("/")[2])
        return upload(self, path, *arguments, **more)

    monkeypatch.setattr(Client, "upload", noted)
    return found


def test_packs_of_a_put_that_was_given_up_go_and_no_other(
    bench: StageBench, jinsu: Jinsu, pictures: Path, tmp_path: Path
) -> None:
    put(jinsu, pictures)
    needed = packs(bench)
    folder = bench.home / "objects" / "packs" / "pictures"
    (folder / ("a" * 64)).write_bytes(b"given up")
    (folder / ("b" * 64)).write_bytes(b"sent just now")
    os.utime(folder / ("a" * 64), (0, 0))
    for digest in needed:
        os.utime(folder / digest, (0, 0))
    gone = [item.name for item in bench.build(Retention).run()]
    assert gone == [f"packs/pictures/{'a' * 64}"]
    assert packs(bench) == needed | {"b" * 64}


# --- Hostile sources ---


def test_a_folder_with_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    made: tuple[Callable[[Path], None], ...] = (
        lambda path: path.symlink_to(tmp_path / "secret"),
        lambda path: path.symlink_to(tmp_path),
        lambda path: path.symlink_to("nowhere"),
        lambda path: os.mkfifo(path),
    )
    for number, make in enumerate(made):
        folder = tmp_path / str(number)
        folder.mkdir()
        make(folder / "x")
        with pytest.raises(BadInputError, match="a dataset holds plain files"):
            list(folder_files(folder))


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.jpg")).write_text("x")
    with pytest.raises(BadInputError, match="U\\+DCFF"):
        list(folder_files(tmp_path))


def test_a_link_that_takes_a_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "x"
    path.write_text("plain!")
    (tmp_path / "secret").write_text("secret")
    (file,) = folder_files(tmp_path / "folder")
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(BadInputError, match="cannot be read: Too many levels of symbolic links"):
        b"".join(file.read())
    path.unlink()
    path.write_text("longer than it was")
    with pytest.raises(BadInputError, match="changed while it was read"):
        b"".join(file.read())


# --- The API alone ---

DIGEST = "a" * 64


@pytest.mark.parametrize(
    ("path", "content", "status", "words"),
    [
        (f"pictures/packs/{DIGEST}", b"x", 422, "arrived with sha256"),
        ("pictures/packs/..%2F..%2Fx", b"x", 404, ""),
        ("pictures/packs/x", b"x", 422, "is no sha256"),
        (f"Pictures/packs/{DIGEST}", b"x", 422, "lower-case"),
        ("pictures/file-sets", b"", 422, "no JSON"),
        ("pictures/file-sets", b'{"format": 1, "packs": []}', 422, "no file was sent"),
        (
            "pictures/file-sets",
            b'{"format": 1, "packs": [["' + DIGEST.encode() + b'", 5]]}',
            409,
            "packs are not there",
        ),
        (
            "points/file-sets",
            b'{"format": 1, "packs": []}\n["/x", 0, "' + DIGEST.encode() + b'", []]',
            422,
            "is absolute",
        ),
    ],
)
def test_what_is_no_pack_and_no_listing_is_refused(
    bench: StageBench, api: ApiClient, path: str, content: bytes, status: int, words: str
) -> None:
    refused(api.post(f"/v1/datasets/{path}", content=content), status, words)
    assert packs(bench) == set()
    assert not any((bench.home / "objects").glob("uploads/*"))


@pytest.mark.parametrize("path", ["missing-packs", f"packs/{DIGEST}", "file-sets"])
def test_another_team_sends_nothing(bench: StageBench, api: ApiClient, path: str) -> None:
    for who, status in (("tom", 409), ("root", 409), (None, 401)):
        answer = api.post(
            f"/v1/datasets/points/{path}", who, content=b'{"packs": []}', headers={"content-type": "application/json"}
        )
        assert answer.status_code == status, answer.text
    assert packs(bench, "points") == set()


# --- Reading ---


def test_a_script_reads_files_by_path(bench: StageBench, jinsu: Jinsu, pictures: Path, tmp_path: Path) -> None:
    put(jinsu, pictures)
    step = tmp_path / "step"
    shutil.copytree(bench.home / "objects" / "packs" / "pictures", step / "packs")
    shutil.copyfile(next((bench.home / "objects" / "steps").glob("*/out/files.jsonl")), step / "files.jsonl")
    read, alone = Files(step), FolderFiles(pictures)
    assert dict(read) == dict(alone) == files(pictures)
    assert (len(read), "cats/1.jpg" in read, "nothing" in read) == (61, True, False)
    there = pickle.loads(pickle.dumps(read))  # as a data loader hands it to its workers
    with ThreadPoolExecutor(4) as pool:
        assert dict(zip(there, pool.map(there.__getitem__, there), strict=True)) == files(pictures)
    for one in (read, alone):
        with pytest.raises(KeyError):
            one["../secret"]


def test_a_pack_that_was_cut_short_is_not_read_as_if_it_were_whole(
    bench: StageBench, jinsu: Jinsu, pictures: Path, tmp_path: Path
) -> None:
    put(jinsu, pictures)
    step = tmp_path / "step"
    shutil.copytree(bench.home / "objects" / "packs" / "pictures", step / "packs")
    shutil.copyfile(next((bench.home / "objects" / "steps").glob("*/out/files.jsonl")), step / "files.jsonl")
    for pack in (step / "packs").iterdir():
        os.truncate(pack, 0)
    with pytest.raises(OSError, match="cut short"):
        Files(step)["cats/1.jpg"]
