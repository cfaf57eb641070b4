"""What the uploader carries to the object store: all of it, in order, whole, and never a file that is not the step's."""

import contextlib
import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.folder_store import FolderStore
from tests.support.waiting import eventually, until

from jinsu.clients.kubernetes import Kube
from jinsu.errors import BadInputError, StepFailedError, TransientError
from jinsu.files import file_digest
from jinsu.launchers.kubernetes_launcher import KubernetesLauncher
from jinsu.objects.s3 import S3Settings
from jinsu.placement.kubernetes import Cluster
from jinsu.sdk.step_files import StepFiles
from jinsu.steps import inputs, stage, upload
from jinsu.steps.lock import held
from jinsu.steps.pod_context import PodContext
from jinsu.steps.processes import end_processes_of
from jinsu.steps.record import BLOCK_BYTES, Attempt, AttemptEnd, StepRecord, Stream
from jinsu.steps.result import StepResult
from jinsu.steps.runner_line import RunnerLine
from jinsu.steps.safe_open import file_stamps, open_regular
from jinsu.steps.spec import Input, Limits, StepSpec
from jinsu.steps.status import Phase
from jinsu.steps.upload import StopRequest, upload_attempt
from jinsu.steps.uploader import Uploader

KEY = "5" * 64
SECRET = b"AWS_SECRET_ACCESS_KEY=hush-hush"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def record(store: FolderStore) -> StepRecord:
    return StepRecord(store, KEY)


@pytest.fixture
def files(tmp_path: Path) -> StepFiles:
    return folder(tmp_path, "first")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(SECRET)
    return path


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same waits, shorter."""
    monkeypatch.setattr(upload, "_FAST", 0.02)


def folder(place: Path, name: str) -> StepFiles:
    files = StepFiles(place / name)
    for subfolder in (files.root, files.out, files.checkpoints):
        subfolder.mkdir()
    return files


def launcher(store: FolderStore) -> KubernetesLauncher:
    """Its logs come from the store alone."""
    return KubernetesLauncher(Kube(), store, Cluster({"default": "x"}, "a", "b"), S3Settings("x"), "key")


def all_of(record: StepRecord, stream: Stream, most: int = BLOCK_BYTES) -> bytes:
    """As somebody reads who asks until there is no more."""
    found = b""
    while chunk := record.read_bytes(stream, len(found), most):
        found += chunk
    return found


def sync_twice(uploader: Uploader) -> None:
    """Checkpoints are uploaded when two calls find the same."""
    uploader.sync()
    uploader.sync()


def restored(record: StepRecord, store: FolderStore, place: Path, name: str) -> StepFiles:
    """The next attempt's folder, as `stage` leaves it."""
    files = StepFiles(place / name)
    files.root.mkdir()
    record.write_step(step())
    stage.prepare(PodContext(store, KEY, name, files, {}))
    return files


def step(**changes: Any) -> StepSpec:
    values: dict[str, Any] = {
        "name": "train", "image": "i", "command": ("python",), "params": {"lr": 0.1}, "inputs": (), "run_key": KEY,
        "limits": Limits(memory=2**30, seconds=60.0), "output_uri": f"steps/{KEY}",
    }  # fmt: skip
    return StepSpec(**{**values, **changes})


# --- Logs ---


def test_a_log_goes_on_where_the_last_attempt_ended(
    record: StepRecord, store: FolderStore, files: StepFiles, tmp_path: Path
) -> None:
    files.log.write_bytes("처음\n".encode())
    Uploader(store, record, files).sync()
    again = folder(tmp_path, "again")
    uploader = Uploader(store, record, again)
    for line in ("둘째\n", "last\n"):
        with again.log.open("ab") as log:
            log.write(line.encode())
        uploader.sync()

    assert all_of(record, Stream.LOG).decode() == "처음\n둘째\nlast\n"
    assert record.length(Stream.LOG) == len("처음\n둘째\nlast\n".encode())


CHUNKS = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(CHUNKS, st.data())
def test_pieces_may_overlap_and_every_offset_gives_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], data: st.DataObject
) -> None:
    """An upload that seemed to fail has happened: the same bytes come once more, and others with them."""
    whole = b"".join(chunks)
    record = StepRecord(FolderStore(tmp_path_factory.mktemp("store")), KEY)
    begin = 0
    for chunk in chunks:
        extra = data.draw(st.integers(0, len(whole) - begin - len(chunk)))
        record.write_piece(Stream.LOG, begin, whole[begin : begin + len(chunk) + extra])
        begin += len(chunk)

    for offset in range(len(whole) + 1):
        most = data.draw(st.integers(1, len(whole) + 5))
        assert record.read_bytes(Stream.LOG, offset, most) == whole[offset : offset + most]
    assert record.length(Stream.LOG) == len(whole)


