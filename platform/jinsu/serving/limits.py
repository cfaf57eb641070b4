"""The bounds of a model server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one server.

    batch: rows in one run. queue: rows that may wait. rows: rows in one request. body: bytes of a request. bodies:
    bytes of all requests that are read or answered at one time. text: characters of one text. deadline: seconds from
    a request's arrival to its answer. inline_below: seconds; for the answers of a shorter run the event loop waits,
    which makes batches larger. read: seconds in which a request's body must arrive. run: seconds that a run may take,
    unless twenty times its measured time is more. grace: seconds in which a run that is asked to stop must do so.
    load: seconds in which the model must be loaded. down: seconds without a loaded model after which the server is
    not healthy. memory: bytes that the inference process may allocate.
    """

    batch: int = 64
    queue: int = 256
    rows: int = 1024
    body: int = 4 << 20
    bodies: int = 128 << 20
    text: int = 4096
    deadline: float = 5.0
    inline_below: float = 1e-3
    read: float = 10.0
    run: float = 1.0
    grace: float = 0.2
    load: float = 120.0
    down: float = 5.0
    memory: int = 1 << 30
