"""Records as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from jinsu.api import models
from jinsu.errors import JinsuError, NotFoundError
from jinsu.identity.people import Person
from jinsu.launchers.launcher import Launcher
from jinsu.release.advance import weight
from jinsu.runs import ledger
from jinsu.runs.journal import Journal, output_of, rules_of
from jinsu.runs.links import Links
from jinsu.runs.places import Places
from jinsu.runs.reviews import Reviews
from jinsu.runs.rollouts import Rollouts, state_of
from jinsu.runs.stages import ORDER, Evaluated, StageName
from jinsu.runs.training_queue import TrainingQueue
from jinsu.runs.why import Line, explain, queued_for, training
from jinsu.spec.rules import Rules, lines_of
from jinsu.state.database import Database
from jinsu.state.states import Kept
from jinsu.state.tables import Endpoint, Model, Review, Rollout, StageRecord, Submission
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
    places: Places
    training_queue: TrainingQueue

    def seen(self, who: Person, run: str) -> Submission:
        """The record of a run. Raises NotFoundError also for one that the person may not see."""
        with self.database.begin() as session:
            row = session.get(Submission, run)
        if row is None or not who.sees(Kept.MODEL, row.model, row.team):
            raise NotFoundError(f"run {run!r} does not exist, or no team of {who.name} may see it; see: jinsu runs")
        return row

    def seen_model(self, who: Person, model: str) -> str:
        """The team that owns a model. Raises NotFoundError also for a model that the person may not see."""
        with self.database.begin() as session:
            row = session.get(Model, model)
        if row is None or not who.sees(Kept.MODEL, model, row.team):
            raise NotFoundError(f"model {model!r} does not exist, or no team of {who.name} may see it; see: jinsu runs")
        return row.team

    def runs(self, who: Person, limit: int) -> list[models.RunSummary]:
        """The latest runs that the person may see, newest first."""
        with self.database.begin() as session:
            latest = select(Submission).where(_visible(who, Submission.model, Submission.team))
            rows = session.scalars(latest.order_by(Submission.created.desc()).limit(limit)).all()
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
                team=row.team,
                problem=row.problem,
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

    def run(self, who: Person, run: str) -> models.Run:
        """Raises NotFoundError when there is no such run for this person."""
        row = self.seen(who, run)
        with self.database.begin() as session:
            begun = select(StageRecord).where(StageRecord.submission == run).order_by(StageRecord.started)
            stages = list(session.scalars(begun))
            review, rollout = session.get(Review, run), session.get(Rollout, run)
        return models.Run(
            id=row.id,
            model=row.model,
            team=row.team,
            problem=row.problem,
            submitter=row.submitter,
            state=row.state,
            reason=row.reason,
            dataset=row.dataset,
            created=row.created,
            ended=row.ended,
            mlflow_run=row.mlflow_run,
            dag_run=row.dag_run,
            why=explain(row, stages, review, rollout, self._step(row, stages), queue=self._queue(row, stages)),
            stages=[_stage(stage) for stage in stages],
            rules=shown_rules(rules_of(row)),
            rollout=None if rollout is None else _rollout(rollout),
            links=dict(self.links.of(run)),
        )

    def _queue(self, row: Submission, stages: Sequence[StageRecord]) -> str:
        match queued_for(row, stages):
            case Line.PLACE:
                return self.places.in_words(row)
            case Line.TRAINING:
                return self.training_queue.in_words(row)
            case None:
                return ""

    def _step(self, row: Submission, stages: Sequence[StageRecord]) -> StepStatus | None:
        key = training(stages) if row.ended is None else None
        try:
            return self.launcher.status(key) if key else None
        except JinsuError:
            return None  # the run can be shown without it

    def log(self, who: Person, run: str, trial: int, offset: int) -> models.Log:
        """Raises NotFoundError before the trial has begun."""
        self.seen(who, run)
        with self.database.begin() as session:
            stage = session.get(StageRecord, (run, StageName.TRAIN, trial))
        if stage is None or stage.run_key is None:
            raise NotFoundError(f"run {run} has not begun to train; see: jinsu why {run}")
        text, after = self.launcher.logs(stage.run_key, offset)
        return models.Log(text=text, next=after, ended=stage.ended is not None)

    def open_reviews(self, who: Person) -> list[models.OpenReview]:
        """Questions about candidates that the person may see, oldest first."""
        with self.database.begin() as session:
            visible = select(Model.name).where(_visible(who, Model.name, Model.team))
            names = set(session.scalars(visible))
        return [self._open_review(review) for review in self.reviews.open() if review.model in names]

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
            due=review.due,
            stands=self.reviews.in_words(review),
            metric=evaluated.metric,
            value=evaluated.overall.value,
            gain=evaluated.gain.value if evaluated.gain else None,
            links=dict(self.links.of(review.submission)),
        )

    def latest_rollouts(self, who: Person, limit: int = 50) -> list[models.Rollout]:
        with self.database.begin() as session:
            visible = select(Model.name).where(_visible(who, Model.name, Model.team))
            query = select(Rollout).where(Rollout.model.in_(visible)).order_by(Rollout.created.desc()).limit(limit)
            return [_rollout(row) for row in session.scalars(query)]

    def endpoints(self, who: Person) -> list[models.Endpoint]:
        """What serves, by model."""
        with self.database.begin() as session:
            visible = select(Model.name).where(_visible(who, Model.name, Model.team))
            query = select(Endpoint).where(Endpoint.model.in_(visible)).order_by(Endpoint.model)
            rows = session.scalars(query).all()
        return [
            models.Endpoint(model=row.model, champion=row.champion, endpoint=self.links.endpoint(row.model))
            for row in rows
        ]

    def ledger(self, who: Person, model: str) -> list[models.LedgerEntry]:
        """The model's history, newest first."""
        self.seen_model(who, model)
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
                hash=row.hash,
            )
            for row in ledger.history(self.database, model)
        ]


def _visible(who: Person, name: InstrumentedAttribute[str], team: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Condition on rows that name a model and the team that owns it: whether the person may see them."""
    if who.admin:
        return true()
    granted = [kept for kind, kept in who.readable if kind is Kept.MODEL]
    return or_(team.in_(who.teams), name.in_(granted))


def shown_rules(rules: Rules) -> list[models.Rule]:
    """Each rule in one line, with the document that it comes from. Pure."""
    return [models.Rule(line=line, value=value, document=document) for line, value, document in lines_of(rules)]


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
