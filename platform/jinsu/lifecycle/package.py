"""package: is the saved model whole, finite, faithful and fast? What passes is what will be evaluated and served."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinsu.codec import encode
from jinsu.errors import GateFailedError
from jinsu.lifecycle.admit import trials
from jinsu.packaging.findings import PackageFindings
from jinsu.packaging.package import package
from jinsu.runs.journal import Journal, rules_of, spec_of
from jinsu.runs.stages import Packaged, StageName, Trained
from jinsu.sdk.model_files import MODEL_FOLDER
from jinsu.spec.problem import Judging
from jinsu.spec.rules import Rules
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import run_key

REPORT_FILE = "report.json"


@dataclass(frozen=True)
class Package:
    """Proves that the exported model is whole, finite, faithful to the original and fast enough."""

    journal: Journal
    steps: StepFolders

    def run(self, run: str) -> Packaged:
        """Packages the best trial's model. Raises GateFailedError naming what is wrong with it."""
        return self.journal.record(StageName.PACKAGE, run, lambda: self._package(run))

    def _package(self, run: str) -> Packaged:
        row = self.journal.submission(run)
        rules = rules_of(row)
        trained = {trial: self.journal.output(Trained, run, trial) for trial in trials(spec_of(row))}
        trial = best_trial(trained, rules.judging)
        source = trained[trial].run_key
        result = self.steps.result(source, verify=True)
        if result is None:
            raise GateFailedError("the trained model's files changed or are gone since training; submit again.")
        model = {name: digest for name, digest in result.outputs.items() if name.startswith(f"{MODEL_FOLDER}/")}
        limits = {"max_latency_ms": rules.max_latency_ms, "parity_tolerance": rules.parity_tolerance}
        key = run_key("package", limits, model, "", "jinsu-1")
        self.steps.inline(key, lambda out: _work(rules, self.steps.out(source) / MODEL_FOLDER, out))
        findings = self.steps.document(PackageFindings, key, REPORT_FILE)
        return Packaged(key, trial, findings.parity, findings.latency)


def _work(rules: Rules, saved: Path, out: Path) -> None:
    findings = package(saved, out, rules.parity_tolerance, rules.max_latency_ms)
    (out / REPORT_FILE).write_text(json.dumps(encode(findings)), encoding="utf-8")


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
    return max(values, key=lambda trial: values[trial] if rules.maximize else -values[trial])
