"""register: one version in MLflow with its evidence, whatever is retried or killed.

The order is: intent row, artifacts, search by tag, create, mark ready. A second start finds the row or the tag.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinsu.evaluation.report import in_words
from jinsu.installation import Platform
from jinsu.lifecycle.train import read_metrics
from jinsu.registry.evidence import evidence_page
from jinsu.registry.mlmodel import mlmodel_files
from jinsu.state.tables import Candidate

EVIDENCE = "evidence.html"


def run(platform: Platform, submission: str) -> dict[str, Any]:
    """Registers the packaged model; returns its version."""
    row, spec = platform.submission(submission)
    with platform.task(submission, "register") as output:
        package = platform.output(submission, "package")
        key = str(package["run_key"])
        with platform.database.begin() as session:
            if session.get(Candidate, (submission, key)) is None:
                session.add(
                    Candidate(
                        submission=submission,
                        package_digest=key,
                        package_uri=key,
                        model=spec.name,
                        ready=False,
                    )
                )
        assert row.mlflow_run is not None
        facts = collect_facts(platform, submission)
        _upload(platform, row.mlflow_run, platform.step(key) / "out", facts)
        version = _version(platform, spec.name, submission, key, row.mlflow_run, facts)
        with platform.database.begin() as session:
            candidate = session.get(Candidate, (submission, key))
            assert candidate is not None
            candidate.version, candidate.ready = version, True
        platform.mlflow.tag_version(spec.name, version, "jinsu.ready", "true")
        platform.mlflow.end_run(row.mlflow_run, "FINISHED")
        output.update(version=version, run_key=key)
    return dict(output)


def collect_facts(platform: Platform, submission: str) -> dict[str, Any]:
    """Everything the evidence shows, as plain data: what the earlier tasks found, and where it came from."""
    row, spec = platform.submission(submission)
    validation = platform.output(submission, "validate_data")
    package = platform.output(submission, "package")
    trained = platform.output(submission, "train", int(package["trial"]))
    evaluation = platform.output(submission, "evaluate")

    def read(key: object, name: str) -> Any:
        return json.loads((platform.step(str(key)) / "out" / name).read_text(encoding="utf-8"))

    curve, _ = read_metrics(platform.launcher, str(trained["run_key"]))
    return {
        "submission": submission,
        "model": row.model,
        "submitter": row.submitter,
        "spec": row.spec,
        "lineage": {
            "dataset": row.dataset,
            "code": row.code_digest,
            "training": trained["run_key"],
            "package": package["run_key"],
        },
        "validation": read(validation["run_key"], "verdict.json"),
        "evaluation": read(evaluation["run_key"], "report.json"),
        "champion": evaluation["champion"],
        "parity": package["parity"],
        "latency": package["latency"],
        "training": {
            "seconds": trained["seconds"],
            "peak_memory": trained["peak_memory"],
            "metrics": trained["metrics"],
        },
        "curve": curve,
        "trials": max(1, len(spec.train.trials)),
    }


def _upload(platform: Platform, run: str, package: Path, facts: dict[str, Any]) -> None:
    mlflow = platform.mlflow
    for name, data in mlmodel_files(package, facts).items():
        mlflow.upload(run, f"model/{name}", data)
    mlflow.upload(run, "evidence.json", json.dumps(facts, indent=1).encode())
    mlflow.upload(run, EVIDENCE, evidence_page(facts).encode())


def _version(platform: Platform, model: str, submission: str, key: str, run: str, facts: dict[str, Any]) -> str:
    mlflow = platform.mlflow
    identity = {"jinsu.submission": submission, "jinsu.package": key}
    mlflow.ensure_model(model, {"jinsu": "true"})
    if (found := mlflow.find_version(model, identity)) is not None:
        return found
    tags = {
        **identity,
        "jinsu.dataset": facts["lineage"]["dataset"],
        "jinsu.code": facts["lineage"]["code"],
        "jinsu.submitter": facts["submitter"],
    }
    return mlflow.create_version(
        model, f"runs:/{run}/model", run, tags, describe(facts, mlflow.url, mlflow.experiment(run), run)
    )


def describe(facts: dict[str, Any], url: str, experiment: str, run: str) -> str:
    """What the reviewer reads first, in the registry's own Markdown."""
    report = facts["evaluation"]
    overall, gain = report["overall"], report["gain"]
    lines = [
        f"**{report['metric']} {in_words(overall)}** at 95 %, on {overall['rows']} held-out rows",
    ]
    if gain:
        lines.append(f"Against champion version {facts['champion']}: **{in_words(gain, '+')}**")
    lines += [
        f"One prediction takes {facts['latency']['p99_ms']:g} ms (99th percentile) and differs from the original's "
        f"by at most {facts['parity']['largest_relative']:.1e}",
        f"Dataset `{facts['lineage']['dataset']}`, run `{facts['submission']}` by {facts['submitter']}",
        f"[Evidence]({url}/#/experiments/{experiment}/runs/{run}/artifactPath/{EVIDENCE})",
        "To approve, give this version the alias `challenger`.",
    ]
    return "\n\n".join(lines)
