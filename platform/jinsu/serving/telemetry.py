"""What the model server counts, for Prometheus and the canary's gates."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_ROWS = (1, 2, 4, 8, 16, 32, 64)


class Telemetry:
    """The metrics of one model server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter("jinsu_requests", "Requests by status", ["status"], registry=registry)
        self.seconds = Histogram("jinsu_request_seconds", "Time to answer", registry=registry, buckets=_SECONDS)
        self.batch = Histogram("jinsu_batch_rows", "Rows in one run", registry=registry, buckets=_ROWS)
        self.non_finite = Counter("jinsu_non_finite", "Answers refused: NaN or infinity", registry=registry)
        self.waiting = Gauge("jinsu_queue_rows", "Rows waiting", registry=registry)
        self.restarts = Gauge("jinsu_inference_restarts", "Inference processes that were replaced", registry=registry)
        self._by_status: dict[int, Counter] = {}

    def count(self, status: int, seconds: float) -> None:
        """Counts one answered request, by its HTTP status."""
        counter = self._by_status.get(status)
        if counter is None:
            counter = self._by_status[status] = self.requests.labels(str(status))
        counter.inc()
        self.seconds.observe(seconds)

    def page(self) -> bytes:
        """All metrics as Prometheus' text."""
        return generate_latest(self._registry)
