"""A dataset put from a bucket of a real S3 server (nanio), and its packs kept in another."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.object_store import BUCKET, KEYS, client, running_store

from jinsu.cli.file_sources import bucket_files, is_bucket
from jinsu.data.packs import Packs
from jinsu.errors import BadInputError
from jinsu.objects.mirror import Mirror
from jinsu.objects.s3 import S3
from jinsu.objects.store import Stored

FILES = {"cats/1.jpg": b"one", "cats/사진.jpg": b"two" * 700_000, "dog.jpg": b""}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running_store() as port:
        yield port


@pytest.fixture
def keys(port: int, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has AWS's own environment variables name the store, with these keys."""

    def use(access: str = KEYS[0], secret: str = KEYS[1]) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", access)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)

    use()
    return use


def fill(port: int, prefix: str, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        client(port, prefix).write(name, data)


def test_objects_below_a_prefix_are_the_files(port: int, keys: Any) -> None:
    fill(port, "pictures", FILES)
    fill(port, "pictures-of-others", {"x": b"x"})
    found = {file.path: (file.size, b"".join(file.read())) for file in bucket_files(f"s3://{BUCKET}/pictures/")}
    assert found == {name: (len(data), data) for name, data in FILES.items()}


@pytest.mark.parametrize("source", ["s3://", "s3:///x", f"s3://{BUCKET}/x?versionId=1"])
def test_an_address_that_is_none_is_refused(keys: Any, source: str) -> None:
    assert is_bucket(source)
    with pytest.raises(BadInputError, match="write s3://BUCKET/FOLDER"):
        list(bucket_files(source))


@pytest.mark.parametrize("name", ["a//b", "a\\b", "a/\x1bb", "../a"])
def test_a_key_that_is_no_name_of_a_file_is_refused(keys: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """AWS takes any key; this server refuses some of them itself, so the listing alone is made up."""
    monkeypatch.setattr(S3, "stored", lambda self, prefix: iter([Stored(name, 1, 0.0)]))
    with pytest.raises(BadInputError, match="rename the file"):
        list(bucket_files(f"s3://{BUCKET}/odd"))


def test_a_bucket_that_does_not_answer_says_what_to_look_at(keys: Any) -> None:
    with pytest.raises(BadInputError, match="Are your keys in the environment"):
        list(bucket_files("s3://no-such-bucket/x"))
    keys(secret="wrong")
    with pytest.raises(BadInputError, match="Are your keys in the environment"):
        list(bucket_files(f"s3://{BUCKET}/pictures"))


def test_an_object_that_changes_while_it_is_read_is_seen(port: int, keys: Any) -> None:
    fill(port, "changing", {"a": b"first"})
    (file,) = bucket_files(f"s3://{BUCKET}/changing")
    fill(port, "changing", {"a": b"second one"})
    with pytest.raises(BadInputError, match="changed while it was read"):
        b"".join(file.read())


def test_packs_are_kept_in_the_platforms_store(port: int, tmp_path: Path) -> None:
    objects = Mirror(tmp_path, client(port, "platform"))
    packs, digest = Packs(objects), "a" * 64
    assert packs.missing("pictures", [digest]) == [digest]
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "x").write_bytes(b"pack")
    objects.adopt(tmp_path / "uploads" / "x", packs.name("pictures", digest))
    assert packs.sizes("pictures") == {digest: 4}
    assert packs.missing("pictures", [digest]) == []
    assert not (tmp_path / "uploads" / "x").exists()
    assert packs.sizes("pic") == {}, "each dataset has its own"
    assert json.dumps(objects.file(packs.name("pictures", digest)).read_bytes().decode()) == '"pack"'
