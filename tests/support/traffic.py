"""Live requests to an endpoint while a test runs, and who answered them."""

import random
import threading
import time
from collections import Counter

import httpx


class Traffic:
    """Live requests from two clients, all the time; remembers every answer as (when, status, version)."""

    def __init__(self, url: str, far: float, headers: dict[str, str]) -> None:
        self._url, self._far, self._headers, self._stop = url, far, headers, threading.Event()
        self.answers: list[tuple[float, int, str]] = []
        self._threads = [threading.Thread(target=self._send, args=(seed,), daemon=True) for seed in range(2)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, seed: int) -> None:
        chance = random.Random(seed)
        with httpx.Client(timeout=10, headers=self._headers) as client:
            while not self._stop.wait(0.015):
                row = [chance.gauss(0, 1) + 200 * (chance.random() < self._far), chance.gauss(0, 1)]
                try:
                    answer = client.post(self._url, json={"inputs": [row]})
                    seen = (answer.status_code, answer.headers.get("x-jinsu-version", ""))
                except httpx.TransportError:
                    seen = (0, "")
                self.answers.append((time.monotonic(), *seen))

    @property
    def failed(self) -> list[tuple[float, int, str]]:
        return [answer for answer in self.answers if answer[1] != 200]

    def versions(self, since: float = 0.0) -> Counter[str]:
        """How many good answers came from each version since that moment."""
        return Counter(version for when, status, version in list(self.answers) if status == 200 and when >= since)

    def only(self, version: str, lately: float = 1.0) -> bool:
        """Whether nobody else has answered for a while."""
        return set(self.versions(time.monotonic() - lately)) == {version}
