"""The dry run behind `jinsu check`: the same checks as a run, on a sample of rows, in a folder that is thrown away.

Admission and the rows come from the platform, wherever it is; the script runs on this machine.
"""

from __future__ import annotations

import json
import math
import shlex
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from jinsu.cli.client import Client
from jinsu.cli.foreseeing import Foreseen, Table, foresee, foresee_columns, foresee_metric
from jinsu.cli.scorers import read_scorer
from jinsu.cli.script_facts import read_script
from jinsu.cli.training_entry import training_entry
from jinsu.cli.training_packages import (
    asked_packages,
    install,
    locked_packages,
    package_cache,
    package_places,
    resolve,
)
from jinsu.errors import BadInputError, GateFailedError, StepFailedError
from jinsu.runs.snapshots import pack
from jinsu.sdk.model_files import MANIFEST_FILE, MODEL_FOLDER
from jinsu.sdk.step_files import TRAIN_ROWS_NAME, StepFiles
from jinsu.spec.load import read_spec
from jinsu.spec.model import ModelSpec
from jinsu.spec.problem import ProblemSpec
from jinsu.steps.spec import Input, Limits, StepSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from jinsu.api.models import CheckBody, Checked
    from jinsu.spec.rules import Rules

SAMPLE_ROWS = 256
SECONDS = 120.0
_VALIDATED_ROWS = 10 * SAMPLE_ROWS
_RUN_KEY = "0" * 64
_SHORTENED = ("epochs", "steps", "iterations")
"""Parameters that are set to 1: one pass is enough to see that everything fits together."""


@dataclass(frozen=True)
class Finding:
    """What a check found. passed: false for a doubt, about what may be meant so."""

    check: str
    text: str
    passed: bool = True


def check_folder(folder: Path, say: Callable[[str], None], team: str = "") -> Iterator[Finding]:
    """Every check that passed, in order, as soon as it has: what takes least time comes first, the script last.

    Raises JinsuError with a sentence for each problem that is known by then.
    """
    from jinsu.api.models import CheckBody, Checked, Code

    spec = read_spec(folder)
    yield Finding("spec", f"{spec.name}, {spec.train.command}")
    if isinstance(spec.problem, ProblemSpec) and spec.problem.scorer is not None:
        read_scorer(folder, spec.problem.scorer)
        yield Finding("scorer", f"{spec.problem.scorer} defines score")
    script = read_script(folder, training_entry(folder, spec.train.command))
    asked = asked_packages(spec, folder)
    yield from _doubts(foresee(script, spec, folder, asked))
    lock = ""
    if asked.lacking:
        say(f"resolving {asked.file}")
        lock = resolve(asked, package_places())
    if asked.file:
        yield Finding("packages", ", ".join(locked_packages(lock)) or f"every training has what {asked.file} asks for")
    code, digest = pack(folder)
    yield Finding("code", f"{len(code) / 1024:.0f} KiB")
    say("asking the platform")
    client = Client()
    client.upload("/v1/code", Code, code)
    body = CheckBody(code_digest=digest, team=team)
    checked = client.post("/v1/check", Checked, body)
    rules = checked.effective
    yield Finding("problem", f"{rules.problem}, version {rules.version}, of team {rules.team}")
    yield Finding("dataset", f"{checked.dataset}, {checked.rows} rows")
    yield from _doubts([*foresee_metric(script, spec, rules.judging.metric), *foresee_columns(script, _table(checked))])
    say("fetching a sample of the rows")
    if checked.expectations is not None:
        Thread(target=_import_expectations, daemon=True).start()  # while the platform looks for the rows
    rows = _sample(client, body)
    say("validating the data")
    yield Finding("data", _validate(rules, checked.expectations, rows))
    with tempfile.TemporaryDirectory(prefix="jinsu-check-") as place:
        root = Path(place)
        packages: list[Input] = []
        if lock:
            say(f"installing what {asked.file} asks for")
            packages.append(install(asked, lock, package_places(), package_cache()))
        say(f"running the script on {min(SAMPLE_ROWS, rows.num_rows)} rows, {SECONDS:.0f} s at most")
        yield Finding("script", _run(_step(spec, root, rows, code, digest, packages), root))
        say("checking what the script saved")
        yield from _inspect(rules, root, rows, Path(packages[0].uri) if packages else None)
        if spec.train.trials:
            yield Finding("metric", _logged(rules, root))


def _doubts(found: Iterable[Foreseen]) -> Iterator[Finding]:
    """What may be meant so. Raises BadInputError with everything that is certain to go wrong, a line each."""
    sentences = list(found)
    if certain := [one.text for one in sentences if one.certain]:
        raise BadInputError("\n".join(certain))
    yield from (Finding("script", one.text, passed=False) for one in sentences)


def _table(checked: Checked) -> Table:
    from jinsu.packaging.inputs import feature_columns

    rules = checked.effective
    features = feature_columns(list(checked.columns), rules.features, rules.target, rules.split.column)
    return Table(checked.dataset, checked.columns, rules.target, features)


def _import_expectations() -> None:
    with suppress(Exception):  # who needs it imports it again, and meets the error there
        import_module("great_expectations")


