"""The `jinsu` command. This module imports next to nothing: a command's own imports happen when it is called."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from jinsu import __version__

_COMMANDS = {
    "up": ("installation", "Start the whole platform on this machine."),
    "down": ("installation", "Stop it."),
    "status": ("installation", "Show what runs, and where."),
    "init": ("authoring", "Write a first model.yaml and train.py."),
    "check": ("authoring", "Try a model in seconds, before anything is queued."),
    "submit": ("running", "Hand over a folder; the platform does the rest."),
    "follow": ("running", "Show a run's stages as they end, until the run ends."),
    "runs": ("running", "List runs."),
    "why": ("running", "Say what a run waits for, or why it failed."),
    "logs": ("running", "Show what a training script printed."),
    "cancel": ("running", "Stop a run and its processes."),
    "data": ("data", "Put and list datasets."),
    "problem": ("problems", "Put and show what is predicted, and how it is judged."),
    "review": ("reviewing", "Show, approve or reject candidates."),
    "rollout": ("releasing", "Watch, abort, resume or take back a rollout."),
    "ledger": ("ledger", "Show and verify what served when."),
    "predict": ("releasing", "Ask a model's endpoint."),
    "login": ("signing_in", "Sign in to a platform."),
    "logout": ("signing_in", "Sign out; the token ends."),
    "whoami": ("signing_in", "Say who is signed in, with which roles."),
    "token": ("tokens", "List, make, revoke and rotate own tokens."),
    "user": ("people", "List, add and remove people."),
    "team": ("teams", "List, add and change teams, roles and policies."),
    "grant": ("teams", "Let another team read a problem, a model or a dataset."),
    "backup": ("backup", "Copy databases, objects and secrets to a safe place."),
    "restore": ("backup", "Make a new installation from a backup."),
    "retention": ("retention", "Remove what nothing needs any more."),
    "audit": ("people", "Show what was done to people, rights and rules."),
}

EXAMPLE = """
Example:

\b
  jinsu up                          start everything on this machine
  jinsu data put digits d.parquet   make a dataset version
  jinsu submit examples/digits -f   launch a model and follow it

Exit codes: 0 done, 1 failed, 2 bad input, 3 not found, 4 not allowed, 5 conflict, 6 step failed, 7 gate said no,
75 try again later.
"""


class Commands(click.Group):
    """Commands by name; the module behind one is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"jinsu.cli.{_COMMANDS[cmd_name][0]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if any("\ud800" <= letter <= "\udfff" for argument in args for letter in argument):
            raise click.UsageError("an argument holds bytes that are no text in UTF-8")
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"there is no command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, epilog=EXAMPLE, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Launch machine-learning models: from a training script to a champion that answers live traffic."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command; every problem becomes one sentence and an exit code."""
    from jinsu.errors import JinsuError
    from jinsu.runs.text import readable

    try:
        code: Any = cli.main(args=arguments, prog_name="jinsu", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except JinsuError as problem:
        click.echo(f"jinsu: {readable(str(problem))}", err=True)
        sys.exit(problem.exit_code)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as problem:
        from jinsu.cli.unexpected import outcome

        if os.environ.get("JINSU_TRACEBACK"):
            raise
        sentence, code = outcome(problem)
        click.echo(f"jinsu: {sentence}", err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()