def test_a_long_training_leaves_few_pieces(record: StepRecord, store: FolderStore, files: StepFiles) -> None:
    """A line a second for ten hours is 36 000 pieces otherwise: hours of requests to read them."""
    uploader = Uploader(store, record, files)
    for number in range(300):
        with files.log.open("ab") as log:
            log.write(b"epoch %d\n" % number)
        uploader.sync()

    assert all_of(record, Stream.LOG).count(b"\n") == 300
    assert len(list(store.keys(f"work/{KEY}/log/"))) <= 30


def test_a_character_between_two_pieces_arrives_whole(record: StepRecord, store: FolderStore, files: StepFiles) -> None:
    text = "에폭 1: 손실 0.25 🚢\n"
    attempt = Attempt("one", "jinsu-default")
    record.advance(attempt)
    uploader, shown, offset = Uploader(store, record, files), "", 0
    for byte in text.encode():
        with files.log.open("ab") as log:
            log.write(bytes([byte]))
        uploader.sync()
        more, offset = launcher(store).logs(KEY, offset)
        shown += more

    assert shown == text
    assert offset == len(text.encode())


def test_half_a_character_at_the_end_is_shown_once_the_attempt_has_ended(
    record: StepRecord, store: FolderStore
) -> None:
    record.advance(Attempt("one", "jinsu-default"))
    record.write_piece(Stream.LOG, 0, "끝".encode()[:2])
    assert launcher(store).logs(KEY, 0) == ("", 0)

    record.write_end(AttemptEnd("one", Phase.FAILED, "killed"))
    assert launcher(store).logs(KEY, 0) == ("\ufffd", 2)
    assert launcher(store).logs(KEY, 2) == ("", 2)


def test_a_flood_arrives_whole(record: StepRecord, store: FolderStore, files: StepFiles) -> None:
    flood = os.urandom(1 << 20) * 20
    files.log.write_bytes(flood)
    Uploader(store, record, files).sync()
    assert hashlib.sha256(all_of(record, Stream.LOG)).digest() == hashlib.sha256(flood).digest()


# --- Checkpoints ---


def test_a_checkpoint_is_uploaded_when_it_no_longer_changes(
    record: StepRecord, store: FolderStore, files: StepFiles, tmp_path: Path
) -> None:
    last = files.checkpoints / "last.pt"
    uploader = Uploader(store, record, files)
    for part in range(3):
        with last.open("ab") as stream:
            stream.write(b"part %d" % part)
        uploader.sync()
    assert record.read_checkpoints() == {}
    uploader.sync()

    assert record.read_checkpoints() == {"last.pt": file_digest(last)}
    assert (restored(record, store, tmp_path, "next").checkpoints / "last.pt").read_bytes() == last.read_bytes()


def test_one_that_is_being_written_does_not_spoil_the_last_whole_set(
    record: StepRecord, store: FolderStore, files: StepFiles
) -> None:
    uploader, (a, b) = Uploader(store, record, files), (files.checkpoints / "a", files.checkpoints / "b")
    a.write_bytes(b"a1"), b.write_bytes(b"b1")
    sync_twice(uploader)
    kept = record.read_checkpoints()
    b.write_bytes(b"half")
    uploader.sync()

    assert record.read_checkpoints() == kept
    for digest in kept.values():
        assert store.read(record.checkpoint_key(digest)) is not None


def test_the_manifest_comes_after_every_file(record: StepRecord, store: FolderStore, files: StepFiles) -> None:
    uploader = Uploader(store, record, files)
    for name in ("a", "b", "c"):
        (files.checkpoints / name).write_text(name)
    down: list[str] = []
    store.down = lambda verb, key: verb == "put" and bool(down.append(key) or len(down) > 2)
    with pytest.raises(TransientError):
        sync_twice(uploader)
    assert record.read_checkpoints() == {}

    store.down = lambda verb, key: False
    sync_twice(uploader)
    assert set(record.read_checkpoints()) == {"a", "b", "c"}
    assert all(store.read(record.checkpoint_key(digest)) for digest in record.read_checkpoints().values())


def test_removed_checkpoints_go_and_the_others_come_back(
    record: StepRecord, store: FolderStore, files: StepFiles, tmp_path: Path
) -> None:
    uploader = Uploader(store, record, files)
    (files.checkpoints / "sub").mkdir()
    for name in ("old", "sub/새것"):
        (files.checkpoints / name).write_text(name)
    sync_twice(uploader)
    gone = record.checkpoint_key(record.read_checkpoints()["old"])
    (files.checkpoints / "old").unlink()
    sync_twice(uploader)

    assert store.read(gone) is None
    again = restored(record, store, tmp_path, "next")
    assert {str(path.relative_to(again.checkpoints)) for path in again.checkpoints.rglob("*") if path.is_file()} == {
        "sub/새것"
    }
    assert (again.checkpoints / "sub/새것").read_text() == "sub/새것"


