"""A run's environment: which steps it needs, what names them, and what a training gets of it."""

import io
import json
import tarfile
from collections.abc import Callable

import pytest
from tests.support.stage_bench import EXPECTATIONS, SPEC, StageBench
from tests.support.wheels import make_wheel

from jinsu.errors import BadInputError, GateFailedError
from jinsu.lifecycle.train import Train
from jinsu.lifecycle.validate_data import ValidateData
from jinsu.retention.records import runs
from jinsu.runs.admission import Capacity, check_capacity
from jinsu.runs.environments import Environments, PackageSource, with_requirements
from jinsu.runs.removals import stage_keys
from jinsu.runs.stages import StageName, Trained, Validated
from jinsu.spec.load import parse_spec
from jinsu.state.tables import Submission
from jinsu.steps.spec import StepSpec

BenchAfter = Callable[[StageName | None], StageBench]
IMAGE = f"cuda@sha256:{'1' * 64}"


@pytest.fixture
def bench(bench_after: BenchAfter, tmp_path_factory: pytest.TempPathFactory, no_great_expectations: None) -> StageBench:
    """An installation without an index, with a folder of two wheels."""
    wheels = tmp_path_factory.mktemp("wheels")
    make_wheel(wheels, "fast-tables", "1.2", needs=["numpy"])
    make_wheel(wheels, "fast-tables", "1.1")
    return bench_after(StageName.ADMIT, python_index="", python_links=(str(wheels),), environment_bytes=2**24)


def code_of(requirements: str | None, spec: str = SPEC, **files: str) -> bytes:
    buffer = io.BytesIO()
    named = {"model.yaml": spec, "train.py": "", "expectations.yaml": EXPECTATIONS, **files}
    named |= {} if requirements is None else {"requirements.txt": requirements}
    with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
        for name, text in named.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            bundle.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def submitted(bench: StageBench, requirements: str | None, key: str = "2", submitter: str = "ann") -> str:
    """A run whose folder has these requirements, admitted."""
    run = bench.submit(submitter, key, bench.installation.snapshots.put(code_of(requirements), 2**20))
    bench.carry_out(StageName.ADMIT, run)
    return run


def validated(bench: StageBench, run: str) -> Validated:
    found = bench.carry_out(StageName.VALIDATE_DATA, run)
    assert isinstance(found, Validated)
    return found


def training(bench: StageBench, run: str) -> StepSpec:
    step = bench.build(Train).step(bench.row(Submission, run), 0)
    assert isinstance(step, StepSpec)
    return step


# --- At submission ---


def spec_with(train: str) -> str:
    return SPEC.replace("train: {", f"train: {{{train}, ")


def test_a_requirements_txt_that_the_spec_does_not_name_counts_as_named() -> None:
    spec = with_requirements(parse_spec(SPEC), code_of("fast-tables\n"))
    assert spec.train.requirements == "requirements.txt"
    assert with_requirements(parse_spec(SPEC), code_of(None)).train.requirements is None


def test_null_says_that_the_file_is_not_for_the_platform() -> None:
    written = parse_spec(spec_with("requirements: null"))
    assert with_requirements(written, code_of("-r everything.txt\n")).train.requirements is None


def test_another_file_may_be_named() -> None:
    written = parse_spec(spec_with("requirements: needs/gpu.txt"))
    found = with_requirements(written, code_of("--broken\n", **{"needs/gpu.txt": "fast-tables\n"}))
    assert found.train.requirements == "needs/gpu.txt"


@pytest.mark.parametrize(
    ("train", "requirements", "sentence"),
    [
        ("requirements: needs.txt", None, "model.yaml: train.requirements: the folder has no file 'needs.txt'."),
        ("priority: low", "fast-tables\n-e .\n", "requirements.txt: line 2: '-e .' is an option of pip; "),
        (
            f"image: '{IMAGE}'",
            "fast-tables\n",
            "model.yaml: train.image: the folder has a requirements.txt too, which an ",
        ),
    ],
    ids=["missing", "an option", "an image beside it"],
)
def test_what_cannot_be_an_environment_is_refused_before_anything_is_recorded(
    train: str, requirements: str | None, sentence: str, bench: StageBench
) -> None:
    code = bench.installation.snapshots.put(code_of(requirements, spec_with(train)), 2**20)
    with pytest.raises(BadInputError) as refused:
        bench.submit(key="bad", code=code)
    assert str(refused.value).startswith(sentence)


def test_one_machine_runs_no_images() -> None:
    spec = parse_spec(spec_with(f"image: '{IMAGE}'"))
    with pytest.raises(BadInputError, match=r"train\.image: this platform is one machine, where no images run; "):
        check_capacity(spec, "default", Capacity())
    check_capacity(spec, "default", Capacity(images=True))


# --- The steps ---


def test_the_environment_is_locked_and_installed_before_a_row_is_read(bench: StageBench) -> None:
    run = submitted(bench, "fast-tables\n")
    stepping, stage = bench.stepping, bench.build(ValidateData)
    names = []
    while (key := stepping.start(stage, run)) is not None:
        names.append(bench.launcher.attempts[key].step.name)
        stepping.end(stage, run, 0, key)
    assert names == ["lock", "install", "validate", "split"]


