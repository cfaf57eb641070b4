"""jinsu submit, runs, why, logs, cancel."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from jinsu.cli.show import ago, as_json, print_json, progress, table


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("-f", "--follow", is_flag=True, help="Stay until the run ends.")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="Override one of train.params.")
@click.option("--key", help="Idempotency key: the same one again finds the same run. Default: a new one each time.")
@as_json
def submit(folder: Path, follow: bool, params: tuple[str, ...], key: str | None, json_: bool) -> None:
    """Hand over FOLDER with its model.yaml; the platform does the rest.

    \b
    Example:
      jinsu submit examples/digits --param epochs=10 --follow
    """
    import uuid

    from jinsu.cli.client import Client
    from jinsu.runs.snapshots import pack
    from jinsu.spec.load import read_spec

    read_spec(folder)
    content, digest = pack(folder, 64 * 2**20)
    client = Client()
    client.upload("/v1/code", content)
    body = {"code_digest": digest, "idempotency_key": key or uuid.uuid4().hex, "overrides": overrides(params)}
    made = client.post("/v1/submissions", body)
    if not json_:
        click.echo(f"{'submitted' if made['new'] else 'known already:'} {made['id']}  (dataset {made['dataset']})")
    if follow:
        ended = follow_run(client, made["id"], quiet=json_)
        if json_:
            print_json(ended)
        sys.exit(0 if ended["state"] == "succeeded" else 1)
    if json_:
        print_json(made)
    else:
        click.echo(f"What does it wait for? jinsu why {made['id']}")


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


def follow_run(client: Any, run: str, quiet: bool = False) -> dict[str, Any]:
    """Shows each task as it ends and what the run waits for now; returns the run once it has ended."""
    shown: set[tuple[str, int]] = set()
    with progress(quiet) as say:
        while True:
            seen: dict[str, Any] = client.get(f"/v1/runs/{run}")
            for task in seen["tasks"]:
                place = (task["name"], task["trial"])
                if task["state"] in ("done", "failed") and place not in shown and task["ended"]:
                    shown.add(place)
                    mark = "✔" if task["state"] == "done" else "✘"
                    if not quiet:
                        click.echo(
                            f"  {mark} {task['name']:<14} {task['ended'] - task['started']:6.1f} s  {_short(task)}"
                        )
            if seen["ended"]:
                break
            if sys.stderr.isatty():
                say(seen["why"])
            time.sleep(0.4)
    if not quiet:
        click.echo(seen["why"])
    return seen


def _short(task: dict[str, Any]) -> str:
    output = task["output"] or {}
    if task["state"] == "failed":
        return str(task["detail"])
    match task["name"]:
        case "admit":
            return str(output.get("dataset", ""))
        case "validate_data":
            return f"{output['checks']} expectations hold on {output['rows']} rows"
        case "train":
            return ", ".join(f"{name} {value:.4g}" for name, value in output["metrics"].items())
        case "package":
            return f"p99 {output['latency']['p99_ms']:g} ms, parity {output['parity']['largest_relative']:.0e}"
        case "evaluate":
            gain = f", {output['gain']['value']:+.4f} to the champion" if output["gain"] else ""
            return f"{output['metric']} {output['overall']['value']:.4f} on {output['rows']} held-out rows{gain}"
        case "register":
            return f"version {output['version']}"
        case "review":
            return f"approved by {output['reviewer']} via {output['via']}"
        case _:
            return str(output.get("reason", "") or f"version {output.get('version', '')}")


@click.command()
@click.option("-n", "--limit", default=20, show_default=True, help="How many, newest first.")
@as_json
def runs(limit: int, json_: bool) -> None:
    """List runs, newest first.

    \b
    Example:
      jinsu runs -n 5
    """
    from jinsu.cli.client import Client

    found = Client().get("/v1/runs", limit=limit)
    if json_:
        print_json(found)
        return
    rows = [
        (run["id"], run["state"], run["task"], run["submitter"], ago(run["created"]), run["reason"][:70])
        for run in found
    ]
    table(("run", "state", "task", "by", "ago", "why"), rows, "No runs yet. Start one: jinsu submit FOLDER")


@click.command()
@click.argument("run")
@as_json
def why(run: str, json_: bool) -> None:
    """Say in one sentence what RUN waits for, or why it failed.

    \b
    Example:
      jinsu why digits-4f1c9a2b3d
    """
    from jinsu.cli.client import Client

    found = Client().get(f"/v1/runs/{run}")
    if json_:
        print_json(found)
        return
    click.echo(found["why"])
    for title, address in found["links"].items():
        click.echo(f"  {title}: {address}")


@click.command()
@click.argument("run")
@click.option("--trial", default=0, show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on until the training ends.")
def logs(run: str, trial: int, follow: bool) -> None:
    """Show what RUN's training script printed.

    \b
    Example:
      jinsu logs digits-4f1c9a2b3d --follow
    """
    from jinsu.cli.client import Client

    client, offset = Client(), 0
    while True:
        part = client.get(f"/v1/runs/{run}/logs", trial=trial, offset=offset)
        click.echo(part["text"], nl=False)
        moved, offset = part["next"] != offset, part["next"]
        if not moved and (part["ended"] or not follow):
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
    from jinsu.cli.client import Client

    ended = Client().post(f"/v1/runs/{run}/cancel", {"reason": reason})
    print_json(ended) if json_ else click.echo(ended["why"])
