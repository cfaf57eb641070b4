"""jinsu backup, restore."""

from __future__ import annotations

import click

from jinsu.cli.command_line import printed_command
from jinsu.cli.extras import Extra, require
from jinsu.cli.show import as_json, print_json, progress


@click.command()
@click.argument("target")
@as_json
def backup(target: str, json_: bool) -> None:
    """Copy databases, objects and secrets to a folder, or to s3://BUCKET/PREFIX.

    The platform goes on meanwhile. A second backup to the same target copies what is new, and replaces the first one when it
    is whole. Keep the target as you keep a password: it holds the platform's secrets.

    \b
    Example:
      jinsu backup /mnt/backups/jinsu
    """
    require(Extra.PLATFORM, "jinsu backup")
    from jinsu.backup.make import Backup
    from jinsu.backup.target import open_target
    from jinsu.installation import connect
    from jinsu.spec.quantities import format_bytes

    installation = connect()
    with progress(json_) as say:
        index = Backup(installation, open_target(target, installation.settings.object_store)).take(say)
    size = sum(file.size for file in index.files.values())
    if json_:
        print_json({"target": target, "files": len(index.files), "bytes": size})
        return
    click.echo(f"{target}: {len(index.files)} files, {format_bytes(size)}. Restore with: jinsu restore {target}")


@click.command()
@click.argument("target")
@click.option("--port", type=int, help="First of six ports; without it those that the installation had.")
@click.option("--verify-only", is_flag=True, help="Only read the whole backup and compare its digests.")
@click.option("--secrets", is_flag=True, help="Only print the secrets that a new installation on Kubernetes needs.")
@as_json
def restore(target: str, port: int | None, verify_only: bool, secrets: bool, json_: bool) -> None:
    """Make a new installation in $JINSU_HOME from a backup. There must be none yet.

    In a pod of a new installation on Kubernetes: fill its databases and its store, which must hold no run yet.

    \b
    Example:
      JINSU_HOME=~/restored jinsu restore /mnt/backups/jinsu --port 8800
    """
    require(Extra.PLATFORM, "jinsu restore")
    from jinsu.backup import restore as work
    from jinsu.backup.cluster import kubernetes_installation, restore_on_kubernetes
    from jinsu.backup.target import open_target
    from jinsu.home import find_home

    cluster = kubernetes_installation()
    store = open_target(target, cluster.settings.object_store if cluster else None)
    index = work.read_index(store)
    if secrets:
        for name, value in work.secrets(store, index).items():
            click.echo(f"{name}={value}")
        return
    with progress(json_) as say:
        if verify_only:
            work.verify(store, index)
            say(f"{len(index.files)} files are whole")
        elif cluster is not None:
            restore_on_kubernetes(store, cluster, say)
        else:
            work.restore(store, find_home(), port, say)
    if json_:
        print_json({"target": target, "restored": not verify_only})
    elif not verify_only:
        click.echo("Restored. " + ("Start every Deployment anew." if cluster else f"Start it with: {_up()}"))


def _up() -> str:
    from jinsu.home import find_home

    return printed_command(find_home(), "up")
