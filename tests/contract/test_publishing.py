"""Objects are published first and visible second: whoever is killed wherever, whoever else publishes the same."""

import hashlib
import multiprocessing
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.datasets import put_dataset
from tests.support.done_steps import write_step
from tests.support.dying import DIED, Countdown, DyingS3, child
from tests.support.object_store import client, running_store

from jinsu.data.datasets import DatasetStore
from jinsu.errors import NotFoundError
from jinsu.files import file_digest
from jinsu.objects import s3
from jinsu.objects.mirror import Mirror
from jinsu.objects.s3 import S3
from jinsu.runs.snapshots import SnapshotStore, pack
from jinsu.steps.folders import StepFolders

KEY = "c" * 64
MARK = "result.json"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running_store() as port:
        yield port


@pytest.fixture
def store(port: int, request: pytest.FixtureRequest) -> S3:
    return client(port, hashlib.sha256(request.node.name.encode()).hexdigest()[:12])


# --- Killed at every place ---


def do_step(objects: Mirror) -> None:
    write_step(objects, KEY, {name: name.encode() * 50 for name in ("a", "deep/c")})


def step_is_whole(objects: Mirror) -> bool:
    return StepFolders(objects).result(KEY, verify=True) is not None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("source")
    (made / "code").mkdir()
    (made / "code" / "train.py").write_text("print()")
    (made / "pictures").mkdir()
    (made / "pictures" / "one").write_text("1")
    return made


def code_digest(folder: Path) -> str:
    return pack(folder / "code")[1]


KINDS: dict[str, tuple[Callable[[Mirror, Path], object], Callable[[Mirror, Path], bool]]] = {
    "a code snapshot": (
        lambda objects, folder: SnapshotStore(objects).put(pack(folder / "code")[0], 1 << 20),
        lambda objects, folder: SnapshotStore(objects).path(code_digest(folder)).exists(),
    ),
    "a dataset version": (
        lambda objects, folder: put_dataset(objects, "pictures", folder / "pictures", "ann"),
        lambda objects, _: (
            objects.read("datasets/pictures/latest", fresh=True) is not None and dataset_is_whole(objects)
        ),
    ),
}


def dataset_is_whole(objects: Mirror) -> bool:
    version = DatasetStore(objects).resolve("pictures")
    return (StepFolders(objects).out(version.step) / "content" / "one").read_text() == "1"


