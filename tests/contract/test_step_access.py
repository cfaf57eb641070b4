"""What the token of one attempt opens in the object store, against the real broker and a real S3 server (nanio)."""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.support.broker_server import STEP_KEY, broker_server
from tests.support.object_store import KEYS, running_store

from jinsu.broker import desk as desk_module
from jinsu.broker.desk import Desk
from jinsu.errors import ConflictError, ForbiddenError, NotFoundError, TransientError
from jinsu.objects.brokered import BrokeredStore
from jinsu.objects.s3 import S3, S3Settings
from jinsu.steps.access_token import Holder, holder_of, token_of
from jinsu.steps.record import Attempt, AttemptEnd, StepRecord, Stream
from jinsu.steps.result import StepResult
from jinsu.steps.spec import Input, Limits, StepSpec
from jinsu.steps.status import Phase

MINE, OTHER = "5" * 64, "6" * 64
ROWS = f"steps/{'7' * 64}/out"
CODE = "code/0123.tar.gz"


class Clock:
    """The broker's time."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class World:
    """One bucket with two steps, a code snapshot, a dataset and the held-out rows; the broker before it."""

    def __init__(self, store: S3, broker: str, clock: Clock) -> None:
        self.store, self.broker, self.clock = store, broker, clock

    def record(self, run_key: str = MINE) -> StepRecord:
        return StepRecord(self.store, run_key)

    def attempt(self, name: str = "one", run_key: str = MINE) -> BrokeredStore:
        """Notes a new attempt and begins it, as the launcher and `stage` do."""
        self.note(name, run_key)
        store = self.client(name, run_key)
        store.begin()
        return store

    def note(self, name: str, run_key: str = MINE) -> Attempt:
        record = self.record(run_key)
        current = record.read_attempt()
        attempt = Attempt(name, "jinsu-default", *([current.at + 1.0] if current else []))
        record.note_attempt(attempt)
        return attempt

    def client(self, name: str, run_key: str = MINE, key: str = STEP_KEY) -> BrokeredStore:
        return BrokeredStore(self.broker, token_of(key, Holder(run_key, name)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_store() as port:
        yield port


@pytest.fixture
def world(server: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(desk_module, "REMEMBERED_SECONDS", 0.0)
    store = S3(
        S3Settings(
            "objects",
            f"http://127.0.0.1:{server}",
            prefix=uuid4().hex,
            access_key=KEYS[0],
            secret_key=KEYS[1],
            attempts=3,
        )
    )
    clock = Clock()
    with broker_server(Desk(store, clock)) as url:
        found = World(store, url, clock)
        for key in (MINE, OTHER):
            found.record(key).write_step(step(key))
        for name in (CODE, f"{CODE}.more", "code/4567.tar.gz", f"{ROWS}/train.parquet", f"{ROWS}-more/heldout.parquet"):
            store.write(name, name.encode())
        for name in ("datasets/titles/1/rows.parquet", f"steps/{OTHER}/out/model", f"work/{OTHER}/log/{0:020d}"):
            store.write(name, name.encode())
        yield found


def step(run_key: str) -> StepSpec:
    return StepSpec(
        name="train",
        image="i",
        command=("python", "train.py"),
        params={},
        limits=Limits(memory=2**30, seconds=60.0),
        inputs=(Input("code", CODE, ""), Input("data", ROWS, "")) if run_key == MINE else (),
        output_uri=f"steps/{run_key}",
        run_key=run_key,
    )


FOREIGN = (
    f"steps/{OTHER}/out/model",
    f"steps/{OTHER}/result.json",
    f"work/{OTHER}/log/{0:020d}",
    f"work/{OTHER}/step.json",
    "datasets/titles/1/rows.parquet",
    "code/4567.tar.gz",
    f"{CODE}.more",
    f"{ROWS}-more/heldout.parquet",
    f"work/{MINE}/../{OTHER}/step.json",
    f"{ROWS}/../out-more/heldout.parquet",
    f"work/{MINE}",
    "",
    "/",
)


def test_a_step_reads_its_inputs_and_its_own_objects(world: World, tmp_path: Path) -> None:
    store = world.attempt()
    assert store.read(CODE) == CODE.encode()
    assert list(store.keys(f"{ROWS}/")) == [f"{ROWS}/train.parquet"]
    store.get(f"{ROWS}/train.parquet", tmp_path / "rows")
    assert (tmp_path / "rows").read_bytes() == f"{ROWS}/train.parquet".encode()
    assert StepRecord(store, MINE).read_step() == step(MINE)


@pytest.mark.parametrize("key", FOREIGN)
def test_a_step_reads_nothing_else(world: World, key: str, tmp_path: Path) -> None:
    store = world.attempt()
    with pytest.raises(ForbiddenError):
        store.read(key)
    with pytest.raises(ForbiddenError):
        store.get(key, tmp_path / "stolen")
    assert not (tmp_path / "stolen").exists()


@pytest.mark.parametrize(
    "prefix", ["", "work/", "steps/", f"work/{MINE[:-1]}", f"steps/{OTHER}/", "datasets/", ROWS, CODE]
)
def test_a_step_lists_nothing_else(world: World, prefix: str) -> None:
    with pytest.raises(ForbiddenError):
        list(world.attempt().keys(prefix))


@pytest.mark.parametrize(
    "key",
    [
        *FOREIGN,
        CODE,
        f"{ROWS}/train.parquet",
        f"work/{MINE}/step.json",
        f"work/{MINE}/attempt.json",
        f"work/{MINE}/attempts/one.json",
        f"work/{MINE}/began/one.json",
        f"work/{MINE}/given-up/one.json",
        f"work/{MINE}/cancelled.json",
        f"work/{MINE}/ended/two.json",
        f"work/{MINE}/log/../step.json",
        f"work/{MINE}/log/1",
        f"work/{MINE}/checkpoints/last.pt",
        f"steps/{MINE}/out/../result.json",
        f"steps/{MINE}/out/",
        f"steps/{MINE}/other",
    ],
)
def test_a_step_writes_only_what_an_attempt_leaves(world: World, key: str, tmp_path: Path) -> None:
    """Its specification and the notes of its attempts are the platform's: who writes them decides what it may read."""
    store, before = world.attempt(), sorted(world.store.keys(""))
    (tmp_path / "forged").write_bytes(b"forged")
    for write in (lambda: store.write(key, b"{}"), lambda: store.put(tmp_path / "forged", key)):
        with pytest.raises((ForbiddenError, NotFoundError)):
            write()
    assert sorted(world.store.keys("")) == before


