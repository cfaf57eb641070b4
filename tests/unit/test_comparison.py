"""What differs between a candidate and the champion, as a reviewer sees it; and what each person may do with a question."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.datasets import put_dataset
from tests.support.stage_bench import SPEC, StageBench, points

from jinsu.api.comparing import Comparing, may
from jinsu.errors import ForbiddenError, NotFoundError
from jinsu.identity.people import Person
from jinsu.lifecycle.review import Review as ReviewStage
from jinsu.runs.comparison import Difference, documents, files
from jinsu.runs.reviews import Said
from jinsu.runs.stages import StageName
from jinsu.state.states import Aspect, Door, ReviewState, Role, Verdict
from jinsu.state.tables import Review, StageRecord, Submission

BenchAfter = Callable[[StageName | None], StageBench]


def spec_differences(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(item.what, item.before, item.after) for item in documents(Aspect.SPEC, before, after)]


def code_differences(before: dict[str, bytes], after: dict[str, bytes]) -> dict[str, tuple[str, str]]:
    return {item.what: (item.before, item.after) for item in files(before, after)}


# --- Documents ---

values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=3) | st.lists(st.integers(), max_size=3),
)
trees = st.dictionaries(st.text(max_size=5), values, max_size=4)


@given(trees)
def test_a_document_does_not_differ_from_itself(tree: dict[str, Any]) -> None:
    assert spec_differences(tree, tree) == []


@given(trees, trees)
def test_differences_turn_with_their_documents(before: dict[str, Any], after: dict[str, Any]) -> None:
    turned = [(what, new, old) for what, old, new in spec_differences(before, after)]
    assert spec_differences(after, before) == turned


def test_lines_that_are_new_gone_and_changed() -> None:
    before = {"train": {"params": {"lr": 0.1, "epochs": 3}}, "name": "toy", "trials": [{"lr": 1}]}
    after = {"train": {"params": {"lr": 0.2, "seed": 0}}, "name": "toy", "trials": [{"lr": 2}]}
    assert spec_differences(before, after) == [
        ("train.params.epochs", "3", ""),
        ("train.params.lr", "0.1", "0.2"),
        ("train.params.seed", "", "0"),
        ("trials", "[{'lr': 1}]", "[{'lr': 2}]"),
    ]


def test_a_dot_in_a_name_hides_no_line() -> None:
    """`{"a": {"b": 1}, "a.b": 2}` has two lines, and not one that the other covers."""
    assert spec_differences({"a": {"b": 1}, "a.b": 2}, {"a": {"b": 3}, "a.b": 2}) == [("a.b", "1", "3")]
    assert spec_differences({"a": {"b": 1}}, {"a.b": 1}) == [("'a.b'", "", "1"), ("a.b", "1", "")]


def test_what_a_submitter_wrote_is_clean_on_one_line_and_bounded() -> None:
    """A parameter could paint over the terminal of a reviewer, or push every other line out of sight."""
    ((what, before, after),) = spec_differences({}, {"x\x1b[2Jy": "safe\n\x1b]0;title\x07" + "z" * 10_000})
    assert (what, before) == ("x�[2Jy", "")
    assert after.startswith("safe��]0;title�zzz")
    assert len(after) == 301


def test_many_lines_are_counted_and_push_out_no_other_aspect() -> None:
    found = spec_differences({}, {f"p{number:04}": 1 for number in range(1000)})
    assert len(found) == 201
    assert found[-1] == ("and 800 more", "", "")


# --- Files ---


def test_files_that_are_new_gone_and_changed() -> None:
    found = code_differences(
        {"gone.py": b"x\n", "same.py": b"same\n", "train.py": b"a\nb\nc\n"},
        {"new.py": b"y\n", "same.py": b"same\n", "train.py": b"a\nB\nc\n"},
    )
    assert set(found) == {"gone.py", "new.py", "train.py"}
    assert found["gone.py"][0].startswith("2 bytes, sha256 ")
    assert found["gone.py"][1] == ""
    assert found["new.py"][0] == ""
    assert found["train.py"][1].splitlines() == ["@@ -1,3 +1,3 @@", " a", "-b", "+B", " c"]


def test_lines_that_look_like_the_head_of_a_diff_are_shown() -> None:
    """A changed line `-- x` or `++ x` was taken for the name of a file, and left out."""
    found = code_differences({"q.sql": b"-- drop nothing\n"}, {"q.sql": b"++ drop everything\n"})
    assert found["q.sql"][1].splitlines()[1:] == ["--- drop nothing", "+++ drop everything", " "]


def test_a_form_feed_that_becomes_a_line_end_is_shown() -> None:
    """What was a comment is a statement then; a diff that takes both for line ends shows the other change alone."""
    found = code_differences({"train.py": b"# x\x0cevil()\nb\n"}, {"train.py": b"# x\nevil()\nB\n"})
    assert found["train.py"][1].splitlines()[1:] == ["-# x�evil()", "-b", "+# x", "+evil()", "+B", " "]


@pytest.mark.parametrize("after", [b"a", b"a\r\n", b"a\n\n", b"a\x0c"])
def test_every_change_of_a_file_is_a_difference_that_says_something(after: bytes) -> None:
    """Line ends alone: a diff of the lines says nothing, so the digest speaks."""
    ((before, now),) = code_differences({"train.py": b"a\n"}, {"train.py": after}).values()
    assert now
    assert now != before


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00binary", b"x" * 200_001, b"\n".join(b"%x" % (number**3 % 105) for number in range(60_000))],
    ids=["binary", "large", "many lines"],
)
def test_what_is_no_short_text_is_described_and_takes_no_time(content: bytes) -> None:
    """A file of 180 kB held the API for twenty seconds: the time of a diff grows with the square of its lines."""
    began = time.process_time()
    other = bytes(reversed(content[1:])) + b"y"
    ((before, after),) = code_differences({"weights.bin": content}, {"weights.bin": other}).values()

    assert time.process_time() - began < 8
    for described in (before, after):
        assert described.startswith(f"{len(content)} bytes, sha256 ")
    assert before != after


def test_many_changed_lines_are_counted() -> None:
    old, new = (b"".join(b"%d%s\n" % (number, end) for number in range(500)) for end in (b"", b"!"))
    shown = code_differences({"train.py": old}, {"train.py": new})["train.py"][1].splitlines()
    assert len(shown) == 61
    assert shown[-1] == "… 942 more lines"


def test_a_line_without_an_end_is_bounded() -> None:
    shown = code_differences({"a.js": b"x" * 100_000}, {"a.js": b"y" * 100_000})["a.js"][1]
    assert len(shown) < 1000


def test_many_files_are_counted() -> None:
    found = list(files({}, {f"{number}.py": b"x" for number in range(1000)}))
    assert len(found) == 201
    assert found[-1] == Difference(Aspect.CODE, "and 800 more", "", "")


def test_names_and_lines_of_files_are_clean() -> None:
    found = code_differences({"a\x1b[2J\n.py": b"print('\x1b[31m')\n"}, {"a\x1b[2J\n.py": b"print('\x9b31m')\n"})
    ((name, (_, after)),) = found.items()
    assert name == "a�[2J�.py"
    assert "\x1b" not in after


# --- Of real runs ---


def compared(bench: StageBench, run: str) -> list[tuple[str, str, str, str]]:
    return [
        (str(item.aspect), item.what, item.before, item.after)
        for item in bench.installation.comparison.of(run).differences
    ]


@pytest.fixture
def bench(bench_after: BenchAfter) -> StageBench:
    """Version 1 is the champion."""
    return bench_after(StageName.PROMOTE)


def test_the_first_candidate_is_compared_with_nothing(bench: StageBench) -> None:
    found = bench.installation.comparison.of(bench.run)
    assert (found.champion, found.champion_run, found.differences) == (None, None, ())


def test_the_same_again_does_not_differ(bench: StageBench) -> None:
    run = bench.another_run(StageName.REGISTER, submitter="eve")
    found = bench.installation.comparison.of(run)
    assert (found.champion, found.champion_run, found.differences) == ("1", bench.run, ())


def test_spec_rules_and_code_that_differ(bench: StageBench) -> None:
    bench.put_policy(serve={"max_latency_ms": 900.0})
    code = bench.code(SPEC.replace("max_latency_ms: 1000", "max_latency_ms: 800"), script="print(1)\n")
    run = bench.another_run(StageName.REGISTER, code=code, train__params={"lr": 3.0})
    found = compared(bench, run)

    assert ("spec", "train.params.lr", "0.1", "3.0") in found
    assert ("spec", "serve.max_latency_ms", "1000.0", "800.0") in found
    assert ("rules", "max_latency_ms", "1000.0", "800.0") in found
    assert [what for aspect, what, *_ in found if aspect == "code"] == ["model.yaml", "train.py"]
    assert {aspect for aspect, *_ in found} == {"spec", "rules", "code"}


def test_data_that_differ(bench: StageBench) -> None:
    import pyarrow.parquet as pq

    pq.write_table(points(300, seed=1), bench.home / "more.parquet")
    put_dataset(bench.installation.objects, "points", bench.home / "more.parquet", "ann")
    run = bench.another_run(StageName.REGISTER)
    found = [item for item in compared(bench, run) if item[0] == "data"]

    assert [what for _, what, *_ in found] == ["rows", "version"]
    assert found[0][2:] == ("240", "300")
    assert found[1][3] == bench.row(Submission, run).dataset


def test_the_environment_that_differs(bench: StageBench) -> None:
    run = bench.another_run(StageName.REGISTER, train__params={"lr": 3.0})
    output = bench.stage(StageName.TRAIN, run=run).output
    bench.change(StageRecord, run, StageName.TRAIN, 0, output={**output, "environment": "torch 9.9"})

    assert ("environment", "script", bench.stage(StageName.TRAIN).output["environment"], "torch 9.9") in compared(
        bench, run
    )


def test_a_champion_whose_code_is_gone_leaves_the_rest(bench: StageBench) -> None:
    run = bench.another_run(StageName.REGISTER, code=bench.code(script="print(1)\n"), train__params={"lr": 3.0})
    bench.change(Submission, code_digest="0" * 64)
    found = {(aspect, what): after for aspect, what, _, after in compared(bench, run)}

    assert ("code", "snapshot") in found
    assert ("spec", "train.params.lr") in found


# --- What each person may do ---

ALL_THREE = ["approve", "reject", "ask-changes"]


def commands(run: str, *verbs: str) -> list[str]:
    why = {"approve": "", "reject": ' --reason "WHY"', "ask-changes": ' --reason "WHAT IS MISSING"'}
    return [f"jinsu review {verb} {run}{why[verb]}" for verb in verbs]


def review(state: ReviewState = ReviewState.OPEN, self_approval: bool = False) -> Review:
    return Review(submission="toy-1", model="toy", version="2", state=state, needed=1, self_approval=self_approval)


@pytest.mark.parametrize(
    ("person", "self_approval", "found"),
    [
        (Person("bob", teams={"default": Role.REVIEWER}), False, commands("toy-1", *ALL_THREE)),
        (Person("olga", teams={"default": Role.OWNER}), False, commands("toy-1", *ALL_THREE)),
        (Person("ann", teams={"default": Role.REVIEWER}), False, commands("toy-1", "reject", "ask-changes")),
        (Person("ann", teams={"default": Role.REVIEWER}), True, commands("toy-1", *ALL_THREE)),
        (
            Person("ann", teams={"default": Role.RESEARCHER}),
            True,
            ["nothing: ann is a researcher of team default; this needs a reviewer of that team."],
        ),
        (
            Person("tess", teams={"toys": Role.OWNER}),
            False,
            ["nothing: tess is not in team default; this needs a reviewer of that team."],
        ),
        (
            Person("root", admin=True),
            False,
            ["nothing: root is not in team default; this needs a reviewer of that team."],
        ),
    ],
)
def test_what_a_person_may_do_with_an_open_question(person: Person, self_approval: bool, found: list[str]) -> None:
    row = Submission(id="toy-1", submitter="ann", team="default")
    assert may(row, review(self_approval=self_approval), person, row.submitter) == found


@pytest.mark.parametrize("state", [state for state in ReviewState if state is not ReviewState.OPEN])
def test_nobody_may_do_anything_with_a_question_that_is_closed(state: ReviewState) -> None:
    row = Submission(id="toy-1", submitter="ann", team="default")
    assert may(row, review(state), Person("bob", teams={"default": Role.OWNER}), row.submitter) == [
        f"nothing: it is {state} already"
    ]


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("name", ["ann", "eve", "bob", "carl", "olga", "tess", "root"])
def test_the_page_offers_exactly_what_is_then_accepted(bench: StageBench, name: str, verdict: Verdict) -> None:
    run = bench.another_run(StageName.REGISTER, submitter="carl", train__params={"lr": 3.0})
    bench.build(ReviewStage).ask(run)
    page = bench.build(Comparing).page(bench.person(name), run)
    verb = {Verdict.APPROVE: "approve", Verdict.REJECT: "reject", Verdict.ASK_CHANGES: "ask-changes"}[verdict]
    offered = any(command.startswith(f"jinsu review {verb} {run}") for command in page.may)

    try:
        bench.installation.reviews.give(run, Said(name, verdict, Door.CLI))
        accepted = True
    except ForbiddenError:
        accepted = False

    assert offered == accepted


def test_the_page_shows_what_a_reviewer_asks_for(bench: StageBench) -> None:
    run = bench.another_run(StageName.REGISTER, submitter="eve", train__params={"lr": 3.0})
    comparing = bench.build(Comparing)
    with pytest.raises(NotFoundError, match="asks for no review yet"):
        comparing.page(bench.person("bob"), run)
    bench.build(ReviewStage).ask(run)
    page = comparing.page(bench.person("bob"), run)

    assert (page.submitter, page.team, page.version, page.champion) == ("eve", "default", "2", "1")
    assert (page.stands, page.standing) == ("0 of 1 approvals", "version 2 has 0 of 1 approvals")
    assert page.looks == 2
    assert [(item.aspect, item.what) for item in page.differences] == [(Aspect.SPEC, "train.params.lr")]
    documents_by_line = {rule.line: rule.document for rule in page.rules}
    assert documents_by_line["evaluate.min"] == "problem toy, version 1"
    assert documents_by_line["serve.max_latency_ms"] == "model.yaml"
