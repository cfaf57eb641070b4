"""jinsu ledger."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import click

from jinsu.cli.show import as_json, listing, print_json


@click.group()
def ledger() -> None:
    """Show what served when, and verify that nobody edited that history."""


@ledger.command()
@click.argument("model")
@as_json
def show(model: str, json_: bool) -> None:
    """Show what served when, who approved it, and on what evidence.

    \b
    Example:
      jinsu ledger show digits
    """
    from jinsu.api.models import LedgerEntry
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path

    columns: dict[str, Callable[[LedgerEntry], object]] = {
        "when": lambda item: time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item.at)),
        "what": lambda item: item.event,
        "version": lambda item: item.version,
        "before": lambda item: item.previous,
        "by": lambda item: item.actor,
        "run": lambda item: item.run,
        "detail": lambda item: item.detail,
    }
    entries = Client().get(api_path("ledger", model), list[LedgerEntry])
    listing(entries, columns, f"The ledger of {model} is empty.", json_=json_)


@ledger.command()
@click.option(
    "--head", default="", metavar="HASH", help="The end that you noted before; it must still be in the chain."
)
@as_json
def verify(head: str, json_: bool) -> None:
    """Walk along the chain of all entries and find one that was edited, removed or put in between.

    The end of the chain is printed: note it elsewhere, and whoever rewrites the whole history later is found too.

    \b
    Example:
      jinsu ledger verify
    """
    from jinsu.api.models import LedgerState
    from jinsu.cli.client import Client

    state = Client().get("/v1/ledger", LedgerState, head=head)
    if json_:
        print_json(state)
    else:
        for fault in state.faults:
            click.echo(f"✘ {fault}", err=True)
        if not state.faults:
            click.echo(f"✔ {state.entries} entries follow from each other; the chain ends in {state.head}")
    sys.exit(1 if state.faults else 0)
