"""register: one version in MLflow with its evidence, whatever is retried or killed.

The order is: intent row, artifacts, search by tag, create, mark ready. A second start finds the row or the tag.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from jinsu.codec import encode
from jinsu.confined.tasks import FINDINGS, Sides
from jinsu.confined.tasks import Validation as Checked
from jinsu.data.validation import Validation
from jinsu.errors import GateFailedError
from jinsu.evaluation.report import Report
from jinsu.launchers.launcher import Launcher
from jinsu.lifecycle.admit import trials
from jinsu.packaging.contents import contents_digest
from jinsu.packaging.findings import PackageFindings
from jinsu.packaging.manifest import Manifest
from jinsu.registry.evidence import evidence_page
from jinsu.registry.facts import Facts, Lineage, TrainingFacts
from jinsu.registry.mlflow import Mlflow, RunStatus
from jinsu.registry.mlmodel import mlmodel_files
from jinsu.runs.comparison import Comparison
from jinsu.runs.environments import Environments
from jinsu.runs.journal import Journal, rules_of, spec_of
from jinsu.runs.problems import looks
from jinsu.runs.stages import Evaluated, Packaged, Registered, StageName, Trained, Validated
from jinsu.sdk.model_files import CODE_FILE
from jinsu.spec.rules import lines_of
from jinsu.state.database import Database
from jinsu.state.tables import Candidate, Submission
from jinsu.steps.folders import StepFolders
from jinsu.steps.metrics import all_points, curve

EVIDENCE = "evidence.html"


@dataclass(frozen=True)
class Register:
    """Files exactly one version in MLflow, with its evidence."""

    database: Database
    journal: Journal
    steps: StepFolders
    launcher: Launcher
    mlflow: Mlflow
    comparison: Comparison
    environments: Environments
    trainer_image: str | None

    def run(self, run: str) -> Registered:
        """Registers the packaged model; returns its version."""
        return self.journal.record(StageName.REGISTER, run, lambda: self._register(self.journal.submission(run)))

    def _register(self, row: Submission) -> Registered:
        package = self.journal.output(Packaged, row.id)
        self._intend(row, package.run_key)
        assert row.mlflow_run is not None
        facts = self.facts(row, package)
        self._upload(row.mlflow_run, package.run_key, facts)
        version = self._version(row, package.run_key, row.mlflow_run, facts)
        with self.database.begin() as session:
            candidate = session.get(Candidate, (row.id, package.run_key))
            assert candidate is not None
            candidate.version, candidate.ready = version, True
        self.mlflow.tag_version(row.model, version, "jinsu.ready", "true")
        self.mlflow.end_run(row.mlflow_run, RunStatus.FINISHED)
        return Registered(version, package.run_key)

    def _intend(self, row: Submission, package: str) -> None:
        result = self.steps.result(package, verify=True)
        if result is None:
            raise GateFailedError("the package's files changed or are gone since packaging; submit again.")
        contents, memory = contents_digest(result.outputs), self._memory(package)
        with self.database.begin() as session:
            if session.get(Candidate, (row.id, package)) is None:
                identity = {"submission": row.id, "package": package, "model": row.model}
                rules = rules_of(row)
                image = (rules.image or self.trainer_image) if CODE_FILE in result.outputs else None
                needs = {"memory": memory, "image": image, "gpu": rules.gpu or None}
                session.add(Candidate(**identity, contents=contents, **needs))

    def _memory(self, package: str) -> int:
        return self.steps.document(PackageFindings, package, FINDINGS).memory

    def facts(self, row: Submission, package: Packaged) -> Facts:
        """What the earlier stages found, and where the candidate comes from."""
        trained = self.journal.output(Trained, row.id, package.trial)
        validated = self.journal.output(Validated, row.id)
        evaluated = self.journal.output(Evaluated, row.id)
        points = all_points(lambda offset: self.launcher.metrics(trained.run_key, offset))
        return Facts(
            submission=row.id,
            model=row.model,
            submitter=row.submitter,
            team=row.team,
            spec=row.spec,
            rules=lines_of(rules_of(row)),
            differences=[
                (item.aspect, item.what, item.before, item.after) for item in self.comparison.of(row.id).differences
            ],
            looks=self._looks(row.problem),
            lineage=Lineage(
                row.dataset,
                row.code_digest,
                trained.run_key,
                package.run_key,
                trained.environment,
                ", ".join(self.environments.locked(validated.lock).packages),
                validated.lock,
            ),
            validation=self._validation(validated),
            evaluation=self.steps.document(Report, evaluated.run_key, FINDINGS),
            champion=evaluated.champion,
            parity=package.parity,
            latency=package.latency,
            training=TrainingFacts(trained.seconds, trained.peak_memory, trained.metrics),
            curve=curve(points),
            trials=len(trials(spec_of(row))),
            code=self._code(package.run_key),
        )

    def _code(self, package: str) -> str:
        """The file of a python model; "" for an ONNX file."""
        code = Manifest.read(self.steps.out(package)).code
        return code.entry if code else ""

    def _validation(self, validated: Validated) -> Validation:
        if not validated.docs:  # one step of version 0.1 found both
            return self.steps.document(Validation, validated.run_key, "verdict.json")
        checked = self.steps.document(Checked, validated.docs, FINDINGS)
        sides = self.steps.document(Sides, validated.run_key, FINDINGS)
        return Validation(
            checked.passed,
            checked.checks,
            checked.page,
            checked.rows,
            sides.train_rows,
            sides.eval_rows,
            sides.repeated,
        )

    def _looks(self, problem: str) -> int:
        with self.database.begin() as session:
            return looks(session, problem)

    def _upload(self, mlflow_run: str, package: str, facts: Facts) -> None:
        for name, data in mlmodel_files(self.steps.out(package), facts).items():
            self.mlflow.upload(mlflow_run, f"model/{name}", data)
        self.mlflow.upload(mlflow_run, "evidence.json", json.dumps(encode(facts), indent=1).encode())
        self.mlflow.upload(mlflow_run, EVIDENCE, evidence_page(facts).encode())

    def _version(self, row: Submission, package: str, mlflow_run: str, facts: Facts) -> str:
        identity = {"jinsu.submission": row.id, "jinsu.package": package}
        self.mlflow.ensure_model(row.model, {"jinsu": "true"})
        if (version := self.mlflow.find_version(row.model, identity)) is not None:
            return version
        tags = {
            **identity,
            "jinsu.dataset": facts.lineage.dataset,
            "jinsu.code": facts.lineage.code,
            "jinsu.submitter": facts.submitter,
        }
        run_page = f"{self.mlflow.url}/#/experiments/{self.mlflow.experiment(mlflow_run)}/runs/{mlflow_run}"
        text = describe(facts, f"{run_page}/artifactPath/{EVIDENCE}")
        return self.mlflow.create_version(row.model, f"runs:/{mlflow_run}/model", mlflow_run, tags, text)


def describe(facts: Facts, evidence: str) -> str:
    """What the reviewer reads first, in the registry's own Markdown; `evidence` is the page's address. Pure."""
    report = facts.evaluation
    overall, gain = report.overall, report.gain
    lines = [f"**{report.metric} {overall.in_words()}** at 95 %, on {overall.rows} held-out rows"]
    if gain:
        lines.append(f"Against champion version {facts.champion}: **{gain.in_words('+')}**")
    lines += [f"**Look twice**: {warning}" for warning in report.warnings]
    if facts.code:
        lines.append(
            f"**Python model**: the server runs `{facts.code}` and the code beside it, confined, in place of an ONNX file. Who "
            "approves answers for what that code says to requests of another kind than the held-out rows."
        )
    lines += [
        f"One prediction takes {facts.latency.p99_ms:g} ms (99th percentile) and differs from the original's "
        f"by at most {facts.parity.largest_relative:.1e}",
        f"Dataset `{facts.lineage.dataset}`, run `{facts.submission}` by {facts.submitter} of team {facts.team}",
        f"[Evidence]({evidence})",
        "To approve, give this version the alias `challenger`; to refuse, the tag `jinsu.reject` (or `jinsu.changes`) with "
        f"the reason. All about it: `jinsu review show {facts.submission}`",
    ]
    return "\n\n".join(lines)
