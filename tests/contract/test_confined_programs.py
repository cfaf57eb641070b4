"""Programs of the platform over hostile input, on the real launcher of one machine: bounded, and away from every secret."""

import io
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper
from tests.support.tiny_model import saved_model

from jinsu.codec import decode, encode
from jinsu.confined.tasks import (
    DATASET,
    FINDINGS,
    INGESTED,
    MODEL,
    UPLOAD,
    Details,
    Ingest,
    Package,
    Validate,
    confined_step,
)
from jinsu.confined.validate import run as validate_here
from jinsu.data.tables import write_delta
from jinsu.files import file_digest
from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.objects.mirror import Mirror
from jinsu.sdk.step_files import StepFiles
from jinsu.steps.confinement import confinement
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Input, Limits, StepSpec
from jinsu.steps.status import WAITING, Phase, StepStatus

pytestmark = pytest.mark.skipif(bool(confinement()), reason=f"steps are not confined here: {confinement()}")
LIMITS = Limits(memory=768 * 2**20, seconds=180)


class Machine:
    """An installation's folder with a secret in it, and the launcher."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.secret = home / "settings.json"
        self.secret.write_text("the fernet key")
        self.objects = home / "objects"
        self.launcher = LocalLauncher(self.objects / "steps", home)

    def keep(self, name: str, data: bytes) -> Input:
        """A file among the objects, as an input of its own name."""
        path = self.objects / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return Input(name, name, file_digest(path))

    def step(self, details: Details, inputs: Sequence[Input], limits: Limits = LIMITS) -> StepSpec:
        return confined_step(details, inputs, limits, "tests", {})

    def perform(self, step: StepSpec, within: float = 200) -> StepStatus:
        """How the step ends, which is within the bound."""
        self.launcher.start(step)
        deadline = time.monotonic() + within
        while (status := self.launcher.status(step.run_key)).phase in WAITING:
            assert time.monotonic() < deadline, f"still {status.phase} after {within} s"
            time.sleep(0.1)
        return status


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# --- Expectations ---


def expectations(command: str) -> Validate:
    """Expectations whose condition runs a command of the shell: pandas evaluates it."""
    condition = f"@pd.io.common.os.system({command!r}) > -1 and a > -99"
    text = (
        "- expect_column_values_to_be_between:\n"
        "    column: a\n    min_value: -99\n    condition_parser: pandas\n"
        f'    row_condition: "{condition}"\n'
    )
    return Validate("points", "expectations.yaml", text, "label", None, None)


def rows(machine: Machine) -> Input:
    pq.write_table(pa.table({"a": [0.0, 1.0, 2.0], "label": [0, 1, 0]}), machine.home / "rows.parquet")
    machine.objects.mkdir(exist_ok=True)
    write_delta(machine.home / "rows.parquet", machine.objects / "dataset")
    return Input(DATASET, "dataset", "")


def test_code_in_expectations_sees_neither_a_secret_nor_another_process(machine: Machine) -> None:
    """Great Expectations evaluates conditions; the same text reads the secret when the program is not confined."""
    leak = machine.home / "leak"
    command = f"cat {machine.secret} > {leak}; env > {machine.home}/env; ls /proc | wc -l"
    details, dataset = expectations(command), rows(machine)

    files = StepFiles(machine.home / "unconfined")
    files.out.mkdir(parents=True)
    files.inputs.mkdir()
    (files.inputs / DATASET).symlink_to(machine.objects / "dataset")
    validate_here(encode(details), {}, files)
    assert leak.read_text() == "the fernet key", "the attack is real"
    leak.unlink()
    (machine.home / "env").unlink()

    status = machine.perform(machine.step(details, [dataset]))
    assert status.phase in (Phase.DONE, Phase.FAILED)
    assert not leak.exists()
    assert not (machine.home / "env").exists()
    assert machine.secret.read_text() == "the fernet key"


def test_expectations_that_never_end_meet_the_time_limit(machine: Machine) -> None:
    limits = Limits(memory=LIMITS.memory, seconds=12)
    status = machine.perform(machine.step(expectations("sleep 1000"), [rows(machine)], limits), within=200)
    assert status.phase is Phase.FAILED
    assert "ran longer than" in status.message
    assert not status.interrupted


# --- Models ---


def endless() -> bytes:
    """A model that counts to 2^62."""
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["condition"], ["goes_on"]),
            helper.make_node("Sin", ["x_in"], ["x_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("condition", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x_in", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x_out", TensorProto.FLOAT, None),
        ],
    )
    rounds = helper.make_tensor("rounds", TensorProto.INT64, [], [2**62])
    loop = helper.make_node("Loop", ["rounds", "true", "input"], ["output"], body=body)
    return model_of([loop], [true, rounds])


def huge() -> bytes:
    """A model of a few hundred bytes that takes 4 GiB as soon as it runs."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [1], [2**30])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["ones"]),
        helper.make_node("ReduceSum", ["ones"], ["sum"], keepdims=0),
        helper.make_node("Add", ["input", "sum"], ["output"]),
    ]
    return model_of(nodes, [shape])


