"""Code snapshots: the same files give the same name, and no archive leads out, in, or over the limit."""

import gzip
import io
import os
import random
import re
import subprocess
import tarfile
import threading
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from jinsu.errors import BadInputError
from jinsu.objects.mirror import Mirror
from jinsu.runs.archives import MAX_FILES, inspect
from jinsu.runs.snapshots import SnapshotStore, contents, pack, read_member
from jinsu.settings import MAX_CODE_BYTES

LIMIT = 1 << 20


def folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as bundle:
        return bundle.getnames()


def archive(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, **more: object) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, len(content)
    for key, value in more.items():
        setattr(member, key, value)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
        bundle.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def refusal(data: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(BadInputError) as caught:
        inspect(data, limit)
    assert str(caught.value).startswith("code snapshot: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    files = {"train.py": b"print(1)", "model.yaml": b"name: x", "lib/util.py": b"", "lib-2/x": b"1"}
    one = folder(tmp_path / "one", files)
    other = folder(tmp_path / "other", dict(reversed(files.items())))
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
    assert pack(one, LIMIT) == pack(other, LIMIT)
    assert pack(one, LIMIT)[0][4:8] == bytes(4)  # gzip's own time of writing


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "train.py").write_bytes(b"print(2)"),
        lambda root: (root / "train.py").rename(root / "main.py"),
        lambda root: (root / "train.py").chmod(0o755),
        lambda root: (root / "extra").write_bytes(b""),
    ],
    ids=["content", "name", "executable", "another file"],
)
def test_other_files_give_another_digest(tmp_path: Path, change: object) -> None:
    root = folder(tmp_path, {"train.py": b"print(1)"})
    (root / "train.py").chmod(0o644)
    before = pack(root, LIMIT)[1]
    assert callable(change)
    change(root)
    assert pack(root, LIMIT)[1] != before


def test_what_is_packed_passes_inspection_and_reads_back(tmp_path: Path) -> None:
    data, _ = pack(folder(tmp_path, {"model.yaml": "name: é".encode(), "a/b.py": b"x"}), LIMIT)
    inspect(data, LIMIT)
    assert names(data) == ["a/b.py", "model.yaml"]
    assert read_member(data, "model.yaml") == "name: é"
    assert read_member(data, "a") is None
    assert read_member(data, "missing.yaml") is None


@pytest.mark.parametrize(
    "name", [".git/config", ".venv/x", "venv/x", "__pycache__/x.py", "a/__pycache__/x.py", "jinsu-out/model.onnx",
             "node_modules/x", "a/b.pyc", ".mypy_cache/x", ".pytest_cache/x"],
)  # fmt: skip
def test_leftovers_stay_out(tmp_path: Path, name: str) -> None:
    data, _ = pack(folder(tmp_path, {"train.py": b"", name: b"x"}), LIMIT)
    assert names(data) == ["train.py"]


def bytes_read() -> int:
    """How many bytes this process has read so far."""
    (found,) = re.findall(r"^rchar: (\d+)$", Path("/proc/self/io").read_text(), re.MULTILINE)
    return int(found)


def test_a_gibibyte_is_refused_at_once_naming_the_file(tmp_path: Path) -> None:
    folder(tmp_path, {"train.py": b"x", "data/rows.bin": b""})
    with (tmp_path / "data" / "rows.bin").open("wb") as stream:
        stream.truncate(1 << 30)
    before = bytes_read()
    with pytest.raises(BadInputError, match=r"limit is 64Mi.*data/rows\.bin \(1Gi\).*jinsu data put NAME PATH"):
        pack(tmp_path)
    assert bytes_read() - before < 1 << 20


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 1):
        (tmp_path / str(number)).touch()
    with pytest.raises(BadInputError, match=f"more than {MAX_FILES} files"):
        pack(tmp_path, LIMIT)


@pytest.mark.parametrize("target", ["/etc/passwd", "/etc", "../outside.txt"])
def test_a_link_out_of_the_folder_is_refused_by_name(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    root = folder(tmp_path / "code", {"train.py": b""})
    (root / "link").symlink_to(target)
    with pytest.raises(BadInputError, match=r"link: links to .*, outside the folder; copy the file in"):
        pack(root, LIMIT)


def test_a_link_within_the_folder_becomes_the_file(tmp_path: Path) -> None:
    root = folder(tmp_path, {"a.py": b"content"})
    (root / "b.py").symlink_to("a.py")
    assert read_member(pack(root, LIMIT)[0], "b.py") == "content"


def test_a_link_to_a_folder_within_is_packed_or_refused_but_never_dropped(tmp_path: Path) -> None:
    root = folder(tmp_path, {"lib/a.py": b"content"})
    (root / "alias").symlink_to("lib")
    try:
        data, _ = pack(root, LIMIT)
    except BadInputError as problem:
        assert "alias" in str(problem)  # noqa: PT017
    else:
        assert read_member(data, "alias/a.py") == "content"


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"is not a folder; give the folder that holds model.yaml"):
        pack(tmp_path / "missing", LIMIT)