def test_the_result_is_no_object_that_is_written_at_a_signed_address(world: World, tmp_path: Path) -> None:
    """The address would stay valid after the step is sealed."""
    (tmp_path / "forged").write_bytes(b"{}")
    with pytest.raises(ForbiddenError):
        world.attempt().put(tmp_path / "forged", f"steps/{MINE}/result.json")


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        f"work/{MINE}/",
        f"work/{MINE}/log/",
        f"work/{MINE}/step.json",
        f"steps/{MINE}/",
        f"steps/{OTHER}/",
        CODE,
        f"work/{OTHER}/metrics/",
    ],
)
def test_a_step_deletes_only_checkpoints_and_metrics(world: World, prefix: str) -> None:
    store, before = world.attempt(), sorted(world.store.keys(""))
    with pytest.raises(ForbiddenError):
        store.delete(prefix)
    assert sorted(world.store.keys("")) == before


@pytest.mark.parametrize("size", [0, 1, 100_000, 20 * 2**20], ids=["empty", "a byte", "small", "in parts"])
def test_what_a_step_puts_is_whole_and_carries_its_digest(world: World, size: int, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(os.urandom(size))
    store = world.attempt()
    store.put(source, f"steps/{MINE}/out/모델/weights")
    world.store.get(f"steps/{MINE}/out/모델/weights", back)  # verifies the digest that the object carries
    assert back.read_bytes() == source.read_bytes()
    url = world.store.signed_get(f"steps/{MINE}/out/모델/weights", 60)
    digest = httpx.get(url).headers["x-amz-meta-sha256"]
    assert digest == hashlib.sha256(source.read_bytes()).hexdigest()


def test_an_attempt_is_recorded_through_the_broker(world: World) -> None:
    record = StepRecord(world.attempt(), MINE)
    record.write_piece(Stream.LOG, 0, b"epoch 1\n")
    record.write_piece(Stream.METRICS, 0, b"{}\n")
    record.delete_pieces(Stream.METRICS)
    record.write_checkpoints({"last": "a" * 64})
    record.write_end(AttemptEnd("one", Phase.DONE, ""))
    record.write_result(StepResult(MINE, {}, 1.5))

    seen = world.record()
    assert seen.read_bytes(Stream.LOG, 0) == b"epoch 1\n"
    assert seen.length(Stream.METRICS) == 0
    assert seen.read_checkpoints() == {"last": "a" * 64}
    assert seen.read_end("one") == AttemptEnd("one", Phase.DONE, "")
    assert seen.read_result() == StepResult(MINE, {}, 1.5)


# --- Until when ---


def writes(store: BrokeredStore, folder: Path) -> dict[str, Callable[[], Any]]:
    """Every way in which an attempt writes."""
    small, large = folder / "small", folder / "large"
    small.write_bytes(b"forged")
    large.write_bytes(b"forged" * (4 << 20))
    record = StepRecord(store, MINE)
    return {
        "log": lambda: record.write_piece(Stream.LOG, 0, b"forged"),
        "checkpoints": lambda: record.write_checkpoints({}),
        "end": lambda: record.write_end(AttemptEnd("one", Phase.DONE, "")),
        "small output": lambda: store.put(small, record.output_key("model")),
        "large output": lambda: store.put(large, record.output_key("model")),
        "result": lambda: record.write_result(StepResult(MINE, {}, 9.0)),
    }


def test_a_sealed_result_is_never_replaced(world: World, tmp_path: Path) -> None:
    store, record = world.attempt(), world.record()
    world.store.write(record.output_key("model"), b"weights")
    record.write_result(StepResult(MINE, {"model": hashlib.sha256(b"weights").hexdigest()}, 1.0))

    for name in ("small output", "large output", "result"):
        with pytest.raises(ConflictError, match="has its result"):
            writes(store, tmp_path)[name]()
    assert world.store.read(record.output_key("model")) == b"weights"
    assert (result := record.read_result()) is not None
    assert result.seconds == 1.0


def test_an_earlier_attempt_is_refused(world: World, tmp_path: Path) -> None:
    first, before = world.attempt("one"), writes(world.client("one"), tmp_path)
    world.attempt("two")
    for write in before.values():
        with pytest.raises(ForbiddenError, match="is not the step's current attempt"):
            write()
    with pytest.raises(ForbiddenError):
        first.read(CODE)
    with pytest.raises(ForbiddenError):
        first.begin()
    assert (current := world.record().read_attempt()) is not None
    assert current.id == "two"


def test_an_attempt_that_was_given_up_is_refused(world: World, tmp_path: Path) -> None:
    store = world.attempt()
    world.record().write_given_up("one", 1.0)
    for write in writes(store, tmp_path).values():
        with pytest.raises(ForbiddenError, match="given up"):
            write()
    assert world.record().read_end("one") is None


def test_a_cancelled_attempt_leaves_its_last_words_and_no_result(world: World, tmp_path: Path) -> None:
    store = world.attempt()
    world.record().write_cancel(["one"], "wrong data")
    ways = writes(store, tmp_path)
    for name in ("small output", "large output", "result"):
        with pytest.raises(ForbiddenError, match="was cancelled"):
            ways.pop(name)()
    for write in ways.values():
        write()


def test_a_token_is_valid_until_the_attempts_time_is_over(world: World) -> None:
    world.note("one")
    store = world.client("one")
    with pytest.raises(ForbiddenError):
        store.read(CODE)  # its pod has not begun
    store.begin()
    world.clock.ahead = 1800 + 59.0
    assert store.read(CODE)
    store.begin()  # begins nothing anew
    world.clock.ahead = 1800 + 61.0
    with pytest.raises(ForbiddenError, match="time of attempt one"):
        store.read(CODE)


def test_an_object_that_was_begun_before_an_attempt_was_given_up_is_not_made(world: World) -> None:
    """A zombie's parts may arrive; the object is made by the broker, or not at all."""
    world.attempt()
    desk, holder, key = Desk(world.store, world.clock), Holder(MINE, "one"), f"steps/{MINE}/out/model"
    upload = desk.begin_parts(holder, key, "a" * 64)
    tag = httpx.put(desk.sign_part(holder, key, upload, 1), content=b"weights").headers["etag"]
    world.record().write_given_up("one", 1.0)
    with pytest.raises(ForbiddenError):
        desk.complete_parts(holder, key, upload, [tag])
    assert world.store.read(key) is None


# --- Who asks ---


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        "..",
        token_of("another key", Holder(MINE, "one")),
        token_of(STEP_KEY, Holder(OTHER, "one")).replace(OTHER, MINE),
        token_of(STEP_KEY, Holder(MINE, "one")).replace(".one.", ".two."),
        token_of(STEP_KEY, Holder(MINE, "one"))[:-1],
    ],
)
def test_without_a_token_of_this_platform_nothing_is_answered(world: World, token: str) -> None:
    world.attempt()
    for verb in ("begin", "get", "list", "delete", "parts/begin"):
        answer = httpx.post(f"{world.broker}/{verb}", headers={"authorization": f"Bearer {token}"}, json={"key": CODE})
        assert answer.status_code == 401
    answer = httpx.put(f"{world.broker}/document/steps/{MINE}/result.json", content=b"{}")
    assert answer.status_code == 401


