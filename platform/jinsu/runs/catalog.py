"""What Airflow's trigger form offers to each team, in one small document that a DAG file can read without a question to
anybody."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from jinsu.codec import decode, encode

FILE_NAME = "catalog.json"


@dataclass(frozen=True)
class CodeVersion:
    """A code snapshot that may be run again.

    problem: what its model answers. by: who submitted it. at: when, in seconds since the epoch. params: `train.params` of
    its model.yaml.
    """

    model: str
    problem: str
    digest: str
    by: str
    at: float
    params: Mapping[str, bool | int | float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Offer:
    """What one team may choose. problems: names, sorted. codes: newest first."""

    problems: Sequence[str] = ()
    codes: Sequence[CodeVersion] = ()


@dataclass(frozen=True)
class Known:
    """teams: the offer of each. examples: code that every team is offered while nobody has submitted a model of its name."""

    teams: Mapping[str, Offer] = field(default_factory=dict)
    examples: Sequence[CodeVersion] = ()

    def codes(self, team: str) -> Sequence[CodeVersion]:
        """The code that a team may run, newest first, examples last."""
        own = self.teams.get(team, Offer()).codes
        taken = {code.model for offer in self.teams.values() for code in offer.codes}
        return [*own, *(example for example in self.examples if example.model not in taken)]


Change = Callable[[Known], Known]


def known_from(document: object) -> Known:
    """Raises ValueError for a document that is no catalog. That of version 0.1 is none, and counts as an empty one."""
    former = isinstance(document, Mapping) and "models" in document
    return Known() if former else decode(Known, document)


class Catalog(ABC):
    """Remembers what is offered. Several processes may do so at once."""

    @abstractmethod
    def read(self) -> Known:
        """What is offered now."""

    @abstractmethod
    def _change(self, change: Change) -> None:
        """Replaces what is known by `change(known)`; no other process' change is lost."""

    def offer(self, teams: Mapping[str, Offer]) -> None:
        """Offers this to the teams, in place of what was offered before."""
        self._offer(lambda now: replace(now, teams=teams))

    def offer_examples(self, examples: Sequence[CodeVersion]) -> None:
        """Offers these examples, in place of those before."""
        self._offer(lambda now: replace(now, examples=tuple(examples)))

    def _offer(self, change: Change) -> None:
        known = self.read()
        if encode(change(known)) != encode(known):  # as documents: what was read holds lists, an offer tuples
            self._change(change)
