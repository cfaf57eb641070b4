"""A run over a set of files: the training has the files of its own rows, and the evaluation has those of held-out rows."""

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.stage_bench import SPEC, StageBench

import jinsu as sdk
from jinsu.confined import tasks
from jinsu.confined.evaluate import compare
from jinsu.data.chosen_files import choose_files, fill_rows
from jinsu.data.plan import EVAL_FILE, TRAIN_FILE
from jinsu.errors import BadInputError, StepFailedError
from jinsu.inference.python_package import package_any
from jinsu.lifecycle.evaluate import Evaluate
from jinsu.lifecycle.train import Train
from jinsu.runs.stages import StageName, Validated
from jinsu.sdk.code_model import Code
from jinsu.sdk.columns import read_columns
from jinsu.sdk.file_listing import LISTING_FILE, Entry, Header, Pack, Part, write_listing
from jinsu.sdk.files import Files
from jinsu.sdk.saving import example_of, save_model
from jinsu.sdk.step_files import STEP_DIR_VARIABLE, StepFiles
from jinsu.spec.problem import Judging
from jinsu.steps.inputs import bring_inputs
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import Phase

Jinsu = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, bytes]:
    """80 files of random bytes by path, and a table of their labels beside the folder."""
    found = {}
    for number in range(80):
        path = f"{'cats' if number % 2 else 'dogs'}/{number:02}.jpg"
        found[path] = os.urandom(500)
        (tmp_path / "pictures" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / path).write_bytes(found[path])
    rows = [f"{path},{int(path.startswith('cats'))}" for path in found]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]))
    return found


@pytest.fixture
def divided(bench: StageBench, jinsu: Jinsu, pictures: dict[str, bytes], tmp_path: Path) -> StageBench:
    """An installation whose run is over these files, up to the split."""
    code, _, err = jinsu("data", "put", "pictures", tmp_path / "pictures", "--index", tmp_path / "labels.csv")
    assert code == 0, err
    spec = SPEC.replace("name: toy", "name: looks").replace(
        "dataset: points, expectations: expectations.yaml", "dataset: pictures"
    )
    bench.submit(key="files", code=bench.code(spec))
    bench.carry_out(StageName.ADMIT)
    bench.carry_out(StageName.VALIDATE_DATA)
    return bench


def paths(bench: StageBench, side: str) -> set[str]:
    split = bench.installation.journal.output(Validated, bench.run).run_key
    return set(pq.read_table(bench.installation.steps.out(split) / side)["path"].to_pylist())


def training(bench: StageBench) -> StepSpec:
    """The training's step; the one that chooses files comes first and is done on the way."""
    train = bench.build(Train)
    choosing = train.next_step(bench.submission, 0)
    assert isinstance(choosing, StepSpec)
    assert choosing.name == "choose"
    assert bench.launcher.start(choosing).phase is Phase.DONE
    step = train.next_step(bench.submission, 0)
    assert isinstance(step, StepSpec)
    assert step.name == "train"
    return step


