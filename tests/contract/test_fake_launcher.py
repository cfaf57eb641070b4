"""The launcher in memory keeps the promises of a real one: both are asked the same, and a script does as it is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.contract.launcher_suite import Bench, Own
from tests.support.fake_launcher import FakeLauncher
from tests.support.waiting import until

from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.objects.mirror import Mirror
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import TERMINAL, WAITING, Phase, StepStatus

# A script that does what the file `order` says: one line of Python an attempt.
OBEDIENT = """
order = outside.with_name("order")
note("attempt")
while not order.exists():
    time.sleep(0.02)
text = order.read_text()
order.unlink()
exec(text)
"""


@dataclass
class Stage:
    """A launcher with a step, and ways to decide what becomes of it."""

    bench: Bench
    step: StepSpec
    fake: FakeLauncher | None

    @property
    def launcher(self) -> Any:
        return self.bench.launcher

    @property
    def status(self) -> StepStatus:
        found = self.launcher.status(self.step.run_key)
        assert isinstance(found, StepStatus)
        return found

    def start(self) -> StepStatus:
        self.launcher.start(self.step)
        until(lambda: len(self.attempts()) or self.fake, 60, "the script")
        return self.status

    def attempts(self) -> list[str]:
        return self.fake.starts if self.fake else self.bench.notes()

    def finish(self) -> StepStatus:
        if self.fake:
            self.fake.finish(self.step.run_key, {"model/model.onnx": b"weights"})
        return self.end("save()")

    def fail(self) -> StepStatus:
        if self.fake:
            self.fake.fail(self.step.run_key, "the script exited with 1; its last words: no such column")
        return self.end("sys.exit('no such column')")

    def interrupt(self) -> StepStatus:
        if self.fake:
            self.fake.fail(self.step.run_key, "its runner was killed", interrupted=True)
        else:
            self.launcher.interrupt()
        return self.end("")

    def write(self, log: str, value: float) -> None:
        line = json.dumps({"name": "loss", "value": value, "step": 0, "time": 1.0}) + "\n"
        if self.fake:
            self.fake.write(self.step.run_key, log, line.encode())
        self.order(f"print({log!r}, end='', flush=True); (root / 'metrics.jsonl').open('a').write({line!r})")

    def order(self, text: str) -> None:
        if not self.fake:
            draft = self.bench.outside.with_name("draft")
            draft.write_text(text)
            draft.replace(
                self.bench.outside.with_name("order")
            )  # the script looks all the time, and must see all of it

    def end(self, order: str) -> StepStatus:
        if order:
            self.order(order)
        until(lambda: self.status.phase in TERMINAL, 60, lambda: f"the end: {self.status}")
        return self.status


@pytest.fixture(params=["in memory", "real"])
def stage(request: pytest.FixtureRequest, tmp_path: Path, own: Own) -> Stage:
    fake = FakeLauncher(tmp_path / "steps") if request.param == "in memory" else None
    real = LocalLauncher(tmp_path / "steps", shown=(tmp_path / "outside",))
    bench = Bench(fake or real, Mirror(tmp_path), tmp_path)
    return Stage(bench, bench.step(OBEDIENT), fake)


def test_a_step_is_started_once_and_done_once(stage: Stage) -> None:
    assert stage.start().phase in WAITING
    assert stage.start().phase in WAITING
    assert len(stage.attempts()) == 1

    status = stage.finish()

    assert (status.phase, status.interrupted) == (Phase.DONE, False)
    assert status.result is not None
    assert list(status.result.outputs) == ["model/model.onnx"]
    assert stage.launcher.start(stage.step) == status
    assert len(stage.attempts()) == 1


def test_what_failed_says_why_and_starts_again(stage: Stage) -> None:
    stage.start()
    status = stage.fail()
    assert (status.phase, status.interrupted, status.result) == (Phase.FAILED, False, None)
    assert status.message == "the script exited with 1; its last words: no such column"

    assert stage.launcher.start(stage.step).phase in WAITING
    assert stage.finish().phase is Phase.DONE
    assert len(stage.attempts()) == 2


def test_what_was_interrupted_says_so_and_starts_again(stage: Stage) -> None:
    stage.start()
    status = stage.interrupt()
    assert (status.phase, status.interrupted) == (Phase.FAILED, True)
    assert "runner was killed" in status.message

    assert stage.launcher.start(stage.step).phase in WAITING
    until(lambda: len(stage.attempts()) == 2, 60, "the second attempt")


@pytest.mark.parametrize("before", ["at work", "failed", "done", "absent"])
def test_cancel(stage: Stage, before: str) -> None:
    prepare: dict[str, Callable[[], object]] = {"failed": stage.fail, "done": stage.finish}
    if before != "absent":
        stage.start()
        prepare.get(before, lambda: None)()

    stage.launcher.cancel(stage.step.run_key, "wrong dataset")

    if before == "absent":
        assert stage.status == StepStatus(Phase.ABSENT)
    elif before == "done":
        assert stage.status.phase is Phase.DONE  # it was too late
    else:
        until(lambda: stage.status.phase is Phase.CANCELLED, 60, lambda: f"the end: {stage.status}")
        assert stage.status.message == "wrong dataset"
        assert stage.launcher.start(stage.step).phase in WAITING  # another run may need it


def test_a_result_without_its_outputs_is_no_result(stage: Stage) -> None:
    stage.start()
    stage.finish()
    stage.bench.lose(stage.step, "model/model.onnx")

    assert stage.status.phase is Phase.FAILED
    assert stage.launcher.start(stage.step).phase in WAITING


def test_logs_and_metrics_are_read_from_an_offset(stage: Stage) -> None:
    key = stage.step.run_key
    assert stage.launcher.logs(key, 0) == ("", 0)
    assert stage.launcher.metrics(key, 0) == b""
    stage.start()
    stage.write("epoch 1: é\n", 0.5)
    until(lambda: stage.launcher.metrics(key, 0), 60, "metrics")

    text, after = stage.launcher.logs(key, 0)
    metrics = stage.launcher.metrics(key, 0)

    assert (text, after) == ("epoch 1: é\n", len("epoch 1: é\n".encode()))
    assert stage.launcher.logs(key, 9) == ("é\n", after)
    assert stage.launcher.logs(key, after) == ("", after)
    assert json.loads(metrics)["value"] == 0.5
    assert stage.launcher.metrics(key, len(metrics)) == b""