@pytest.mark.parametrize("kind", KINDS)
def test_a_publisher_killed_at_any_upload_poisons_nothing(
    kind: str, port: int, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each kill, a retry on the same machine makes the object whole for every other machine."""
    monkeypatch.setattr(s3, "_SETTLING_SECONDS", 0.02)  # each writer is the only one
    publish, is_whole = KINDS[kind]
    places, code = 0, DIED
    while code == DIED:
        places += 1
        home, prefix = tmp_path / f"here-{places}", f"kill-{kind.replace(' ', '-')}-{places}"

        def work(home: Path = home, prefix: str = prefix, places: int = places) -> None:
            publish(Mirror(home, client(port, prefix, partial(DyingS3, countdown=Countdown(places)))), folder)

        code = child(work)
        if code == DIED:
            seen = is_whole(Mirror(tmp_path / f"there-{places}", client(port, prefix)), folder)
            assert not seen or is_whole(Mirror(home, client(port, prefix)), folder), (
                f"half of it is visible at {places}"
            )

            publish(Mirror(home, client(port, prefix)), folder)
            assert is_whole(Mirror(tmp_path / f"other-{places}", client(port, prefix)), folder), f"poisoned at {places}"
    assert code == 0
    assert places >= 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_publisher_killed_at_any_change_of_a_folder_poisons_nothing(kind: str, folder: Path, tmp_path: Path) -> None:
    """On one machine: what another process sees is nothing, or the whole, and a retry heals."""
    publish, is_whole = KINDS[kind]
    places, code = 0, DIED
    while code == DIED:
        places += 1
        home = tmp_path / str(places)

        def work(home: Path = home, places: int = places) -> None:
            countdown = Countdown(places)
            countdown.watch_files()
            publish(Mirror(home), folder)

        code = child(work)
        publish(Mirror(home), folder)
        assert is_whole(Mirror(home), folder), f"poisoned at {places}"
        Mirror(home).drafts.sweep()
        assert not [path for path in (home / ".drafts").glob("*") if path.is_dir()], f"a draft is left at {places}"
    assert code == 0
    assert places >= 4


# --- Several at once ---


def several(count: int, work: Callable[[int], None]) -> list[int]:
    """Does the work in that many processes at once; their exit codes."""
    fork = multiprocessing.get_context("fork")
    together = fork.Barrier(count)

    def one(number: int) -> None:
        together.wait(60)
        work(number)

    processes = [fork.Process(target=one, args=(number,)) for number in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [int(process.exitcode or 0) for process in processes]


# --- Caches ---


def put_object(store: S3, name: str, size: int) -> None:
    store.write(f"{name}/out/data", os.urandom(size))
    store.write(f"{name}/{MARK}", b"{}")


def test_a_cache_stays_below_its_bound_and_loses_what_was_used_least(store: S3, tmp_path: Path) -> None:
    for number in range(12):
        put_object(store, f"steps/{number}", 100_000)
    for number in range(12):  # each by a process of its own, which ends
        assert child(lambda number=number: Mirror(tmp_path, store, 450_000).folder(f"steps/{number}", MARK)) == 0
        time.sleep(0.01)
        if number == 2:
            first_look = list(Mirror(tmp_path, store).cache.entries())
    assert len(first_look) == 3
    entries = list(Mirror(tmp_path, store).cache.entries())
    assert sum(entry.size for entry in entries) <= 450_000
    assert {entry.name for entry in entries} == {"steps/8", "steps/9", "steps/10", "steps/11"}
    again = Mirror(tmp_path, store).folder("steps/0", MARK)
    assert (again / "out" / "data").stat().st_size == 100_000


def test_what_a_process_uses_is_not_evicted(store: S3, tmp_path: Path) -> None:
    for number in range(6):
        put_object(store, f"steps/{number}", 100_000)
    reader = Mirror(tmp_path, store, 150_000)
    used = reader.folder("steps/0", MARK)
    for number in range(1, 6):
        assert child(lambda number=number: Mirror(tmp_path, store, 150_000).folder(f"steps/{number}", MARK)) == 0
    assert (used / "out" / "data").exists()
    assert not (tmp_path / "steps" / "1").exists()


def test_what_is_read_for_long_is_held_until_the_end(store: S3, tmp_path: Path) -> None:
    put_object(store, "steps/0", 100_000)
    objects = Mirror(tmp_path, store, 50_000)
    objects.cache._held = 0.0  # every lock of its own ends at the next question
    with objects.reading("steps/0"):
        path = objects.folder("steps/0", MARK)
        objects.cache.hold("steps/other")
        objects.cache.grown(100_000)
        assert (path / MARK).exists()
    objects.cache.grown(100_000)
    assert not (path / MARK).exists()


def test_reading_and_evicting_at_once_never_shows_half_a_folder(store: S3, tmp_path: Path) -> None:
    for number in range(6):
        put_object(store, f"steps/{number}", 50_000)

    def work(number: int) -> None:
        chance, own = random.Random(number), S3(store._settings)  # a connection that is the parent's would mix answers
        for _ in range(40):
            objects = Mirror(tmp_path, own, 120_000)  # as a new process: with locks of its own
            folder = objects.folder(f"steps/{chance.randrange(6)}", MARK)
            assert (folder / MARK).exists()
            assert (folder / "out" / "data").stat().st_size == 50_000

    assert several(4, work) == [0] * 4


def test_a_folder_that_many_want_at_once_is_brought_once_and_not_replaced(store: S3, tmp_path: Path) -> None:
    """Each process may read the folder from the moment on in which it was handed the path."""
    put_object(store, "steps/0", 100_000)
    seen = tmp_path / "seen"
    seen.mkdir()

    def work(number: int) -> None:
        client_of_its_own = S3(store._settings)
        folder = Mirror(tmp_path / "home", client_of_its_own).folder("steps/0", MARK)
        first = (folder / "out").stat().st_ino
        time.sleep(1.0)
        (seen / str(number)).write_text(f"{first} {(folder / 'out').stat().st_ino}")

    assert several(4, work) == [0] * 4
    assert len({inode for path in seen.iterdir() for inode in path.read_text().split()}) == 1


def test_drafts_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    def die() -> None:
        with Mirror(tmp_path).drafts.new() as draft:
            (draft / "half").write_text("half")
            os._exit(0)

    assert child(die) == 0
    assert list((tmp_path / ".drafts").glob("*/half"))
    objects = Mirror(tmp_path)
    with objects.drafts.new() as mine:
        Mirror(tmp_path).drafts.sweep()
        assert [path for path in (tmp_path / ".drafts").iterdir() if path.is_dir()] == [mine]


# --- Readers ---


def test_a_download_that_was_cut_off_is_not_a_folder(store: S3, tmp_path: Path) -> None:
    put_object(store, "steps/0", 1000)

    class Cut(S3):
        def get(self, key: str, path: Path) -> None:
            super().get(key, path)
            os._exit(DIED) if key.endswith("data") else None

    assert child(lambda: Mirror(tmp_path, Cut(store._settings)).folder("steps/0", MARK)) == DIED
    assert not (tmp_path / "steps" / "0").exists()
    assert (Mirror(tmp_path, store).folder("steps/0", MARK) / "out" / "data").exists()


def test_a_result_that_the_caller_has_is_not_read_again(store: S3, tmp_path: Path) -> None:
    do_step(Mirror(tmp_path / "here", store))
    asked = []

    class Asked(S3):
        def read(self, key: str) -> bytes | None:
            asked.append(key)
            return super().read(key)

    there = StepFolders(Mirror(tmp_path / "there", Asked(store._settings)))
    assert there.content(KEY, "a", there.result(KEY))
    assert asked == [f"steps/{KEY}/result.json", f"steps/{KEY}/out/a"]


def test_files_of_one_with_the_digests_of_another_are_no_step(store: S3, tmp_path: Path) -> None:
    do_step(Mirror(tmp_path / "here", store))
    store.write(f"steps/{KEY}/out/a", b"of another writer")
    there = StepFolders(Mirror(tmp_path / "there", store))
    assert there.result(KEY, verify=True) is None
    assert not there.out(KEY).exists()
    with pytest.raises(NotFoundError, match="is gone or was changed"):
        there.content(KEY, "a")
    do_step(there.objects)  # the step is done again
    assert step_is_whole(Mirror(tmp_path / "third", store))


def test_a_step_that_was_deleted_from_the_store_is_not_done_where_it_is_cached(store: S3, tmp_path: Path) -> None:
    objects = Mirror(tmp_path, store)
    do_step(objects)
    store.delete(f"steps/{KEY}/")
    assert StepFolders(objects).result(KEY) is None
    do_step(objects)
    assert step_is_whole(Mirror(tmp_path / "there", store))


def test_an_archive_that_was_deleted_from_the_store_is_sent_again(store: S3, tmp_path: Path, folder: Path) -> None:
    snapshots, (data, digest) = SnapshotStore(Mirror(tmp_path / "here", store)), pack(folder / "code")
    snapshots.put(data, 1 << 20)
    store.delete("code/")
    snapshots.put(data, 1 << 20)
    assert SnapshotStore(Mirror(tmp_path / "there", store)).get(digest) == data


def test_latest_never_names_a_version_that_is_not_there(port: int, tmp_path: Path) -> None:
    """One process puts versions of a dataset, another resolves it all the while."""
    for store in (None, client(port, "latest")):
        home = tmp_path / ("store" if store else "folder")
        stop = threading.Event()
        faults: list[str] = []

        def resolve(home: Path = home, store: S3 | None = store, stop: threading.Event = stop) -> None:
            objects = Mirror(home / "reader" if store else home, store)
            while not stop.is_set():
                try:
                    if StepFolders(objects).result(DatasetStore(objects).resolve("rows").step) is None:
                        faults.append("a version without content")  # noqa: B023
                except Exception as problem:
                    if "does not exist" not in str(problem):
                        faults.append(str(problem))  # noqa: B023

        thread = threading.Thread(target=resolve)
        thread.start()
        try:
            for number in range(5):
                pq.write_table(pa.table({"x": [number]}), tmp_path / "rows.parquet")
                put_dataset(Mirror(home, store), "rows", tmp_path / "rows.parquet", "ann")
        finally:
            stop.set()
            thread.join()
        assert faults == []


def test_a_folder_object_holds_the_same_bytes_after_a_round_trip(store: S3, tmp_path: Path) -> None:
    objects = Mirror(tmp_path / "here", store)
    do_step(objects)
    assert file_digest(StepFolders(objects).out(KEY) / "a") == hashlib.sha256(b"a" * 50).hexdigest()