@pytest.mark.usefixtures("no_great_expectations")
def test_a_training_has_the_files_of_its_rows_and_no_byte_of_another(
    divided: StageBench, pictures: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, held = paths(divided, TRAIN_FILE), paths(divided, EVAL_FILE)
    assert ours | held == set(pictures)
    assert held
    step = StepFiles(tmp_path / "step")
    bring_inputs(training(divided), step, lambda name: divided.home / "objects" / name)

    monkeypatch.setenv(STEP_DIR_VARIABLE, str(step.root))
    assert dict(sdk.dataset_files()) == {path: pictures[path] for path in ours}
    everything = b"".join(path.read_bytes() for path in step.root.rglob("*") if path.is_file())
    for path in held:
        assert pictures[path][:16] not in everything
        assert pictures[path][-16:] not in everything
        assert path.encode() not in everything


@pytest.mark.usefixtures("no_great_expectations")
def test_another_pack_is_not_what_it_was(divided: StageBench, tmp_path: Path) -> None:
    step = training(divided)
    pack = divided.home / "objects" / next(item.uri for item in step.inputs if item.chosen)
    pack.write_bytes(pack.read_bytes()[:-1] + b"x")
    with pytest.raises(StepFailedError, match="is not what it was"):
        bring_inputs(step, StepFiles(tmp_path / "step"), lambda name: divided.home / "objects" / name)


@pytest.mark.usefixtures("no_great_expectations")
def test_held_out_rows_are_judged_with_their_files(divided: StageBench, pictures: dict[str, bytes]) -> None:
    divided.carry_out(StageName.TRAIN)
    divided.carry_out(StageName.PACKAGE)
    filling = divided.build(Evaluate).next_step(divided.submission, 0)
    assert isinstance(filling, StepSpec)
    assert filling.name == "fill"
    assert divided.launcher.start(filling).phase is Phase.DONE
    step = divided.build(Evaluate).next_step(divided.submission, 0)
    assert isinstance(step, StepSpec)
    assert step.name == "evaluate"
    (rows,) = (item for item in step.inputs if item.name == "rows.parquet")
    table = pq.read_table(divided.home / "objects" / rows.uri)
    held = paths(divided, EVAL_FILE)
    assert {base64.b64decode(text) for text in table["path"].to_pylist()} == {pictures[path] for path in held}
    assert table.column_names == ["path", "label"]


def test_a_run_over_a_table_has_no_further_steps(bench_after: Callable[[StageName | None], StageBench]) -> None:
    bench = bench_after(StageName.VALIDATE_DATA)
    step = bench.build(Train).next_step(bench.submission, 0)
    assert isinstance(step, StepSpec)
    assert (step.name, [item.name for item in step.inputs]) == ("train", ["code", "data/train.parquet"])


# --- The parts ---


def rows(place: Path, names: list[str]) -> Path:
    pq.write_table(pa.table({"label": list(range(len(names))), "path": names}), place)
    return place


def listing(place: Path) -> Path:
    pack = Pack("a" * 64, 100)
    entries = [Entry(name, 2, "b" * 64, (Part(pack.sha256, at, 2),)) for at, name in enumerate(("x", "y", "z"))]
    with place.open("wb") as stream:
        write_listing(stream, Header((pack,)), entries)
    return place


def test_a_file_that_rows_of_both_sides_name_is_refused(tmp_path: Path) -> None:
    ours, held = rows(tmp_path / "train", ["x", "y", "x"]), rows(tmp_path / "held", ["z"])
    assert choose_files(listing(tmp_path / "all"), ours, held, tmp_path / "chosen") == 2
    (tmp_path / "chosen").rename(tmp_path / LISTING_FILE)
    assert list(Files(tmp_path)) == ["x", "y"]
    with pytest.raises(BadInputError, match="'y', are named by training rows and by held-out rows; make a problem"):
        choose_files(tmp_path / "all", ours, rows(tmp_path / "held", ["y", "z"]), tmp_path / "chosen")


def test_rows_keep_their_order_when_files_are_put_into_them(tmp_path: Path) -> None:
    names = [str(number) for number in range(600)]
    fill_rows(rows(tmp_path / "rows", names), str.encode, tmp_path / "filled")
    table = pq.read_table(tmp_path / "filled")
    assert [base64.b64decode(text).decode() for text in table["path"].to_pylist()] == names
    assert table["label"].to_pylist() == list(range(600))


def test_a_script_without_files_is_told_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STEP_DIR_VARIABLE, raising=False)
    with pytest.raises(SystemExit, match="it needs alone=FOLDER"):
        sdk.dataset_files()
    (tmp_path / "a.jpg").write_bytes(b"a")
    assert dict(sdk.dataset_files(alone=tmp_path)) == {"a.jpg": b"a"}
    monkeypatch.setenv(STEP_DIR_VARIABLE, str(tmp_path))
    with pytest.raises(SystemExit, match="the dataset is a table"):
        sdk.dataset_files(alone=tmp_path)


# --- Judging ---

LOOK = """
import base64
import jinsu
import numpy as np


class Look:
    def predict(self, rows):
        bright = np.array([np.frombuffer(base64.b64decode(text), dtype=np.uint8).mean() > 127 for text in rows])
        return np.stack([~bright, bright], axis=1).astype(np.float32)


jinsu.set_model(Look())
"""


def test_a_model_of_code_decodes_what_it_is_judged_on(tmp_path: Path) -> None:
    """The model sees a file's content, not its name: brightness decides the label here."""
    pictures = {f"{number}.raw": bytes([200 if number % 3 else 50]) * 64 for number in range(60)}
    names = list(pictures)
    table = pa.table({"path": names, "label": [int(number % 3 > 0) for number in range(60)]})
    pq.write_table(table, tmp_path / "rows")
    fill_rows(tmp_path / "rows", pictures.__getitem__, tmp_path / "filled")
    columns = read_columns(tmp_path / "filled")
    (tmp_path / "model.py").write_text(LOOK)
    example = example_of(columns["path"][:8], None, None, {})
    saved = save_model(tmp_path / "saved", Code(tmp_path / "model.py"), example, outputs="probabilities", labels=[0, 1])
    package_any(saved, None, tmp_path / "package", 1e-4, 1000)
    details = tasks.Evaluate(Judging(metric="accuracy"), "label", ["path"], None, champion=False)
    report = compare(details, columns, tmp_path / "package", None)
    assert (report.overall.value, report.overall.rows) == (1.0, 60)
