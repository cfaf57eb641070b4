"""The page of one candidate: all that a reviewer needs to judge it without reading code."""

from __future__ import annotations

from dataclasses import dataclass

from jinsu.api import models
from jinsu.api.views import shown_rules
from jinsu.errors import ForbiddenError, NotFoundError
from jinsu.identity.people import Person
from jinsu.runs.comparison import Comparison
from jinsu.runs.journal import Journal, rules_of
from jinsu.runs.links import Links
from jinsu.runs.problems import looks
from jinsu.runs.reviews import Reviews, Said, code_author, refuse
from jinsu.runs.stages import Evaluated, Packaged
from jinsu.runs.standings import Standings
from jinsu.state.database import Database
from jinsu.state.states import Door, ReviewState, Verdict
from jinsu.state.tables import Review, Submission


@dataclass(frozen=True)
class Comparing:
    """Reads records; changes nothing."""

    database: Database
    journal: Journal
    reviews: Reviews
    comparison: Comparison
    standings: Standings
    links: Links

    def page(self, who: Person, run: str) -> models.ReviewPage:
        """Raises NotFoundError while the run asks for no review."""
        row, review = self.journal.submission(run), self.reviews.of(run)
        if review is None:
            raise NotFoundError(f"run {run} asks for no review yet; see: jinsu why {run}")
        evaluated, packaged = self.journal.output(Evaluated, run), self.journal.output(Packaged, run)
        compared = self.comparison.of(run)
        with self.database.begin() as session:
            seen, author = looks(session, row.problem), code_author(session, row)
        return models.ReviewPage(
            run=run,
            model=row.model,
            version=review.version,
            team=row.team,
            submitter=row.submitter,
            state=review.state,
            stands=self.reviews.in_words(review),
            standing=self.standings.of(row.model, review.version).reason,
            asked=review.asked,
            due=review.due,
            needed=review.needed,
            opinions=[
                models.Opinion(person=item.person, verdict=item.verdict, via=item.via, reason=item.reason, at=item.at)
                for item in self.reviews.opinions(run)
            ],
            metric=evaluated.metric,
            value=evaluated.overall.value,
            low=evaluated.overall.low if evaluated.overall.certain else None,
            high=evaluated.overall.high if evaluated.overall.certain else None,
            rows=evaluated.rows,
            gain=None if evaluated.gain is None else evaluated.gain.value,
            warnings=list(evaluated.warnings),
            p99_ms=packaged.latency.p99_ms,
            looks=seen,
            champion=compared.champion,
            champion_run=compared.champion_run,
            differences=[
                models.Difference(aspect=item.aspect, what=item.what, before=item.before, after=item.after)
                for item in compared.differences
            ],
            rules=shown_rules(rules_of(row)),
            may=may(row, review, who, author),
            links=dict(self.links.of(run)),
        )


def may(row: Submission, review: Review, who: Person, author: str) -> list[str]:
    """What the person may do with the question now, as commands; or the sentence that says why nothing. Pure."""
    if review.state is not ReviewState.OPEN:
        return [f"nothing: it is {review.state} already"]
    commands = {
        Verdict.APPROVE: f"approve {row.id}",
        Verdict.REJECT: f'reject {row.id} --reason "WHY"',
        Verdict.ASK_CHANGES: f'ask-changes {row.id} --reason "WHAT IS MISSING"',
    }
    found, refusals = [], []
    for verdict, verb in commands.items():
        try:
            refuse(row, review, Said(who.name, verdict, Door.CLI), who, author)
            found.append(f"jinsu review {verb}")
        except ForbiddenError as problem:
            refusals.append(str(problem))
    return found or [f"nothing: {refusals[0]}"]