def test_two_names_of_one_content_are_kept_until_both_are_gone(
    record: StepRecord, store: FolderStore, files: StepFiles, tmp_path: Path
) -> None:
    uploader = Uploader(store, record, files)
    for name in ("best", "last"):
        (files.checkpoints / name).write_bytes(b"same")
    sync_twice(uploader)
    (files.checkpoints / "best").unlink()
    sync_twice(uploader)
    assert (restored(record, store, tmp_path, "next").checkpoints / "last").read_bytes() == b"same"


def test_a_checkpoint_that_was_moved_away_and_back_is_there_for_the_next_attempt(
    record: StepRecord, store: FolderStore, files: StepFiles, tmp_path: Path
) -> None:
    last, aside, other = files.checkpoints / "last", files.root / "aside", files.checkpoints / "other"
    last.write_bytes(b"weights")
    other.write_bytes(b"state")
    uploader = Uploader(store, record, files)
    sync_twice(uploader)
    last.replace(aside)
    sync_twice(uploader)
    aside.replace(last)
    sync_twice(uploader)

    assert set(record.read_checkpoints()) == {"last", "other"}
    assert (restored(record, store, tmp_path, "next").checkpoints / "last").read_bytes() == b"weights"


def test_a_restored_checkpoint_is_not_sent_again(
    record: StepRecord, store: FolderStore, files: StepFiles, tmp_path: Path
) -> None:
    (files.checkpoints / "last").write_bytes(b"weights")
    sync_twice(Uploader(store, record, files))
    again = restored(record, store, tmp_path, "next")
    sent: list[str] = []
    store.down = lambda verb, key: verb == "put" and bool(sent.append(key))
    sync_twice(Uploader(store, record, again))
    assert sent == []


# --- Metrics ---


def test_metrics_go_on_with_their_checkpoint(
    record: StepRecord, store: FolderStore, files: StepFiles, tmp_path: Path
) -> None:
    (files.checkpoints / "last").write_bytes(b"weights")
    files.metrics.write_bytes(b'{"step": 1}\n')
    sync_twice(Uploader(store, record, files))
    again = restored(record, store, tmp_path, "next")
    assert again.metrics.read_bytes() == b'{"step": 1}\n'
    with again.metrics.open("ab") as stream:
        stream.write(b'{"step": 2}\n')
    Uploader(store, record, again).sync()
    assert all_of(record, Stream.METRICS) == b'{"step": 1}\n{"step": 2}\n'


def test_metrics_without_a_checkpoint_begin_anew(
    record: StepRecord, store: FolderStore, files: StepFiles, tmp_path: Path
) -> None:
    files.metrics.write_bytes(b'{"step": 1}\n{"step": 2}\n')
    Uploader(store, record, files).sync()
    again = restored(record, store, tmp_path, "next")
    again.metrics.write_bytes(b'{"step": 1, "anew": true}\n')
    Uploader(store, record, again).sync()
    assert all_of(record, Stream.METRICS) == b'{"step": 1, "anew": true}\n'


# --- What is not the step's ---


def spoilt(kind: str, place: Path, secret: Path) -> None:
    """Puts something else than a regular file at `place`."""
    match kind:
        case "link":
            place.symlink_to(secret)
        case "hanging link":
            place.symlink_to(secret.with_name("missing"))
        case "fifo":
            os.mkfifo(place)
        case "socket":
            os.chdir(place.parent)  # a path of a socket has 107 characters at most
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(place.name)
        case "folder":
            place.mkdir()
            (place / "secret").write_bytes(SECRET)
        case "device":
            place.symlink_to("/dev/zero")


KINDS = ("link", "hanging link", "fifo", "socket", "folder", "device")


SPOILT = [
    (name, kind)
    for name in ("log.txt", "metrics.jsonl", "checkpoints/last")
    for kind in KINDS
    if (name, kind) != ("checkpoints/last", "folder")  # there a folder holds checkpoints of the step's own
]