@pytest.mark.parametrize("name", ["../x.py", "a/../../x.py", "..", "/etc/passwd", "a/b/../../../x"])
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    assert refusal(archive(name, b"x")) == f"code snapshot: {name!r} leads out of the folder; it is refused."


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
    ids=["symbolic link", "hard link", "character device", "block device", "fifo"],
)  # fmt: skip
def test_what_is_no_plain_file_is_refused(kind: bytes) -> None:
    assert "'x' is a link or a device; send plain files" in refusal(archive("x", kind=kind, linkname="y"))


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    bomb = archive("zeros", bytes(64 << 20))
    assert len(bomb) < LIMIT
    assert "more than 1Mi" in refusal(bomb)


def test_a_bomb_in_the_headers_is_refused_too() -> None:
    bomb = archive("x", pax_headers={"comment": "x" * (32 << 20)})
    assert len(bomb) < LIMIT
    refusal(bomb)


def test_an_archive_of_too_many_empty_files_is_refused() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
        for number in range(MAX_FILES + 1):
            bundle.addfile(tarfile.TarInfo(str(number)))
    assert f"{MAX_FILES} files" in refusal(buffer.getvalue())


def raw(*parts: bytes) -> bytes:
    """An archive of these blocks, with the two empty ones at its end."""
    return gzip.compress(b"".join(parts) + bytes(1024), mtime=0)


def header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.USTAR_FORMAT)


def extended(*records: tuple[str, str], kind: bytes = tarfile.XHDTYPE) -> bytes:
    """An extended header with these records."""
    text = b""
    for keyword, value in records:
        rest = f" {keyword}={value}\n".encode("utf-8", "surrogateescape")
        length = next(n for n in range(len(rest), len(rest) + 9) if n == len(rest) + len(str(n)))
        text += str(length).encode() + rest
    return header("x", kind, len(text)) + text + bytes(-len(text) % 512)


def cost(data: bytes, limit: int = MAX_CODE_BYTES) -> tuple[float, int]:
    """Seconds of processor time and bytes of memory that the check of an archive takes beside the archive itself."""
    tracemalloc.start()
    begun = time.process_time()
    with suppress(BadInputError):
        inspect(data, limit)
    seconds, (_, peak) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return seconds, peak


