"""The dry run behind `jinsu check`: the same checks as a run, on a sample of rows, in a folder that is thrown away."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path

from jinsu.errors import BadInputError, StepFailedError
from jinsu.runs.snapshots import pack
from jinsu.sdk.step_files import StepFiles
from jinsu.spec.load import read_spec
from jinsu.spec.model import ModelSpec
from jinsu.steps.spec import Input, Limits, StepSpec

SAMPLE_ROWS = 256
SECONDS = 120.0


def check_folder(folder: Path, say: Callable[[str], None]) -> dict[str, str]:
    """What was checked and found in order, by name. Raises the first problem as its sentence."""
    from jinsu import settings as configuration
    from jinsu.installation import connect
    from jinsu.runs.admission import check_columns, check_resources

    found: dict[str, str] = {}
    spec = read_spec(folder)
    code, digest = pack(folder, 64 * 2**20)
    found["spec"] = f"{spec.name}, {len(code) / 1024:.0f} KiB of code"
    settings = configuration.load()
    store = connect().datasets
    version = store.resolve(spec.data.dataset)
    check_columns(spec, list(version.schema), version.kind)
    check_resources(spec, settings.max_gpus)
    found["dataset"] = f"{version.reference}, {version.rows} rows"
    say("validating the data")
    table = store.table(version)
    found["data"] = _validate(spec, folder, table.slice(0, 10 * SAMPLE_ROWS).to_pandas())
    with tempfile.TemporaryDirectory(prefix="jinsu-check-") as place:
        root = Path(place)
        import pyarrow.parquet as pq

        pq.write_table(table.slice(0, SAMPLE_ROWS), root / "train.parquet")
        (root / "code.tar.gz").write_bytes(code)
        step = _step(spec, root, digest)
        say("running the script on a sample")
        found["script"] = _run(step, root)
        say("checking what it saved")
        found["model"], found["signature"] = _inspect(spec, root, step, table.slice(0, SAMPLE_ROWS))
    return found


def _validate(spec: ModelSpec, folder: Path, frame: object) -> str:
    from jinsu.data.expectations import always, read_expectations, validate

    assert hasattr(frame, "columns")
    expectations = always([], spec.data.target)
    if spec.data.expectations:
        path = folder / spec.data.expectations
        if not path.is_file():
            raise BadInputError(f"{path}: there is no such file (data.expectations).")
        expectations += [
            # A sample cannot tell how many rows there are.
            item
            for item in read_expectations(path.read_text(encoding="utf-8"), str(path))
            if "row_count" not in item[0]
        ]
    with tempfile.TemporaryDirectory() as docs:
        verdict = validate(frame, expectations, spec.name, Path(docs))  # type: ignore[arg-type]
    failed = [f"{check.expectation}: {check.detail}" for check in verdict.checks if not check.passed]
    if failed:
        raise BadInputError("the data fails: " + "; ".join(failed))
    return f"{len(verdict.checks)} expectations hold on a sample"


def _step(spec: ModelSpec, root: Path, digest: str) -> StepSpec:
    from jinsu.lifecycle.train import REQUIRED_OUTPUT

    # One pass is enough to see that everything fits together.
    params = {
        name: 1 if name in ("epochs", "steps", "iterations") else value for name, value in spec.train.params.items()
    }
    inputs = (
        Input("code", str(root / "code.tar.gz"), digest),
        Input("data/train.parquet", str(root / "train.parquet"), ""),
    )
    return StepSpec(
        "check",
        "local",
        tuple(shlex.split(spec.train.command)),
        params,
        Limits(spec.train.resources.memory, SECONDS, spec.train.resources.cpu),
        inputs,
        str(root),
        "0" * 64,
        {"requires": REQUIRED_OUTPUT},
    )


def _run(step: StepSpec, root: Path) -> str:
    import time

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


def _inspect(spec: ModelSpec, root: Path, step: StepSpec, table: object) -> tuple[str, str]:
    from jinsu.packaging.inputs import feature_columns, model_input
    from jinsu.packaging.manifest import Manifest
    from jinsu.packaging.package import package
    from jinsu.sdk.columns import columns_of

    out = StepFiles(root / "steps" / step.run_key).out
    report = package(out / "model", root / "package", spec.serve.parity_tolerance, spec.serve.max_latency_ms)
    manifest = Manifest.read(root / "package")
    columns = columns_of(table)
    features = feature_columns(list(columns), spec.data.features, spec.data.target)
    model_input(columns, features, manifest.input)
    shape = (
        f"{manifest.input.dtype}{list(manifest.input.shape)} -> {manifest.output.dtype}{list(manifest.output.shape)}"
    )
    text = f"parity {report['parity']['largest_relative']:.0e}, p99 {report['latency']['p99_ms']:g} ms"
    return text, f"{shape} from {', '.join(features)}"
