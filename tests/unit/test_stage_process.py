"""A stage as a process, started as its Kubeflow component says: it leaves what the component declares, in the declared types."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.kubeflow_pipeline import from_text
from tests.support.stage_bench import MODEL, StageBench, all_hold

from jinsu.errors import GateFailedError, TransientError
from jinsu.evaluation.score import Score
from jinsu.lifecycle import __main__ as process
from jinsu.lifecycle.admit import Form
from jinsu.lifecycle.canary import Canary
from jinsu.lifecycle.parameters import INPUTS, Kind, kind_of, outputs
from jinsu.lifecycle.review import Review
from jinsu.packaging.findings import Latency, Parity
from jinsu.release.advance import Phase
from jinsu.runs import stages as kinds
from jinsu.runs.offers import Offers
from jinsu.runs.reviews import Said
from jinsu.runs.stages import StageName
from jinsu.state.states import Door, SubmissionState, Verdict
from jinsu.state.tables import Submission

COMPONENTS = Path(__file__).parents[2] / "components"
RUN = "digits-4f1c9a2b3d"
SCORE = Score(0.9, 0.8, 0.95, 100)
EVALUATED = kinds.Evaluated("k", "1", "accuracy", SCORE, SCORE, 100)
LEFT: dict[StageName, Any] = {
    StageName.ADMIT: kinds.Admitted("digits@1234", 2),
    StageName.VALIDATE_DATA: kinds.Validated("k", 7, 1000, "index.html"),
    StageName.TRAIN: kinds.Trained("k", 1.5, 2**30, {"loss": 0.25}),
    StageName.PACKAGE: kinds.Packaged("k", 1, Parity(64, 1e-4, 1e-7, 1e-6, 0.0), Latency(100, 1.0, 2.0, 20.0)),
    StageName.EVALUATE: EVALUATED,
    StageName.REGISTER: kinds.Registered("2", "k"),
    StageName.REVIEW: kinds.Reviewed("2", "rita", "cli"),
    StageName.CANARY: kinds.RolledOut("2", "1", "all gates passed"),
    StageName.PROMOTE: kinds.Promoted("2", "1"),
}
# As Kubeflow calls the types of a component, once compiled.
COMPILED = {Kind.STRING: "STRING", Kind.INTEGER: "NUMBER_INTEGER", Kind.FLOAT: "NUMBER_DOUBLE", Kind.OBJECT: "STRUCT",
            Kind.ARRAY: "LIST"}  # fmt: skip


@dataclass
class Installed:
    """An installation whose stages leave what they are given here, or raise it."""

    left: Any
    state: SubmissionState = SubmissionState.RUNNING
    asked: tuple[Any, ...] = ()

    @property
    def journal(self) -> "Installed":
        return self

    def submission(self, run: str) -> Submission:
        return Submission(id=run, state=self.state, reason="no need")

    def build(self, kind: type[Any]) -> "Installed":
        return self

    def run(self, *asked: Any) -> Any:
        self.asked = tuple(item for item in asked if item is not self)  # a stage in steps is built from this too
        if isinstance(self.left, Exception):
            raise self.left
        return (RUN, self.left) if isinstance(self.left, kinds.Admitted) else self.left


Perform = Callable[..., Installed]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Perform:
    """Makes this process belong to an installation."""

    def put(left: Any, state: SubmissionState = SubmissionState.RUNNING) -> Installed:
        found = Installed(left, state)
        monkeypatch.setattr(process, "connect", lambda: found)
        return found

    return put


def component(stage: StageName) -> dict[str, Any]:
    return dict(yaml.safe_load((COMPONENTS / stage / "component.yaml").read_text()))


def arguments(stage: StageName, folder: Path, **given: str) -> list[str]:
    """The component's command line, as Kubeflow fills it in."""
    document = component(stage)
    container = document["implementation"]["container"]
    usual = {item["name"]: item.get("default", "") for item in document["inputs"]}
    values = {**usual, "submission": RUN, **given}

    def word(item: Any) -> str:
        if isinstance(item, str):
            return item
        return values[item["inputValue"]] if "inputValue" in item else str(folder / item["outputPath"])

    assert container["command"][:3] == ["python", "-m", "jinsu.lifecycle"]
    return [*container["command"][3:], *map(word, container["args"])]