@pytest.mark.parametrize(("name", "kind"), SPOILT)
def test_only_regular_files_are_read(
    name: str,
    kind: str,
    record: StepRecord,
    store: FolderStore,
    files: StepFiles,
    secret: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(files.root)
    spoilt(kind, files.root / name, secret)
    uploader = Uploader(store, record, files)
    sync_twice(uploader)
    uploader.sync(last=True)
    assert not store.holds(SECRET)
    assert record.read_checkpoints() == {}


@pytest.mark.parametrize("where", ["checkpoints", "checkpoints/sub", "out", "out/sub"])
def test_a_folder_that_is_a_link_leads_nowhere(
    where: str, record: StepRecord, store: FolderStore, files: StepFiles, secret: Path
) -> None:
    outside = secret.parent / "outside"
    outside.mkdir()
    secret.rename(outside / "secret")
    for folder in (files.checkpoints, files.out):
        folder.rmdir() if str(folder).endswith(where) else None
    (files.root / where).symlink_to(outside)
    uploader = Uploader(store, record, files)
    uploader.sync(last=True)
    if where.startswith("out"):
        with pytest.raises(StepFailedError, match="is a symbolic link"):
            uploader.upload_outputs()
    else:
        assert uploader.upload_outputs() == {}

    assert not store.holds(SECRET)
    assert open_regular(files.root, f"{where}/secret").__enter__() is None
    assert file_stamps(files.root, where) == {}


def test_checkpoints_swapped_for_a_link_between_two_looks_give_nothing_away(
    record: StepRecord, store: FolderStore, files: StepFiles, secret: Path
) -> None:
    last = files.checkpoints / "last"
    last.write_bytes(b"x" * len(SECRET))
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            last.unlink(missing_ok=True)
            last.symlink_to(secret)
            last.unlink()
            last.write_bytes(b"x" * len(SECRET))

    swapper = threading.Thread(target=swap)
    swapper.start()
    uploader = Uploader(store, record, files)
    for _ in range(300):
        uploader.sync(last=True)
    over.set()
    swapper.join()
    assert not store.holds(SECRET)


@pytest.mark.parametrize("name", ["../../secret", "sub/../../../secret", "../checkpoints/../../secret"])
def test_no_name_leads_out_of_the_steps_folder(name: str, files: StepFiles, secret: Path) -> None:
    """`..` in a name would reach the token of the uploader."""
    (files.out / "sub").mkdir()
    with open_regular(files.root, f"out/{name}") as stream:
        assert stream is None


def test_a_lock_that_is_no_file_holds_nobody_up(files: StepFiles) -> None:
    """A script may put anything in its place; the uploader must not wait for whoever writes into it."""
    os.mkfifo(files.lock)
    looker = threading.Thread(target=held, args=(files.lock,), daemon=True)
    looker.start()
    looker.join(20)
    stuck = looker.is_alive()
    if stuck:
        os.close(os.open(files.lock, os.O_WRONLY | os.O_NONBLOCK))
    assert not stuck


# --- Outputs ---


def test_outputs_arrive_with_their_digests(record: StepRecord, store: FolderStore, files: StepFiles) -> None:
    (files.out / "model").mkdir()
    (files.out / "model" / "모델.onnx").write_bytes(b"weights")
    outputs = Uploader(store, record, files).upload_outputs()
    record.write_result(StepResult(KEY, outputs, 1.0))
    assert outputs == {"model/모델.onnx": hashlib.sha256(b"weights").hexdigest()}
    assert store.read(f"steps/{KEY}/out/model/모델.onnx") == b"weights"
    assert record.read_result() == StepResult(KEY, outputs, 1.0)


@pytest.mark.parametrize("kind", ["link", "hanging link", "device"])
@pytest.mark.parametrize("where", ["model.onnx", "sub/model.onnx"])
def test_a_link_among_the_outputs_is_named_and_nothing_is_kept(
    where: str, kind: str, record: StepRecord, store: FolderStore, files: StepFiles, secret: Path
) -> None:
    (files.out / "sub").mkdir()
    (files.out / "a").write_bytes(b"good")
    spoilt(kind, files.out / where, secret)
    with pytest.raises(StepFailedError, match=f"out/{where}: is a symbolic link; write regular files only"):
        Uploader(store, record, files).upload_outputs()
    assert list(store.keys("steps/")) == []


def test_an_output_whose_name_no_object_may_have_is_refused(
    record: StepRecord, store: FolderStore, files: StepFiles
) -> None:
    (files.out / "a\nb").write_bytes(b"x")
    with pytest.raises(StepFailedError, match="names that cannot be kept"):
        Uploader(store, record, files).upload_outputs()


def test_a_result_counts_only_with_all_its_outputs(record: StepRecord, store: FolderStore) -> None:
    result = StepResult(KEY, {"a": "1", "b": "2"}, 1.0)
    store.write(f"steps/{KEY}/out/a", b"")
    record.write_result(result)
    assert record.read_result() is None
    store.write(f"steps/{KEY}/out/b", b"")
    assert record.read_result() == result
    record.delete_result()
    assert list(store.keys("steps/")) == []


# --- One attempt, to its end ---

NO_CAPABILITY = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
for number in range(64):
    libc.prctl(24, number, 0, 0, 0)  # PR_CAPBSET_DROP: after the next exec even root may do what its files allow, no more
os.execv(sys.executable, [sys.executable, "-m", "jinsu.steps.runner", *sys.argv[1:]])
"""
HEAD = """
import os, sys, time
from pathlib import Path
root = Path(os.environ["JINSU_STEP_DIR"])
def note(text):
    with (root / "notes").open("a") as stream:
        stream.write(f"{text}\\n")
"""


class Pod:
    """The real runner with a real script, and the uploader's end of their line. As in a pod, nobody has a capability."""

    def __init__(self, files: StepFiles, socket_path: Path) -> None:
        self.files, self.socket = files, socket_path
        self.line = RunnerLine(socket_path)
        self.runner: subprocess.Popen[bytes] | None = None

    def run(self, script: str) -> None:
        self.files.code.mkdir(parents=True)
        (self.files.code / "train.py").write_text(HEAD + script)
        self.files.step.write_text(step(command=("python", "train.py")).to_json())
        command = [sys.executable, "-c", NO_CAPABILITY, str(self.files.root), "--line", str(self.socket)]
        self.runner = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def read(self, printed: bytes) -> bool:
        """Whether the runner has read what the script printed."""
        return self.files.log.exists() and printed in self.files.log.read_bytes()

    def notes(self) -> list[str]:
        path = self.files.root / "notes"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def pod(files: StepFiles) -> Iterator[Pod]:
    folder = Path(tempfile.mkdtemp(prefix="jinsu-"))  # a socket's path has 107 characters at most
    found = Pod(files, folder / "runner.sock")
    yield found
    found.line.close()
    if found.runner is not None:
        found.runner.kill()
        found.runner.wait()
    end_processes_of(files.root)
    shutil.rmtree(folder)


@pytest.fixture
def context(store: FolderStore, files: StepFiles, record: StepRecord) -> PodContext:
    record.advance(Attempt("one", "jinsu-default"))
    record.write_step(step(limits=Limits(memory=2**30, seconds=60.0, gpu=2), labels={"requires": "model"}))
    return PodContext(store, KEY, "one", files, {})


def ended(context: PodContext, pod: Pod, stop: StopRequest | None = None) -> AttemptEnd:
    return upload_attempt(context, pod.line, stop or StopRequest())


GOOD = """
print("done")
time.sleep(1)
(root / "out" / "model").write_text("weights")
"""


def test_a_good_end_is_recorded_and_the_result_comes_last(pod: Pod, context: PodContext, store: FolderStore) -> None:
    written: list[str] = []
    store.down = lambda verb, key: verb in ("write", "put") and bool(written.append(key))
    pod.run(GOOD)
    assert ended(context, pod) == AttemptEnd("one", Phase.DONE, "")
    assert context.record.read_end("one") == AttemptEnd("one", Phase.DONE, "")
    result = context.record.read_result()
    assert result is not None
    assert result.outputs == {"model": hashlib.sha256(b"weights").hexdigest()}
    assert 0.5 < result.seconds < 60.0
    assert result.gpu_seconds == pytest.approx(2 * result.seconds, abs=0.01)
    assert result.peak_memory > 2**20
    assert all_of(context.record, Stream.LOG) == b"done\n"
    assert written[-2:] == [f"work/{KEY}/ended/one.json", f"steps/{KEY}/result.json"]


def test_a_bad_end_is_recorded_with_its_reason(pod: Pod, context: PodContext) -> None:
    pod.run("print('oh'); sys.exit(3)")
    end = ended(context, pod)
    assert (end.phase, end.interrupted) == (Phase.FAILED, False)
    assert end.message == "the script exited with 3; its last words: oh"
    assert context.record.read_result() is None
    assert all_of(context.record, Stream.LOG) == b"oh\n"


def test_a_script_that_saves_no_model_fails(pod: Pod, context: PodContext) -> None:
    pod.run("")
    assert "without saving a model (no out/model)" in ended(context, pod).message
    assert context.record.read_result() is None


def test_a_runner_that_was_killed_may_be_started_again(pod: Pod, context: PodContext) -> None:
    pod.run("print('epoch 3', flush=True); (root / 'checkpoints' / 'last').write_text('3'); time.sleep(60)")
    ends: list[AttemptEnd] = []
    follower = threading.Thread(target=lambda: ends.append(ended(context, pod)))
    follower.start()
    assert eventually(context.record.read_checkpoints, within=60)
    assert pod.runner is not None
    pod.runner.kill()
    follower.join(60)

    assert [(one.phase, one.interrupted) for one in ends] == [(Phase.FAILED, True)]
    assert "a retry resumes from the last checkpoint" in ends[0].message
    assert all_of(context.record, Stream.LOG) == b"epoch 3\n"


def test_a_container_that_never_began_ends_with_its_pod(pod: Pod, context: PodContext) -> None:
    assert ended(context, pod, StopRequest(received=True)).interrupted
    assert context.record.read_end("one") is not None
    assert not pod.socket.exists()


def test_a_stop_waits_for_the_scripts_last_words(pod: Pod, context: PodContext) -> None:
    stop = StopRequest()
    pod.run("print('last words', flush=True); time.sleep(60)")
    ends: list[AttemptEnd] = []
    follower = threading.Thread(target=lambda: ends.append(ended(context, pod, stop)))
    follower.start()
    assert eventually(lambda: pod.read(b"last words\n"), within=60)
    stop.receive()
    assert pod.runner is not None
    pod.runner.terminate()  # Kubernetes sends the signal to every container
    follower.join(60)
    assert [(end.phase, end.interrupted) for end in ends] == [(Phase.FAILED, True)]
    assert "stopped from outside" in ends[0].message
    assert all_of(context.record, Stream.LOG) == b"last words\n"


def test_a_stop_ends_even_when_the_script_does_not(
    pod: Pod, context: PodContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "_LAST_ROUND", 0.5)
    pod.run("print('deaf', flush=True); time.sleep(600)")
    assert eventually(lambda: pod.read(b"deaf\n"), within=60)
    assert ended(context, pod, StopRequest(received=True)).interrupted
    assert pod.runner is not None
    assert pod.runner.poll() is None, "the script goes on"
    assert all_of(context.record, Stream.LOG) == b"deaf\n"


def test_a_signal_to_the_container_ends_it_in_time(files: StepFiles, pod: Pod, tmp_path: Path) -> None:
    """The real entry point. No broker answers, so nothing can be recorded; the uploader must not die of the signal itself."""
    pod.line.close()
    (tmp_path / "token").write_text("token")
    environment = {
        **os.environ,
        "JINSU_BROKER": "http://127.0.0.1:1",
        "JINSU_ACCESS_FOLDER": str(tmp_path),
        "JINSU_LINE": str(pod.socket.with_name("other.sock")),
        "JINSU_RUN_KEY": KEY,
        "JINSU_ATTEMPT": "one",
        "JINSU_STEP_FOLDER": str(files.root),
    }
    with (tmp_path / "errors").open("w") as errors:
        process = subprocess.Popen([sys.executable, "-m", "jinsu.steps.upload"], env=environment, stderr=errors)
    try:
        until(
            lambda: "it is tried again" in (tmp_path / "errors").read_text() or process.poll(), 120, "the first trouble"
        )
        assert process.poll() is None
        process.terminate()
        time.sleep(0.5)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_an_outage_in_the_middle_delays_the_upload_and_loses_nothing(
    pod: Pod, context: PodContext, store: FolderStore
) -> None:
    away = threading.Event()
    store.down = lambda verb, key: away.is_set()
    ends: list[AttemptEnd] = []
    begun = time.monotonic()
    pod.run(
        "for n in range(20):\n print(f'line {n}', flush=True)\n time.sleep(0.05)\n"
        "(root / 'out' / 'model').write_text('weights')"
    )
    follower = threading.Thread(target=lambda: ends.append(ended(context, pod)))
    follower.start()
    until(lambda: context.record.length(Stream.LOG), 60, "the first line in the store")
    away.set()
    until(lambda: pod.line.report.over, 60, "the script's end")
    script_seconds = time.monotonic() - begun
    time.sleep(3)
    assert follower.is_alive()
    away.clear()
    follower.join(60)
    assert [end.phase for end in ends] == [Phase.DONE]
    assert all_of(context.record, Stream.LOG).decode().split("\n")[:-1] == [f"line {n}" for n in range(20)]
    assert (result := context.record.read_result()) is not None
    assert 0.5 < result.seconds < script_seconds, "an outage is not charged"


# --- A script that means harm ---

FORGES = """
import json
key = json.loads((root / "step.json").read_text())["run_key"]
forged = {"run_key": key, "outputs": {}, "seconds": 0.001, "gpu_seconds": 0.0, "peak_memory": 1}
for name in ("agent.lock", "state.json", "result.json"):
    (root / name).unlink(missing_ok=True)
(root / "result.json").write_text(json.dumps(forged))
(root / "state.json").write_text(json.dumps({"phase": "done", "message": "", "pid": 1, "started": 1.0}))
(root / "step.json").write_text("{}")
"""


def test_a_script_cannot_declare_itself_done(pod: Pod, context: PodContext) -> None:
    pod.run(FORGES + "sys.exit(1)")
    assert ended(context, pod).phase is Phase.FAILED
    assert context.record.read_result() is None


def test_a_script_cannot_forge_what_it_used(pod: Pod, context: PodContext) -> None:
    pod.run("time.sleep(1.5)" + FORGES + "(root / 'out' / 'model').write_text('weights')")
    assert ended(context, pod).phase is Phase.DONE
    assert (result := context.record.read_result()) is not None
    assert result.seconds > 0.5
    assert result.gpu_seconds > 1.0
    assert set(result.outputs) == {"model"}


REACHES = """
import ctypes, socket
libc, runner = ctypes.CDLL(None, use_errno=True), os.getppid()
line = Path(sys.argv[1])

def tries(name, attempt):
    try:
        note(f"{name}: {attempt()}")
    except OSError as problem:
        note(f"{name}: refused")

def call(number, *arguments):
    answer = libc.syscall(number, *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return answer

def connects(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))

tries("connects", lambda: connects(line))
tries("socket is there", lambda: line.exists())
tries("opens descriptors", lambda: [open(f"/proc/{runner}/fd/{number}") for number in range(32)])
tries("reads memory", lambda: open(f"/proc/{runner}/mem", "rb").read(1))
tries("reads environment", lambda: open(f"/proc/{runner}/environ", "rb").read(1))
tries("attaches", lambda: call(101, 16, runner, 0, 0))  # ptrace(PTRACE_ATTACH)
tries("takes descriptors", lambda: [call(438, os.pidfd_open(runner), number, 0) for number in range(32)])  # pidfd_getfd
inherited = []
for number in range(3, 256):
    try:
        inherited.append((number, os.readlink(f"/proc/self/fd/{number}")))
    except OSError:
        pass
note(f"inherits: {[name for _, name in inherited if 'socket' in name]}")
(root / "out" / "model").write_text("weights")
"""


def test_a_script_cannot_take_over_the_line_of_its_runner(pod: Pod, context: PodContext) -> None:
    pod.run(REACHES.replace("sys.argv[1]", repr(str(pod.socket))))
    assert ended(context, pod).phase is Phase.DONE
    assert pod.notes() == [
        "connects: refused",
        "socket is there: False",
        "opens descriptors: refused",
        "reads memory: refused",
        "reads environment: refused",
        "attaches: refused",
        "takes descriptors: refused",
        "inherits: []",
    ]


def test_a_script_that_kills_its_runner_is_no_success(pod: Pod, context: PodContext) -> None:
    pod.run(
        "import signal\n(root / 'out' / 'model').write_text('x')\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)"
    )
    end = ended(context, pod)
    assert (end.phase, end.interrupted) == (Phase.FAILED, True)
    assert context.record.read_result() is None


def test_a_script_cannot_pass_for_a_person_who_cancels(pod: Pod, context: PodContext) -> None:
    pod.run("(root / 'cancel').write_text('the reviewer said so'); time.sleep(60)")
    end = ended(context, pod)
    assert end.phase is Phase.FAILED
    assert "reviewer" not in end.message


def connected(pod: Pod) -> socket.socket:
    """A runner that says whatever its image makes it say."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(pod.socket))
    return connection


def test_the_line_takes_one_connection(pod: Pod) -> None:
    with connected(pod):
        assert eventually(lambda: pod.line.report.connected)
        assert eventually(lambda: not pod.socket.exists())
        with pytest.raises(OSError):
            connected(pod)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"[]\n",
        b"{\n",
        b'{"phase": "done"}\n',
        b'{"started": true}\n{"phase": "running"}\n',
        b'{"started": true}\n{"phase": "cancelled"}\n',
        b'{"started": true}\n{"phase": "done", "surprise": 1}\n',
        b'{"started": true}\n{"phase": "done", "peak_memory": "much"}\n',
        b'{"started": true}\n' + b"[" * 100_000 + b"\n",
        b"\x00" * 50,
        b"x" * (1 << 20),
    ],
    ids=lambda text: repr(text[:40]),
)
def test_a_runner_that_says_nothing_sensible_did_not_end_well(text: bytes, pod: Pod, context: PodContext) -> None:
    with connected(pod) as connection, contextlib.suppress(OSError):
        connection.sendall(text)
    end = ended(context, pod)
    assert (end.phase, end.interrupted) == (Phase.FAILED, True)


def test_a_runner_cannot_say_how_long_its_script_ran(pod: Pod, context: PodContext) -> None:
    (context.files.out / "model").write_text("weights")
    with connected(pod) as connection:
        connection.sendall(b'{"started": true}\n')
        assert eventually(lambda: pod.line.report.started)
        time.sleep(0.5)
        connection.sendall(b'{"started": true}\n{"phase": "done", "seconds": 0.001, "peak_memory": 7}\n')
    assert ended(context, pod).phase is Phase.DONE
    assert (result := context.record.read_result()) is not None
    assert result.seconds > 0.4


def test_the_end_of_an_earlier_attempt_is_not_the_end_of_a_later_one(record: StepRecord) -> None:
    record.advance(Attempt("two", "x"))
    record.write_end(AttemptEnd("one", Phase.FAILED, "killed"))
    assert record.read_end("two") is None
    record.write_cancel(["one"], "no")
    assert record.read_cancel("two") is None


# --- The inputs ---


def archive(path: Path, *members: tuple[str, bytes, bytes]) -> Path:
    """Members as (name, type, content or target)."""
    with tarfile.open(path, "w:gz") as bundle:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind == tarfile.REGTYPE:
                member.size = len(content)
            else:
                member.linkname = content.decode()
            bundle.addfile(member, io.BytesIO(content) if kind == tarfile.REGTYPE else None)
    return path


@pytest.mark.parametrize(
    "member",
    [
        ("../evil", tarfile.REGTYPE, b"x"),
        ("a/../../evil", tarfile.REGTYPE, b"x"),
        ("link", tarfile.SYMTYPE, b"/etc/passwd"),
        ("hard", tarfile.LNKTYPE, b"/etc/passwd"),
        ("fifo", tarfile.FIFOTYPE, b""),
        ("null", tarfile.CHRTYPE, b""),
        ("disk", tarfile.BLKTYPE, b""),
    ],
    ids=lambda member: member[0],
)
def test_a_snapshot_holds_plain_files_below_its_folder(member: tuple[str, bytes, bytes], tmp_path: Path) -> None:
    target = tmp_path / "in" / "code"
    target.mkdir(parents=True)
    with pytest.raises(BadInputError, match="plain files below its folder"):
        inputs.unpack(archive(tmp_path / "code.tar.gz", ("train.py", tarfile.REGTYPE, b"x"), member), target)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file() or path.is_symlink()} == {
        "code.tar.gz",
        "in/code/train.py",
    }


def test_an_absolute_name_stays_below_the_folder(tmp_path: Path) -> None:
    target = tmp_path / "code"
    target.mkdir()
    inputs.unpack(archive(tmp_path / "code.tar.gz", ("/etc/evil", tarfile.REGTYPE, b"x")), target)
    assert (target / "etc/evil").read_bytes() == b"x"


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "code.tar.gz", ("train.py", tarfile.REGTYPE, os.urandom(5000)))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(BadInputError, match="cannot be unpacked"):
        inputs.unpack(path, tmp_path)


def test_the_stage_brings_inputs_and_parameters(record: StepRecord, store: FolderStore, tmp_path: Path) -> None:
    code = archive(tmp_path / "c.tar.gz", ("train.py", tarfile.REGTYPE, b"print()"))
    store.put(code, "code/c.tar.gz")
    store.write("steps/x/out/train.parquet", b"rows")
    record.write_step(
        step(
            params={"text": "{{ 7*7 }}"},
            inputs=(Input("code", "code/c.tar.gz", ""), Input("data/train.parquet", "steps/x/out/train.parquet", "")),
        )
    )
    files = StepFiles(tmp_path / "step")
    files.root.mkdir()
    stage.prepare(PodContext(store, KEY, "one", files, {}))

    assert (files.code / "train.py").read_bytes() == b"print()"
    assert (files.inputs / "data/train.parquet").read_bytes() == b"rows"
    assert json.loads(files.params.read_text()) == {"text": "{{ 7*7 }}"}


def test_an_input_that_is_gone_is_named(record: StepRecord, store: FolderStore, tmp_path: Path) -> None:
    record.write_step(step(inputs=(Input("data/train.parquet", "steps/x/out/train.parquet", ""),)))
    files = StepFiles(tmp_path / "step")
    files.root.mkdir()
    with pytest.raises(StepFailedError, match=r"data/train.parquet.*submit again"):
        stage.prepare(PodContext(store, KEY, "one", files, {}))


def test_a_step_that_is_not_recorded_is_refused(store: FolderStore, files: StepFiles) -> None:
    with pytest.raises(StepFailedError, match="is not in the object store"):
        stage.prepare(PodContext(store, KEY, "one", files, {}))


def test_the_stage_brings_folders_of_many_objects(record: StepRecord, store: FolderStore, tmp_path: Path) -> None:
    for number in range(30):
        store.write(f"steps/x/out/part/{number}.parquet", b"%d" % number)
    store.write("steps/x/out-more/other.parquet", b"not an input")
    record.write_step(step(inputs=(Input("data", "steps/x/out", ""),)))
    files = StepFiles(tmp_path / "step")
    files.root.mkdir()
    stage.prepare(PodContext(store, KEY, "one", files, {}))
    found = {str(path.relative_to(files.inputs)): path.read_bytes() for path in files.inputs.rglob("*.parquet")}
    assert found == {f"data/part/{number}.parquet": b"%d" % number for number in range(30)}


def test_the_stage_brings_the_steps_own_secrets(record: StepRecord, store: FolderStore, tmp_path: Path) -> None:
    record.write_step(step(secrets={"salt": "pepper"}))
    files = StepFiles(tmp_path / "step")
    files.root.mkdir()
    stage.prepare(PodContext(store, KEY, "one", files, {"salt": "pepper"}))
    assert json.loads(files.secrets.read_text()) == {"salt": "pepper"}
    assert files.secrets.stat().st_mode & 0o777 == 0o600
    assert not store.holds(b"pepper")
    assert b"pepper" not in files.step.read_bytes()
