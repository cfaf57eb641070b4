"""A scorer of a problem's owner inside the real evaluation step: it scores, and decides and reaches nothing else."""

import json
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.contract.test_confined_programs import Machine
from tests.support.tiny_model import saved_model

from jinsu.codec import decode
from jinsu.confined.tasks import FINDINGS, MODEL, ROWS, Evaluate
from jinsu.evaluation.report import Report
from jinsu.spec.load import problem_from
from jinsu.steps.confinement import confinement
from jinsu.steps.spec import Limits, StepSpec
from jinsu.steps.status import Phase, StepStatus

pytestmark = pytest.mark.skipif(bool(confinement()), reason=f"steps are not confined here: {confinement()}")
PROBLEM = {
    "dataset": "points",
    "kind": "custom",
    "metric": "profit",
    "scorer": "scorer.py",
    "direction": "maximize",
    "guardrails": {"hits": ">= 0.9"},
    "min": 100,
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def evaluation(machine: Machine, lines: str) -> StepSpec:
    """The step that scores a perfect model of 60 rows with a scorer whose body is `lines`."""
    values = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    label = (values @ np.array([1.0, 1 / 3]) > 0).astype(int)
    pq.write_table(pa.table({"a": values[:, 0], "b": values[:, 1], "label": label}), machine.home / "rows.parquet")
    inputs = [machine.keep(ROWS, (machine.home / "rows.parquet").read_bytes())]
    for name, content in saved_model(folder=f"{MODEL}/").items():
        inputs.append(machine.keep(name, content))
    spec = problem_from(PROBLEM)
    text = "import os, socket, sys\nimport numpy as np\n\ndef score(truth, outputs, rows):\n" + textwrap.indent(
        textwrap.dedent(lines), "    "
    )
    details = Evaluate(spec.judging, spec.target, None, None, False, scorer=text)
    return machine.step(details, inputs, Limits(memory=2 * 2**30, seconds=180))


def report(machine: Machine, step: StepSpec) -> Report:
    found = json.loads((machine.objects / step.output_uri / "out" / FINDINGS).read_text())
    return decode(Report, found)


def scored(machine: Machine, lines: str) -> tuple[StepStatus, StepSpec]:
    step = evaluation(machine, lines)
    return machine.perform(step), step


def test_a_scorer_reaches_no_file_no_network_and_no_process(machine: Machine) -> None:
    """Every attempt is made, and what the scorer returns is how many of them succeeded."""
    status, step = scored(
        machine,
        f"""
        attempts = [
            lambda: open({str(machine.secret)!r}).read(),
            lambda: open("/jinsu/step/in/rows.parquet", "rb").read(),
            lambda: open("/jinsu/step/in/model/model.onnx", "rb").read(),
            lambda: os.listdir("/jinsu/step/out"),
            lambda: open("/jinsu/step/out/findings.json", "w"),
            lambda: open("/jinsu/step/metrics.jsonl", "a"),
            lambda: open("/tmp/left", "w"),
            lambda: open("/dev/shm/left", "w"),
            lambda: open(f"/proc/{{os.getppid()}}/mem", "rb"),
            lambda: open("/proc/self/environ", "rb").read(),
            lambda: os.kill(os.getppid(), 9),
            lambda: os.fork(),
            lambda: os.execv("/bin/true", ["true"]),
            lambda: socket.create_connection(("127.0.0.1", 80), 1),
            lambda: socket.socket(socket.AF_UNIX),
        ]
        done = 0
        for number, attempt in enumerate(attempts):
            try:
                attempt()
            except OSError:
                continue
            print("succeeded:", number)
            done += 1
        print("\\x1b[2J\\x1b]0;owned\\x07 seen")
        return {{"profit": truth * 0 + done, "hits": outputs["output"].classes == truth.astype(str)}}
        """,
    )
    assert status.phase is Phase.DONE, status.message
    log = machine.launcher.logs(step.run_key, 0)[0]
    assert report(machine, step).overall.value == 0, log
    assert "owned" in log
    assert machine.secret.read_text() == "the fernet key"
    assert report(machine, step).reasons == ["profit is 0.0000, min asks for 100"]


def test_a_scorer_cannot_write_the_verdict_of_a_bound(machine: Machine) -> None:
    """Its answer holds numbers alone; whether they keep the bounds is decided by the program."""
    status, step = scored(
        machine,
        """
        answer = b'{"metrics": {"profit": "mean", "hits": "share"}, "reasons": [], "passed": true}\\n'
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, answer + (truth * 0.0 + 5).tobytes() + bytes(len(truth)))
            except OSError:
                continue
        os._exit(0)
        """,
    )
    assert status.phase is Phase.DONE, status.message
    assert set(report(machine, step).reasons) == {
        "hits is 0.0000, guardrails.hits asks for >= 0.9",
        "profit is 5.0000, min asks for 100",
    }


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("return {'profit': np.ones(2**34)}", "scorer.py: line 5: it needs more memory than a scorer may take"),
        (
            "return {'profit': truth * np.nan, 'hits': truth > 9}",
            "scorer.py: score returned 'profit' with no finite number",
        ),
        (
            "return {'profit': truth[1:], 'hits': truth > 9}",
            "scorer.py: score returned 'profit' as int64[59] for 60 rows",
        ),
        ("raise RuntimeError('\\x1b[31mred\\nline')", "scorer.py: line 5: RuntimeError:"),
    ],
)
def test_a_scorer_that_fails_ends_the_step_with_a_sentence(machine: Machine, lines: str, sentence: str) -> None:
    status, _ = scored(machine, lines)
    assert status.phase is Phase.FAILED
    assert not status.interrupted
    assert sentence in status.message
    assert status.message.isprintable()


def test_a_flood_of_prints_is_bounded(machine: Machine) -> None:
    """The log keeps what its limit allows, and the scores count all the same."""
    lines = "for _ in range(200): os.write(1, b'x' * 100_000)\nreturn {'profit': truth * 0 + 101, 'hits': truth < 9}"
    status, step = scored(machine, lines)
    assert status.phase is Phase.DONE, status.message
    assert report(machine, step).passed
    sizes = [path.stat().st_size for path in (machine.objects / step.output_uri).rglob("*") if path.is_file()]
    assert max(sizes) < step.limits.log_bytes + 1000


def test_a_scorer_that_never_ends_meets_the_time_limit_of_the_step(machine: Machine) -> None:
    step = evaluation(machine, "while True: pass")
    step = machine.step(decode(Evaluate, step.params), step.inputs, Limits(memory=2 * 2**30, seconds=12))
    status = machine.perform(step, within=200)
    assert status.phase is Phase.FAILED
    assert "ran longer than" in status.message
