"""Records as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from jinsu.api import models
from jinsu.errors import JinsuError, NotFoundError
from jinsu.launchers.launcher import Launcher
from jinsu.release.advance import weight
from jinsu.runs import ledger
from jinsu.runs.journal import Journal, output_of
from jinsu.runs.links import Links
from jinsu.runs.reviews import Reviews
from jinsu.runs.rollouts import Rollouts, state_of
from jinsu.runs.stages import ORDER, Evaluated, StageName
from jinsu.runs.why import explain, training
from jinsu.state.database import Database
from jinsu.state.tables import Endpoint, Review, Rollout, StageRecord, Submission
from jinsu.steps.status import StepStatus


@dataclass(frozen=True)
class Views:
    """Reads records and what the launcher knows of steps; changes nothing."""

    database: Database
    journal: Journal
    launcher: Launcher
    links: Links
    reviews: Reviews
    rollouts: Rollouts

    def runs(self, limit: int) -> list[models.RunSummary]:
        """The latest runs, newest first."""
        with self.database.begin() as session:
            rows = session.scalars(select(Submission).order_by(Submission.created.desc()).limit(limit)).all()
            begun = session.execute(
                select(StageRecord.submission, StageRecord.name).where(
                    StageRecord.submission.in_([row.id for row in rows])
                )
            ).all()
        furthest = {run: str(name) for run, name in sorted(begun, key=lambda item: ORDER.index(StageName(item[1])))}
        return [
            models.RunSummary(
                id=row.id,
                model=row.model,
                submitter=row.submitter,
                state=row.state,
                stage=furthest.get(row.id, ""),
                dataset=row.dataset,
                created=row.created,
                ended=row.ended,
                reason=row.reason,
            )
            for row in rows
        ]

    def run(self, run: str) -> models.Run:
        """Raises NotFoundError when there is no such run."""
        row = self.journal.submission(run)
        with self.database.begin() as session:
            begun = select(StageRecord).where(StageRecord.submission == run).order_by(StageRecord.started)
            stages = list(session.scalars(begun))
            review, rollout = session.get(Review, run), session.get(Rollout, run)
        return models.Run(
            id=row.id,
            model=row.model,
            submitter=row.submitter,
            state=row.state,
            reason=row.reason,
            dataset=row.dataset,
            created=row.created,
            ended=row.ended,
            mlflow_run=row.mlflow_run,
            dag_run=row.dag_run,
            why=explain(row, stages, review, rollout, self._step(row, stages)),
            stages=[_stage(stage) for stage in stages],
            rollout=None if rollout is None else _rollout(rollout),
            links=dict(self.links.of(run)),
        )

    def _step(self, row: Submission, stages: Sequence[StageRecord]) -> StepStatus | None:
        key = training(stages) if row.ended is None else None
        try:
            return self.launcher.status(key) if key else None
        except JinsuError:
            return None  # the run can be shown without it

    def log(self, run: str, trial: int, offset: int) -> models.Log:
        """Raises NotFoundError before the trial has begun."""
        self.journal.submission(run)
        with self.database.begin() as session:
            stage = session.get(StageRecord, (run, StageName.TRAIN, trial))
        if stage is None or stage.run_key is None:
            raise NotFoundError(f"run {run} has not begun to train; see: jinsu why {run}")
        text, after = self.launcher.logs(stage.run_key, offset)
        return models.Log(text=text, next=after, ended=stage.ended is not None)

    def open_reviews(self) -> list[models.OpenReview]:
        return [self._open_review(review) for review in self.reviews.open()]

    def _open_review(self, review: Review) -> models.OpenReview:
        with self.database.begin() as session:
            stage = session.get(StageRecord, (review.submission, StageName.EVALUATE, 0))
        evaluated = None if stage is None else output_of(stage)  # also while a person has the stage done again
        if not isinstance(evaluated, Evaluated):
            raise NotFoundError(f"run {review.submission} is not evaluated; see: jinsu why {review.submission}")
        return models.OpenReview(
            run=review.submission,
            model=review.model,
            version=review.version,
            asked=review.asked,
            metric=evaluated.metric,
            value=evaluated.overall.value,
            gain=evaluated.gain.value if evaluated.gain else None,
            links=dict(self.links.of(review.submission)),
        )

    def latest_rollouts(self) -> list[models.Rollout]:
        return [_rollout(row) for row in self.rollouts.latest()]

    def endpoints(self) -> list[models.Endpoint]:
        """What serves, by model."""
        with self.database.begin() as session:
            rows = session.scalars(select(Endpoint).order_by(Endpoint.model)).all()
        return [
            models.Endpoint(model=row.model, champion=row.champion, endpoint=self.links.endpoint(row.model))
            for row in rows
        ]

    def ledger(self, model: str) -> list[models.LedgerEntry]:
        return [
            models.LedgerEntry(
                at=row.at,
                event=row.event,
                version=row.version,
                previous=row.previous,
                actor=row.actor,
                run=row.submission,
                evidence=row.evidence,
                detail=row.detail,
            )
            for row in ledger.history(self.database, model)
        ]


def _stage(row: StageRecord) -> models.Stage:
    return models.Stage(
        name=StageName(row.name),
        trial=row.trial,
        state=row.state,
        detail=row.detail,
        started=row.started,
        ended=row.ended,
        run_key=row.run_key,
        output=output_of(row),
    )


def _rollout(row: Rollout) -> models.Rollout:
    state = state_of(row)
    return models.Rollout(
        run=row.submission,
        model=row.model,
        challenger=row.challenger,
        champion=state.champion,
        phase=row.phase,
        percent=weight(state),
        reason=state.reason,
        findings=list(state.findings),
        updated=row.updated,
    )
