"""Problems of kind custom: the owner's scoring function, from its text to the report."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.test_evaluation_of_kinds import FEATURES, columns_of, matrix_model
from tests.unit.test_python_models import ROWS as DEMAND
from tests.unit.test_python_models import packaged

from jinsu.cli.problems import read
from jinsu.codec import decode, encode
from jinsu.confined.evaluate import compare
from jinsu.confined.scorer import scored
from jinsu.confined.scorer_program import Rows, ScorerError, contributions
from jinsu.confined.tasks import Evaluate
from jinsu.errors import GateFailedError
from jinsu.evaluation.kinds.kind import Output
from jinsu.evaluation.report import Report
from jinsu.sdk.columns import Columns
from jinsu.sdk.outputs import OutputKind
from jinsu.spec.load import problem_from

ROWS = 300
LABELS = ["cat", "dog", "eel"]
OWN = {**FEATURES, "kind": "custom", "scorer": "scorer.py", "direction": "maximize"}
ACCURACY = """
def score(truth, outputs, rows):
    return {"accuracy": outputs["output"].classes == truth}
"""


def animals() -> Columns:
    random = np.random.default_rng(7)
    features = random.normal(0, 1, (ROWS, 3))
    truth = np.array(LABELS, dtype=object)[(features + random.normal(0, 0.6, (ROWS, 3))).argmax(axis=1)]
    shops = np.array(["north", "south"], dtype=object)[random.integers(0, 2, ROWS)]
    return columns_of(features, target=truth, shop=shops, buyer=np.repeat(np.arange(ROWS // 3), 3))


def weights(noise: float) -> np.ndarray:
    return np.eye(3) + np.random.default_rng(3).normal(0, noise, (3, 3))


def classifier(folder: Path, noise: float) -> Path:
    return matrix_model(folder, weights(noise), {"kind": "logits", "labels": LABELS})


def answer_of(columns: Columns, row: int, noise: float) -> str:
    return LABELS[int(np.argmax(np.array([columns[name][row] for name in "abc"]) @ weights(noise)))]


def judged(problem: dict[str, Any], columns: Columns, model: Path, champion: Path | None, scorer: str | None) -> Report:
    """What the confined program finds for a problem that is written so."""
    spec = problem_from({"dataset": "rows", "target": "target"} | problem)
    details = Evaluate(
        spec.judging, spec.target, spec.features, None, champion is not None, spec.split.keys, scorer=scorer
    )
    return compare(decode(Evaluate, encode(details)), columns, model, champion)


# --- The numbers ---


@pytest.mark.parametrize("split", [{}, {"split": {"by": "buyer"}}], ids=["rows", "groups"])
@pytest.mark.parametrize("noise", [0.5, 0.0], ids=["worse", "equal"])
def test_accuracy_written_by_hand_is_judged_as_ours(tmp_path: Path, split: dict[str, Any], noise: float) -> None:
    """The value, every interval, each slice, the comparison and the verdict, digit by digit."""
    columns, rules = animals(), {"metric": "accuracy", "slices": {"shop": ">= 0.7"}, "vs_champion": ">= -0.01", **split}
    candidate, champion = classifier(tmp_path / "candidate", noise), classifier(tmp_path / "champion", 0.0)
    ours = judged({**OWN, **rules}, columns, candidate, champion, ACCURACY)
    theirs = judged({**FEATURES, **rules}, columns, candidate, champion, None)
    assert (ours.overall, ours.slices, ours.champion, ours.gain) == (
        theirs.overall,
        theirs.slices,
        theirs.champion,
        theirs.gain,
    )
    assert ours.reasons == theirs.reasons
    assert bool(ours.reasons) == (noise > 0)
    assert ours.overall.certain
    wrong = np.flatnonzero([answer_of(columns, row, noise) != columns["target"][row] for row in range(ROWS)])
    assert [row.row for row in ours.audit.worst] == wrong[:12].tolist()
    assert (ours.audit.better, ours.audit.worse) == (theirs.audit.better, theirs.audit.worse)
    assert ours.audit.worst[0].truth in LABELS
    assert ours.audit.worst[0].answer in LABELS


def test_a_pair_is_a_sum_through_a_sum(tmp_path: Path) -> None:
    """The weighted absolute error of forecasts is our own `wape`, with its interval and its comparison."""
    features = np.random.default_rng(5).normal(0, 1, (ROWS, 3))
    columns = columns_of(features, target=np.abs(features.sum(axis=1)) + 5)
    models = []
    for name, weight in (("candidate", 1.2), ("champion", 1.0)):
        models.append(matrix_model(tmp_path / name, np.full((3, 1), weight), {"kind": "value"}))
    text = """
    def score(truth, outputs, rows):
        return {"wape": (abs(outputs["output"][:, 0] - truth), abs(truth))}
    """
    rules = {"metric": "wape", "max": 0.1, "vs_champion": ">= -0.01"}
    ours = judged({**OWN, **rules, "direction": "minimize"}, columns, *models, textwrap.dedent(text))
    theirs = judged({**FEATURES, **rules, "kind": "forecasting"}, columns, *models, None)
    assert ours.overall.value == pytest.approx(theirs.overall.value)
    assert ours.gain is not None and theirs.gain is not None  # noqa: PT018
    assert (ours.gain.value, ours.gain.low) == pytest.approx((theirs.gain.value, theirs.gain.low))
    assert [reason.split(" is ")[0] for reason in ours.reasons] == ["wape"]


def test_other_metrics_are_reported_and_bounded(tmp_path: Path) -> None:
    text = """
    def score(truth, outputs, rows):
        hit = outputs["output"].classes == truth
        price = (rows["shop"] == "north") * 2.0 + 1
        return {"profit": hit * price - 1, "hits": hit, "answered": abs(rows["a"]) > 0}
    """
    rules = {"metric": "profit", "guardrails": {"hits": ">= 0.99"}, "min": 0.1}
    report = judged({**OWN, **rules}, animals(), classifier(tmp_path / "model", 0.0), None, textwrap.dedent(text))
    assert set(report.others) == {"hits", "answered"}
    assert list(report.reasons) == [f"hits is {report.others['hits'].value:.4f}, guardrails.hits asks for >= 0.99"]


def test_a_champion_that_the_scorer_cannot_read_is_no_fault_of_the_candidate(tmp_path: Path) -> None:
    text = ACCURACY.replace("    return", "    assert outputs['output'].shape[1] == 3, 'another shape'\n    return")
    champion = matrix_model(tmp_path / "two", weights(0.0)[:, :2], {"kind": "logits", "labels": LABELS[:2]})
    rules = {**OWN, "metric": "accuracy", "vs_champion": ">= 0"}
    report = judged(rules, animals(), classifier(tmp_path / "three", 0.0), champion, text)
    assert (report.champion, report.gain, list(report.reasons)) == (None, None, [])
    assert report.note.startswith(
        "the champion could not answer the same rows: scorer.py: line 3: AssertionError: another shape"
    )


# --- What a scorer may return ---


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (0.5, "score returned float; return a dict of arrays by the name of each metric"),
        ({}, "score returned dict; return a dict"),
        ({"m": 0.5}, "score returned 'm' as float for 4 rows; return one number for each row"),
        ({"m": [1, 2, 3]}, r"score returned 'm' as int64\[3\] for 4 rows"),
        ({"m": np.zeros((4, 2))}, r"score returned 'm' as float64\[4, 2\] for 4 rows"),
        ({"m": ["a"] * 4}, "score returned 'm' as <U1"),
        ({"m": [1 << 70] * 4}, "score returned 'm' as object"),
        ({"m": [1j] * 4}, "score returned 'm' as complex128"),
        (
            {"m": [0, np.nan, 1, np.inf]},
            "'m' with no finite number in 2 of 4 rows, the first is row 1; return a number",
        ),
        ({"m": (np.ones(4), np.ones(4), np.ones(4))}, "score returned 'm' as 3 things"),
        ({"m": (np.ones(4), np.ones(3))}, r"score returned 'm' as float64\[3\] for 4 rows"),
        ({"m@1": np.ones(4)}, "a metric called 'm@1'; write letters"),
        ({"../m": np.ones(4)}, "a metric called '../m'"),
        ({3: np.ones(4)}, "a metric called '3'"),
        ({f"m{number}": np.ones(4) for number in range(51)}, "score returned 51 metrics; 50 are the most"),
    ],
)
def test_what_is_no_numbers_is_a_sentence(said: object, sentence: str) -> None:
    with pytest.raises(ScorerError, match=sentence):
        contributions(said, 4)


def test_numbers_of_every_type_are_taken() -> None:
    found = contributions(
        {"b": [True] * 3, "i": np.arange(3, dtype=np.uint8), "f": [0.5] * 3, "a/b c": ([1] * 3, [2] * 3)}, 3
    )
    assert [(name, str(values.dtype), values.shape) for name, values in found.items()] == [
        ("b", "bool", (3,)),
        ("i", "float64", (3,)),
        ("f", "float64", (3,)),
        ("a/b c", "float64", (3, 2)),
    ]


# --- The process ---


def run(text: str, **bounds: Any) -> dict[str, np.ndarray]:
    """What a scorer says of four rows of a regressor."""
    outputs = {"value": Output(np.arange(4.0), OutputKind.VALUE)}
    rows = Rows(np.arange(4.0) + 1, outputs, {"shop": np.array(["a", "b", None, "d"], dtype=object)})
    return scored(textwrap.dedent(text), "judging/scorer.py", rows, **bounds)


def body(lines: str) -> str:
    return "import os, socket, sys, time\nimport numpy as np\ndef score(truth, outputs, rows):\n" + textwrap.indent(
        textwrap.dedent(lines), "    "
    )


def test_a_scorer_gets_the_truth_the_outputs_and_the_columns() -> None:
    found = run(
        body(
            """
            shops = [len(shop or "") for shop in rows["shop"]]
            kind = outputs["value"].kind
            return {"off": truth - outputs["value"], "shops": shops, "value": [kind == "value"] * 4}
            """
        )
    )
    assert found["off"].tolist() == [1, 1, 1, 1]
    assert found["shops"].tolist() == [1, 1, 0, 1]
    assert found["value"].tolist() == [True] * 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def score(truth, outputs, rows):\n    return 1 +", r"^scorer.py: line 2: SyntaxError: invalid syntax"),
        ("x = 1", r"^scorer.py: it defines no function score\(truth, outputs, rows\)"),
        ("score = 3", r"^scorer.py: it defines no function score"),
        ("def score(a):\n    pass", "^scorer.py: TypeError: score.. takes 1 positional argument"),
        (body("return 1 / 0"), "^scorer.py: line 4: ZeroDivisionError: division by zero; the problem's owner"),
        (body("return outputs['valve']"), "^scorer.py: line 4: KeyError: 'valve'"),
        (body("sys.exit(0)"), "^scorer.py: line 4: SystemExit: 0"),
        (body("os._exit(0)"), "^scorer.py: its process ended with status 0 before it answered"),
        (body("os.abort()"), "^scorer.py: its process ended "),
        (body("return {'m': np.ones(10**10)}"), "^scorer.py: line 4: it needs more memory than a scorer may take"),
        (body("return score(truth, outputs, rows)"), "^scorer.py: line 4: RecursionError"),
        (body("raise ValueError('\\x1b[2Jall\\nwell')"), r"^scorer.py: line 4: ValueError:  ?\[2Jall well; "),
        (body("os.write(3, b'x' * 1000); os._exit(0)"), "^scorer.py: its process answered something else than numbers"),
        (body('os.write(3, b\'{"metrics": {"m": "mean"}}\\n\'); os._exit(0)'), "answered something else than numbers"),
        (body("[os.write(3, b'x' * 65536) for _ in range(99)]"), "^scorer.py: its process answered more than"),
        (body("os.fork()"), "^scorer.py: line 4: PermissionError"),
        (body("import subprocess; subprocess.run(['/bin/true'])"), "^scorer.py: line 4: PermissionError"),
        (body("socket.create_connection(('127.0.0.1', 9))"), "^scorer.py: line 4: PermissionError"),
        (body("open('/etc/passwd').read()"), "^scorer.py: line 4: PermissionError"),
        (body("open('/tmp/findings.json', 'w')"), "^scorer.py: line 4: PermissionError"),
        (body("open(f'/proc/{os.getppid()}/environ').read()"), "^scorer.py: line 4: PermissionError"),
        (body("os.kill(os.getppid(), 9)"), "^scorer.py: line 4: PermissionError"),
    ],
)
def test_a_scorer_that_goes_wrong_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(GateFailedError, match=sentence) as caught:
        run(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("lines", ["while True: pass", "time.sleep(1000)"])
def test_a_scorer_that_does_not_end_is_ended(lines: str) -> None:
    with pytest.raises(GateFailedError, match=r"^scorer\.py: score took longer than 2 s; make it faster"):
        run(body(lines), seconds=2)


def test_a_scorer_may_use_threads_and_the_usual_libraries() -> None:
    found = run(
        body(
            """
            import pandas, scipy.stats
            from concurrent.futures import ThreadPoolExecutor
            with ThreadPoolExecutor(2) as pool:
                ranks = list(pool.map(float, scipy.stats.rankdata(outputs["value"])))
            return {"ranks": pandas.Series(ranks)}
            """
        )
    )
    assert found["ranks"].tolist() == [1, 2, 3, 4]


def test_what_a_scorer_prints_goes_to_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(body("print('seen'); os.write(1, b'again\\n'); return {'m': truth}"))["m"].tolist() == [1, 2, 3, 4]
    assert capfd.readouterr().err.split() == ["again", "seen"]


def test_answers_that_are_no_numbers_are_not_scored(tmp_path: Path) -> None:
    """A scorer that asks `not error > 1` would take NaN for a hit."""
    columns = animals() | {"a": np.full(ROWS, np.nan)}
    with pytest.raises(GateFailedError, match="held-out rows got answers in 'output' that are not finite"):
        judged({**OWN, "metric": "accuracy"}, columns, classifier(tmp_path / "model", 0.0), None, ACCURACY)


def test_a_metric_that_the_scorer_does_not_return_is_named(tmp_path: Path) -> None:
    rules = {"metric": "profit", "guardrails": {"accuracy": ">= 0.1"}}
    with pytest.raises(
        GateFailedError, match=r"^scorer\.py: score returned 'accuracy', and the problem names 'profit'"
    ):
        judged({**OWN, **rules}, animals(), classifier(tmp_path / "model", 0.0), None, ACCURACY)


def test_a_model_of_code_is_scored_alike(tmp_path: Path) -> None:
    """Its code answers in one process, the scorer scores in another, and neither sees the other's files."""
    model, _ = packaged(tmp_path)
    columns = {**DEMAND, "sold": np.array([3.0, 5.0, 7.0, 10.0])}
    text = body(
        "return {'close': abs(outputs['output'] - truth) < 1, 'paid': (outputs['output'] * rows['price'], rows['price'])}"
    )
    rules = {**OWN, "features": ["shop", "price"], "target": "sold", "metric": "close", "min": 0.9}
    report = judged(rules, columns, model, None, text)
    assert (report.overall.value, report.others["paid"].value) == (0.75, pytest.approx(7.0))
    assert report.reasons[0].startswith("close is 0.7500, min asks for 0.9")
    assert [(row.row, row.truth, row.answer) for row in report.audit.worst] == [(3, "10", "9")]


