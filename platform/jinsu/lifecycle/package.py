"""package: is the saved model whole, finite, faithful and fast? What passes is what will be evaluated and served."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from jinsu.confined import tasks
from jinsu.confined.tasks import ENVIRONMENT_FILE, FINDINGS, PLATFORM_IMAGE, confined_step
from jinsu.errors import GateFailedError
from jinsu.lifecycle.admit import trials
from jinsu.packaging.findings import PackageFindings
from jinsu.runs.journal import Journal, labels_of, rules_of, spec_of
from jinsu.runs.stages import Packaged, StageName, Trained, Validated
from jinsu.sdk.model_files import CODE_FILE, MODEL_FOLDER, PACKAGES_FILE
from jinsu.spec.problem import Better, Judging
from jinsu.state.tables import Submission
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Limits, StepSpec


@dataclass(frozen=True)
class Package:
    """Proves that the saved model is whole, finite, faithful to the original and fast enough.

    trainer_image: the image in which a python model answers on Kubernetes, as it was trained; None on one machine. gpu_image: the
    image in which onnxruntime can use a GPU; None on one machine.
    """

    journal: Journal
    steps: StepFolders
    platform_limits: Limits
    trainer_image: str | None
    gpu_image: str | None

    name: ClassVar[StageName] = StageName.PACKAGE

    def next_step(self, row: Submission, trial: int) -> StepSpec | None:
        _, step = self._step(row)
        return step if self.steps.result(step.run_key) is None else None

    def judge(self, row: Submission, trial: int) -> Packaged:
        best, step = self._step(row)
        findings = self.steps.document(PackageFindings, step.run_key, FINDINGS)
        return Packaged(step.run_key, best, findings.parity, findings.latency)

    def _step(self, row: Submission) -> tuple[int, StepSpec]:
        """The best trial, and the step that checks its model."""
        rules = rules_of(row)
        trained = {trial: self.journal.output(Trained, row.id, trial) for trial in trials(spec_of(row))}
        best = best_trial(trained, rules.judging)
        model = self.steps.inputs(trained[best].run_key, {f"{tasks.MODEL}/": f"{MODEL_FOLDER}/"})
        details = tasks.Package(rules.parity_tolerance, rules.max_latency_ms, rules.quantize is not None, rules.gpu)
        image = (self.gpu_image if rules.gpu else None) or PLATFORM_IMAGE
        limits = replace(self.platform_limits, gpu=rules.gpu)
        if self._is_python(trained[best].run_key):
            image = rules.image or self.trainer_image or PLATFORM_IMAGE
            if installed := self.journal.output(Validated, row.id).environment:
                model = (*model, *self.steps.inputs(installed, {PACKAGES_FILE: ENVIRONMENT_FILE}))
        return best, confined_step(details, model, limits, "package-2", labels_of(row), image=image)

    def _is_python(self, training: str) -> bool:
        result = self.steps.result(training)
        return result is not None and f"{MODEL_FOLDER}/{CODE_FILE}" in result.outputs


def best_trial(trained: Mapping[int, Trained], rules: Judging) -> int:
    """The trial whose last logged value of the evaluation metric is best. A single trial needs no metric. Pure.

    A value that is no finite number counts as none: NaN is neither more nor less than any other.
    """
    if len(trained) == 1:
        return next(iter(trained))
    metric = rules.metric
    logged = {trial: output.metrics.get(metric, math.nan) for trial, output in trained.items()}
    values = {trial: value for trial, value in logged.items() if math.isfinite(value)}
    if not values:
        raise GateFailedError(
            f"{len(trained)} trials and none logged {metric!r} as a finite number; call jinsu.log({metric}=…) "
            "on rows the script keeps back."
        )
    near = rules.better is Better.NEAR_ZERO
    return max(
        values, key=lambda trial: values[trial] if rules.maximize else -abs(values[trial]) if near else -values[trial]
    )
