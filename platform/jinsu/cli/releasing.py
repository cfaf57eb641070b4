"""jinsu rollout, predict."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from jinsu.cli.show import ago, as_json, echo, listing, print_json


@click.group()
def rollout() -> None:
    """Watch, abort, resume or take back a rollout."""


@rollout.command("list")
@as_json
def rollouts(json_: bool) -> None:
    """List rollouts, newest first.

    \b
    Example:
      jinsu rollout list
    """
    from jinsu.api.models import Rollout
    from jinsu.cli.client import Client

    columns: dict[str, Callable[[Rollout], object]] = {
        "model": lambda item: item.model,
        "challenger": lambda item: item.challenger,
        "champion": lambda item: item.champion,
        "phase": lambda item: item.phase,
        "traffic": lambda item: f"{item.percent} %",
        "ago": lambda item: ago(item.updated),
        "why": lambda item: item.reason,
    }
    listing(Client().get("/v1/rollouts", list[Rollout]), columns, "No rollouts yet.", json_=json_)


def _command(model: str, verb: str, reason: str, json_: bool) -> None:
    from jinsu.api.models import Commanded, Reason
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path

    commanded = Client().post(api_path("rollouts", model, verb), Commanded, Reason(reason=reason))
    print_json(commanded) if json_ else echo(f"{model}: {commanded.verb}: {commanded.reason}")


@rollout.command()
@click.argument("model")
@click.option("--reason", default="")
@as_json
def abort(model: str, reason: str, json_: bool) -> None:
    """Give all of MODEL's traffic back to the champion, now.

    \b
    Example:
      jinsu rollout abort digits --reason "complaints"
    """
    _command(model, "abort", reason, json_)


@rollout.command()
@click.argument("model")
@as_json
def resume(model: str, json_: bool) -> None:
    """Start MODEL's halted rollout again.

    \b
    Example:
      jinsu rollout resume digits
    """
    _command(model, "resume", "", json_)


@rollout.command()
@click.argument("model")
@click.argument("version")
@as_json
def back(model: str, version: str, json_: bool) -> None:
    """Make an earlier VERSION of MODEL the champion again; traffic follows within seconds.

    \b
    Example:
      jinsu rollout back digits 3
    """
    from jinsu.api.models import RolledBack
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path

    moved = Client().post(api_path("models", model, "champion", version), RolledBack)
    print_json(moved) if json_ else echo(
        f"{model}: version {version} is the champion (it was {moved.previous or 'none'})"
    )


@click.command()
@click.argument("model")
@click.argument("rows", required=False)
@as_json
def predict(model: str, rows: str | None, json_: bool) -> None:
    """Ask MODEL's endpoint about ROWS, a JSON list of inputs; from standard input when left out.

    \b
    Example:
      jinsu predict titles '["red cotton shirt", "usb cable 2m"]'
    """
    from jinsu.api.models import Endpoint as ServedModel
    from jinsu.cli.client import Client
    from jinsu.cli.endpoint import Endpoint
    from jinsu.cli.rows import read_rows
    from jinsu.errors import NotFoundError

    body = read_rows(rows if rows is not None else sys.stdin.buffer.read().decode("utf-8", "replace"))
    served = {item.model: item for item in Client().get("/v1/models", list[ServedModel])}
    if model not in served:
        raise NotFoundError(f"no model {model[:60]!r} serves; known: {', '.join(served) or 'none yet'}.")
    endpoint = Endpoint(model, served[model].endpoint)
    predictions, version = endpoint.ask(body)
    labels = endpoint.labels()
    if json_:
        best = [_best(prediction, labels) for prediction in predictions]
        print_json({"model": model, "version": version, "predictions": predictions, "labels": best})
        return
    echo(f"{model} version {version}")
    for prediction in predictions:
        echo(f"  {_shown(prediction, labels)}")


def _best(prediction: Any, labels: list[Any] | None) -> Any:
    """The class with the largest score; None for an answer that is no list of scores."""
    if not (
        isinstance(prediction, list) and len(prediction) > 1 and all(isinstance(v, float | int) for v in prediction)
    ):
        return None
    best = max(range(len(prediction)), key=prediction.__getitem__)
    return labels[best] if labels and best < len(labels) else best


def _shown(prediction: Any, labels: list[Any] | None) -> str:
    best = _best(prediction, labels)
    return json.dumps(prediction) if best is None else f"{best}  (score {max(prediction):.3f})"
