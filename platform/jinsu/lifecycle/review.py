"""review: asks a person whether the candidate may meet live traffic, and waits for the answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jinsu.errors import GateFailedError, NotFoundError
from jinsu.runs.comparison import Compared, Comparison
from jinsu.runs.journal import Journal, rules_of
from jinsu.runs.reviews import Reviews
from jinsu.runs.stages import Evaluated, Registered, Reviewed, StageName
from jinsu.spec.rules import Rules
from jinsu.state.states import ReviewState
from jinsu.state.tables import Review as ReviewRecord
from jinsu.state.tables import Submission

_PAUSE_SECONDS = 1.0
_MOST_DIFFERENCES, _LONGEST_CELL = 12, 120


@dataclass(frozen=True)
class Review:
    """Asks a person, and waits for the answer."""

    journal: Journal
    reviews: Reviews
    comparison: Comparison

    def run(self, run: str) -> Reviewed:
        """Asks, and waits until the question is answered."""
        self.ask(run)
        while self.waiting(run):
            time.sleep(_PAUSE_SECONDS)
        return self.finish(run)

    def ask(self, run: str) -> ReviewRecord:
        """Opens the question once; rules that ask for no approver answer it. Raises ConflictError for a cancelled run."""
        version = self.journal.output(Registered, run).version
        review = self.reviews.ask(run, version)
        self.journal.note(run, StageName.REVIEW, "waiting for a person")
        return review

    def waiting(self, run: str) -> bool:
        """Whether nobody has answered yet."""
        review = self.reviews.of(run)
        return review is None or review.state is ReviewState.OPEN

    def finish(self, run: str) -> Reviewed:
        """Ends the stage with the answer. Raises GateFailedError for a rejection, NotFoundError while it is open."""
        review = self.reviews.of(run)
        if review is None or review.state is ReviewState.OPEN:
            raise NotFoundError(f"run {run} is not reviewed yet.")
        return self.journal.record(StageName.REVIEW, run, lambda: _judge(review))

    def question(self, run: str, links: Mapping[str, str]) -> str:
        """What the reviewer reads in Airflow, as Markdown."""
        row, review = self.journal.submission(run), self.reviews.of(run)
        compared = self.comparison.of(run)
        lines = [
            *self._scores(row, links),
            _differences(compared),
            _rules(rules_of(row)),
        ]
        if review is not None:
            lines.append(f"Approvals: {self.reviews.in_words(review)}. More: `jinsu review show {run}`")
        return "\n\n".join(line for line in lines if line)

    def _scores(self, row: Submission, links: Mapping[str, str]) -> Iterator[str]:
        evaluated, version = self.journal.output(Evaluated, row.id), self.journal.output(Registered, row.id).version
        yield f"Model **{row.model}** version {version}, submitted by **{row.submitter}** of team {row.team}"
        yield f"{evaluated.metric} **{evaluated.overall.in_words()}** on {evaluated.rows} held-out rows"
        if evaluated.gain:
            yield f"against champion {evaluated.champion}: **{evaluated.gain.in_words('+')}**"
        yield from (f"**Look twice**: {warning}" for warning in evaluated.warnings)
        if "Evidence" in links:
            yield f"[Evidence]({links['Evidence']})"


def _differences(compared: Compared) -> str:
    """What differs from the champion, as a Markdown table of a few lines. Pure."""
    if compared.champion is None:
        return "There is no champion yet: this would be the first."
    if not compared.differences:
        return f"Nothing differs from champion {compared.champion} in spec, rules, code, data or environment."
    shown = [
        f"| {item.aspect} | {_cell(item.what)} | {_cell(item.before)} | {_cell(item.after)} |"
        for item in compared.differences[:_MOST_DIFFERENCES]
    ]
    more = len(compared.differences) - _MOST_DIFFERENCES
    head = [
        f"What differs from champion {compared.champion}:\n",
        "| in | what | champion | candidate |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *shown, *([f"| | and {more} more | | |"] if more > 0 else [])])


def _cell(text: str) -> str:
    """Text that somebody sent, as one Markdown cell: nothing of it is markup. Pure."""
    flat = " ".join(text.split())[:_LONGEST_CELL]
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()<>#+-.!|~&" else sign for sign in flat)


def _rules(rules: Rules) -> str:
    """The rules that a reviewer asks for first, each with its document. Pure."""
    lines = ("evaluate.min", "evaluate.max", "evaluate.vs_champion", "serve.max_latency_ms", "release.review.approvers")
    values = {
        "evaluate.min": rules.judging.min,
        "evaluate.max": rules.judging.max,
        "evaluate.vs_champion": rules.judging.vs_champion,
        "serve.max_latency_ms": rules.max_latency_ms,
        "release.review.approvers": rules.review.approvers,
    }
    named = [
        f"{_cell(line)} {values[line]:g} ({_cell(rules.documents.get(line, ''))})"
        for line in lines
        if values[line] is not None
    ]
    return f"Rules of problem {rules.problem}, version {rules.version}: " + "; ".join(named)


def _judge(review: ReviewRecord) -> Reviewed:
    reason = review.reason or "no reason given"
    if review.state is ReviewState.CANCELLED:
        raise GateFailedError(f"the run ended before anybody answered: {reason}")
    if review.state is ReviewState.CHANGES_ASKED:
        raise GateFailedError(
            f"{review.reviewer} asked for changes to version {review.version}: {reason}; submit again."
        )
    if review.state is not ReviewState.APPROVED:
        raise GateFailedError(f"{review.reviewer} {review.state} version {review.version}: {reason}")
    return Reviewed(review.version, str(review.reviewer), str(review.via))