# --- The page ---


def test_the_example_of_the_page_works_as_printed(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "problems.md").read_text()
    section = page.split("## A scoring function of your own")[1]
    blocks = [section.split(f"```{language}\n")[1].split("```")[0] for language in ("yaml", "python")]
    (tmp_path / "problem.yaml").write_text(blocks[0])
    (tmp_path / "scorer.py").write_text(blocks[1])
    put = read(tmp_path, "")
    spec = problem_from(put.document)
    random = np.random.default_rng(11)
    visits, region = random.normal(size=ROWS), np.array(["north", "south"], dtype=object)[random.integers(0, 2, ROWS)]
    bought = np.where(visits + random.normal(0, 0.5, ROWS) > 0.5, "yes", "no").astype(object)
    columns: Columns = {"age": random.normal(size=ROWS), "visits": visits, "region": region, "bought": bought}
    columns["margin"] = np.full(ROWS, 8.0)
    graph = np.array([[0.0, 0.0], [0.0, 1.0]])
    model = matrix_model(tmp_path / "model", graph, {"kind": "logits", "labels": ["no", "yes"]})
    details = Evaluate(spec.judging, spec.target, spec.features, None, True, scorer=put.scorer)
    report = compare(decode(Evaluate, encode(details)), columns, model, model)
    called, hit = visits > 0, bought == "yes"
    assert report.overall.value == pytest.approx(np.where(called, 8.0 * hit - 2, 0).mean())
    assert report.others["called"].value == pytest.approx(called.mean())
    assert report.others["precision"].value == pytest.approx(hit[called].mean())
    assert report.overall.certain
    assert report.others["precision"].certain
    assert report.gain is not None
    assert report.gain.value == 0
    assert set(report.slices["region"]) == {"north", "south"}
