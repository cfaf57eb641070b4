"""Live traffic of real rows."""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx


class Asking(threading.Thread):
    """Sends the bodies one by one, again and again, until `enough` is set. answers: counts by (status, version)."""

    def __init__(self, url: str, bodies: Sequence[Any]) -> None:
        super().__init__(daemon=True)
        self.url, self.bodies, self.enough = url, bodies, threading.Event()
        self.answers: Counter[tuple[int, str | None]] = Counter()

    def run(self) -> None:
        with httpx.Client(timeout=10) as client:
            while not self.enough.is_set():
                for body in self.bodies:
                    answer = client.post(self.url, json=body)
                    self.answers[answer.status_code, answer.headers.get("x-jinsu-version")] += 1
                    if self.enough.wait(0.02):
                        return

    def __enter__(self) -> "Asking":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.enough.set()
        self.join()
