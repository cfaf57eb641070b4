"""Retention in a real store: what it finds there, and a removal that is killed at every deletion."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.support.datasets import put_dataset
from tests.support.done_steps import write_step
from tests.support.dying import DIED, Countdown, DyingS3, child
from tests.support.object_store import client, running_store

from jinsu.data.datasets import DatasetStore
from jinsu.objects.mirror import Mirror
from jinsu.objects.s3 import S3
from jinsu.retention.inventory import inventory, remove
from jinsu.steps.folders import StepFolders
from jinsu.steps.record import Attempt, StepRecord, Stream

KEY = "f" * 64


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running_store() as port:
        yield port


def filled(port: int, prefix: str, folder: Path) -> S3:
    """A store with a step that is done and has a log, one that has only begun, two versions of a dataset, and code."""
    store = client(port, prefix)
    mirror = Mirror(folder, store)
    write_step(mirror, KEY, {"model": b"m" * 1000})
    record = StepRecord(store, KEY)
    record.advance(Attempt("one", "default"))
    record.write_piece(Stream.LOG, 0, b"l" * 500)
    StepRecord(store, "a" * 64).advance(Attempt("two", "default"))
    (folder / "pictures").mkdir()
    for name in ("one", "two"):
        (folder / "pictures" / name).write_text(name)
        put_dataset(mirror, "pictures", folder / "pictures", "ann")
    mirror.keep_file("code/x.tar.gz", b"c" * 10)
    mirror.keep_file("splits/p/x.npy", b"keys that are held out for ever")
    return store


def test_every_object_is_found_with_its_size(port: int, tmp_path: Path) -> None:
    store = filled(port, "found", tmp_path)
    found = {item.name: item for item in inventory(Mirror(tmp_path / "other", store))}
    latest = DatasetStore(Mirror(tmp_path / "other", store)).resolve("pictures").version
    datasets = [name for name in found if name.startswith("datasets/")]
    contents = {found[name].needs for name in datasets}
    assert set(found) == {f"steps/{KEY}", f"steps/{'a' * 64}", "code/x.tar.gz", *datasets, *contents}
    assert len(datasets) == 2
    assert [name for name in datasets if found[name].newest] == [f"datasets/pictures/{latest}"]
    assert found[f"steps/{KEY}"].size > 1500
    assert found["code/x.tar.gz"].size == 10


def test_a_removal_that_is_killed_leaves_a_step_that_is_whole_or_not_done(port: int, tmp_path: Path) -> None:
    """The next removal removes the rest, and a run that needs the step does it again."""
    places, code = 0, DIED
    while code == DIED:
        places += 1
        home, prefix = tmp_path / str(places), f"killed-{places}"
        home.mkdir()
        store = filled(port, prefix, home)

        def work(prefix: str = prefix, places: int = places, home: Path = home) -> None:
            dying = client(port, prefix, partial(DyingS3, countdown=Countdown(places)))
            remove(Mirror(home / "remover", dying), f"steps/{KEY}")

        code = child(work)
        reader = StepFolders(Mirror(home / "reader", store))
        assert StepRecord(store, KEY).read_result() is None or reader.result(KEY, verify=True) is not None
        remove(Mirror(home / "again", store), f"steps/{KEY}")
        left = [key for key in store.keys("") if KEY in key]
        assert left == []
        assert reader.result(KEY) is None, "nor where it was cached"
        write_step(reader.objects, KEY, {"model": b"anew"})
        assert StepRecord(store, KEY).read_result() is not None
    assert code == 0
    assert places > 5


@pytest.mark.parametrize("name", ["code/x.tar.gz", "datasets/pictures"])
def test_nothing_else_goes_with_an_object(port: int, tmp_path: Path, name: str) -> None:
    store = filled(port, f"else-{name.partition('/')[0]}", tmp_path)
    if name.startswith("datasets"):
        name = next(
            item.name for item in inventory(Mirror(tmp_path, store)) if item.name.startswith(name) and not item.newest
        )
    before = set(store.keys(""))
    remove(Mirror(tmp_path, store), name)
    assert {key for key in before if key not in set(store.keys(""))} == {key for key in before if key.startswith(name)}
