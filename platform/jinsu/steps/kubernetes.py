"""The launcher of a cluster: a Job a step, found again by its run key from any process."""

from __future__ import annotations

import time
from uuid import uuid4

from jinsu.errors import BadInputError, ConflictError, TransientError
from jinsu.kube import Document, Kind, Kube
from jinsu.objects.s3 import S3Settings
from jinsu.objects.store import Store
from jinsu.placement import Cluster
from jinsu.steps.contract import StepSpec
from jinsu.steps.job import ATTEMPT_LABEL, KEY_LABEL, job, name_of
from jinsu.steps.launcher import WAITING, Phase, StepStatus
from jinsu.steps.pod import runs, said_by_both, status_of
from jinsu.steps.text import unfinished_bytes
from jinsu.steps.work import PIECE, Attempt, Work

_GONE_SECONDS = 60.0
_GRACE_SECONDS = 20
_NEW_SECONDS = 10.0
_METRICS_BYTES = 4 << 20


class KubernetesLauncher:
    """Truth is in the object store: the result, the last attempt and how it ended. The cluster says what goes on meanwhile."""

    def __init__(self, kube: Kube, store: Store, cluster: Cluster, address: S3Settings) -> None:
        self._kube, self._store, self._cluster, self._address = kube, store, cluster, address

    def start(self, step: StepSpec) -> StepStatus:
        work, namespace = Work(self._store, step.run_key), self._namespace(step)
        status = self.status(step.run_key)
        if status.phase is Phase.DONE or (status.phase in WAITING and not self._told(work)):
            return status
        self._clear(namespace, step.run_key)
        if work.result() is not None:
            return self.status(step.run_key)
        work.forget_result()  # one whose outputs are gone must not speak for this attempt
        work.tell(step)
        attempt = Attempt(uuid4().hex[:12], namespace)
        try:
            self._kube.create(Kind.JOB, namespace, job(step, self._cluster, self._address, attempt.id, namespace))
        except ConflictError:
            return self.status(step.run_key)  # another start was first
        work.begin(attempt)
        return StepStatus(Phase.QUEUED)

    def status(self, run_key: str) -> StepStatus:
        work = Work(self._store, run_key)
        if (result := work.result()) is not None:
            return StepStatus(Phase.DONE, f"ran {result.seconds:.1f} s", result)
        attempt = work.attempt()
        if attempt is None:
            return StepStatus(Phase.ABSENT)
        pods = self._pods(attempt.namespace, run_key)
        if (reason := work.cancelled(attempt.id)) is not None:
            return (
                StepStatus(Phase.RUNNING, "it is being stopped") if runs(pods) else StepStatus(Phase.CANCELLED, reason)
            )
        if (ended := work.ended(attempt.id)) is not None:
            if ended.phase is Phase.DONE and runs(pods):
                return StepStatus(Phase.RUNNING, "its outputs are being kept")
            if (result := work.result()) is not None:  # written between two looks
                return StepStatus(Phase.DONE, f"ran {result.seconds:.1f} s", result)
            return said_by_both(ended, pods, self._memory(work))
        return self._seen(work, attempt, pods)

    def cancel(self, run_key: str, reason: str) -> None:
        work = Work(self._store, run_key)
        attempt = work.attempt()
        if attempt is None or work.result() is not None:
            return
        work.cancel(attempt.id, reason)
        self._kube.delete(Kind.JOB, attempt.namespace, name_of(run_key), _GRACE_SECONDS)

    def logs(self, run_key: str, offset: int) -> tuple[str, int]:
        work = Work(self._store, run_key)
        chunk = work.bytes_from("log", offset)
        more = len(chunk) == PIECE or (chunk != b"" and not self._told(work))
        unfinished = unfinished_bytes(chunk) if more else 0
        whole = chunk[: len(chunk) - unfinished]
        return whole.decode(errors="replace"), offset + len(whole)

    def metrics(self, run_key: str, offset: int) -> bytes:
        return Work(self._store, run_key).bytes_from("metrics", offset, _METRICS_BYTES)

    # --- What the cluster says ---

    def _seen(self, work: Work, attempt: Attempt, pods: list[Document]) -> StepStatus:
        key = work.run_key
        found = self._kube.get(Kind.JOB, attempt.namespace, name_of(key))
        if found is None and not pods and time.time() - attempt.at < _NEW_SECONDS:
            return StepStatus(Phase.QUEUED)
        if found is not None and found["metadata"]["labels"].get(ATTEMPT_LABEL) != attempt.id:
            return StepStatus(Phase.QUEUED)  # the next attempt's Job is there and about to be told of
        events = self._events(attempt.namespace, key)
        seen = status_of(found, pods, events, self._memory(work), time.time())
        if seen.phase is not Phase.FAILED:
            return seen
        # It may have told its end between two looks, and what it tells counts for more.
        if (result := work.result()) is not None:
            return StepStatus(Phase.DONE, f"ran {result.seconds:.1f} s", result)
        ended = work.ended(attempt.id)
        return said_by_both(ended, pods, self._memory(work)) if ended else seen

    def _pods(self, namespace: str, run_key: str) -> list[Document]:
        return self._kube.list(Kind.POD, namespace, labels=f"{KEY_LABEL}={run_key[:63]}")

    def _events(self, namespace: str, run_key: str) -> list[Document]:
        """Those about the Job and its pods; the cluster keeps them for an hour."""
        name = name_of(run_key)
        found = self._kube.list(Kind.EVENT, namespace)
        ours = [event for event in found if str(event["involvedObject"].get("name", "")).startswith(name)]
        return sorted(ours, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))

    def _memory(self, work: Work) -> int:
        step = work.step()
        return step.limits.memory if step else 0

    def _told(self, work: Work) -> bool:
        """Whether the last attempt has said how it ended."""
        attempt = work.attempt()
        return attempt is not None and work.ended(attempt.id) is not None

    # --- Starting ---

    def _namespace(self, step: StepSpec) -> str:
        team = step.labels.get("team", "default")
        try:
            return self._cluster.namespaces[team]
        except KeyError:
            known = ", ".join(sorted(self._cluster.namespaces))
            raise BadInputError(
                f"team {team!r} has no place in this cluster; it knows {known} (values: teams)."
            ) from None

    def _clear(self, namespace: str, run_key: str) -> None:
        """Removes the Job of an attempt that is over. Two trainings that write the same checkpoints would ruin both."""
        self._kube.delete(Kind.JOB, namespace, name_of(run_key), _GRACE_SECONDS)
        patience = time.monotonic() + _GONE_SECONDS
        while self._kube.get(Kind.JOB, namespace, name_of(run_key)) or self._pods(namespace, run_key):
            if time.monotonic() > patience:
                raise TransientError(
                    f"the last attempt of step {run_key[:12]} is still being stopped; it is tried again."
                )
            time.sleep(0.2)
