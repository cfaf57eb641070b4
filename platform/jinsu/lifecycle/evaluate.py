"""evaluate: the packaged model on rows the submitter's code never saw, beside the champion on the same rows."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import ClassVar

from sqlalchemy import select

from jinsu.confined import tasks
from jinsu.confined.tasks import FINDINGS, PLATFORM_IMAGE, confined_step
from jinsu.data.plan import EVAL_FILE, TRAIN_FILE
from jinsu.errors import GateFailedError, NotFoundError, TransientError
from jinsu.evaluation.report import Report
from jinsu.packaging.contents import model_files
from jinsu.registry.candidates import package_of
from jinsu.registry.mlflow import CHAMPION, Mlflow
from jinsu.runs.file_inputs import FileInputs
from jinsu.runs.journal import Journal, labels_of, rules_of
from jinsu.runs.stages import Evaluated, Packaged, StageName, Validated
from jinsu.sdk.model_files import CODE_FILE, MODEL_FILE, MODEL_FILES, ORIGINAL_FILE
from jinsu.spec.rules import Rules
from jinsu.state.database import Database
from jinsu.state.tables import Candidate, Look, ProblemVersion, Submission
from jinsu.steps.folders import StepFolders
from jinsu.steps.metrics import MetricPoint
from jinsu.steps.spec import Input, Limits, StepSpec


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
    file_inputs: FileInputs
    mlflow: Mlflow
    platform_limits: Limits
    trainer_image: str | None
    gpu_image: str | None

    name: ClassVar[StageName] = StageName.EVALUATE

    def next_step(self, row: Submission, trial: int) -> StepSpec | None:
        if (filling := self._filling(row)) is not None and self.steps.result(filling.run_key) is None:
            return filling
        step = self._step(row, self._champion(row.model))
        self._note_look(row)
        return step if self.steps.result(step.run_key) is None else None

    def judge(self, row: Submission, trial: int) -> Evaluated:
        """Raises GateFailedError with every rule that the candidate breaks; the report is kept either way."""
        champion = self._champion(row.model)
        key = self._step(row, champion).run_key
        result = self.steps.result(key)
        if result is None:  # another champion since the step was started
            raise TransientError("the champion has changed; the candidate is scored beside the new one.", 0)
        report = self.steps.document(Report, key, FINDINGS, result)
        version = champion.version if champion else None
        evaluated = Evaluated(
            key, version, report.metric, report.overall, report.gain, report.overall.rows, tuple(report.warnings)
        )
        self.journal.keep(row.id, evaluated)
        if row.mlflow_run:
            self.mlflow.log(row.mlflow_run, as_points(report, self.journal.started(row.id, StageName.EVALUATE)))
        if report.reasons:
            raise GateFailedError("; ".join(report.reasons) + ". See the evaluation in the run's report.")
        return evaluated

    def _step(self, row: Submission, champion: Champion | None) -> StepSpec:
        rules = rules_of(row)
        package = self.journal.output(Packaged, row.id).run_key
        split = self.journal.output(Validated, row.id).run_key
        filling = self._filling(row)
        held = {tasks.ROWS: EVAL_FILE if filling is None else tasks.ROWS}
        inputs = list(self.steps.inputs(split if filling is None else filling.run_key, held))
        inputs += self._model(package, tasks.MODEL)
        if champion is not None:
            inputs += self._model(champion.package, tasks.CHAMPION)
        how = rules.split
        given = champion is not None and how.column is not None and filling is None
        trained, note = self._trained(row, champion) if champion is not None and given else ((), "")
        details = tasks.Evaluate(
            rules.judging,
            rules.target,
            rules.features,
            how.column,
            champion is not None,
            together=how.keys,
            trained=bool(trained),
            note=note,
            scorer=self._scorer(rules),
            gpu=rules.gpu,
        )
        inputs += trained
        if rules.quantize is not None:
            details = replace(details, quantization_loss=rules.quantization_loss)
            inputs += self._original(package)
        python = any(item.name.endswith(f"/{CODE_FILE}") for item in inputs)
        image = (rules.image or self.trainer_image) if python else (self.gpu_image if rules.gpu else None)
        limits = replace(self.platform_limits, gpu=rules.gpu)
        return confined_step(details, inputs, limits, "evaluate-7", labels_of(row), image=image or PLATFORM_IMAGE)

    def _scorer(self, rules: Rules) -> str | None:
        """The scoring function of the problem's owner, as it was on the day of the admission."""
        if rules.judging.scorer is None:
            return None
        with self.database.begin() as session:
            version = session.get(ProblemVersion, (rules.problem, rules.version))
        return None if version is None else version.scorer

    def _filling(self, row: Submission) -> StepSpec | None:
        """The step that puts files into the held-out rows, where the dataset is a set of files."""
        split = self.journal.output(Validated, row.id).run_key
        return self.file_inputs.filling(row.dataset, split, labels_of(row))

    def _model(self, package: str, folder: str) -> tuple[Input, ...]:
        result = self.steps.result(package)
        names = model_files(result.outputs if result else ())
        return self.steps.inputs(package, {f"{folder}/{name}": name for name in names})

    def _original(self, package: str) -> tuple[Input, ...]:
        """The model before it was quantised."""
        files = {**{name: name for name in MODEL_FILES}, MODEL_FILE: ORIGINAL_FILE}
        return self.steps.inputs(package, {f"{tasks.ORIGINAL}/{name}": there for name, there in files.items()})

    def _trained(self, row: Submission, champion: Champion) -> tuple[tuple[Input, ...], str]:
        """The rows that the champion trained on, and what cannot be known of them.

        Every other split decides by the row itself; a column that says what is held out may say otherwise in a later version.
        """
        with self.database.begin() as session:
            known = select(Candidate.submission).where(
                Candidate.model == row.model, Candidate.version == champion.version
            )
            theirs = session.scalar(known)
        split = self.journal.output(Validated, theirs or row.id).run_key
        if split == self.journal.output(Validated, row.id).run_key:
            return (), ""
        try:
            return self.steps.inputs(split, {tasks.TRAINED: TRAIN_FILE}), ""
        except NotFoundError:
            return (), "the rows that the champion trained on are gone, so some of the compared rows may be among them"

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


def as_points(report: Report, at: float) -> list[MetricPoint]:
    """The report's numbers as metrics of the MLflow run, at the time `at` (seconds since the epoch). Pure."""
    name, overall = f"eval_{report.metric}", report.overall
    values = {f"eval_{other}": score.value for other, score in report.others.items()}  # first: a scorer chooses its names
    values |= {name: overall.value}
    if overall.certain:
        values |= {f"{name}_low": overall.low, f"{name}_high": overall.high}
    if report.original:
        values[f"eval_{report.metric}_unquantized"] = report.original.score.value
    if report.gain:
        values["eval_gain_over_champion"] = report.gain.value
    return [MetricPoint(name, value, 0, at) for name, value in values.items()]
