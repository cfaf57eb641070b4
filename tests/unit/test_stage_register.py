"""register: exactly one version in MLflow, with everything that a reviewer and a server need."""

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import yaml
from tests.support.crash_points import Killed
from tests.support.stage_bench import StageBench
from tests.support.tiny_model import saved_model

from jinsu.codec import decode
from jinsu.errors import GateFailedError, NotFoundError, TransientError
from jinsu.evaluation.score import Score
from jinsu.lifecycle.register import Register, describe
from jinsu.packaging.contents import verify_contents
from jinsu.registry.candidates import sealed_package
from jinsu.registry.evidence import evidence_page
from jinsu.registry.facts import Facts
from jinsu.runs.stages import ORDER, Packaged, Registered, StageName, Trained
from jinsu.state.states import StageState
from jinsu.state.tables import Candidate
from jinsu.steps.metrics import MetricPoint

BenchAfter = Callable[[StageName | None], StageBench]


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    return bench_after(StageName.EVALUATE)


def register(bench: StageBench) -> Registered:
    found = bench.build(Register).run(bench.run)
    assert isinstance(found, Registered)
    return found


def facts_of(bench: StageBench) -> Facts:
    package = bench.installation.journal.output(Packaged, bench.run)
    found = bench.build(Register).facts(bench.submission, package)
    assert isinstance(found, Facts)
    return found


# --- The version ---


def test_a_version_names_where_it_comes_from(bench: StageBench) -> None:
    registered, row = register(bench), bench.submission
    package = bench.installation.journal.output(Packaged, bench.run).run_key

    version = bench.mlflow.models["toy"].versions[registered.version]
    assert registered == Registered("1", package)
    assert (version.source, version.run_id) == (f"runs:/{row.mlflow_run}/model", row.mlflow_run)
    assert version.tags == {
        "jinsu.submission": bench.run,
        "jinsu.package": package,
        "jinsu.dataset": row.dataset,
        "jinsu.code": row.code_digest,
        "jinsu.submitter": "ann",
        "jinsu.ready": "true",
    }
    assert bench.mlflow.models["toy"].tags == {"jinsu": "true"}
    assert bench.mlflow.runs[row.mlflow_run].status == "FINISHED"
    (candidate,) = bench.rows(Candidate)
    assert (candidate.model, candidate.version, candidate.package, candidate.ready) == ("toy", "1", package, True)


def test_a_version_keeps_what_its_package_contains_and_takes(bench: StageBench) -> None:
    """A model server compares the files with the first and is bounded by the second."""
    version = register(bench).version
    with bench.installation.database.begin() as session:
        package = sealed_package(session, "toy", version)
    assert package is not None
    verify_contents(bench.installation.steps.out(package.run_key), package.contents)
    assert 0 < package.memory < 2**30


def test_a_package_that_changed_since_it_was_evaluated_is_not_registered(bench: StageBench) -> None:
    package = bench.installation.journal.output(Packaged, bench.run).run_key
    manifest = bench.installation.steps.out(package) / "model.json"
    text = manifest.read_text()
    manifest.unlink()  # other benches have the same file by a hard link
    manifest.write_text(text + " ")
    with pytest.raises(GateFailedError, match="the package's files changed or are gone"):
        register(bench)
    assert bench.mlflow.models == {}


def test_a_version_that_was_made_before_the_process_was_killed_is_the_one(bench: StageBench) -> None:
    """Killed between MLflow's answer and our own record: the second try finds the version by its tags."""
    undisturbed = bench.copy_to(bench.home.with_name("undisturbed"))
    undisturbed.crash.begin_anew()
    register(undisturbed)
    for place in range(1, undisturbed.crash.passed + 1):
        killed = bench.copy_to(bench.home.with_name("killed"))
        killed.crash.begin_anew(place)
        with pytest.raises(Killed):
            register(killed)
        if killed.mlflow.models.get("toy") is not None and killed.mlflow.models["toy"].versions:
            break
    (candidate,) = killed.rows(Candidate)
    assert (candidate.version, candidate.ready) == (None, False)

    killed.crash.begin_anew()
    assert register(killed).version == "1"

    assert list(killed.mlflow.models["toy"].versions) == ["1"]
    (candidate,) = killed.rows(Candidate)
    assert (candidate.version, candidate.ready) == ("1", True)


