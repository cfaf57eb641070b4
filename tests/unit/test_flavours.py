"""Every flavour, on real data: saved, compared, packaged, served and judged as its original answers.

One contract for all cases of `tests/support/flavour_cases`; a new flavour is a new module there.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from tests.support.flavour_cases import Fitted, FlavourCase, all_cases
from threadpoolctl import threadpool_limits

from jinsu.confined.evaluate import compare
from jinsu.confined.tasks import Evaluate
from jinsu.packaging.findings import PackageFindings
from jinsu.packaging.inputs import model_inputs
from jinsu.packaging.manifest import Manifest
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.package import package
from jinsu.sdk.columns import Columns
from jinsu.sdk.saving import example_of, named_tokenizers, save_model
from jinsu.serving.service import Service
from jinsu.spec.problem import Judging

TOLERANCE = 1e-4
ASKED_ROWS = 40


@dataclass(frozen=True)
class Launched:
    """A case after its package: the folder, and what the checks found."""

    case: FlavourCase
    fitted: Fitted
    folder: Path
    found: PackageFindings

    @property
    def manifest(self) -> Manifest:
        return Manifest.read(self.folder)


@pytest.fixture(scope="module", params=all_cases(), ids=lambda case: case.name)
def launched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Launched:
    case: FlavourCase = request.param
    with threadpool_limits(1):  # threads that wait for each other cost seconds on a busy machine
        fitted = case.fit()
    more = dict(fitted.more)
    tokenizers = named_tokenizers(more.pop("tokenizer", None))
    example = example_of(fitted.example, more.pop("columns", None), more.pop("dynamic", None), tokenizers)
    saved = save_model(tmp_path_factory.mktemp("saved"), fitted.model, example, tokenizers=tokenizers, **more)
    folder = saved.with_name(f"{saved.name}-package")
    return Launched(case, fitted, folder, package(saved, folder, TOLERANCE, 1000.0))


@pytest.fixture(scope="module")
def service(launched: Launched) -> Iterator[Service]:
    made = Service(launched.folder, "model", "1")
    yield made
    made.close()


def plain(value: Any) -> Any:
    """A cell of a table as JSON writes it."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and np.isnan(value) else value


def columns_of_rows(fitted: Fitted) -> Columns:
    """The rows as a step of the evaluation reads them from a Parquet file: None where a text is missing."""
    found = {}
    for name, column in fitted.rows.items():
        text = column.dtype.kind == "O"
        found[name] = np.array([plain(value) for value in column], dtype=object) if text else column
    return {**found, "truth": fitted.target}


def assert_alike(answers: Any, expected: np.ndarray, labels: Any) -> None:
    if labels is not None and np.ndim(answers) == 1 and expected.dtype.kind not in "f":
        found = [labels[place] for place in answers]
        assert found == expected.tolist()
        return
    found = np.asarray(answers, dtype=float)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_the_manifest_says_what_the_model_takes_and_answers(launched: Launched) -> None:
    manifest = launched.manifest
    assert [one.name for one in manifest.inputs] == list(launched.fitted.rows)
    (output,) = manifest.outputs
    assert (output.kind, output.labels, output.quantiles) == (
        launched.case.kind,
        launched.case.labels,
        launched.case.quantiles,
    )
    assert launched.found.parity.largest_relative <= TOLERANCE


def test_the_package_answers_every_row_as_the_original(launched: Launched) -> None:
    model = OnnxModel(launched.folder)
    names = list(launched.fitted.rows)
    (answers,) = model.run_all(model_inputs(columns_of_rows(launched.fitted), names, model.manifest.inputs))
    assert_alike(answers, launched.fitted.answers, launched.case.labels)


def test_the_server_answers_a_table_as_the_original(launched: Launched, service: Service) -> None:
    names = list(launched.fitted.rows)
    chosen = slice(-ASKED_ROWS, None)
    rows = zip(*(column[chosen] for column in launched.fitted.rows.values()), strict=True)
    split = {"columns": names, "data": [[plain(value) for value in row] for row in rows]}
    body = json.dumps({"dataframe_split": split}).encode()
    reply = asyncio.run(service.respond("POST", "/invocations", body))
    assert reply.status == 200, reply.body
    answers = json.loads(reply.body)["predictions"]
    assert_alike(answers, launched.fitted.answers[chosen], launched.case.labels)


def test_the_evaluation_reads_the_answers_as_the_original_means_them(launched: Launched) -> None:
    metric = launched.case.metric
    if metric is None:
        assert launched.case.kind in ("quantiles", "embedding") or launched.fitted.answers.ndim == 2
        return
    details = Evaluate(Judging(metric=metric), "truth", list(launched.fitted.rows), None, False)
    report = compare(details, columns_of_rows(launched.fitted), launched.folder, None)
    assert report.overall.value == pytest.approx(measured(metric, launched.fitted, launched.case.labels), abs=1e-3)


def measured(metric: str, fitted: Fitted, labels: Any) -> float:
    """The metric of the original's own answers, by scikit-learn."""
    answers = fitted.answers
    if metric in ("mae", "rmse"):
        measure = metrics.mean_absolute_error if metric == "mae" else metrics.root_mean_squared_error
        return float(measure(fitted.target, answers))
    if answers.dtype.kind == "f":
        places = answers.argmax(1) if answers.ndim == 2 else (answers > 0.5).astype(int)
        answers = places if labels is None else np.array(labels)[places]
    truth, given = fitted.target.astype(str), answers.astype(str)
    if metric == "accuracy":
        return float(metrics.accuracy_score(truth, given))
    return float(metrics.f1_score(truth, given, average="macro", labels=sorted(set(truth))))
