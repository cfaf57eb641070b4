"""When an attempt is given up whose node does not answer. Pure.

Kubernetes keeps the pod of such a node for ever, because it cannot know whether the pod's processes run. Nothing is deleted
by force: when the node comes back, its kubelet ends the pod. The pod cannot harm the next attempt, because the broker signs
nothing for an attempt that was given up, and the next one starts when every address that was signed before has expired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinsu.clients.kubernetes import seconds
from jinsu.launchers.pod_status import any_container_runs
from jinsu.steps.record import URL_SECONDS

LOST_MESSAGE = "its node does not answer, so the attempt was given up; a retry resumes from the last checkpoint."
FENCED_SECONDS = URL_SECONDS + 30.0
"""After so many seconds no address is valid any more that the broker signed before it knew that the attempt was given up."""


def is_lost(pods: Sequence[Mapping[str, Any]], patience: float, now: float) -> bool:
    """Whether a pod that may still run should have ended more than `patience` seconds ago. now: seconds since the epoch."""
    running = [pod for pod in pods if any_container_runs([dict(pod)])]
    return bool(running) and all(
        (deleted := pod["metadata"].get("deletionTimestamp")) is not None and now - seconds(deleted) > patience
        for pod in running
    )
