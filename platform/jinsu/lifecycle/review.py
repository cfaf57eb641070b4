"""review: one question, three doors (MLflow's alias, Airflow's task, the command line), one answer."""

from __future__ import annotations

import time

from sqlalchemy import select

from jinsu.errors import ConflictError, ForbiddenError, GateFailedError, NotFoundError
from jinsu.evaluation.report import in_words
from jinsu.installation import Platform, end_submission
from jinsu.state.tables import Review, Submission, Task

ALIAS = "challenger"


def ask(platform: Platform, submission: str) -> Review:
    """Opens the question once; without a required review it is answered by the spec."""
    row, spec = platform.submission(submission)
    version = str(platform.output(submission, "register")["version"])
    platform.note(submission, "review", "waiting for a person")
    with platform.database.begin() as session:
        review = session.get(Review, submission)
        if review is None:
            review = Review(
                submission=submission,
                model=row.model,
                version=version,
                state="open",
                reason="",
                asked=time.time(),
            )
            session.add(review)
    if spec.release.review == "none" and review.state == "open":
        return answer(
            platform,
            submission,
            approved=True,
            reviewer="model.yaml",
            via="spec",
            reason="release.review: none",
        )
    return review


def answer(platform: Platform, submission: str, *, approved: bool, reviewer: str, via: str, reason: str = "") -> Review:
    """Records the answer and sets the alias. The first answer stays; the same one again changes nothing.

    Raises ForbiddenError when the submitter answers for a team that does not allow it.
    """
    row, _ = platform.submission(submission)
    if not may_answer(row, reviewer, platform.settings.teams_approving_themselves):
        raise ForbiddenError(f"{reviewer} submitted run {submission}; somebody else must review it.")
    wanted = "approved" if approved else "rejected"
    with platform.database.begin() as session:
        review = session.get(Review, submission, with_for_update=True)
        if review is None:
            raise NotFoundError(f"run {submission} asks for no review now; see: jinsu review list")
        if review.state not in ("open", wanted):
            raise ConflictError(f"run {submission} was {review.state} by {review.reviewer} already.")
        if review.state == "open":
            review.state, review.reviewer, review.via = wanted, reviewer, via
            review.reason, review.answered = reason, time.time()
    if review.state == "approved":
        platform.mlflow.set_alias(review.model, ALIAS, review.version)
    platform.mlflow.tag_version(
        review.model, review.version, "jinsu.review", f"{review.state} by {review.reviewer} via {review.via}"
    )
    return review


def may_answer(row: Submission, reviewer: str, teams_approving_themselves: tuple[str, ...]) -> bool:
    """Approver ≠ submitter, unless the team allows it. Pure."""
    return reviewer != row.submitter or row.team in teams_approving_themselves


def finish(platform: Platform, submission: str) -> dict[str, str]:
    """Ends the task with the answer. Raises GateFailedError for a rejection, NotFoundError while it is open."""
    with platform.database.begin() as session:
        review = session.get(Review, submission)
    if review is None or review.state == "open":
        raise NotFoundError(f"run {submission} is not reviewed yet.")
    with platform.task(submission, "review") as output:
        if review.state == "rejected":
            raise GateFailedError(
                f"{review.reviewer} rejected version {review.version}: {review.reason or 'no reason given'}"
            )
        output.update(version=review.version, reviewer=str(review.reviewer), via=str(review.via))
    return dict(output)


def open_reviews(platform: Platform) -> list[Review]:
    with platform.database.begin() as session:
        return list(session.scalars(select(Review).where(Review.state == "open").order_by(Review.asked)))


def question(platform: Platform, submission: str, links: dict[str, str]) -> str:
    """What the reviewer reads in Airflow, as Markdown."""
    row, _ = platform.submission(submission)
    evaluation = platform.output(submission, "evaluate")
    overall, gain = evaluation["overall"], evaluation["gain"]
    lines = [
        f"Model **{row.model}** version {platform.output(submission, 'register')['version']}, by {row.submitter}",
        f"{evaluation['metric']} **{in_words(overall)}** on {overall['rows']} held-out rows",
    ]
    if gain:
        lines.append(f"against champion {evaluation['champion']}: **{in_words(gain, '+')}**")
    if "Evidence" in links:
        lines.append(f"[Evidence]({links['Evidence']})")
    return "\n\n".join(lines)


def follow_aliases(platform: Platform) -> list[Review]:
    """Answers every open review whose version carries the alias now: somebody approved it in MLflow.

    MLflow does not record who sets an alias; only its reviewers and administrators may (docs/concepts.md).
    """
    found = [
        review
        for review in open_reviews(platform)
        if platform.mlflow.aliases(review.model).get(ALIAS) == review.version
    ]
    answered = []
    for review in found:
        reviewer = platform.settings.mlflow_reviewer.name
        try:
            answered.append(answer(platform, review.submission, approved=True, reviewer=reviewer, via="mlflow"))
        except ForbiddenError as problem:
            # The question stays open for somebody else, and the alias, which approves nothing, goes.
            platform.mlflow.tag_version(review.model, review.version, "jinsu.review", f"refused: {problem}")
            platform.mlflow.drop_alias(review.model, ALIAS, review.version)
    return answered


def close(platform: Platform, submission: str, reason: str) -> None:
    """A cancelled run asks nobody any more."""
    with platform.database.begin() as session:
        review = session.get(Review, submission)
        if review is not None and review.state == "open":
            review.state, review.reason = "cancelled", reason
        task = session.get(Task, (submission, "review", 0))
        if task is not None and task.state == "running":
            task.state, task.detail = "failed", reason
    end_submission(platform, submission, "cancelled", reason)
