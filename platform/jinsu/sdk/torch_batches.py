"""Batches for the workers of torch's data loader. `Batches.torch` imports this module when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinsu.sdk.row_batches import Batches

try:  # workers look the class up by name, so it cannot be made inside a function
    from torch.utils.data import IterableDataset
except ImportError:  # a script without torch has no loader
    IterableDataset = object


class TorchBatches(IterableDataset):  # type: ignore[misc]
    """The batches of an epoch, divided among the workers. Arrays of numbers become tensors in the loader."""

    def __init__(self, batches: Batches) -> None:
        self._batches, self._epoch = batches, 0

    def set_epoch(self, number: int) -> None:
        """Which epoch the next loop is: workers that are started anew do not know how many there were."""
        self._epoch = number

    def __iter__(self) -> Iterator[Any]:
        from torch.utils.data import get_worker_info

        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        return self._batches.share(self._epoch, worker, workers)
