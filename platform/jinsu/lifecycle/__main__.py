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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinsu.codec import encode
from jinsu.errors import BadInputError, JinsuError
from jinsu.installation import Installation, connect
from jinsu.lifecycle.admit import Admit, Form
from jinsu.lifecycle.stages import STAGES
from jinsu.lifecycle.train import Train
from jinsu.runs.stages import Admitted, StageName


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    try:
        outputs = perform(connect(), StageName(given.stage), given)
        for name, path in given.write:
            _write(outputs, name, Path(path))
    except JinsuError as problem:
        print(f"{given.stage}: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)
    print(json.dumps(outputs))


def perform(installation: Installation, stage: StageName, given: argparse.Namespace) -> dict[str, Any]:
    """The stage's outputs by name, as JSON's types; the run's id is one of them."""
    if stage is StageName.ADMIT:
        run, admitted = installation.build(Admit).run(_form(given))
        return {"submission": run, **admitted_outputs(admitted)}
    if not given.submission:
        raise BadInputError("--submission: name the run, as `jinsu runs` shows it.")
    if stage is StageName.TRAIN:
        return {"submission": given.submission, **encode(installation.build(Train).run(given.submission, given.trial))}
    return {"submission": given.submission, **encode(installation.build(STAGES[stage]).run(given.submission))}


def admitted_outputs(admitted: Admitted) -> dict[str, Any]:
    """Trials are listed by their numbers as text: that is what Kubeflow's loops hand to a component."""
    return {"dataset": admitted.dataset, "trials": [str(trial) for trial in range(admitted.trials)]}


def _form(given: argparse.Namespace) -> Form:
    try:
        params = json.loads(given.train_params or "{}")
    except json.JSONDecodeError as problem:
        raise BadInputError(f"--train-params: not JSON: {problem}.") from None
    if not isinstance(params, Mapping):
        raise BadInputError('--train-params: write an object such as {"epochs": 10}.')
    if not given.submission and not given.model:
        raise BadInputError("--model or --submission: say what to launch.")
    return Form(given.run_name or given.submission, given.user, given.submission, given.model, given.dataset, params)


def _write(outputs: Mapping[str, Any], name: str, path: Path) -> None:
    """Writes one output into a file, text as it is and anything else as JSON: Kubeflow's convention."""
    if name not in outputs:
        raise BadInputError(f"--write {name}: the stage leaves {', '.join(outputs)}.")
    value = outputs[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    path.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jinsu.lifecycle", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=list(StageName))
    parser.add_argument("--submission", default="", help="id of the run, as `jinsu runs` shows it")
    parser.add_argument("--trial", type=int, default=0, help="train: which of train.trials, from 0")
    parser.add_argument("--model", default="", help="admit: a model whose code the platform has")
    parser.add_argument("--dataset", default="", help="admit: dataset and version; default: the one in model.yaml")
    parser.add_argument("--train-params", default="", metavar="JSON", help="admit: overrides of train.params")
    parser.add_argument("--run-name", default="", help="admit: the run's name in the engine that executes the stages")
    parser.add_argument("--user", default="kubeflow", help="admit: who starts the run")
    parser.add_argument(
        "--write", nargs=2, action="append", default=[], metavar=("NAME", "FILE"), help="write one output into a file"
    )
    return parser


if __name__ == "__main__":
    main()