def test_an_attempt_that_was_never_noted_begins_nothing(world: World) -> None:
    with pytest.raises(ForbiddenError, match="has no attempt ghost"):
        world.client("ghost").begin()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'{"key": 1}', b'{"key": "a\\u0000b"}', b"[" * 100_000])
def test_a_request_that_is_none_gets_a_sentence(world: World, body: bytes) -> None:
    world.attempt()
    headers = {"authorization": f"Bearer {token_of(STEP_KEY, Holder(MINE, 'one'))}"}
    answer = httpx.post(f"{world.broker}/get", headers=headers, content=body)
    assert answer.status_code == 400
    assert "Traceback" not in answer.text
    assert json.loads(answer.text)["error"]


def test_a_body_without_a_token_is_not_read(world: World) -> None:
    """Else everybody in the cluster could make the broker take as many bytes as it likes."""

    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * (1 << 20)

    try:
        answer = httpx.put(f"{world.broker}/document/x.json", content=endless())
    except httpx.TransportError:
        return
    assert answer.status_code == 401


def test_a_signed_address_opens_one_object_in_one_way(world: World) -> None:
    world.attempt()
    desk, holder = Desk(world.store, world.clock), Holder(MINE, "one")
    read = desk.get(holder, CODE)
    write = desk.put(holder, f"steps/{MINE}/out/model", hashlib.sha256(b"weights").hexdigest())
    assert httpx.put(read, content=b"forged").status_code == 403
    assert httpx.get(re.sub("0123", "4567", read)).status_code == 403
    assert httpx.put(write, content=b"weights").status_code == 403  # without the header that carries the digest
    assert httpx.put(write, content=b"weights", headers={"x-amz-meta-sha256": "a" * 64}).status_code == 403
    assert world.store.read(CODE) == CODE.encode()
    assert world.store.read(f"steps/{MINE}/out/model") is None


def test_a_broker_that_is_away_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="tried again"):
        BrokeredStore("http://127.0.0.1:1", "token").write("work/x/ended/one.json", b"{}")


def test_a_token_names_its_holder_and_no_other() -> None:
    holder = Holder(MINE, "one")
    assert holder_of(STEP_KEY, token_of(STEP_KEY, holder)) == holder
    with pytest.raises(ValueError, match="is empty"):
        token_of("", holder)
