"""An owner deletes a dataset, or a version of it, unless something needs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jinsu.data.datasets import DatasetStore, DatasetVersion
from jinsu.data.packs import Packs
from jinsu.errors import ConflictError
from jinsu.identity import audit
from jinsu.identity.people import Person
from jinsu.objects.mirror import Mirror
from jinsu.registry.mlflow import Mlflow
from jinsu.retention.announcements import announce, withdraw
from jinsu.retention.decision import Unneeded
from jinsu.retention.inventory import remove, size_of
from jinsu.retention.records import serving_versions
from jinsu.runs.dataset_files import pack_names
from jinsu.runs.ownership import Ownership
from jinsu.runs.problems import latest_spec
from jinsu.state.database import Database
from jinsu.state.states import AuditEvent, Kept
from jinsu.state.tables import Candidate, Dataset, Grant, Problem, Removal, Submission
from jinsu.steps.folders import StepFolders

_SHOWN = 5


@dataclass(frozen=True)
class Deletion:
    """What a deletion removes. size: bytes that become free. needs: why it may not be, a sentence each; () when it may."""

    versions: Sequence[DatasetVersion]
    objects: Sequence[str]
    size: int
    needs: Sequence[str]


@dataclass(frozen=True)
class DatasetDeletion:
    """Finds out what needs a version, and removes what nothing needs. Copies that runs made of rows go with those runs."""

    database: Database
    objects: Mirror
    datasets: DatasetStore
    ownership: Ownership
    steps: StepFolders
    packs: Packs
    mlflow: Mlflow

    def plan(self, person: Person, name: str, version: str) -> Deletion:
        """What would go; nothing is changed. version: digits, or "" for all versions.

        Raises NotFoundError for a dataset that the person may not see, and ForbiddenError for no owner of its team.
        """
        self.ownership.require_owner(person, name)
        chosen = [self.datasets.resolve(f"{name}@{version}")] if version else self.datasets.versions(name)
        rest = [other for other in self.datasets.every() if other not in chosen]
        steps = {item.step for item in chosen if item.step} - {other.step for other in rest}
        objects = [*map(self.datasets.object, chosen), *self._packs(chosen, rest)]
        objects += [f"steps/{step}" for step in sorted(steps)]
        last = not any(other.name == name for other in rest)
        return Deletion(chosen, objects, size_of(self.objects, objects), list(self._needs(name, chosen, last)))

    def delete(self, person: Person, name: str, version: str) -> Deletion:
        """As `plan`, and removes it. Raises ConflictError when something needs a version."""
        deletion = self.plan(person, name, version)
        self._refuse(name, deletion.needs)
        announce(self.database, [Unneeded(item, 0, "deleted by an owner") for item in deletion.objects])
        # A run writes down what it needs and then looks at what is being removed: one of the two sees the other.
        needs = list(self._needs(name, deletion.versions, last=False))
        if needs:
            withdraw(self.database, deletion.objects)
            self._refuse(name, needs)
        self._repoint(name, deletion.versions)
        kept = {
            pack
            for version in self.datasets.every()
            if version not in deletion.versions
            for pack in pack_names(self.steps, version).values()
        }
        for item in deletion.objects:
            if item not in kept:  # a version that was put meanwhile has it
                remove(self.objects, item)
        self._record(person, name, deletion)
        return deletion

    def _packs(self, chosen: Sequence[DatasetVersion], rest: Sequence[DatasetVersion]) -> list[str]:
        """Packs of the versions that no other version has, after a put in between too."""
        kept = {name for version in rest for name in pack_names(self.steps, version).values()}
        gone = {name for version in chosen for name in pack_names(self.steps, version).values()}
        return sorted(gone - kept)

    def _refuse(self, name: str, needs: Sequence[str]) -> None:
        if needs:
            more = f" and {len(needs) - _SHOWN} more" if len(needs) > _SHOWN else ""
            raise ConflictError(f"dataset {name}: nothing is deleted: {'; '.join(needs[:_SHOWN])}{more}.")

    # --- What needs a version ---

    def _needs(self, name: str, versions: Sequence[DatasetVersion], last: bool) -> Iterator[str]:
        with self.database.begin() as session:
            references = {item.reference for item in versions}
            runs = session.scalars(select(Submission).where(Submission.dataset.in_(references))).all()
            serves = serving_versions(session)
            candidates = session.scalars(
                select(Candidate).where(
                    Candidate.submission.in_([run.id for run in runs]), Candidate.version.is_not(None)
                )
            ).all()
            yield from _problems(session, name, versions, last)
        for run in runs:
            if run.ended is None:
                yield f"run {run.id} is open and reads it; wait for its end, or cancel it: jinsu cancel {run.id}"
        named = {run.id: run.dataset for run in runs}
        aliased = {model: set(self.mlflow.aliases(model).values()) for model in {row.model for row in candidates}}
        for row in sorted(candidates, key=lambda row: (row.model, str(row.version))):
            if (row.model, str(row.version)) in serves or row.version in aliased[row.model]:
                yield (
                    f"version {row.version} of model {row.model}, which serves or may soon, was trained on "
                    f"{named[row.submission]}; promote another version first"
                )

    # --- Removing ---

    def _repoint(self, name: str, gone: Sequence[DatasetVersion]) -> None:
        """Before a version goes, so that the name never stands for one that is not there."""
        left = [version for version in self.datasets.versions(name) if version not in gone]
        if not left:
            self.datasets.forget(name)
        elif self.datasets.resolve(name) in gone:
            self.datasets.make_latest(left[0])

    def _record(self, person: Person, name: str, deletion: Deletion) -> None:
        with self.database.begin() as session:
            for item in deletion.objects:
                if (row := session.get(Removal, item)) is not None:
                    row.done = True
            for version in deletion.versions:
                detail = f"{version.rows} {'rows' if version.kind == 'table' else 'files'}, put by {version.created_by}"
                audit.note(session, person.name, AuditEvent.DATASET_DELETED, version.reference, detail)
            judged = session.scalar(select(Problem.name).where(Problem.dataset == name).limit(1))
            if judged is None and not any(version.name == name for version in self.datasets.every()):
                session.query(Grant).where(Grant.kind == Kept.DATASET, Grant.name == name).delete()
                session.query(Dataset).where(Dataset.name == name).delete()


def _problems(session: Session, name: str, versions: Sequence[DatasetVersion], last: bool) -> Iterator[str]:
    """Which kept problems name one of the versions, or would have no version left. An inline problem needs none."""
    kept = select(Problem.name).where(Problem.dataset == name, ~Problem.inline).order_by(Problem.name)
    for problem in session.scalars(kept):
        digits = latest_spec(session, problem).dataset.partition("@")[2]
        pinned = digits not in ("", "latest") and any(version.digest.startswith(digits) for version in versions)
        if pinned:
            yield f"problem {problem} names this very version; put a version of the problem that names another"
        elif last:
            yield f"problem {problem} judges by it and would have no version left; put a new version first, then delete the old"