def _sample(client: Client, body: CheckBody) -> pa.Table:
    """Rows that a training would get; held-out rows stay on the platform."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.read_table(pa.BufferReader(client.post_for_bytes("/v1/sample", body, rows=_VALIDATED_ROWS)))


def _validate(rules: Rules, text: str | None, rows: pa.Table) -> str:
    if text is None:
        return _has_targets(rules, rows)
    from jinsu.data.expectations import always, validate
    from jinsu.data.expectations_file import read_expectations

    expectations = always([], rules.target)
    # A sample cannot tell how many rows there are.
    expectations += [item for item in read_expectations(text, str(rules.expectations)) if "row_count" not in item[0]]
    with tempfile.TemporaryDirectory() as docs:
        verdict = validate(rows, expectations, rules.problem, Path(docs), quoting=True)
    if verdict.failed:
        raise BadInputError("the data fails: " + "; ".join(verdict.failed))
    return f"{len(verdict.checks)} expectations hold on a sample"


def _has_targets(rules: Rules, rows: pa.Table) -> str:
    """What every dataset must keep, without the library of expectations, which takes seconds to import."""
    import pyarrow.compute as pc

    nulls = pc.sum(pc.is_null(rows.column(rules.target), nan_is_null=True)).as_py() or 0
    if nulls:
        raise BadInputError(
            f"the data fails: {rules.target}: {nulls} of {rows.num_rows} rows of a sample have no value; a target is needed "
            "in every row."
        )
    return f"a target in each of {rows.num_rows} rows"


def _step(spec: ModelSpec, root: Path, rows: pa.Table, code: bytes, digest: str, packages: Iterable[Input]) -> StepSpec:
    import pyarrow.parquet as pq

    table, archive = root / "train.parquet", root / "code.tar.gz"
    pq.write_table(rows.slice(0, SAMPLE_ROWS), table)
    archive.write_bytes(code)
    return StepSpec(
        name="check",
        image="local",
        command=tuple(shlex.split(spec.train.command)),
        params=_shortened(spec.train.params),
        limits=Limits(spec.train.resources.memory, SECONDS, spec.train.resources.cpu),
        inputs=(Input("code", str(archive), digest), Input(TRAIN_ROWS_NAME, str(table), ""), *packages),
        output_uri=str(root),
        run_key=_RUN_KEY,
        labels={"requires": f"{MODEL_FOLDER}/{MANIFEST_FILE}"},
    )


def _shortened(params: Mapping[str, object]) -> dict[str, object]:
    return {name: 1 if name in _SHORTENED else value for name, value in params.items()}


def _run(step: StepSpec, root: Path) -> str:
    from jinsu.launchers.local_launcher import LocalLauncher
    from jinsu.steps.status import TERMINAL, Phase

    launcher = LocalLauncher(root / "steps")
    launcher.start(step)
    try:
        while (status := launcher.status(step.run_key)).phase not in TERMINAL:
            time.sleep(0.1)
    except BaseException:
        launcher.cancel(step.run_key, "interrupted")
        raise
    if status.phase is not Phase.DONE:
        tail = "\n".join(launcher.logs(step.run_key, 0)[0].splitlines()[-15:])
        raise StepFailedError(f"{status.message}\n{tail}".rstrip())
    assert status.result is not None
    return f"ran {status.result.seconds:.1f} s on {SAMPLE_ROWS} rows, used {status.result.peak_memory >> 20} MiB"


def _logged(rules: Rules, root: Path) -> str:
    """The last value of the problem's metric, by which the best trial is chosen."""
    lines = StepFiles(root / "steps" / _RUN_KEY).metrics
    points = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()] if lines.is_file() else []
    values = [float(point["value"]) for point in points if point["name"] == rules.judging.metric]
    if not values or not math.isfinite(values[-1]):
        raise GateFailedError(
            f"the script logged {rules.judging.metric!r} {'never' if not values else f'as {values[-1]}'}, and the best trial is "
            f"chosen by it; call jinsu.log({rules.judging.metric}=…) on rows that the script keeps back."
        )
    return f"{rules.judging.metric} {values[-1]:g} on a sample"


def _inspect(rules: Rules, root: Path, rows: pa.Table, packages: Path | None) -> list[Finding]:
    from jinsu.cli.sample_answers import check_finite, useless
    from jinsu.inference.python_package import package_any
    from jinsu.inference.remote_model import opened
    from jinsu.packaging.inputs import feature_columns, model_inputs
    from jinsu.packaging.manifest import Manifest
    from jinsu.sdk.columns import columns_of

    out = StepFiles(root / "steps" / _RUN_KEY).out
    budgets = (rules.parity_tolerance, rules.max_latency_ms)
    quantized, gpu = rules.quantize is not None, rules.gpu
    found = package_any(out / MODEL_FOLDER, packages, root / "package", *budgets, quantized=quantized, gpu=gpu)
    manifest = Manifest.read(root / "package")
    columns = columns_of(rows.slice(0, SAMPLE_ROWS))
    features = feature_columns(list(columns), rules.features, rules.target, rules.split.column)
    with opened(root / "package", gpu=gpu) as model:
        answers = model.run_all(model_inputs(columns, features, manifest.inputs))
    check_finite(manifest.outputs, answers)
    few = f"after a training on {min(SAMPLE_ROWS, rows.num_rows)} rows"
    takes = ", ".join(f"{one.name} {one.describe()}" for one in manifest.inputs)
    gives = ", ".join(f"{one.name} {one.describe()}, {one.kind}" for one in manifest.outputs)
    return [
        Finding("model", f"parity {found.parity.largest_relative:.0e}, p99 {found.latency.p99_ms:g} ms"),
        Finding("signature", f"{takes} -> {gives} from {', '.join(features)}"),
        *(
            Finding("model", f"{few}, {sentence}", passed=False)
            for sentence in useless(manifest.outputs, answers, columns[rules.target])
        ),
    ]