def model_of(nodes: list[object], constants: list[object]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 2])],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    made.ir_version = 9
    data: bytes = made.SerializeToString()
    return data


@pytest.mark.parametrize("content", [endless(), huge()], ids=["endless", "huge"])
def test_a_model_that_never_ends_or_takes_all_memory_ends_its_own_step(machine: Machine, content: bytes) -> None:
    inputs = []
    for name, data in {**saved_model(), "model/model.onnx": content}.items():
        inputs.append(machine.keep(name.replace("model/", f"{MODEL}/"), data))
    limits = Limits(memory=LIMITS.memory, seconds=15)
    status = machine.perform(machine.step(Package(1e-3, 1000), inputs, limits), within=200)
    assert status.phase is Phase.FAILED
    assert status.message
    assert "Traceback" not in status.message


# --- Files ---


def put(machine: Machine, data: bytes, suffix: str, limits: Limits = LIMITS) -> tuple[StepStatus, str]:
    """How the ingestion of a file ends, and its run key."""
    upload = machine.keep(f"uploads/x{suffix}", data)
    step = machine.step(
        Ingest(f"mine{suffix}", suffix), [Input(f"{UPLOAD}{suffix}", upload.uri, upload.digest)], limits
    )
    return machine.perform(step), step.run_key


def archive(*members: tuple[str, int]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as bundle:
        for name, size in members:
            item = tarfile.TarInfo(name)
            item.size = size
            bundle.addfile(item, io.BytesIO(bytes(size)))
    return content.getvalue()


def test_a_small_parquet_file_of_more_rows_than_fit_into_memory_is_taken(machine: Machine) -> None:
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, pa.schema({"x": pa.int64()}), compression="zstd") as writer:
        piece = pa.table({"x": np.zeros(4_000_000, dtype=np.int64)})
        for _ in range(30):
            writer.write_table(piece)
    assert len(sink.getvalue()) < 1 << 20
    status, key = put(machine, sink.getvalue(), ".parquet")
    assert status.phase is Phase.DONE, status.message
    assert StepFolders(Mirror(machine.objects)).document(INGESTED, key, FINDINGS).rows == 120_000_000


def test_a_small_parquet_file_that_takes_gigabytes_ends_its_own_step(machine: Machine) -> None:
    """Its first rows are small, and one long value, which is in the file once, stands in all others."""
    sink = io.BytesIO()
    texts = pa.array(["short", "x" * 100_000])
    places = pa.array(np.minimum(np.arange(20_000) // 100, 1).astype(np.int32))
    pq.write_table(pa.table({"x": pa.DictionaryArray.from_arrays(places, texts)}), sink, store_schema=False)
    assert len(sink.getvalue()) < 1 << 20
    status, _ = put(machine, sink.getvalue(), ".parquet")
    assert status.phase is Phase.FAILED
    assert "the limit is 768Mi" in status.message
    assert "train.resources" not in status.message


def test_an_archive_becomes_files_and_a_bomb_does_not(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    status, key = put(machine, archive(("cats/1.png", 300), ("dogs/1.png", 200)), ".tar.gz")
    assert status.phase is Phase.DONE, status.message
    content = StepFolders(Mirror(machine.objects)).document(INGESTED, key, FINDINGS)
    assert (content.kind, content.rows, content.size) == ("files", 2, 500)

    bomb, _ = put(machine, archive(*((f"{number}", 2**28) for number in range(5))), ".tar.gz")
    assert bomb.phase is Phase.FAILED
    assert bomb.message == "mine.tar.gz: unpacks to more than 1Gi; send it in parts."


def test_what_is_no_table_is_refused_by_the_name_that_its_sender_gave(machine: Machine) -> None:
    status, _ = put(machine, b"a,b\n" + "가나,다\n".encode("cp949"), ".csv")
    assert status.phase is Phase.FAILED
    assert status.message.startswith("mine.csv: ")
    assert "upload" not in status.message


def test_findings_can_be_read_and_inputs_are_gone(machine: Machine) -> None:
    status, key = put(machine, b"a,b\n1,2\n", ".csv")
    assert status.phase is Phase.DONE, status.message
    found = StepFolders(Mirror(machine.objects)).document(INGESTED, key, FINDINGS)
    assert (found.rows, list(found.schema)) == (1, ["a", "b"])
    for _ in range(300):
        if not machine.launcher.files(key).inputs.exists():
            break
        time.sleep(0.1)
    assert not machine.launcher.files(key).inputs.exists(), "copies of rows do not pile up"
    assert any(machine.launcher.files(key).out.iterdir())
    assert decode(type(found), encode(found)) == found
