"""jinsu review."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from jinsu.cli.show import ago, as_json, echo, listing, print_json, table

if TYPE_CHECKING:
    from jinsu.api.models import Difference, ReviewPage
    from jinsu.state.states import Verdict


@click.group()
def review() -> None:
    """Judge candidates. MLflow's pages and Airflow's Required Actions answer the same question."""


@review.command("list")
@as_json
def list_(json_: bool) -> None:
    """List candidates that wait for a person.

    \b
    Example:
      jinsu review list
    """
    from jinsu.api.models import OpenReview
    from jinsu.cli.client import Client

    columns: dict[str, Callable[[OpenReview], object]] = {
        "run": lambda item: item.run,
        "model": lambda item: item.model,
        "version": lambda item: item.version,
        "score": lambda item: f"{item.metric} {item.value:.4f}",
        "to champion": lambda item: "" if item.gain is None else f"{item.gain:+.4f}",
        "stands": lambda item: item.stands,
        "waits": lambda item: ago(item.asked),
        "due": lambda item: _due(item.due),
        "evidence": lambda item: item.links.get("Evidence"),
    }
    reviews = Client().get("/v1/reviews", list[OpenReview])
    listing(reviews, columns, "Nothing waits for a review.", json_=json_)


def _due(moment: float | None) -> str:
    if moment is None:
        return ""
    return "overdue" if moment < time.time() else time.strftime("%d %b %H:%M", time.localtime(moment))


@review.command()
@click.argument("run")
@as_json
def show(run: str, json_: bool) -> None:
    """Show all that decides about RUN's candidate: scores, what differs from the champion, rules, what was said.

    \b
    Example:
      jinsu review show digits-4f1c9a2b3d
    """
    from jinsu.api.models import ReviewPage
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path

    page = Client().get(api_path("reviews", run), ReviewPage)
    if json_:
        print_json(page)
        return
    for line in headline(page):
        echo(line)
    if page.opinions:
        echo("\nWhat was said")
        rows = [(item.person, item.verdict, item.via, item.reason) for item in page.opinions]
        table(("who", "what", "through", "reason"), rows, "")
    echo(f"\nWhat differs from champion {page.champion}" if page.champion else "\nThere is no champion yet")
    if page.champion:
        table(("in", "what", "champion", "candidate"), [_row(item) for item in page.differences], "Nothing differs.")
    echo("\nRules that applied")
    table(("rule", "value", "from"), [(rule.line, rule.value, rule.document) for rule in page.rules], "None.")
    echo("\nWhat you may do")
    for command in page.may:
        echo(f"  {command}")


def headline(page: ReviewPage) -> Iterator[str]:
    """The first lines about a candidate. Pure."""
    yield f"{page.model} version {page.version}, submitted by {page.submitter} of team {page.team}: {page.state}"
    gain = "" if page.gain is None else f", {page.gain:+.4f} to champion {page.champion}"
    ends = "not enough rows for an interval"
    if page.low is not None and page.high is not None:
        ends = f"{page.low:.4f} to {page.high:.4f} at 95 %"
    yield f"  {page.metric} {page.value:.4f} ({ends}) on {page.rows} held-out rows{gain}"
    yield from (f"  look twice: {warning}" for warning in page.warnings)
    yield f"  one prediction in {page.p99_ms:g} ms (99th percentile)"
    yield f"  the held-out rows were looked at by {page.looks} run{'' if page.looks == 1 else 's'}"
    yield f"  {page.standing}; {page.stands}"
    if page.state == "open":
        yield f"  asked {ago(page.asked)} ago, reminder {_due(page.due)}"
    for title, link in page.links.items():
        yield f"  {title}: {link}"


def _row(item: Difference) -> tuple[str, ...]:
    return item.aspect, item.what, item.before, item.after


def _answer(run: str, verdict: Verdict, reason: str, json_: bool) -> None:
    from jinsu.api.models import AnswerBody, Answered
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path

    answered = Client().post(api_path("reviews", run), Answered, AnswerBody(verdict=verdict, reason=reason))
    print_json(answered) if json_ else echo(
        f"{answered.model} version {answered.version}: {answered.stands or answered.state}"
    )


@review.command()
@click.argument("run")
@click.option("--reason", default="")
@as_json
def approve(run: str, reason: str, json_: bool) -> None:
    """Let RUN's version meet live traffic, as far as you are asked.

    \b
    Example:
      jinsu review approve digits-4f1c9a2b3d
    """
    from jinsu.state.states import Verdict

    _answer(run, Verdict.APPROVE, reason, json_)


@review.command()
@click.argument("run")
@click.option("--reason", default="")
@as_json
def reject(run: str, reason: str, json_: bool) -> None:
    """Refuse RUN's version.

    \b
    Example:
      jinsu review reject digits-4f1c9a2b3d --reason "worse on sevens"
    """
    from jinsu.state.states import Verdict

    _answer(run, Verdict.REJECT, reason, json_)


@review.command("ask-changes")
@click.argument("run")
@click.option("--reason", required=True, help="What is missing.")
@as_json
def ask_changes(run: str, reason: str, json_: bool) -> None:
    """Send RUN's version back to its submitter, who submits again.

    \b
    Example:
      jinsu review ask-changes digits-4f1c9a2b3d --reason "train on the May data too"
    """
    from jinsu.state.states import Verdict

    _answer(run, Verdict.ASK_CHANGES, reason, json_)


@review.command()
@click.argument("model")
@click.argument("version")
@click.option("--reason", required=True, help="Why; the ledger keeps it.")
@as_json
def revoke(model: str, version: str, reason: str, json_: bool) -> None:
    """End the right of MODEL's VERSION to serve, for ever. The version that serves now is taken back first.

    \b
    Example:
      jinsu review revoke digits 3 --reason "trained on rows that a customer withdrew"
    """
    from jinsu.api.models import Reason, Revoked
    from jinsu.cli.client import Client
    from jinsu.cli.client import path as api_path

    done = Client().post(api_path("models", model, "versions", version, "revoke"), Revoked, Reason(reason=reason))
    print_json(done) if json_ else echo(f"{done.model} version {done.version} may not serve any more")