def test_a_lost_answer_makes_no_second_version(bench: StageBench) -> None:
    bench.mlflow.lose_answer_to = "model-versions/create"
    with pytest.raises(TransientError):
        register(bench)
    assert bench.stage(StageName.REGISTER).state is StageState.WAITING
    assert register(bench).version == "1"

    assert list(bench.mlflow.models["toy"].versions) == ["1"]


def test_the_same_package_of_another_run_is_another_version(bench: StageBench) -> None:
    """Who submitted and what was compared differ; the evidence is each run's own."""
    first = register(bench)
    bench.run = bench.another_run(StageName.EVALUATE, submitter="eve")
    second = register(bench)

    assert (first.version, second.version) == ("1", "2")
    assert first.run_key == second.run_key
    tags = [version.tags["jinsu.submitter"] for version in bench.mlflow.models["toy"].versions.values()]
    assert tags == ["ann", "eve"]


def test_a_version_that_a_person_uploaded_is_not_taken_for_ours(bench: StageBench) -> None:
    mlflow, run = bench.installation.mlflow, bench.submission.mlflow_run
    mlflow.ensure_model("toy", {})
    mlflow.create_version("toy", f"runs:/{run}/model", run, {"jinsu.submission": bench.run}, "")

    assert register(bench).version == "2"


def test_a_model_that_is_not_packaged_is_not_registered(bench_after: BenchAfter) -> None:
    bench = bench_after(StageName.TRAIN)
    with pytest.raises(NotFoundError, match="stage package has not ended"):
        register(bench)
    assert bench.rows(Candidate) == []
    assert bench.mlflow.models == {}


def test_nothing_is_registered_before_everything_is_uploaded(bench: StageBench) -> None:
    """A version without its evidence must never be seen."""
    uploads: list[str] = []

    def full(method: str, path: str) -> int:
        uploads.append(path)
        return 507 if method == "PUT" and path.endswith("evidence.html") else 0

    bench.mlflow.refuse = full
    with pytest.raises(TransientError):
        register(bench)

    assert bench.mlflow.models == {}
    assert any(path.endswith("model/model.onnx") for path in uploads)


# --- What is uploaded ---


def test_the_package_is_uploaded_as_it_was_evaluated(bench: StageBench) -> None:
    registered, run = register(bench), bench.submission.mlflow_run
    out = bench.installation.steps.out(registered.run_key)

    for name in ("model.onnx", "model.json", "probes.npz"):
        assert bench.mlflow.artifact(run, f"model/{name}") == (out / name).read_bytes()
    document = yaml.safe_load(bench.mlflow.artifact(run, "model/MLmodel"))
    assert document["metadata"]["jinsu.package"] == registered.run_key
    assert set(document["flavors"]) == {"onnx", "python_function"}


def test_the_evidence_can_be_read_by_a_program(bench: StageBench) -> None:
    register(bench)
    document = json.loads(bench.mlflow.artifact(bench.submission.mlflow_run, "evidence.json"), parse_constant=refuse)

    assert decode(Facts, document) == facts_of(bench)


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


