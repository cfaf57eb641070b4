"""What a reviewer's change in MLflow stands for, done by the platform's own parts in the reviewer's name."""

from __future__ import annotations

from dataclasses import dataclass

from jinsu.identity.people import Person
from jinsu.runs.champions import Champions
from jinsu.runs.reviews import Reviews, Said
from jinsu.runs.revocations import Revocations
from jinsu.servers.mlflow_doors import Act, Deed
from jinsu.state.states import Door, Verdict

_VERDICTS = {Deed.APPROVE: Verdict.APPROVE, Deed.REJECT: Verdict.REJECT, Deed.ASK_CHANGES: Verdict.ASK_CHANGES}


@dataclass(frozen=True)
class Deeds:
    """Each part asks for itself whether the person is a reviewer of the model's team."""

    reviews: Reviews
    champions: Champions
    revocations: Revocations

    def do(self, act: Act, person: Person) -> None:
        """Raises ForbiddenError, NotFoundError, ConflictError; TransientError when MLflow does not answer."""
        match act.deed:
            case Deed.MOVE_CHAMPION:
                self.champions.move_by_hand(act.model, act.version, actor=person.name)
            case Deed.REVOKE:
                self.revocations.revoke(act.model, act.version, by=person.name, reason=act.reason)
            case deed:
                run = self.reviews.run_of(act.model, act.version)
                self.reviews.give(run, Said(person.name, _VERDICTS[deed], Door.MLFLOW, act.reason))
