"""Admission: what may run here is recorded once, and what may not is refused in one sentence before anything starts."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.stage_bench import SPEC, StageBench

from jinsu.errors import BadInputError, ConflictError, JinsuError, NotFoundError
from jinsu.runs import admission
from jinsu.runs.admission import Admission, Capacity, Request, check_capacity, check_columns, submission_id
from jinsu.runs.journal import spec_of
from jinsu.runs.snapshots import pack
from jinsu.runs.stages import StageName
from jinsu.spec.load import parse_spec
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Submission

BenchAfter = Callable[[StageName | None], StageBench]


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """One run, of ann, with the key "1"."""
    return bench_after(None)


def request(bench: StageBench, submitter: str = "ann", key: str = "2", spec: str = SPEC, **overrides: Any) -> Request:
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    return Request(submitter, bench.code(spec), key, named)


def refusal(bench: StageBench, given: Request) -> str:
    """Why a submission is refused; nothing of it may be recorded."""
    before = len(bench.rows(Submission))
    with pytest.raises(JinsuError) as caught:
        bench.installation.admission.admit(given)
    assert len(bench.rows(Submission)) == before
    assert isinstance(caught.value, BadInputError | NotFoundError)
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
    assert spec_of(kept).data.dataset == kept.dataset


def test_a_new_version_of_the_dataset_does_not_change_an_accepted_run(bench: StageBench) -> None:
    pinned = bench.submission.dataset
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": [1.0, 2.0], "label": [0, 1]}), bench.home / "new.parquet")
    bench.installation.datasets.put("points", bench.home / "new.parquet", "ann")

    assert bench.submission.dataset == pinned
    row, _ = bench.installation.admission.admit(request(bench))
    assert row.dataset != pinned


def test_the_name_of_a_run_is_readable_and_the_same_for_the_same_key() -> None:
    given = Request("ann", "c" * 64, "key", {})
    assert submission_id("digits", given) == submission_id("digits", Request("ann", "d" * 64, "key", {"a": 1}))
    assert submission_id("digits", given).startswith("digits-")
    for submitter, key in (("ann", "other"), ("bob", "key"), ("annk", "ey")):
        assert submission_id("digits", Request(submitter, "c" * 64, key, {})) != submission_id("digits", given)
    assert len(submission_id("x" * 40, given)) <= 40


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
    changed = Request("ann", bench.code(script="print(1)"), "2", {})

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
    with pytest.raises(ConflictError, match="2 runs are open, the limit is 2; wait, or cancel some"):
        bench.installation.admission.admit(request(bench, key="3"))

    bench.installation.journal.end(bench.run, SubmissionState.CANCELLED, "make room")
    assert bench.installation.admission.admit(request(bench, key="3"))[1]


def test_a_check_records_nothing(bench: StageBench) -> None:
    spec, version = bench.installation.admission.check(bench.code(), {})

    assert (spec.name, version.name) == ("toy", "points")
    assert len(bench.rows(Submission)) == 1


# --- Overrides ---


@pytest.mark.parametrize(
    ("overrides", "path", "value"),
    [
        ({"train.params.lr": 0.5}, "train.params", {"lr": 0.5}),
        ({"train.params.new": "x"}, "train.params", {"lr": 0.1, "new": "x"}),
        ({"train.params": {"a": 1}}, "train.params", {"a": 1}),
        ({"name": "another"}, "name", "another"),
        ({"release.canary.every": "5s"}, "release.canary.every", 5.0),
        ({"train.resources.hours": 3}, "train.resources.hours", 3),  # a part that model.yaml does not name
    ],
)
def test_an_override_replaces_one_value(bench: StageBench, overrides: dict[str, Any], path: str, value: Any) -> None:
    found: Any = bench.installation.admission.check(bench.code(), overrides)[0]
    for part in path.split("."):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    "path",
    ["name.first", "name.first.letter", "train.params.lr.value", "train.trials.0.lr", "evaluate.slices.0", "", ".", "nowhere",
     "train.nowhere", "train..lr", "\0", "__class__", "train.params.lr rate"],
)  # fmt: skip
def test_an_override_that_leads_nowhere_is_refused(bench: StageBench, path: str) -> None:
    assert "submission" in refusal(bench, Request("ann", bench.code(), "2", {path: 1}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [], {}, "text"])
def test_an_override_of_the_wrong_kind_is_refused(bench: StageBench, value: Any) -> None:
    assert "submission: evaluate.min" in refusal(bench, Request("ann", bench.code(), "2", {"evaluate.min": value}))


# --- What may not run here ---


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data": {"dataset": "nowhere"}}, "dataset 'nowhere' does not exist"),
        ({"data": {"dataset": "points@0123456789abcdef"}}, "no single version '0123456789abcdef'"),
        ({"data__target": "colour"}, "data.target: dataset points has no column 'colour'; it has a, b, label."),
        ({"data__features": ["a", "c"]}, "data.features: dataset points has no column 'c'"),
        ({"data__holdout_by": "day"}, "data.holdout_by: dataset points has no column 'day'"),
        ({"evaluate__slices": ["shop"]}, "evaluate.slices: dataset points has no column 'shop'"),
        ({"data__expectations": "other.yaml"}, "data.expectations: the folder has no file 'other.yaml'"),
        ({"data__expectations": "../expectations.yaml"}, "the folder has no file '../expectations.yaml'"),
        ({"train__resources__gpu": 1}, "train.resources.gpu: 1 asked for, this platform has 0"),
        ({"evaluate__metric": "auc"}, "submission: evaluate.metric"),
    ],
)
def test_what_cannot_run_here_is_refused_with_the_line_to_change(
    bench: StageBench, change: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(bench, request(bench, **change))


def test_code_without_a_spec_or_that_never_came_is_refused(bench: StageBench) -> None:
    folder = bench.home / "empty"
    folder.mkdir()
    (folder / "train.py").write_text("")
    data, _ = pack(folder, 2**20)
    digest = bench.installation.snapshots.put(data, 2**20)

    assert refusal(bench, Request("ann", digest, "2", {})) == "code snapshot: it holds no model.yaml at its top."
    assert "is not here; submit again" in refusal(bench, Request("ann", "0" * 64, "2", {}))
    assert "is not a sha256 digest" in refusal(bench, Request("ann", "../../etc/passwd", "2", {}))


def test_a_set_of_files_is_no_table(bench: StageBench) -> None:
    folder = bench.home / "pictures"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"\x89PNG")
    bench.installation.datasets.put("pictures", folder, "ann")

    assert "is a set of files; training and evaluation need a table" in refusal(
        bench, request(bench, data__dataset="pictures")
    )


def test_columns_are_looked_for_wherever_the_spec_names_them() -> None:
    spec = parse_spec(SPEC)
    check_columns(spec, ["a", "b", "label"], "table")
    with pytest.raises(BadInputError, match=r"data\.target"):
        check_columns(spec, ["a", "b"], "table")
    with pytest.raises(BadInputError, match="is a set of files"):
        check_columns(spec, ["a", "b", "label"], "files")


@pytest.mark.parametrize(
    ("spec", "capacity", "sentence"),
    [
        ("", Capacity(), ""),
        ("team: search", Capacity(teams=frozenset({"search", "shopping"})), ""),
        ("team: ads", Capacity(teams=frozenset({"search", "shopping"})), "'ads' has no place on this platform; it knows search, shopping."),
        ("team: ads", Capacity(teams=frozenset({""})), "it knows none by name."),
        ("gpu: 2", Capacity(gpus=2), ""),
        ("gpu: 3", Capacity(gpus=2), "train.resources.gpu: 3 asked for, this platform has 2."),
        ("gpu: 1, gpu_type: a100", Capacity(gpus=2), ""),
        ("gpu: 1, gpu_type: a100", Capacity(gpus=2, gpu_types=frozenset({"a100", "l4"})), ""),
        ("gpu: 1, gpu_type: h100", Capacity(gpus=2, gpu_types=frozenset({"a100", "l4"})), "is not on this platform; it has a100, l4."),
        ("gpu_type: h100", Capacity(gpus=2, gpu_types=frozenset({"a100"})), ""),  # without a GPU its type does not matter
    ],
)  # fmt: skip
def test_capacity(spec: str, capacity: Capacity, sentence: str) -> None:
    text = (
        f"{SPEC}{spec}\n" if spec.startswith("team") else SPEC.replace("train: {", f"train: {{resources: {{{spec}}}, ")
    )
    if not sentence:
        check_capacity(parse_spec(text), capacity)
        return
    with pytest.raises(BadInputError) as caught:
        check_capacity(parse_spec(text), capacity)
    assert str(caught.value).endswith(sentence)


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
