"""jinsu problem."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jinsu.cli.show import as_json, echo, listing, print_json, table

if TYPE_CHECKING:
    from jinsu.api.models import ProblemBody, ProblemPage


@click.group()
def problem() -> None:
    """Put and show problems: what is predicted, from which data, and how every model is judged."""


@problem.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--team", default="", help="Which team owns it, when you are an owner in several.")
@as_json
def put(path: Path, team: str, json_: bool) -> None:
    """Make a problem, or its next version, from PATH: a problem.yaml or the folder that holds it.

    \b
    Example:
      jinsu problem put problem.yaml
    """
    from jinsu.api.models import ProblemPut
    from jinsu.cli.client import Client

    made = Client().post("/v1/problems", ProblemPut, read(path, team))
    print_json(made) if json_ else echo(f"problem {made.name}, version {made.version}, of team {made.team}")


def read(path: Path, team: str) -> ProblemBody:
    """The document and the files beside it. Raises BadInputError naming every field that is wrong."""
    from jinsu.api.models import ProblemBody
    from jinsu.cli.scorers import read_scorer
    from jinsu.spec.document import read_yaml
    from jinsu.spec.load import PROBLEM_FILE, problem_from, read_small

    file = path / PROBLEM_FILE if path.is_dir() else path
    document = read_yaml(read_small(file), str(file))
    spec = problem_from(document, str(file))
    expectations = None if spec.expectations is None else read_small(file.parent / spec.expectations)
    scorer = None if spec.scorer is None else read_scorer(file.parent, spec.scorer)
    return ProblemBody(document=document, expectations=expectations, scorer=scorer, team=team)


@problem.command("list")
@as_json
def list_(json_: bool) -> None:
    """List the problems that your teams own or may read.

    \b
    Example:
      jinsu problem list
    """
    from jinsu.api.models import ProblemSummary
    from jinsu.cli.client import Client

    columns: dict[str, Callable[[ProblemSummary], object]] = {
        "problem": lambda item: item.name,
        "team": lambda item: item.team,
        "dataset": lambda item: item.dataset,
        "written in": lambda item: "model.yaml" if item.inline else "problem.yaml",
    }
    listing(Client().get("/v1/problems", list[ProblemSummary]), columns, "No problems yet.", json_=json_)


@problem.command()
@click.argument("name")
@as_json
def show(name: str, json_: bool) -> None:
    """Show problem NAME as it is now.

    \b
    Example:
      jinsu problem show categories
    """
    page = _page(name)
    if json_:
        print_json(page)
        return
    import yaml

    latest = page.versions[0]
    echo(f"# version {latest.version} by {latest.by}, owned by team {page.team}")
    echo(f"# its held-out rows were looked at by {page.looks} runs")
    echo(yaml.safe_dump({"name": page.name, **latest.document}, sort_keys=False, default_flow_style=None).rstrip())
    if latest.expectations:
        echo(f"\n# {latest.document.get('expectations')}\n{latest.expectations.rstrip()}")
    if latest.scorer:
        digest = hashlib.sha256(latest.scorer.encode()).hexdigest()
        echo(f"\n# {latest.document.get('scorer')}, sha256 {digest}\n{latest.scorer.rstrip()}")


@problem.command()
@click.argument("name")
@as_json
def history(name: str, json_: bool) -> None:
    """Show every version of problem NAME: when, by whom, and which lines changed.

    \b
    Example:
      jinsu problem history categories
    """
    page = _page(name)
    if json_:
        print_json(page.versions)
        return
    rows = []
    for newer, older in zip(page.versions, [*page.versions[1:], None], strict=True):
        before = {} if older is None else flat(older.document)
        after = flat(newer.document)
        changed = [
            f"{line}: {before.get(line, 'default')} -> {after.get(line, 'default')}"
            for line in sorted({*before, *after})
            if older is not None and before.get(line) != after.get(line)
        ]
        if older is not None:
            changed += text_changed("expectations", older.expectations, newer.expectations)
            changed += text_changed("scorer", older.scorer, newer.scorer)
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(newer.at))
        rows.append((newer.version, when, newer.by, "\n".join(changed) or "first version"))
    table(("version", "when", "by", "what changed"), rows, "No versions.")


def text_changed(name: str, before: str | None, after: str | None) -> list[str]:
    """The lines of a file that went and came, as a diff writes them, behind the file's name. Pure."""
    import difflib

    diff = difflib.unified_diff((before or "").splitlines(), (after or "").splitlines(), lineterm="", n=0)
    return [f"{name}: {line}" for line in list(diff)[2:] if not line.startswith("@@")]


def flat(document: object, path: str = "") -> dict[str, str]:
    """A document as its lines: `{"split.by": "title"}`. Pure."""
    if isinstance(document, dict):
        inner = (flat(value, f"{path}.{key}" if path else str(key)) for key, value in document.items())
        return {line: value for lines in inner for line, value in lines.items()}
    return {path: str(document)}


def _page(name: str) -> ProblemPage:
    from jinsu.api.models import ProblemPage
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path

    return Client().get(api_path("problems", name), ProblemPage)
