"""package: is the saved model whole, finite, faithful and fast? What passes is what will be evaluated and served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinsu.errors import GateFailedError
from jinsu.installation import Platform
from jinsu.lifecycle.train import trials
from jinsu.packaging.package import package
from jinsu.spec.model import ModelSpec
from jinsu.steps.inline import inline
from jinsu.steps.result import read_result
from jinsu.steps.spec import run_key


def run(platform: Platform, submission: str) -> dict[str, Any]:
    """Packages the best trial's model. Raises GateFailedError naming what is wrong with it."""
    _, spec = platform.submission(submission)
    with platform.task(submission, "package") as output:
        trial, trained = best_trial(platform, submission, spec)
        source = platform.step(str(trained["run_key"]))
        result = read_result(source, str(trained["run_key"]), verify=True)
        if result is None:
            raise GateFailedError("the trained model's files changed or are gone since training; submit again.")
        model = {name: digest for name, digest in result.outputs.items() if name.startswith("model/")}
        key = run_key("package", spec.serve.model_dump(mode="json"), model, "", "jinsu-1")

        def work(out: Path) -> None:
            report = package(source / "out" / "model", out, spec.serve.parity_tolerance, spec.serve.max_latency_ms)
            (out / "report.json").write_text(json.dumps(report), encoding="utf-8")

        out = inline(platform.objects, key, work)
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        output.update(run_key=key, trial=trial, **report)
    return dict(output)


def best_trial(platform: Platform, submission: str, spec: ModelSpec) -> tuple[int, dict[str, Any]]:
    """The trial whose last logged value of the evaluation metric is best. One trial needs no metric."""
    found = {trial: platform.output(submission, "train", trial) for trial in trials(spec)}
    if len(found) == 1:
        return 0, found[0]
    metric = spec.evaluate.metric
    scores = {trial: output["metrics"].get(metric) for trial, output in found.items()}
    known = {trial: score for trial, score in scores.items() if score is not None}
    if not known:
        raise GateFailedError(
            f"{len(found)} trials and none logged {metric!r}; call jinsu.log({metric}=…) on rows the script keeps back."
        )
    best = max(known, key=lambda trial: known[trial] if spec.evaluate.maximize else -known[trial])
    return best, found[best]