def zeros(size: int) -> bytes:
    """`size` bytes of zeros, packed."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)), packer.flush()])


HOSTILE = {
    "500 KB that become 500 MB": lambda: gzip.compress(header("zeros", size=500 << 20)) + zeros(500 << 20),
    "a file within the limit": lambda: gzip.compress(header("zeros", size=60 << 20)) + zeros(80 << 20),
    "a million empty files": lambda: gzip.compress(b"".join(header(str(n)) for n in range(12_000)) * 80, 1),
    "a million headers before a file": lambda: gzip.compress(extended(("mtime", "1")) * 60_000),
    "a header of 60 MB": lambda: gzip.compress(header("x", tarfile.XHDTYPE, 60 << 20)) + zeros(60 << 20),
    "a name of 60 MB": lambda: gzip.compress(header("x", tarfile.GNUTYPE_LONGNAME, 60 << 20)) + zeros(60 << 20),
    "a map of holes without an end": lambda: (
        gzip.compress(extended(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")) + header("x", size=60 << 20))
        + zeros(60 << 20)
    ),
    "deep names": lambda: gzip.compress(
        b"".join(extended(("path", f"{n}/" + "d/" * 2000 + "x")) + header("x") for n in range(2000))
    ),
    "zeros after the end": lambda: gzip.compress(bytes(1024)) + zeros(500 << 20),
    "many small streams": lambda: gzip.compress(header("x")) + gzip.compress(b"") * 50_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_check_of_a_hostile_archive_is_bounded(kind: str) -> None:
    data = HOSTILE[kind]()
    assert len(data) < MAX_CODE_BYTES
    seconds, peak = cost(data)
    assert peak < 24 << 20, f"{peak >> 20} MiB"
    assert seconds < 100


@pytest.mark.parametrize(
    "kind", [kind for kind in HOSTILE if kind not in ("a file within the limit", "deep names", "many small streams")]
)
def test_a_hostile_archive_is_refused(kind: str) -> None:
    refusal(HOSTILE[kind](), MAX_CODE_BYTES)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (raw(extended(("path", "../x")) + header("y")), "'../x' leads out"),
        (raw(extended(("size", "5")) + header("y", size=512) + bytes(512)), "is a sparse file or a link"),
        (raw(extended(("linkpath", "/etc")) + header("y")), "is a sparse file or a link"),
        (raw(extended(("GNU.sparse.name", "/etc/passwd")) + header("y")), "is a sparse file or a link"),
        (raw(extended(("path", "/x"), kind=tarfile.XGLTYPE) + header("y")), "one header names every file"),
        (raw(header("y", tarfile.GNUTYPE_SPARSE)), "is a link or a device"),
        (raw(header("y", b"Z")), "is a link or a device"),
        (raw(header("y", tarfile.DIRTYPE, 512)), "is a link or a device"),
        (raw(header("y", tarfile.GNUTYPE_LONGNAME, 512) + b"/etc/passwd".ljust(512, b"\0") + header("z")), "leads out"),
        (raw(header("a") + header("a")), "stands in the way of another file"),
        (raw(header("a") + header("./a")), "stands in the way of another file"),
        (raw(header("a") + header("a/b")), "stands in the way of another file"),
        (raw(header("a/b") + header("a")), "stands in the way of another file"),
        (raw(header("a") + header("a", tarfile.DIRTYPE)), "stands in the way of another file"),
        (raw(extended(("path", "a\x1b[2Jb")) + header("y")), "holds control characters"),
        (raw(extended(("path", "gnp\u202e.exe")) + header("y")), "holds control characters"),
        (raw(extended(("path", "a\nb")) + header("y")), "holds control characters"),
        (raw(extended(("path", "\udcff")) + header("y")), "is no name in UTF-8"),
        (raw(extended(("path", "x" * 300)) + header("y")), "is too long a name"),
        (raw(extended(("path", "x/" * 100 + "y")) + header("y")), "too deep"),
        (raw(header("./")), "is no name of a file"),
        (raw(header("x", tarfile.XHDTYPE, 9) + b"99 path=x".ljust(512, b"\0")), "an extended header is broken"),
        (raw(header("x", tarfile.XHDTYPE, 7) + b"7 path\n".ljust(512, b"\0")), "an extended header is broken"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "archive",
)
def test_an_archive_with_an_odd_member_is_refused(data: bytes, words: str) -> None:
    assert words in refusal(data)


def test_what_other_programs_pack_is_accepted(tmp_path: Path) -> None:
    root = folder(tmp_path / "code", {"model.yaml": b"name: x", f"{'long/' * 30}한글.py": b"1", "a b/c": b"2"})
    expected = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    for form in ("gnu", "pax", "ustar"):
        target = tmp_path / f"{form}.tar.gz"
        subprocess.run(["tar", "-C", root, f"--format={form}", "-czf", target, "."], check=True)
        inspect(target.read_bytes(), LIMIT)
        assert {name.removeprefix("./"): text for name, text in contents(target.read_bytes()).items()} == expected


WHOLE = archive("train.py", random.Random(0).randbytes(5000))


@pytest.mark.parametrize(
    "kept", [0, 1, 5, 9, 20, 100, len(WHOLE) // 2, len(WHOLE) - 200], ids=[*"abcdef", "half", "most"]
)
def test_an_archive_cut_short_is_refused(kept: int) -> None:
    assert "not a readable tar.gz archive" in refusal(WHOLE[:kept])


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04" + bytes(60), b"text", gzip.compress(b"text"), gzip.compress(b"x" * 5000)],
    ids=["a zip", "a text", "a packed text", "packed nonsense"],
)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    assert "not a readable tar.gz archive" in refusal(data)


@pytest.mark.parametrize("place", [len(WHOLE) // 2, -6], ids=["a bit of a file", "the checksum"])
def test_an_archive_damaged_on_its_way_is_refused(place: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] ^= 1
    assert "not a readable tar.gz archive" in refusal(bytes(damaged))


def test_no_damage_crashes_the_door() -> None:
    chance = random.Random(0)
    outcomes = set()
    for _ in range(300):
        damaged = bytearray(WHOLE)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            inspect(bytes(damaged), LIMIT)
        except BadInputError as problem:
            outcomes.add(str(problem).partition(": ")[0])
    assert outcomes == {"code snapshot"}


def test_a_store_gives_back_what_it_was_given(tmp_path: Path) -> None:
    store = SnapshotStore(Mirror(tmp_path))
    data, digest = pack(folder(tmp_path / "src", {"train.py": b"x"}), LIMIT)
    assert store.put(data, LIMIT) == digest
    assert store.get(digest) == data
    assert store.put(data, LIMIT) == digest
    assert [path.name for path in (tmp_path / "code").iterdir()] == [f"{digest}.tar.gz"]


def test_a_store_keeps_nothing_that_it_refuses(tmp_path: Path) -> None:
    store = SnapshotStore(Mirror(tmp_path))
    with pytest.raises(BadInputError):
        store.put(archive("../x"), LIMIT)
    assert not (tmp_path / "code").exists()


@pytest.mark.parametrize("digest", ["", "x" * 64, "a" * 63, "A" * 64, "../" + "a" * 61])
def test_what_is_no_digest_is_no_path(tmp_path: Path, digest: str) -> None:
    with pytest.raises(BadInputError, match="is not a sha256 digest"):
        SnapshotStore(Mirror(tmp_path)).get(digest)


def test_a_snapshot_that_is_not_here_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is not here; submit again"):
        SnapshotStore(Mirror(tmp_path)).get("a" * 64)


def test_the_same_snapshot_may_arrive_many_times_at_once(tmp_path: Path) -> None:
    store = SnapshotStore(Mirror(tmp_path))
    for size in range(10):
        data, together = archive("train.py", bytes(size)), threading.Barrier(8)

        def put(_: int, data: bytes = data, together: threading.Barrier = together) -> str:
            together.wait(60)
            return store.put(data, LIMIT)

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(put, range(8)))) == 1
    assert len(list((tmp_path / "code").iterdir())) == 10
