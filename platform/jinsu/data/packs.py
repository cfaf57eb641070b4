"""The packs of datasets among the objects: `packs/NAME/SHA256`. Each dataset has its own, so that a digest opens no other's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from jinsu.errors import BadInputError
from jinsu.objects.mirror import Mirror
from jinsu.objects.store import PlatformStore

_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Packs:
    """Which packs of a dataset are there."""

    objects: Mirror

    def name(self, dataset: str, sha256: str) -> str:
        """The object's name. Raises BadInputError for what is no sha256."""
        if not _DIGEST.fullmatch(sha256):
            raise BadInputError(f"{sha256[:80]!r} is no sha256; it has 64 hexadecimal digits.")
        return f"packs/{dataset}/{sha256}"

    def sizes(self, dataset: str) -> dict[str, int]:
        """Bytes of every pack of the dataset, by its sha256."""
        store = self.objects.store
        if store is None:
            folder = self.objects.root / "packs" / dataset
            found = folder.iterdir() if folder.is_dir() else iter(())
            return {path.name: path.stat().st_size for path in found if _DIGEST.fullmatch(path.name)}
        assert isinstance(store, PlatformStore)
        return {item.key.rpartition("/")[2]: item.size for item in store.stored(f"packs/{dataset}/")}

    def missing(self, dataset: str, digests: Iterable[str]) -> list[str]:
        """Which of the packs are not there, in their order."""
        there = self.sizes(dataset)
        return [digest for digest in digests if digest not in there]
