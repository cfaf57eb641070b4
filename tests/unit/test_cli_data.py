"""jinsu data against the real API: versions listed, compared, copied and deleted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jinsu.cli.copies import Copy
from jinsu.errors import BadInputError, TransientError

Said = tuple[int, str, str]
Jinsu = Callable[..., Said]


@pytest.fixture
def versions(jinsu: Jinsu, tmp_path: Path) -> tuple[str, str]:
    """Two versions of the dataset `words`, as a spec names them, old and new."""
    (tmp_path / "old.csv").write_text("id,word\n1,a\n2,b\n")
    (tmp_path / "new.csv").write_text("id,word\n2,B\n3,c\n")
    said = [jinsu("data", "put", "words", tmp_path / f"{name}.csv", "--note", f"the {name}") for name in ("old", "new")]
    old, new = (out.partition(":")[0] for _, out, _ in said)
    return old, new


def test_versions_are_listed_and_compared(jinsu: Jinsu, versions: tuple[str, str]) -> None:
    old, new = versions
    code, out, _ = jinsu("data", "log", "words")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [new, old]
    assert "latest" in lines[1]
    assert lines[2].rstrip().endswith("the old")
    assert jinsu("data", "diff", old)[1].splitlines() == [f"{old} → {new}", "  2 added, 2 removed, 0 the same"]
    assert "1 added, 1 removed, 1 changed" in jinsu("data", "diff", old, new, "--key", "id")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("diff", "words"), "say which version: words@DIGITS"),
        (("diff", "words@1", "points@2"), "are versions of two datasets"),
        (("diff", "words@0123456789"), "no single version"),
        (("log", "nothing"), "'nothing' does not exist"),
        (("get", "words@0123456789", "copy"), "no single version '0123456789'; see: jinsu data log words"),
        (("delete", "words@0123456789", "--yes"), "no single version"),
    ],
)
def test_what_cannot_be_answered_says_what_to_do(
    jinsu: Jinsu, versions: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Any, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = jinsu("data", *arguments, who="olga")
    assert code != 0
    assert words in err


def test_a_copy_is_the_table(jinsu: Jinsu, versions: tuple[str, str], tmp_path: Path) -> None:
    old, _ = versions
    code, out, _ = jinsu("data", "get", old, tmp_path / "copy")
    assert (code, out.startswith(f"{old}: ")) == (0, True)
    assert pq.read_table(next((tmp_path / "copy").glob("*.parquet"))).to_pydict() == {"id": [1, 2], "word": ["a", "b"]}
    code, _, err = jinsu("data", "get", old, tmp_path / "copy")
    assert code != 0
    assert "holds files already; name a new or an empty folder" in err


def test_a_deletion_is_shown_first_and_then_done(jinsu: Jinsu, versions: tuple[str, str]) -> None:
    old, new = versions
    assert f"{old} would be deleted" in jinsu("data", "delete", old, "--dry-run", who="olga")[1]
    assert f"{old} was deleted" in jinsu("data", "delete", old, "--yes", who="olga")[1]
    assert old not in jinsu("data", "log", "words")[1]
    code, _, err = jinsu("data", "delete", "points", "--yes", who="olga")
    assert code != 0
    assert "is open and reads it" in err
    code, _, err = jinsu("data", "delete", new, "--yes")
    assert code != 0
    assert "this needs an owner of that team" in err


# --- A copy ---


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a\\b", "a\0b", ".", ""])
def test_a_name_that_leads_elsewhere_is_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError), Copy(tmp_path / "copy").file(name, "0" * 64) as write:
        write(b"x")
    assert [path.name for path in tmp_path.rglob("*")] == ["copy"]


def test_a_folder_with_a_link_in_it_is_no_place_for_a_copy(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "data").symlink_to(tmp_path / "outside")
    for place in ("copy", "copy/data"):
        with pytest.raises(BadInputError):
            Copy(tmp_path / place)


def test_a_damaged_file_does_not_appear(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copy")
    with pytest.raises(TransientError, match="arrived damaged"), copy.file("a.bin", "0" * 64) as write:
        write(b"x")
    assert not any((tmp_path / "copy").iterdir())
