"""A step's identity, and the file that alone says it is done."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinsu.errors import StepFailedError
from jinsu.files import file_digest, write_atomic
from jinsu.steps.result import output_files, read_result, seal
from jinsu.steps.spec import Input, Limits, StepSpec, image_digest, image_part, run_key

KEY = "a" * 64
IDENTITY: dict[str, Any] = {
    "step": "train",
    "spec": {"command": "python train.py", "params": {"lr": 0.01, "epochs": 8}},
    "inputs": {"train": "d1", "extra": "d2"},
    "code_digest": "c1",
    "image_digest": "i1",
}
STEP = StepSpec(
    name="train",
    image="local",
    command=("python", "train.py"),
    params={"lr": 0.01, "text": "{{ 7*7 }}", "on": True},
    limits=Limits(memory=2**30, seconds=60.0, gpu=1, gpu_type="h100"),
    inputs=(Input("code", "/x.tar.gz", "d1"),),
    output_uri="/steps/a",
    run_key=KEY,
    labels={"team": "default"},
)


def test_a_run_key_is_a_sha256() -> None:
    assert len(run_key(**IDENTITY)) == 64
    assert set(run_key(**IDENTITY)) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "change",
    [
        {"step": "evaluate"},
        {"spec": {**IDENTITY["spec"], "command": "python other.py"}},
        {"spec": {**IDENTITY["spec"], "params": {"lr": 0.02, "epochs": 8}}},
        {"spec": {**IDENTITY["spec"], "params": {"lr": 0.01, "epochs": 8, "seed": 0}}},
        {"spec": {**IDENTITY["spec"], "params": {"lr": 0.01, "epochs": "8"}}},
        {"spec": {**IDENTITY["spec"], "params": {"lr": 0.01, "epochs": 8.0}}},
        {"spec": {}},
        {"inputs": {"train": "d3", "extra": "d2"}},
        {"inputs": {"train": "d2", "extra": "d1"}},
        {"inputs": {"train": "d1"}},
        {"inputs": {"train": "d1", "extra2": "d2"}},
        {"code_digest": "c2"},
        {"image_digest": "i2"},
        {"code_digest": "i1", "image_digest": "c1"},
    ],
    ids=str,
)
def test_whatever_decides_a_result_changes_the_key(change: dict[str, Any]) -> None:
    assert run_key(**{**IDENTITY, **change}) != run_key(**IDENTITY)


@pytest.mark.parametrize(
    "same",
    [
        {"inputs": {"extra": "d2", "train": "d1"}},
        {"spec": {"params": {"epochs": 8, "lr": 0.01}, "command": "python train.py"}},
    ],
    ids=["order of inputs", "order of fields"],
)
def test_nothing_else_changes_the_key(same: dict[str, Any]) -> None:
    assert run_key(**{**IDENTITY, **same}) == run_key(**IDENTITY)


def test_the_key_is_the_same_on_every_machine_and_in_every_release() -> None:
    # Pinned: a change here makes every finished step of every installation run again.
    assert run_key("train", {"a": [1, 2.5, "é", None, True]}, {"x": "y"}, "c", "i") == (
        "c3e88a02e32831d60b83a2753e2980d32ff5c174b1a9581d645b7aec1f66ee2b"
    )


# --- The image's part of a key ---

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


@pytest.mark.parametrize(
    "image",
    [
        f"trainer@{DIGEST}",
        f"trainer:2.1@{DIGEST}",
        f"images.example.com/team/trainer@{DIGEST}",
        f"images.example.com:5000/team/trainer:2.1-cuda@{DIGEST}",
    ],
)
def test_a_digest_identifies_an_image_whatever_its_name(image: str) -> None:
    assert image_digest(image) == DIGEST
    assert image_part(image, "digits-4f1c/0") == image_part(f"other@{DIGEST}", "digits-9a2b/1") == DIGEST


@pytest.mark.parametrize(
    "image",
    [
        "",
        "trainer",
        "trainer:1",
        "trainer:latest",
        "images.example.com:5000/team/trainer:1",
        DIGEST,
        f"@{DIGEST}",
        f"trainer@{DIGEST[:-1]}",
        f"trainer@{DIGEST}0",
        f"trainer@{DIGEST.upper()}",
        "trainer@sha512:" + "0" * 128,
        f"trainer:1@{DIGEST}\n",
        f"trainer:{DIGEST}",
    ],
)
def test_a_tag_identifies_no_image(image: str) -> None:
    assert image_digest(image) is None


def train_key(image: str, trial: str) -> str:
    return run_key(**{**IDENTITY, "image_digest": image_part(image, trial)})


def test_a_trained_model_is_found_again_when_its_image_has_a_digest() -> None:
    assert train_key(f"trainer:1@{DIGEST}", "digits-1/0") == train_key(f"trainer:1@{DIGEST}", "digits-2/0")


def test_a_key_never_holds_a_tag() -> None:
    """The registry may give another image for the same tag tomorrow, so another run must train again."""
    assert train_key("trainer:1", "digits-1/0") != train_key("trainer:1", "digits-2/0")
    assert train_key("trainer:1", "digits-1/0") != train_key("trainer:1", "digits-1/1")
    assert train_key("trainer:1", "digits-1/0") == train_key("trainer:1", "digits-1/0")  # a retry resumes its own step
    assert "trainer" not in image_part("trainer:1", "digits-1/0")


def test_a_trial_cannot_be_named_like_a_digest() -> None:
    assert image_part("trainer:1", DIGEST) != image_part(f"trainer@{DIGEST}", "digits-1/0")


DIGESTS = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3)


@given(DIGESTS, DIGESTS)
def test_inputs_never_collide(one: dict[str, str], other: dict[str, str]) -> None:
    same = run_key("s", {}, one, "", "") == run_key("s", {}, other, "", "")
    assert same == (one == other)


def test_a_step_survives_json() -> None:
    again = StepSpec.from_json(STEP.to_json())
    assert again == STEP
    assert again.to_json() == STEP.to_json()


@given(
    st.dictionaries(
        st.text(max_size=8), st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    )
)
def test_any_parameters_survive_json(params: dict[str, Any]) -> None:
    step = StepSpec("s", "i", ("x",), params, Limits(1, 1.0), (), "/o", KEY)
    again = StepSpec.from_json(step.to_json())
    assert again.params == params
    assert {name: type(value) for name, value in again.params.items()} == {
        name: type(value) for name, value in params.items()
    }


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """A step that has ended: two outputs, sealed."""
    (tmp_path / "out" / "model").mkdir(parents=True)
    (tmp_path / "out" / "model" / "model.onnx").write_bytes(b"weights")
    (tmp_path / "out" / "empty").write_bytes(b"")
    seal(tmp_path, KEY, seconds=1.23456, gpu_seconds=0.5, peak_memory=7)
    return tmp_path


def test_a_sealed_step_is_done(done: Path) -> None:
    result = read_result(done, KEY, verify=True)
    assert result is not None
    assert result.outputs == {
        "model/model.onnx": file_digest(done / "out/model/model.onnx"),
        "empty": file_digest(done / "out/empty"),
    }
    assert (result.run_key, result.seconds, result.gpu_seconds, result.peak_memory) == (KEY, 1.235, 0.5, 7)


def remove_output(root: Path) -> None:
    (root / "out" / "model" / "model.onnx").unlink()


def output_becomes_a_folder(root: Path) -> None:
    (root / "out" / "empty").unlink()
    (root / "out" / "empty").mkdir()


def cut(root: Path) -> None:
    text = (root / "result.json").read_text()
    (root / "result.json").write_text(text[: len(text) // 2])


def writes(content: bytes) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / "result.json").write_bytes(content)

    return write


def remove_result(root: Path) -> None:
    (root / "result.json").unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(remove_result, id="no result"),
        pytest.param(remove_output, id="an output is gone"),
        pytest.param(output_becomes_a_folder, id="an output is a folder"),
        pytest.param(cut, id="half written"),
        pytest.param(writes(b""), id="empty"),
        pytest.param(writes(b"[]"), id="a list"),
        pytest.param(writes(b"null"), id="null"),
        pytest.param(writes(b"{}"), id="no fields"),
        pytest.param(writes(b'{"run_key": "x", "outputs": {}, "seconds": 1, "surprise": 1}'), id="unknown field"),
        pytest.param(writes(b'{"run_key": "%s", "outputs": [], "seconds": 1}' % KEY.encode()), id="outputs are a list"),
        pytest.param(writes(b"\xff\xfe\x00 not text"), id="not text"),
        pytest.param(
            writes(b'{"run_key": "%s", "outputs": {"../step.json": "d"}, "seconds": 1}' % KEY.encode()), id="leads out"
        ),
        pytest.param(
            writes(b'{"run_key": "%s", "outputs": {"/etc/passwd": "d"}, "seconds": 1}' % KEY.encode()), id="leads away"
        ),
    ],
)
def test_a_step_without_a_valid_result_is_not_done(done: Path, spoil: Callable[[Path], None]) -> None:
    (done / "step.json").write_text("{}")
    spoil(done)
    assert read_result(done, KEY) is None


def test_a_changed_output_is_found_when_asked_for(done: Path) -> None:
    (done / "out" / "model" / "model.onnx").write_bytes(b"WEIGHTS")
    assert read_result(done, KEY, verify=True) is None


def test_the_result_of_another_run_is_not_ours(done: Path) -> None:
    assert read_result(done, "b" * 64) is None
    assert read_result(done) is not None


def test_a_place_that_does_not_exist_is_not_done(tmp_path: Path) -> None:
    assert read_result(tmp_path / "nowhere", KEY) is None


@pytest.mark.parametrize("target", ["/etc/passwd", "/etc", "nowhere", "model"])
def test_a_link_among_the_outputs_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "out" / "model").mkdir(parents=True)
    (tmp_path / "out" / "model" / "link").symlink_to(target)
    with pytest.raises(StepFailedError, match=r"out/model/link: is a symbolic link"):
        seal(tmp_path, KEY, 1.0)
    assert not (tmp_path / "result.json").exists()


def test_outputs_come_in_a_stable_order(tmp_path: Path) -> None:
    for name in ("b", "a", "sub/c", "sub-a"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert output_files(tmp_path) == sorted(output_files(tmp_path))
    assert len(output_files(tmp_path)) == 4


def test_an_atomic_write_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")
    write_atomic(path, "new é")
    assert path.read_text(encoding="utf-8") == "new é"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_text_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_rename_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomic(tmp_path / "folder", "text")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_threads_may_write_the_same_file_at_once(tmp_path: Path) -> None:
    path, together = tmp_path / "file", threading.Barrier(8)

    def write(number: int) -> None:
        together.wait()
        for _ in range(50):
            write_atomic(path, json.dumps([number] * 200))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(set(json.loads(path.read_text()))) == 1
    assert list(tmp_path.iterdir()) == [path]
