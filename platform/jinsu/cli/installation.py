"""jinsu up, down, status."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from jinsu.cli.command_line import printed_command
from jinsu.cli.extras import Extra, require
from jinsu.cli.show import as_json, print_json, progress, table


@click.command()
@click.option(
    "--port",
    type=int,
    help="First of six ports, default 7700: API, endpoint, Airflow, MLflow, and two inner ones.",
)
@as_json
def up(port: int | None, json_: bool) -> None:
    """Start the whole platform on this machine: PostgreSQL, Airflow, MLflow, the API, Envoy.

    Its files are in $JINSU_HOME; without that variable in .jinsu of this checkout when make demo made it, else in
    ~/.jinsu. Nothing listens beyond 127.0.0.1.

    \b
    Example:
      jinsu up --port 8800
    """
    require(Extra.PLATFORM, "jinsu up")
    from jinsu.local.up import up as start

    with progress(json_) as say:
        settings = start(port, say)
    if json_:
        print_json(
            {
                "api": settings.api_url,
                "airflow": settings.airflow_url,
                "mlflow": settings.mlflow_url,
                "endpoint": settings.endpoint_url,
                "not_confined": _not_confined(),
            }
        )
        return
    show_addresses()


def show_addresses() -> None:
    """Prints the address of each part, and the file with the first password."""
    from jinsu import settings as configuration
    from jinsu.home import FIRST_PASSWORD

    settings = configuration.load()
    home = Path(settings.home)
    table(
        ("what", "where"),
        [
            ("Airflow", settings.airflow_url),
            ("MLflow", settings.mlflow_url),
            ("models", f"{settings.endpoint_url}/models/NAME/invocations"),
            ("API", f"{settings.api_url}/docs"),
        ],
        "",
    )
    if (home / FIRST_PASSWORD).exists():
        click.echo(f"Your name and first password, for all pages: {home / FIRST_PASSWORD}")
    if reason := _not_confined():
        click.echo(f"Scripts of researchers are not confined: {reason}. Run only those that you trust.")
    click.echo(f"Stop with: {printed_command(home, 'down')}")


def _not_confined() -> str:
    """Why scripts are not confined on this machine; empty where they are, and where a busy machine cannot say."""
    from jinsu.errors import TransientError
    from jinsu.steps.confinement import confinement

    try:
        return confinement()
    except TransientError:
        return ""


@click.command()
@click.option("--erase", is_flag=True, help="Also remove $JINSU_HOME: datasets, models, history.")
@as_json
def down(erase: bool, json_: bool) -> None:
    """Stop everything that `jinsu up` started, trainings included.

    \b
    Example:
      jinsu down
    """
    require(Extra.PLATFORM, "jinsu down")
    from jinsu.local.up import down as stop

    with progress(json_) as say:
        stop(erase, say)
    if json_:
        print_json({"stopped": True, "erased": erase})


@click.command()
@as_json
def status(json_: bool) -> None:
    """Show what runs on this machine, and where.

    \b
    Example:
      jinsu status --json
    """
    require(Extra.PLATFORM, "jinsu status")
    from jinsu import settings as configuration
    from jinsu.errors import TransientError
    from jinsu.local.supervisor import supervisor_of

    settings = configuration.load()
    supervisor = supervisor_of(settings)
    if not supervisor.running():
        raise TransientError("the platform is stopped; start it with: jinsu up")
    states, pids = supervisor.names(), supervisor.processes()
    rows = [
        {"name": name, "state": state, "pid": pids.get(name), "memory_mb": _resident_mb(pids.get(name))}
        for name, state in sorted(states.items())
    ]
    if json_:
        print_json(rows)
        return
    table(
        ("process", "state", "pid", "memory"),
        [(row["name"], row["state"], row["pid"], f"{row['memory_mb']} MB") for row in rows],
        "",
    )
    show_addresses()


def _resident_mb(pid: int | None) -> int:
    """0 for a process that has ended, perhaps since it was listed."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).memory_info().rss >> 20 if pid else 0
    return 0
