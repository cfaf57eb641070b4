"""evaluate: the packaged model on rows the submitter's code never saw, beside the champion on the same rows."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jinsu.codec import encode
from jinsu.data.split import EVAL_FILE
from jinsu.errors import GateFailedError
from jinsu.evaluation.report import Report, decode, fold, folded_share, judge
from jinsu.packaging.inputs import feature_columns, model_input
from jinsu.packaging.manifest import Manifest
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.registry.candidates import package_of
from jinsu.registry.mlflow import CHAMPION, Mlflow
from jinsu.runs.journal import Journal, rules_of
from jinsu.runs.stages import Evaluated, Packaged, StageName, Validated
from jinsu.sdk.columns import Columns, read_columns
from jinsu.spec.problem import CLASSIFICATION
from jinsu.spec.rules import Rules
from jinsu.state.database import Database
from jinsu.state.tables import Look, Submission
from jinsu.steps.folders import StepFolders
from jinsu.steps.metrics import MetricPoint
from jinsu.steps.spec import run_key

REPORT_FILE = "report.json"


@dataclass(frozen=True)
class Champion:
    """What serves now: the version, and the run key of its package."""

    version: str
    package: str


@dataclass(frozen=True)
class Evaluate:
    """Scores the packaged model and the champion on the same held-out rows."""

    database: Database
    journal: Journal
    steps: StepFolders
    mlflow: Mlflow

    def run(self, run: str) -> Evaluated:
        """Raises GateFailedError with every rule that the candidate breaks; the report is kept either way."""
        return self.journal.record(StageName.EVALUATE, run, lambda: self._evaluate(self.journal.submission(run)))

    def _evaluate(self, row: Submission) -> Evaluated:
        rules = rules_of(row)
        package = self.journal.output(Packaged, row.id).run_key
        split = self.journal.output(Validated, row.id).run_key
        champion = self._champion(row.model)
        key = run_key(
            "evaluate",
            {"judging": rules.judging.model_dump(mode="json"), "features": rules.features, "target": rules.target},
            {"package": package, "split": split, "champion": champion.package if champion else ""},
            "",
            "jinsu-3",
        )
        self._note_look(row)
        self.steps.inline(key, lambda out: self._work(rules, split, package, champion, out))
        report = self.steps.document(Report, key, REPORT_FILE)
        version = champion.version if champion else None
        evaluated = Evaluated(key, version, report.metric, report.overall, report.gain, report.overall.rows)
        self.journal.keep(row.id, evaluated)
        if row.mlflow_run:
            self.mlflow.log(row.mlflow_run, as_points(report, self.journal.started(row.id, StageName.EVALUATE)))
        if report.reasons:
            raise GateFailedError("; ".join(report.reasons) + ". See the evaluation in the run's report.")
        return evaluated

    def _note_look(self, row: Submission) -> None:
        """Counts that the held-out rows are looked at, once a run; before they are, so that no look is missed."""
        with self.database.begin() as session:
            if session.get(Look, (row.problem, row.id)) is None:
                session.add(Look(problem=row.problem, run=row.id, at=time.time()))

    def _champion(self, model: str) -> Champion | None:
        version = self.mlflow.aliases(model).get(CHAMPION)
        if version is None:
            return None
        with self.database.begin() as session:
            package = package_of(session, model, version)
        return Champion(version, package) if package else None

    def _work(self, rules: Rules, split: str, package: str, champion: Champion | None, out: Path) -> None:
        columns = read_columns(self.steps.out(split) / EVAL_FILE)
        theirs = self.steps.out(champion.package) if champion else None
        report = compare(rules, columns, self.steps.out(package), theirs)
        (out / REPORT_FILE).write_text(json.dumps(encode(report)), encoding="utf-8")


def compare(rules: Rules, columns: Columns, package: Path, champion: Path | None) -> Report:
    """The report on the model in the folder `package`, beside the champion's on the same rows.

    A champion of another shape cannot answer these rows. That is not the candidate's fault, so the report's note says it.
    """
    target, classes = columns[rules.target], rules.judging.metric in CLASSIFICATION
    guess, manifest = _answers(rules, columns, package)
    truth = fold(target, manifest.labels, manifest.other) if classes else target.astype(float)
    theirs: Any = None
    note = ""
    if champion is not None:
        try:
            theirs, _ = _answers(rules, columns, champion)
            # Both are held to the candidate's classes: what it folds, the champion's answers are folded to as well.
            theirs = fold(theirs, manifest.labels, manifest.other) if classes else theirs
        except GateFailedError as problem:
            note = f"the champion could not answer the same rows: {problem}"
    folded = folded_share(target, manifest.labels, manifest.other) if classes else 0.0
    return replace(judge(rules.judging, truth, guess, columns, theirs, folded), note=note)


def _answers(rules: Rules, columns: Columns, folder: Path) -> tuple[Any, Manifest]:
    """What the model in `folder` answers to the rows, one value a row."""
    model = OnnxModel(folder, threads=2)
    features = feature_columns(list(columns), rules.features, rules.target, rules.split.column)
    outputs = model.run_all(model_input(columns, features, model.manifest.input))
    return decode(outputs, rules.judging.metric, model.manifest.labels), model.manifest


def as_points(report: Report, at: float) -> list[MetricPoint]:
    """The report's numbers as metrics of the MLflow run, at the time `at` (seconds since the epoch). Pure."""
    name, overall = f"eval_{report.metric}", report.overall
    values = {name: overall.value, f"{name}_low": overall.low, f"{name}_high": overall.high}
    values |= {f"eval_{other}": score.value for other, score in report.others.items()}
    if report.gain:
        values["eval_gain_over_champion"] = report.gain.value
    return [MetricPoint(name, value, 0, at) for name, value in values.items()]
