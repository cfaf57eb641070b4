"""Does one stage of one run, waits included, and prints what it leaves as JSON.

    python -m jinsu.lifecycle admit --model digits --run-name kubeflow-7f3a
    python -m jinsu.lifecycle train --submission digits-4f1c9a2b3d --trial 0 --write run_key /tmp/run_key

Doing a stage twice is safe. The process finds the platform through $JINSU_HOME and ends with the exit codes of
`jinsu --help`: 75 means that the same command may help later.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinsu.codec import encode
from jinsu.errors import BadInputError, ConflictError, JinsuError
from jinsu.installation import Installation, connect
from jinsu.lifecycle.admit import Admit, Form
from jinsu.lifecycle.parameters import INPUTS, AdmittedTrials, Output, outputs
from jinsu.lifecycle.stages import STAGES, STEP_STAGES
from jinsu.lifecycle.stepping import Stepping
from jinsu.runs.open_run import refuse_cancelled
from jinsu.runs.stages import StageName
from jinsu.runs.unknown import known
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Submission

_NAME_LENGTH = 64


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser().parse_args(arguments)
    stage = StageName(given.stage)
    try:
        files = chosen(stage, given.write)
        left = perform(connect(), stage, given)
        for output, path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(output.text(left[output.name]), encoding="utf-8")
    except Exception as problem:
        error = known(problem)
        if error is not problem:
            traceback.print_exc()
            error = _recorded(error, stage, given)
        print(f"{stage}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    print(json.dumps(left))


def _recorded(error: JinsuError, stage: StageName, given: argparse.Namespace) -> JinsuError:
    """An error that nobody raised on purpose, once the run's record says it too; else the reason why the record does not."""
    trial = str(getattr(given, "trial", "0"))
    try:
        connect().journal.failed(given.submission, stage, error, int(trial) if trial.isdecimal() else 0)
    except Exception as second:
        return known(second)
    return error


def perform(installation: Installation, stage: StageName, given: argparse.Namespace) -> dict[str, Any]:
    """What the stage leaves, by name, as JSON's types; the run's id is one of them."""
    if stage is StageName.ADMIT:
        run, admitted = installation.build(Admit).run(_form(given))
        return {"submission": run, **encode(AdmittedTrials.of(admitted))}
    _refuse_ended(installation.journal.submission(given.submission))
    if stage in STEP_STAGES:
        trial = _number(given.trial) if stage is StageName.TRAIN else 0
        left = installation.build(Stepping).run(installation.build(STEP_STAGES[stage]), given.submission, trial)
        return {"submission": given.submission, **encode(left)}
    return {"submission": given.submission, **encode(installation.build(STAGES[stage]).run(given.submission))}


def chosen(stage: StageName, pairs: Sequence[tuple[str, str]]) -> list[tuple[Output, Path]]:
    """Outputs to write, each with its file. Raises BadInputError for an output that the stage does not leave."""
    known = {output.name: output for output in outputs(stage)}
    for name, _ in pairs:
        if name not in known:
            raise BadInputError(f"--write {name}: the stage leaves {', '.join(known)}.")
    return [(known[name], Path(path)) for name, path in pairs]


def parser() -> argparse.ArgumentParser:
    """One subcommand a stage, with the stage's own inputs as options."""
    whole = argparse.ArgumentParser(
        prog="python -m jinsu.lifecycle", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    stages = whole.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for stage, inputs in INPUTS.items():
        one = stages.add_parser(stage)
        for item in inputs:
            one.add_argument(item.option, required=item.default is None, default=item.default, help=item.meaning)
        one.add_argument(
            "--write",
            nargs=2,
            action="append",
            default=[],
            metavar=("NAME", "FILE"),
            help="Writes one output into a file.",
        )
    return whole


def _refuse_ended(row: Submission) -> None:
    """An engine other than Airflow does not hear that a run was ended, and would go on to the next stage."""
    refuse_cancelled(row)
    if row.state is SubmissionState.FAILED:
        raise ConflictError(f"run {row.id} failed: {row.reason}; start a new run.")


def _form(given: argparse.Namespace) -> Form:
    try:
        params = json.loads(given.train_params or "{}")
    except json.JSONDecodeError as problem:
        raise BadInputError(f"--train-params: not JSON: {problem}.") from None
    if not isinstance(params, Mapping):
        raise BadInputError('--train-params: write an object such as {"epochs": 10}.')
    if not given.submission and not given.model:
        raise BadInputError("--model or --submission: say what to launch.")
    if not given.submission and not given.run_name:
        raise BadInputError("--run-name: name the run; the same name finds the same run again.")
    if not given.submission and not 1 <= len(given.user) <= _NAME_LENGTH:
        raise BadInputError("--user: say for whom; it is the name of a person's account.")
    return Form(
        dag_run=given.run_name or given.submission,
        user=given.user,
        team=given.team,
        submission=given.submission,
        model=given.model,
        problem=given.problem,
        overrides={f"train.params.{name}": value for name, value in params.items()},
    )


def _number(text: str) -> int:
    if not text.isdecimal():
        raise BadInputError(f"--trial {text}: write a number from 0.")
    return int(text)


if __name__ == "__main__":
    main()