class Page(HTMLParser):
    """Text and references of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.references, self.scripts = "", list[str](), 0
        self.feed(text)

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.references += [str(value) for name, value in attrs if name in ("src", "href", "srcset", "data")]


def test_the_evidence_is_one_page_that_needs_nothing_else(bench: StageBench) -> None:
    register(bench)
    page = Page(bench.mlflow.artifact(bench.submission.mlflow_run, "evidence.html").decode())

    assert (page.references, page.scripts) == ([], 0)
    for word in (bench.run, "ann", "accuracy", bench.submission.dataset, "There is no champion yet", "Learning curve"):
        assert word in page.words


def test_text_of_a_submitter_is_no_markup(bench: StageBench) -> None:
    evil = "<script>alert(1)</script><img src=x>"
    bench.run = bench.another_run(
        StageName.VALIDATE_DATA, train__params={"note": evil}, train__command=f"python '{evil}'"
    )
    key = bench.start_training(bench.run, 0)
    bench.launcher.write(key, metrics=json.dumps({"name": evil, "value": 1, "step": 0, "time": 1}).encode() + b"\n")
    bench.launcher.finish(key, saved_model())
    for stage in ORDER[2:5]:
        bench.carry_out(stage)
    register(bench)

    page = Page(bench.mlflow.artifact(bench.submission.mlflow_run, "evidence.html").decode())
    assert (page.references, page.scripts) == ([], 0)
    assert "alert(1)" in page.words


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_training_that_diverged_has_evidence_all_the_same(bench: StageBench, value: str) -> None:
    bench.run = bench.another_run(StageName.VALIDATE_DATA, train__params={"lr": 9.0})
    key = bench.start_training(bench.run, 0)
    bench.finish_training(key, f'{{"name": "loss", "value": {value}, "step": 0, "time": 1}}\n'.encode())
    for stage in ORDER[2:5]:
        bench.carry_out(stage)
    register(bench)

    evidence = bench.mlflow.artifact(bench.submission.mlflow_run, "evidence.json")
    document = json.loads(evidence, parse_constant=refuse)
    assert document["training"]["metrics"]["loss"] == value


# --- Facts and words ---


def test_facts_come_from_the_trial_that_was_packaged(bench: StageBench) -> None:
    bench.run = bench.another_run(StageName.VALIDATE_DATA, train__trials=[{"lr": 2.0}, {"lr": 3.0}])
    for trial, accuracy in enumerate((0.5, 0.9)):
        key = bench.start_training(bench.run, trial)
        bench.launcher.write(
            key, metrics=f'{{"name": "accuracy", "value": {accuracy}, "step": 7, "time": 1}}\n'.encode()
        )
        bench.launcher.finish(key, saved_model(), seconds=10.0 + trial)
        bench.end_training(bench.run, trial, key)
    for stage in ORDER[3:5]:
        bench.carry_out(stage)

    facts = facts_of(bench)
    trained = bench.installation.journal.output(Trained, bench.run, 1)
    assert facts.lineage.training == trained.run_key
    assert (facts.training.seconds, facts.training.metrics, facts.trials) == (11.0, {"accuracy": 0.9}, 2)
    assert list(facts.curve) == [MetricPoint("accuracy", 0.9, 7, 1.0)]


def test_a_long_curve_is_thinned_out(bench: StageBench) -> None:
    bench.run = bench.another_run(StageName.VALIDATE_DATA, key="long", name="long")
    key = bench.start_training(bench.run, 0)
    lines = (f'{{"name": "loss", "value": {number}, "step": {number}, "time": 1}}\n' for number in range(150_000))
    bench.launcher.write(key, metrics="".join(lines).encode())
    bench.launcher.finish(key, saved_model())
    for stage in ORDER[2:5]:
        bench.carry_out(stage)

    steps = [point.step for point in facts_of(bench).curve]
    assert (steps[0], steps[-1]) == (0, 149_999)
    assert 400 < len(steps) <= 1000


def test_a_reviewer_reads_first_what_decides(bench: StageBench) -> None:
    facts = facts_of(bench)
    text = describe(facts, "https://mlflow.example.com/evidence")

    first, *_, last = text.split("\n\n")
    assert first.startswith("**accuracy 1.0000 (")
    assert "held-out rows" in first
    assert last.startswith("To approve, give this version the alias `challenger`; to refuse, the tag `jinsu.reject`")
    assert f"jinsu review show {bench.run}" in last
    assert "[Evidence](https://mlflow.example.com/evidence)" in text
    assert "champion" not in text
    doubtful = replace(facts, evaluation=replace(facts.evaluation, warnings=("the model answers every row alike, '<1>'",)))
    assert "**Look twice**: the model answers every row alike, '<1>'" in describe(doubtful, "")
    assert "Look twice: the model answers every row alike, &#x27;&lt;1&gt;&#x27;." in evidence_page(doubtful)
    gain = Score(0.012, -0.01, 0.034, 48)
    compared = replace(facts, champion="3", evaluation=replace(facts.evaluation, gain=gain))
    assert "Against champion version 3: **+0.0120 (-0.0100 to +0.0340)**" in describe(compared, "")


def test_the_description_in_mlflow_leads_to_the_evidence(bench: StageBench) -> None:
    register(bench)
    row, version = bench.submission, bench.mlflow.models["toy"].versions["1"]
    page = f"http://mlflow.test/#/experiments/{row.experiment}/runs/{row.mlflow_run}/artifactPath/evidence.html"
    assert f"[Evidence]({page})" in version.description
