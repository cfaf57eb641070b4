"""The names that Airflow's trigger form offers, in one small document that a DAG file can read without a question to
anybody."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from jinsu.codec import decode

FILE_NAME = "catalog.json"


@dataclass(frozen=True)
class Known:
    """models: the digest of each model's latest code, by name. datasets: names, sorted."""

    models: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()


Change = Callable[[Known], Known]


def known_from(document: object) -> Known:
    """Raises ValueError for a document that is no catalog."""
    return decode(Known, document)


class Catalog(ABC):
    """Remembers names. Several processes may do so at once."""

    @abstractmethod
    def read(self) -> Known:
        """Every name that is known now."""

    @abstractmethod
    def _change(self, change: Change) -> None:
        """Replaces what is known by `change(known)`; no other process' change is lost."""

    def remember_model(self, model: str, code_digest: str, *, replace_known: bool = True) -> None:
        """The latest code of a model; without `replace_known`, only of a model that is not known yet."""
        models = self.read().models
        if models.get(model) != code_digest and (replace_known or model not in models):
            self._change(lambda now: replace(now, models={**now.models, model: code_digest}))

    def remember_dataset(self, name: str) -> None:
        if name not in self.read().datasets:
            self._change(lambda now: replace(now, datasets=tuple(sorted({*now.datasets, name}))))