def read(stage: StageName, folder: Path) -> dict[str, Any]:
    """The output files, each by the type that the component declares."""
    declared = {item["name"]: COMPILED[Kind(item["type"])] for item in component(stage)["outputs"]}
    assert {path.name for path in folder.iterdir()} == set(declared)
    return {name: from_text((folder / name).read_text(), kind) for name, kind in declared.items()}


@pytest.mark.parametrize("stage", StageName)
def test_a_stage_leaves_what_its_component_declares(
    stage: StageName, installed: Perform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installed(LEFT[stage])
    process.main(arguments(stage, tmp_path / "outputs"))
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == [item["name"] for item in component(stage)["outputs"]] == [o.name for o in outputs(stage)]
    assert read(stage, tmp_path / "outputs") == printed
    assert printed["submission"] == RUN


def test_admit_leaves_the_trials_as_text_for_a_loop(installed: Perform, tmp_path: Path) -> None:
    installed(LEFT[StageName.ADMIT])
    process.main(arguments(StageName.ADMIT, tmp_path))
    assert read(StageName.ADMIT, tmp_path) == {"submission": RUN, "dataset": "digits@1234", "trials": ["0", "1"]}


def test_what_there_is_not_is_written_as_nothing_of_its_type(installed: Perform, tmp_path: Path) -> None:
    installed(kinds.Evaluated("k", None, "accuracy", SCORE, None, 100))
    process.main(arguments(StageName.EVALUATE, tmp_path / "evaluate"))
    installed(kinds.Promoted("1"))
    process.main(arguments(StageName.PROMOTE, tmp_path / "promote"))
    evaluated = read(StageName.EVALUATE, tmp_path / "evaluate")
    assert (evaluated["champion"], evaluated["gain"]) == ("", {})
    assert read(StageName.PROMOTE, tmp_path / "promote")["previous"] == ""


def test_a_metric_that_is_no_number_does_not_spoil_the_file(installed: Perform, tmp_path: Path) -> None:
    installed(kinds.Trained("k", 1.0, 1, {"loss": math.nan, "steps": math.inf, "accuracy": 0.5}))
    process.main(arguments(StageName.TRAIN, tmp_path))
    assert read(StageName.TRAIN, tmp_path)["metrics"] == {"loss": "NaN", "steps": "Infinity", "accuracy": 0.5}


def test_admit_is_given_the_form(installed: Perform, tmp_path: Path) -> None:
    asked = installed(LEFT[StageName.ADMIT])
    form = {"model": "digits", "problem": "numbers", "train_params": '{"epochs": 3}', "user": "jane", "team": "toys"}
    process.main(arguments(StageName.ADMIT, tmp_path, submission="", run_name="7f3a", **form))
    assert asked.asked == (
        Form("7f3a", "jane", "toys", model="digits", problem="numbers", overrides={"train.params.epochs": 3}),
    )


def test_a_trial_is_given_by_its_number(installed: Perform, tmp_path: Path) -> None:
    asked = installed(LEFT[StageName.TRAIN])
    process.main(arguments(StageName.TRAIN, tmp_path, trial="3"))
    assert asked.asked == (RUN, 3)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["admit"], "say what to launch"),
        (["admit", "--model", "digits"], "--run-name"),
        (["admit", "--model", "digits", "--run-name", "a", "--train-params", "{"], "not JSON"),
        (["admit", "--model", "digits", "--run-name", "a", "--train-params", "[1]"], "write an object"),
        (["admit", "--model", "digits", "--run-name", "a", "--user", "x" * 65], "the name of a person's account"),
        (["admit", "--model", "digits", "--run-name", "a", "--user", ""], "the name of a person's account"),
        (["train", "--submission", RUN, "--trial", "first"], "a number from 0"),
        (["promote", "--submission", RUN, "--write", "champion", "x"], "leaves submission, version, previous"),
        (["promote"], "--submission"),
        (["launch"], "launch"),
    ],
)
def test_a_command_line_that_cannot_work_says_why(
    words: list[str], problem: str, installed: Perform, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = installed(LEFT[StageName.PROMOTE])
    with pytest.raises(SystemExit) as ended:
        process.main(words)
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err
    assert asked.asked == ()


@pytest.mark.parametrize(
    ("raised", "code"), [(GateFailedError("accuracy is too low"), 7), (TransientError("MLflow does not answer"), 75)]
)
def test_an_error_is_one_sentence_and_an_exit_code(
    raised: Exception, code: int, installed: Perform, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    installed(raised)
    with pytest.raises(SystemExit) as ended:
        process.main(arguments(StageName.EVALUATE, tmp_path))
    assert ended.value.code == code
    assert capsys.readouterr().err == f"evaluate: {raised}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stage", [stage for stage in StageName if stage is not StageName.ADMIT])
@pytest.mark.parametrize("state", [SubmissionState.CANCELLED, SubmissionState.FAILED])
def test_a_run_that_was_ended_goes_no_further(
    stage: StageName, state: SubmissionState, installed: Perform, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Kubeflow is not told that a run was cancelled; the next stage finds out."""
    asked = installed(LEFT[stage], state)
    with pytest.raises(SystemExit) as ended:
        process.main(arguments(stage, tmp_path))
    assert ended.value.code == 5
    end = {SubmissionState.CANCELLED: "was cancelled", SubmissionState.FAILED: "failed"}
    assert f"{stage}: run {RUN} {end[state]}: no need" in capsys.readouterr().err
    assert asked.asked == ()


def test_a_stage_of_a_run_that_succeeded_may_be_done_again(installed: Perform, tmp_path: Path) -> None:
    asked = installed(LEFT[StageName.PROMOTE], SubmissionState.SUCCEEDED)
    process.main(arguments(StageName.PROMOTE, tmp_path))
    assert asked.asked == (RUN,)


def test_every_input_of_a_component_is_an_option_of_the_command() -> None:
    for stage, inputs in INPUTS.items():
        assert [item["name"] for item in component(stage)["inputs"]] == [item.name for item in inputs]


def test_a_type_that_kubeflow_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError):
        kind_of(complex | None)


def test_the_whole_lifecycle_as_processes(
    bench_after: Callable[[None], StageBench], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each stage as its component starts it, with what other people and processes do meanwhile done beforehand."""
    bench = bench_after(None)
    bench.build(Offers).refresh()
    monkeypatch.setattr(process, "connect", lambda: bench.installation)
    monkeypatch.setattr("jinsu.confined.validate.validate", all_hold)
    left: dict[StageName, dict[str, Any]] = {}

    def do(stage: StageName, **given: str) -> None:
        process.main(arguments(stage, tmp_path / stage, **given))
        left[stage] = read(stage, tmp_path / stage)

    form = {"model": MODEL, "train_params": '{"lr": 0.2}', "user": "eve", "run_name": "0b5c2a4e"}
    do(StageName.ADMIT, submission="", **form)
    bench.run = left[StageName.ADMIT]["submission"]
    meanwhile = {StageName.TRAIN: train, StageName.REVIEW: approve, StageName.CANARY: roll_out}
    for stage in list(StageName)[1:]:
        meanwhile.get(stage, lambda _: None)(bench)
        do(stage, submission=bench.run)

    assert left[StageName.PROMOTE] == {"submission": bench.run, "version": "1", "previous": ""}
    assert left[StageName.REVIEW]["reviewer"] == "bob"
    assert left[StageName.TRAIN]["metrics"] == {"accuracy": 0.9}
    row = bench.submission
    assert (row.state, row.submitter, row.dag_run) == (SubmissionState.SUCCEEDED, "eve", "0b5c2a4e")
    assert row.spec["train"]["params"] == {"lr": 0.2}
    assert bench.installation.mlflow.aliases(MODEL)["champion"] == "1"
    do(StageName.ADMIT, submission="", **form)
    assert left[StageName.ADMIT]["submission"] == bench.run, "the same name finds the same run"


def train(bench: StageBench) -> None:
    bench.finish_training(bench.start_training(bench.run, 0))


def approve(bench: StageBench) -> None:
    bench.build(Review).ask(bench.run)
    bench.installation.reviews.give(bench.run, Said("bob", Verdict.APPROVE, Door.CLI))


def roll_out(bench: StageBench) -> None:
    bench.build(Canary).start(bench.run)
    bench.set_rollout(Phase.PROMOTING, "all steps passed")