def test_a_training_gets_the_packages_and_another_identity(bench: StageBench) -> None:
    plain, run = submitted(bench, None, "plain"), submitted(bench, "fast-tables\n")
    without, found = validated(bench, plain), validated(bench, run)

    assert (without.lock, without.environment) == ("", "")
    packages = training(bench, run).inputs[-1]
    assert (packages.name, packages.uri) == ("packages", f"steps/{found.environment}/out/environment.tar.gz")
    assert training(bench, run).run_key != training(bench, plain).run_key
    assert len(training(bench, plain).inputs) == 2


def test_a_run_names_its_lock(bench: StageBench) -> None:
    run = submitted(bench, "fast-tables\n")
    found = validated(bench, run)
    trained = bench.carry_out(StageName.TRAIN, run)
    assert isinstance(trained, Trained)

    digest = bench.installation.environments.lock_digest(found.lock)
    assert trained.environment.endswith(f":lock-sha256-{digest}")
    assert {found.lock, found.environment} <= stage_keys(bench.stage(StageName.VALIDATE_DATA, run=run))
    assert bench.installation.environments.locked(found.lock).packages == ["fast-tables==1.2"]


def test_two_people_share_one_build_and_two_texts_with_one_lock_too(bench: StageBench) -> None:
    runs = [
        submitted(bench, "fast-tables\n", "1a"),
        submitted(bench, "fast-tables\n", "2a", "eve"),
        submitted(bench, "fast-tables==1.2  # the newest\n", "3a"),
    ]
    found = [validated(bench, run) for run in runs]

    assert len({one.environment for one in found}) == 1
    assert found[0].lock == found[1].lock != found[2].lock
    builds = [attempt for attempt in bench.launcher.attempts.values() if attempt.step.name == "install"]
    assert len(builds) == 1


def test_what_the_platform_has_is_not_installed_again(bench: StageBench) -> None:
    plain, run = submitted(bench, None, "plain"), submitted(bench, "numpy\ntorch\njinsu\n# no more\n")
    validated(bench, plain)
    found = validated(bench, run)

    assert found.lock
    assert found.environment == ""
    assert [item.name for item in training(bench, run).inputs] == ["code", "data/train.parquet"]


def test_a_file_of_comments_asks_for_nothing(bench: StageBench) -> None:
    found = validated(bench, submitted(bench, "# nothing yet\n\n"))
    assert (found.lock, found.environment) == ("", "")


def test_a_package_that_is_not_there_ends_the_run_before_a_row_is_read(bench: StageBench) -> None:
    run = submitted(bench, "fast-tables\nno-such-package==3\n")
    with pytest.raises(
        GateFailedError, match=r"^requirements\.txt: line 2 \(no-such-package==3\) cannot be resolved: "
    ):
        validated(bench, run)
    assert [attempt.step.name for attempt in bench.launcher.attempts.values()] == ["lock"]
    assert bench.stage(StageName.VALIDATE_DATA, run=run).detail.startswith("requirements.txt: line 2")


def test_an_image_of_the_policy_is_what_a_training_runs_in(bench: StageBench) -> None:
    bench.put_policy(images=[IMAGE])
    bench.installation.__dict__["admission"] = bench.build(
        type(bench.installation.admission), capacity=Capacity(images=True)
    )
    code = bench.installation.snapshots.put(code_of(None, spec_with(f"image: '{IMAGE}'")), 2**20)
    run = bench.submit(key="image", code=code)
    bench.carry_out(StageName.ADMIT, run)
    validated(bench, run)
    assert training(bench, run).image == IMAGE


def test_the_account_of_the_index_is_in_no_step(bench: StageBench) -> None:
    bench.installation.__dict__["packages_from"] = PackageSource("https://ann:hush@index.example/simple", (), 2**24)
    row = bench.row(Submission, submitted(bench, "fast-tables\n"))
    step = bench.build(Environments).next_step(row)
    assert step is not None
    assert "hush" not in step.to_json()
    assert step.secrets == {"index": "https://ann:hush@index.example/simple"}
    same = PackageSource("https://bob:other@index.example/simple", (), 2**24)
    assert same.digest == bench.installation.packages_from.digest


def test_a_reviewer_sees_the_packages_and_the_lock(bench: StageBench) -> None:
    run = submitted(bench, "fast-tables\n")
    found = validated(bench, run)
    for stage in (StageName.TRAIN, StageName.PACKAGE, StageName.EVALUATE, StageName.REGISTER):
        bench.carry_out(stage, run)

    mlflow_run = bench.row(Submission, run).mlflow_run
    lineage = json.loads(bench.mlflow.artifact(mlflow_run, "evidence.json"))["lineage"]
    digest = bench.installation.environments.lock_digest(found.lock)
    assert (lineage["packages"], lineage["lock"]) == ("fast-tables==1.2", found.lock)
    assert lineage["environment"].endswith(digest)
    page = bench.mlflow.artifact(mlflow_run, "evidence.html").decode()
    assert "fast-tables==1.2" in page
    assert digest in page


def test_retention_keeps_an_environment_for_as_long_as_a_run_needs_it(bench: StageBench) -> None:
    run = submitted(bench, "fast-tables\n")
    found = validated(bench, run)
    with bench.records.begin() as session:
        (needed,) = [one.objects for one in runs(session, ()) if one.id == run]
    assert {f"steps/{found.lock}", f"steps/{found.environment}"} <= needed
