"""Admission: what may run here is recorded once, and what may not is refused in one sentence before anything starts."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.datasets import put_dataset
from tests.support.stage_bench import SPEC, StageBench

from jinsu.errors import BadInputError, ConflictError, JinsuError, NotFoundError
from jinsu.runs import admission
from jinsu.runs.admission import Admission, Capacity, Request, check_capacity, check_columns, submission_id
from jinsu.runs.journal import rules_of, spec_of
from jinsu.runs.snapshots import pack
from jinsu.runs.stages import StageName
from jinsu.spec.load import parse_spec
from jinsu.spec.problem import ProblemSpec
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Model, Problem, ProblemSplit, ProblemVersion, Submission

BenchAfter = Callable[[StageName | None], StageBench]


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """One run, of ann, with the key "1"."""
    return bench_after(None)


def request(bench: StageBench, submitter: str = "ann", key: str = "2", spec: str = SPEC, **overrides: Any) -> Request:
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    return Request(bench.person(submitter), bench.code(spec), key, named)


def refusal(bench: StageBench, given: Request, *kinds: type[JinsuError]) -> str:
    """Why a submission is refused; nothing of it may be recorded."""
    tables = (Submission, Model, Problem, ProblemVersion, ProblemSplit)
    before = [len(bench.rows(table)) for table in tables]
    with pytest.raises(kinds or (BadInputError, NotFoundError)) as caught:
        bench.installation.admission.admit(given)
    assert [len(bench.rows(table)) for table in tables] == before
    return str(caught.value)


# --- What is recorded ---


def test_a_submission_is_recorded_with_everything_pinned(bench: StageBench) -> None:
    given = request(bench)
    row, new = bench.installation.admission.admit(given)

    kept = bench.row(Submission, row.id)
    assert new
    assert (kept.submitter, kept.model, kept.team, kept.code_digest) == ("ann", "toy", "default", given.code_digest)
    assert (kept.state, kept.reason, kept.ended, kept.dag_run) == (SubmissionState.ACCEPTED, "", None, None)
    assert kept.dataset == bench.installation.datasets.resolve("points").reference
    assert (kept.problem, spec_of(kept).problem, rules_of(kept).dataset) == ("toy", "toy", kept.dataset)


def test_a_new_version_of_the_dataset_does_not_change_an_accepted_run(bench: StageBench) -> None:
    pinned = bench.submission.dataset
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": [1.0, 2.0], "label": [0, 1]}), bench.home / "new.parquet")
    put_dataset(bench.installation.objects, "points", bench.home / "new.parquet", "ann")

    assert bench.submission.dataset == pinned
    row, _ = bench.installation.admission.admit(request(bench))
    assert row.dataset != pinned


def test_the_name_of_a_run_is_readable_and_the_same_for_the_same_key() -> None:
    name = submission_id("digits", "ann", "key")
    assert name == submission_id("digits", "ann", "key")
    assert name.startswith("digits-")
    for submitter, key in (("ann", "other"), ("bob", "key"), ("annk", "ey")):
        assert submission_id("digits", submitter, key) != name
    assert len(submission_id("x" * 40, "ann", "key")) <= 40


def test_one_key_is_one_run(bench: StageBench) -> None:
    given = request(bench)
    first, new = bench.installation.admission.admit(given)
    again, second = bench.installation.admission.admit(given)

    assert (new, second) == (True, False)
    assert again.id == first.id
    other, third = bench.installation.admission.admit(request(bench, submitter="bob"))
    assert third
    assert other.id != first.id


def test_one_key_is_for_one_code(bench: StageBench) -> None:
    first, _ = bench.installation.admission.admit(request(bench))
    changed = Request(bench.person("ann"), bench.code(script="print(1)"), "2", {})

    with pytest.raises(
        ConflictError, match=f"idempotency key '2' was used for run {first.id} with other code; use a new key"
    ):
        bench.installation.admission.admit(changed)


def test_a_known_key_is_found_although_its_dataset_is_gone(bench: StageBench) -> None:
    given = request(bench)
    first, _ = bench.installation.admission.admit(given)
    (bench.home / "objects" / "datasets" / "points" / "latest").unlink()

    assert bench.installation.admission.admit(given)[0].id == first.id


@pytest.mark.parametrize("key", ["", "x" * 129, "a\0b", "a\nb", "\ud800"])
def test_a_key_is_short_printable_text(bench: StageBench, key: str) -> None:
    assert refusal(bench, request(bench, key=key)).startswith("idempotency key: ")


def test_open_runs_have_a_limit_and_ended_ones_do_not_count(bench: StageBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_OPEN", 2)
    bench.installation.admission.admit(request(bench))
    with pytest.raises(ConflictError, match="2 runs are open that wait for no person, the limit is 2; wait, or cancel"):
        bench.installation.admission.admit(request(bench, key="3"))

    bench.installation.journal.end(bench.run, SubmissionState.CANCELLED, "make room")
    assert bench.installation.admission.admit(request(bench, key="3"))[1]


def test_a_check_records_nothing(bench: StageBench) -> None:
    other = bench.code(SPEC.replace("name: toy", "name: other"))
    plan = bench.installation.admission.check(bench.person("ann"), other, {})

    assert (plan.spec.name, plan.version.name, plan.rules.problem) == ("other", "points", "other")
    assert [len(bench.rows(table)) for table in (Submission, Model, Problem)] == [1, 1, 1]


# --- Overrides ---


@pytest.mark.parametrize(
    ("overrides", "path", "value"),
    [
        ({"train.params.lr": 0.5}, "train.params", {"lr": 0.5}),
        ({"train.params.new": "x"}, "train.params", {"lr": 0.1, "new": "x"}),
        ({"train.params": {"a": 1}}, "train.params", {"a": 1}),
        ({"problem": "toy"}, "problem", "toy"),
        ({"release.canary.every": "5s"}, "release.canary.every", 5.0),
        ({"train.resources.hours": 3}, "train.resources.hours", 3),  # a part that model.yaml does not name
    ],
)
def test_an_override_replaces_one_value(bench: StageBench, overrides: dict[str, Any], path: str, value: Any) -> None:
    found: Any = bench.installation.admission.check(bench.person("ann"), bench.code(), overrides).spec
    for part in path.split("."):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    "path",
    ["name.first", "name.first.letter", "train.params.lr.value", "train.trials.0.lr", "problem.slices.0", "", ".", "nowhere",
     "train.nowhere", "train..lr", "\0", "__class__", "train.params.lr rate"],
)  # fmt: skip
def test_an_override_that_leads_nowhere_is_refused(bench: StageBench, path: str) -> None:
    assert "submission" in refusal(bench, Request(bench.person("ann"), bench.code(), "2", {path: 1}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [], {}, "text"])
def test_an_override_of_the_wrong_kind_is_refused(bench: StageBench, value: Any) -> None:
    assert "submission: evaluate.min" in refusal(
        bench, Request(bench.person("ann"), bench.code(), "2", {"evaluate.min": value})
    )


# --- What may not run here ---


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"train__resources__gpu": 1}, "train.resources.gpu: 1 asked for, this platform has 0"),
        ({"features": ["a", "c"]}, "model.yaml: features: dataset points has no column 'c'; it has a, b, label."),
        ({"features": ["label"]}, "features: 'label' is the target of problem toy, version 1"),
        ({"problem__metric": "auc"}, "submission: problem.metric"),
        ({"problem": "nothing"}, "problem 'nothing' does not exist, or no team of ann may read it"),
    ],
)
def test_what_cannot_run_here_is_refused_with_the_line_to_change(
    bench: StageBench, change: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(bench, request(bench, **change))


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ("dataset: nowhere", "dataset 'nowhere' does not exist, or team default may not read it"),
        ("dataset: points@0123456789abcdef", "no single version '0123456789abcdef'"),
        (
            "dataset: points, target: colour",
            "problem: target: dataset points has no column 'colour'; it has a, b, label.",
        ),
        ("dataset: points, features: [a, c]", "problem: features: dataset points has no column 'c'"),
        ("dataset: points, split: {by: [a, day]}", "problem: split: dataset points has no column 'day'"),
        ("dataset: points, split: {time: day}", "problem: split: dataset points has no column 'day'"),
        ("dataset: points, split: {stratify: day}", "problem: split: dataset points has no column 'day'"),
        ("dataset: points, split: {column: day}", "problem: split: dataset points has no column 'day'"),
        ("dataset: points, slices: [shop]", "problem: slices: dataset points has no column 'shop'"),
        ("dataset: points, expectations: other.yaml", "problem.expectations: the folder has no file 'other.yaml'"),
        ("dataset: points, expectations: ../expectations.yaml", "the folder has no file '../expectations.yaml'"),
        ("dataset: points, target: label, features: [label]", "'label' is the target; a model must not read"),
    ],
)
def test_a_problem_that_cannot_be_is_refused_with_the_line_to_change(
    bench: StageBench, problem: str, sentence: str
) -> None:
    spec = f"name: other\nproblem: {{metric: accuracy, {problem}}}\ntrain: {{command: python train.py}}\n"
    assert sentence in refusal(bench, request(bench, spec=spec))


def test_code_without_a_spec_or_that_never_came_is_refused(bench: StageBench) -> None:
    folder = bench.home / "empty"
    folder.mkdir()
    (folder / "train.py").write_text("")
    data, _ = pack(folder, 2**20)
    digest = bench.installation.snapshots.put(data, 2**20)

    assert (
        refusal(bench, Request(bench.person("ann"), digest, "2", {}))
        == "code snapshot: it holds no model.yaml at its top."
    )
    assert "is not here; submit again" in refusal(bench, Request(bench.person("ann"), "0" * 64, "2", {}))
    assert "is not a sha256 digest" in refusal(bench, Request(bench.person("ann"), "../../etc/passwd", "2", {}))


def test_a_set_of_files_as_earlier_versions_put_it_is_no_table(bench: StageBench) -> None:
    folder = bench.home / "pictures"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"\x89PNG")
    put_dataset(bench.installation.objects, "pictures", folder, "ann")

    bench.installation.ownership.claim(bench.person("ann"), "pictures")

    spec = SPEC.replace("name: toy", "name: other").replace("points", "pictures")
    assert "is a set of files without a table; put the folder again" in refusal(bench, request(bench, spec=spec))


def test_columns_are_looked_for_wherever_the_spec_names_them() -> None:
    spec = parse_spec(SPEC)
    problem = spec.problem
    assert isinstance(problem, ProblemSpec)
    check_columns(spec, problem, ["a", "b", "label"], has_rows=True)
    with pytest.raises(BadInputError, match="problem: target"):
        check_columns(spec, problem, ["a", "b"], has_rows=True)
    with pytest.raises(BadInputError, match="is a set of files"):
        check_columns(spec, problem, ["a", "b", "label"], has_rows=False)


@pytest.mark.parametrize(
    ("spec", "capacity", "sentence"),
    [
        ("", Capacity(), ""),
        ("", Capacity(teams=frozenset({"search", "default"})), ""),
        ("", Capacity(teams=frozenset({"search", "shopping"})), "A platform engineer adds it to the chart's values: teams."),
        ("", Capacity(teams=frozenset({""})), "it has none by name. A platform engineer adds it to the chart's values: teams."),
        ("gpu: 2", Capacity(gpus=2), ""),
        ("gpu: 3", Capacity(gpus=2), "train.resources.gpu: 3 asked for, this platform has 2."),
        ("gpu: 1, gpu_type: a100", Capacity(gpus=2), ""),
        ("gpu: 1, gpu_type: a100", Capacity(gpus=2, gpu_types=frozenset({"a100", "l4"})), ""),
        ("gpu: 1, gpu_type: h100", Capacity(gpus=2, gpu_types=frozenset({"a100", "l4"})), "is not on this platform; it has a100, l4."),
        ("gpu_type: h100", Capacity(gpus=2, gpu_types=frozenset({"a100"})), ""),  # without a GPU its type does not matter
    ],
)  # fmt: skip
def test_capacity(spec: str, capacity: Capacity, sentence: str) -> None:
    text = SPEC.replace("train: {", f"train: {{resources: {{{spec}}}, ")
    if not sentence:
        check_capacity(parse_spec(text), "default", capacity)
        return
    with pytest.raises(BadInputError) as caught:
        check_capacity(parse_spec(text), "default", capacity)
    assert str(caught.value).endswith(sentence)


def test_a_model_server_with_a_gpu_needs_a_platform_that_has_them() -> None:
    plain = parse_spec(SPEC)
    spec = plain.model_copy(update={"serve": plain.serve.model_copy(update={"gpu": 1})})
    check_capacity(spec, "default", Capacity())
    check_capacity(plain, "default", Capacity(no_serving_gpu="there is none"))
    with pytest.raises(BadInputError, match=r"^model.yaml: serve.gpu: there is none; or leave the line out\.$"):
        check_capacity(spec, "default", Capacity(no_serving_gpu="there is none"))


def test_of_two_that_send_one_key_at_once_both_find_the_one_run(
    bench: StageBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second looks before the first has written."""
    given, find = request(bench), Admission._find
    looks: list[Submission | None] = []

    def late(self: Admission, request: Request) -> Submission | None:
        if not looks:
            looks.append(None)
            assert bench.installation.admission.admit(given)[1]
            return None
        return find(self, request)

    monkeypatch.setattr(Admission, "_find", late)
    _, new = bench.installation.admission.admit(given)

    assert not new
    assert len(bench.rows(Submission)) == 2
