"""jinsu submit, follow, runs, why, logs, cancel."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from jinsu.cli.show import ago, as_json, echo, listing, print_json, progress
from jinsu.cli.stage_lines import describe_stage

if TYPE_CHECKING:
    from jinsu.api.models import Run
    from jinsu.cli.client import Client


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("-f", "--follow", is_flag=True, help="Stay until the run ends.")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="Override one of train.params.")
@click.option("--team", default="", help="For which team, when the model is new and you are in several.")
@click.option("--key", help="Idempotency key: the same one again finds the same run. Default: a new one each time.")
@as_json
def submit(folder: Path, follow: bool, params: tuple[str, ...], team: str, key: str | None, json_: bool) -> None:
    """Hand over FOLDER with its model.yaml; the platform does the rest.

    \b
    Example:
      jinsu submit examples/digits --param epochs=10 --follow
    """
    import uuid

    from jinsu.api.models import Accepted, Code, SubmissionBody
    from jinsu.cli.client import Client
    from jinsu.runs.snapshots import pack
    from jinsu.spec.load import read_spec

    read_spec(folder)
    content, digest = pack(folder)
    client = Client()
    client.upload("/v1/code", Code, content)
    body = SubmissionBody(
        code_digest=digest, idempotency_key=key or uuid.uuid4().hex, overrides=overrides(params), team=team
    )
    accepted = client.post("/v1/submissions", Accepted, body)
    if not json_:
        echo(f"{'submitted' if accepted.new else 'known already:'} {accepted.id}  (dataset {accepted.dataset})")
    if follow:
        _follow(client, accepted.id, json_)
    if json_:
        print_json(accepted)
    else:
        echo(f"What does it wait for? jinsu why {accepted.id}")


def overrides(params: tuple[str, ...]) -> dict[str, Any]:
    """`epochs=10` as `{"train.params.epochs": 10}`; a value is JSON where it is JSON, else text."""
    import json

    from jinsu.errors import BadInputError

    found: dict[str, Any] = {}
    for param in params:
        name, equals, text = param.partition("=")
        if not equals or not name:
            raise BadInputError(f"--param {param}: write it like epochs=10.")
        try:
            found[f"train.params.{name}"] = json.loads(text)
        except json.JSONDecodeError:
            found[f"train.params.{name}"] = text
    return found


def _follow(client: Client, run: str, json_: bool) -> NoReturn:
    """Follows a run to its end and ends the command with 0 when the run succeeded, else 1."""
    from jinsu.state.states import SubmissionState

    try:
        ended = follow_run(client, run, quiet=json_)
    except KeyboardInterrupt:
        echo(f"\nThe run goes on. Follow it again: jinsu follow {run}", err=True)
        sys.exit(130)
    if json_:
        print_json(ended)
    sys.exit(0 if ended.state is SubmissionState.SUCCEEDED else 1)


def follow_run(client: Client, run: str, quiet: bool = False) -> Run:
    """Shows each stage as it ends and what the run waits for now; returns the run once it has ended."""
    from jinsu.api.models import Run
    from jinsu.runs.stages import StageName
    from jinsu.state.states import StageState

    shown: set[tuple[str, int]] = set()
    asked = False
    from jinsu.cli.client import path as api_path

    with progress(quiet) as say:
        while True:
            seen = client.get(api_path("runs", run), Run)
            for stage in seen.stages:
                place = (stage.name, stage.trial)
                over = stage.state in (StageState.DONE, StageState.FAILED) and stage.ended is not None
                if over and place not in shown:
                    shown.add(place)
                    if not quiet:
                        echo(describe_stage(stage))
            if seen.ended:
                break
            if sys.stderr.isatty():
                say(seen.why)
            elif not asked and any(
                stage.name is StageName.REVIEW and stage.state is StageState.RUNNING for stage in seen.stages
            ):
                asked = True  # a log must not fall silent while a person is waited for
                say(seen.why)
            time.sleep(0.4)
    if not quiet:
        echo(seen.why)
    return seen


@click.command()
@click.argument("run")
@as_json
def follow(run: str, json_: bool) -> None:
    """Show RUN's stages as they end, and stay until the run ends. Ctrl-C leaves the run as it is.

    \b
    Example:
      jinsu follow digits-4f1c9a2b3d
    """
    from jinsu.cli.client import Client

    _follow(Client(), run, json_)


@click.command()
@click.option(
    "-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many, newest first."
)
@as_json
def runs(limit: int, json_: bool) -> None:
    """List runs, newest first.

    \b
    Example:
      jinsu runs -n 5
    """
    from jinsu.api.models import RunSummary
    from jinsu.cli.client import Client

    columns: dict[str, Callable[[RunSummary], object]] = {
        "run": lambda run: run.id,
        "state": lambda run: run.state,
        "stage": lambda run: run.stage,
        "by": lambda run: run.submitter,
        "ago": lambda run: ago(run.created),
        "why": lambda run: run.reason[:70],
    }
    latest = Client().get("/v1/runs", list[RunSummary], limit=limit)
    listing(latest, columns, "No runs yet. Start one: jinsu submit FOLDER", json_=json_)


@click.command()
@click.argument("run")
@as_json
def why(run: str, json_: bool) -> None:
    """Say in one sentence what RUN waits for, or why it failed.

    \b
    Example:
      jinsu why digits-4f1c9a2b3d
    """
    from jinsu.api.models import Run
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path

    found = Client().get(api_path("runs", run), Run)
    if json_:
        print_json(found)
        return
    echo(found.why)
    for title, address in found.links.items():
        echo(f"  {title}: {address}")


@click.command()
@click.argument("run")
@click.option("--trial", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on until the training ends.")
def logs(run: str, trial: int, follow: bool) -> None:
    """Show what RUN's training script printed.

    \b
    Example:
      jinsu logs digits-4f1c9a2b3d --follow
    """
    from jinsu.api.models import Log
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path
    from jinsu.runs.text import readable

    client, offset = Client(), 0
    while True:
        part = client.get(api_path("runs", run, "logs"), Log, trial=trial, offset=offset)
        echo(readable(part.text), nl=False)
        moved, offset = part.next != offset, part.next
        if not moved and (part.ended or not follow):
            return
        if not moved:
            time.sleep(0.5)


@click.command()
@click.argument("run")
@click.option("--reason", default="", help="Kept with the run.")
@as_json
def cancel(run: str, reason: str, json_: bool) -> None:
    """Stop RUN and every process of it.

    \b
    Example:
      jinsu cancel digits-4f1c9a2b3d --reason "wrong dataset"
    """
    from jinsu.api.models import Reason, Run
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path

    ended = Client().post(api_path("runs", run, "cancel"), Run, Reason(reason=reason))
    print_json(ended) if json_ else echo(ended.why)
