"""jinsu retention."""

from __future__ import annotations

from dataclasses import asdict

import click

from jinsu.cli.extras import Extra, require
from jinsu.cli.show import as_json, print_json, table


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be removed, and why.")
@as_json
def retention(dry_run: bool, json_: bool) -> None:
    """Remove what nothing needs any more, by the rules in the settings. For whoever runs the platform.

    It works where the platform runs: on its machine, or in the pod of the controller. What an open run, a registered version,
    a champion, or the newest version of a dataset needs is never removed. Each removal is in `jinsu audit`.

    \b
    Example:
      jinsu retention --dry-run
    """
    require(Extra.PLATFORM, "jinsu retention")
    from jinsu.installation import connect
    from jinsu.retention.removal import Retention
    from jinsu.spec.quantities import format_bytes

    work = connect().build(Retention)
    plan = work.plan() if dry_run else None
    objects = work.run() if plan is None else plan.objects
    if json_:
        print_json({"removed": not dry_run, "objects": [asdict(item) for item in objects]})
        return
    rows = [(_short(item.name), format_bytes(item.size), item.why) for item in objects]
    table(("what", "size", "why"), rows, "Nothing may go." if dry_run else "Nothing was removed.")
    for version in () if plan is None else plan.versions:
        click.echo(f"version {version.number} of {version.model} would be revoked: it is old and does not serve.")
    if objects:
        total = format_bytes(sum(item.size for item in objects))
        click.echo(f"{len(objects)} objects, {total}, {'would be' if dry_run else 'were'} removed.")


def _short(name: str) -> str:
    kind, _, rest = name.partition("/")
    return f"{kind}/{rest[:12]}" if kind in ("steps", "code") else name
