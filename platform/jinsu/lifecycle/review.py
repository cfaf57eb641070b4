"""review: asks a person whether the candidate may meet live traffic, and waits for the answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from jinsu.errors import GateFailedError, NotFoundError
from jinsu.runs.journal import Journal
from jinsu.runs.reviews import Reviews
from jinsu.runs.stages import Evaluated, Registered, Reviewed, StageName
from jinsu.state.states import ReviewState
from jinsu.state.tables import Review as ReviewRecord

_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Review:
    """Asks a person, and waits for the answer."""

    journal: Journal
    reviews: Reviews

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
        row = self.journal.submission(run)
        evaluated = self.journal.output(Evaluated, run)
        version = self.journal.output(Registered, run).version
        lines = [
            f"Model **{row.model}** version {version}, by {row.submitter}",
            f"{evaluated.metric} **{evaluated.overall.in_words()}** on {evaluated.rows} held-out rows",
        ]
        if evaluated.gain:
            lines.append(f"against champion {evaluated.champion}: **{evaluated.gain.in_words('+')}**")
        if "Evidence" in links:
            lines.append(f"[Evidence]({links['Evidence']})")
        return "\n\n".join(lines)


def _judge(review: ReviewRecord) -> Reviewed:
    reason = review.reason or "no reason given"
    if review.state is ReviewState.CANCELLED:
        raise GateFailedError(f"the run ended before anybody answered: {reason}")
    if review.state is not ReviewState.APPROVED:
        raise GateFailedError(f"{review.reviewer} {review.state} version {review.version}: {reason}")
    return Reviewed(review.version, str(review.reviewer), str(review.via))
