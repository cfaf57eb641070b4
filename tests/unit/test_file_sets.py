"""Sets of files: names, packs, listings, and what is refused of each."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinsu.data.changes import RowChange
from jinsu.data.differences import file_change
from jinsu.data.file_paths import Names, check_path
from jinsu.data.file_sets import keep_listing
from jinsu.data.packing import Packer
from jinsu.errors import BadInputError
from jinsu.sdk.file_listing import LISTING_FILE, Entry, Header, Pack, Part, read_entries, read_header, write_listing

FILES = {"cats/1.jpg": b"one", "cats/2.jpg": b"two two", "dogs/1.jpg": b"", "large.bin": bytes(range(100))}


# --- Names ---


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "is empty"),
        ("/etc/passwd", "is absolute"),
        ("../x", "'..' in it"),
        ("a/../../x", "'..' in it"),
        ("a/./b", "'.'"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        ("a\0b", "U+0000"),
        ("a\x1b[2Jb", "U+001B"),
        ("a\udce9.jpg", "U+DCE9"),
        ("a\u202egpj.exe", "U+202E"),
        ("a\nb", "line break"),
        ("a\\b", "backslash"),
        ("e\u0301.jpg", "composed form"),
        ("é" * 128, "longer than 255 bytes"),
        ("/".join(["a" * 200] * 6), "longer than 255 bytes"),
    ],
)
def test_a_name_that_could_be_another_file_elsewhere_is_refused(name: str, reason: str) -> None:
    with pytest.raises(BadInputError, match="rename") as refused:
        check_path(name.removeprefix(" "))
    assert reason in str(refused.value)


@pytest.mark.parametrize("name", ["a", "사진/고양이 1.jpg", "a.b/.c", "x" * 255, "-rf", "a b/c,d"])
def test_an_ordinary_name_is_taken(name: str) -> None:
    check_path(name)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("a/B.jpg", "a/b.jpg"), "where capitals do not count"),
        (("A/x", "a/X"), "where capitals do not count"),
        (("straße", "STRASSE"), "where capitals do not count"),
        (("a", "a"), "twice there"),
        (("a", "a/b"), "lies below 'a', which is a file"),
        (("a/b/c", "a/b"), "is a file, and the folder of 'a/b/c'"),
        (("a/b", "A"), "is a file, and the folder of"),
    ],
)
def test_two_names_of_one_place_are_refused(names: Iterable[str], reason: str) -> None:
    taken, (*first, last) = Names(), names
    for name in first:
        taken.add(name)
    with pytest.raises(BadInputError) as refused:
        taken.add(last)
    assert reason in str(refused.value)


# --- Packs ---


def packed(files: dict[str, bytes], pack_bytes: int) -> tuple[list[Entry], dict[str, bytes], list[Pack]]:
    sent: dict[str, bytes] = {}

    def send(pack: Pack, data: bytes) -> None:
        assert hashlib.sha256(data).hexdigest() == pack.sha256
        assert len(data) == pack.size
        sent[pack.sha256] = data

    packer = Packer(send, pack_bytes)
    for path, content in files.items():
        packer.add(path, [content[:3], content[3:]], len(content))
    return packer.finish(), sent, packer.packs


def content(entry: Entry, packs: dict[str, bytes]) -> bytes:
    return b"".join(packs[part.pack][part.offset : part.offset + part.length] for part in entry.parts)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=4), st.binary(max_size=60), min_size=1), st.integers(1, 40))
@settings(deadline=None)
def test_every_file_comes_out_of_its_packs_as_it_went_in(files: dict[str, bytes], pack_bytes: int) -> None:
    entries, packs, _ = packed(files, pack_bytes)
    assert {entry.path: content(entry, packs) for entry in entries} == files
    for entry in entries:
        assert entry.sha256 == hashlib.sha256(files[entry.path]).hexdigest()
        assert len(entry.parts) <= 1 or entry.size > pack_bytes, "a file that fits into a pack is in one"
        assert all(part.length <= pack_bytes for part in entry.parts)


def test_the_same_files_make_the_same_packs_and_other_names_others() -> None:
    first, second = packed(FILES, 20)[2], packed(FILES, 20)[2]
    assert first == second
    assert not {*first} & {*packed({f"x{name}": data for name, data in FILES.items()}, 20)[2]}


# --- Listings ---


def listing(place: Path, files: dict[str, bytes] = FILES, index: tuple[Part, ...] = (), suffix: str = "") -> Path:
    entries, _, packs = packed(files, 20)
    with place.open("wb") as stream:
        write_listing(stream, Header(tuple(packs), index, suffix), sorted(entries, key=lambda entry: entry.path))
    return place


def test_a_listing_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries, _, packs = packed(FILES, 20)
    with listing(tmp_path / "a").open("rb") as stream:
        header = read_header(stream)
        assert list(header.packs) == packs
        assert list(read_entries(stream, header)) == sorted(entries, key=lambda entry: entry.path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "not of format 1"),
        ('{"format": 2}', "not of format 1"),
        ('{"format": 1}', "names no packs"),
        ('{"format": 1, "packs": [["x", 1]]}', "no sha256"),
        ('{"format": 1, "packs": [["' + "a" * 64 + '", -1]]}', "no size"),
        ('{"format": 1, "packs": [["' + "a" * 64 + '", 1], ["' + "a" * 64 + '", 1]]}', "a pack twice"),
        ('{"format": 1, "packs": []}\n{}', "line 2 of the listing is no file"),
        ('{"format": 1, "packs": []}\n["a", 1, "' + "a" * 64 + '", []]', "not as long as the file"),
        ('{"format": 1, "packs": []}\n["a", 1, "' + "a" * 64 + '", [[0, 0, 1]]]', "outside of its pack"),
        (
            '{"format": 1, "packs": [["' + "b" * 64 + '", 5]]}\n["a", 3, "' + "a" * 64 + '", [[0, 3, 3]]]',
            "outside of its",
        ),
        ('{"format": 1, "packs": []}', "no file was sent"),
        ('{"format": 1, "packs": []}\n["../a", 0, "' + "a" * 64 + '", []]', "'..' in it"),
    ],
)
def test_a_listing_that_is_none_is_refused_with_a_sentence(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "sent").write_text(text)
    with pytest.raises(BadInputError) as refused:
        keep_listing(tmp_path / "sent", [], None, tmp_path, tmp_path)
    assert reason in str(refused.value)


def kept(place: Path, sent: Path, *published: Path, index: Path | None = None) -> tuple[Path, str]:
    """The listing that is kept, and the digest of the version."""
    (place / "scratch").mkdir(parents=True)
    found = keep_listing(sent, published, index, place, place / "scratch")
    assert (found.kind, found.packed) == ("files", True)
    return place / LISTING_FILE, found.digest


def test_the_version_is_the_files_however_they_are_packed(tmp_path: Path) -> None:
    entries, _, packs = packed(FILES, 7)
    with (tmp_path / "other").open("wb") as stream:
        write_listing(stream, Header(tuple(packs)), reversed(entries))
    first = kept(tmp_path / "1", listing(tmp_path / "sent"))[1]
    assert first == kept(tmp_path / "2", tmp_path / "other")[1]
    assert first != kept(tmp_path / "3", listing(tmp_path / "less", {**FILES, "large.bin": b"x"}))[1]


def test_files_of_an_earlier_version_keep_their_names(tmp_path: Path) -> None:
    """Otherwise a held-out file that is named anew would be shown to a training."""
    published, _ = kept(tmp_path / "1", listing(tmp_path / "sent"))
    kept(tmp_path / "2", tmp_path / "sent", published)
    with published.open("rb") as stream:
        header = read_header(stream)
        entries = list(read_entries(stream, header))
    stolen = entries[0]
    for borrowed in (
        Entry("new.jpg", stolen.size, stolen.sha256, stolen.parts),
        Entry(stolen.path, stolen.size - 1, stolen.sha256, (Part(stolen.parts[0].pack, 0, stolen.size - 1),)),
    ):
        with (tmp_path / "borrowed").open("wb") as stream:
            write_listing(stream, Header(header.packs), [borrowed])
        with pytest.raises(BadInputError, match="its bytes were not sent with it"):
            keep_listing(tmp_path / "borrowed", [published], None, tmp_path, tmp_path)
    with (tmp_path / "borrowed").open("wb") as stream:
        write_listing(stream, Header(header.packs, stolen.parts, ".csv"), entries)
    with pytest.raises(BadInputError, match="the table of the files was not sent"):
        keep_listing(tmp_path / "borrowed", [published], None, tmp_path, tmp_path)


def test_a_table_says_more_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,label\ncats/1.jpg,cat\ndogs/1.jpg,dog\n")
    sent = listing(tmp_path / "sent")
    assert kept(tmp_path / "1", sent, index=tmp_path / "labels.csv")[1] != kept(tmp_path / "2", sent)[1]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("file,label\ncats/1.jpg,cat\n", "needs a column 'path' of texts"),
        ("path,label\n1,cat\n", "needs a column 'path' of texts"),
        ("path,label\ncats/1.jpg,cat\ncats/9.jpg,cat\n", "row 2 names 'cats/9.jpg', and no file has this path"),
        ("path,label\n,cat\ncats/1.jpg,cat\n", "row 1 names ''"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, table: str, reason: str) -> None:
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(BadInputError) as refused:
        kept(tmp_path / "1", listing(tmp_path / "sent"), index=tmp_path / "labels.csv")
    assert reason in str(refused.value)


def test_two_sets_are_compared_by_path_and_content(tmp_path: Path) -> None:
    other = {**FILES, "cats/2.jpg": b"new", "birds/1.jpg": b"b"}
    del other["dogs/1.jpg"]
    old, new = listing(tmp_path / "old"), listing(tmp_path / "new", other)
    assert file_change(old, new) == RowChange(1, 1, 1, 2)
    assert file_change(old, old) == RowChange(0, 0, 0, 4)


def test_a_line_without_end_is_not_read_whole() -> None:
    stream = io.BytesIO(b'{"format": 1, "packs": []}\n' + b"[" * 5_000_000)
    header = read_header(stream)
    with pytest.raises(ValueError, match="line 2"):
        next(read_entries(stream, header))
    assert stream.tell() < 2**20 + 100
