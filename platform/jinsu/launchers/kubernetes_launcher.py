"""The launcher of a cluster: a Job a step, found again by its run key from any process."""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import uuid4

from jinsu.clients.kubernetes import Document, Kind, Kube
from jinsu.errors import BadInputError, ConflictError, TransientError
from jinsu.launchers.job import ATTEMPT_LABEL, KEY_LABEL, job, name_of
from jinsu.launchers.pod_status import runs, said_by_both, status_of, when
from jinsu.objects.s3 import S3Settings
from jinsu.objects.store import Store
from jinsu.placement.kubernetes import Cluster
from jinsu.steps.record import PIECE, Attempt, Ended, Work
from jinsu.steps.result import StepResult
from jinsu.steps.spec import StepSpec
from jinsu.steps.status import WAITING, Phase, StepStatus
from jinsu.steps.utf8 import unfinished_bytes

_GONE_SECONDS = 60.0
_NEW_SECONDS = 10.0
_METRICS_BYTES = 4 << 20


class KubernetesLauncher:
    """Truth is in the object store: the result, the last attempt and how it ended. The cluster says what goes on meanwhile."""

    def __init__(self, kube: Kube, store: Store, cluster: Cluster, address: S3Settings) -> None:
        self._kube, self._store, self._cluster, self._address = kube, store, cluster, address

    def start(self, step: StepSpec) -> StepStatus:
        work, namespace = Work(self._store, step.run_key), self._namespace(step)
        status, judged = self._look(work)
        if status.phase is Phase.DONE or (status.phase in WAITING and not self._over(work, judged)):
            return status
        if not self._clear(namespace, step.run_key, judged):
            return self.status(step.run_key)  # another start was first
        if work.result() is not None:
            return self.status(step.run_key)
        work.forget_result()  # one whose outputs are gone must not speak for this attempt
        work.tell(step)
        attempt = Attempt(uuid4().hex[:12], namespace)
        try:
            self._kube.create(Kind.JOB, namespace, job(step, self._cluster, self._address, attempt.id, namespace))
        except ConflictError:
            return self.status(step.run_key)
        work.begin(attempt)
        return StepStatus(Phase.QUEUED)

    def status(self, run_key: str) -> StepStatus:
        return self._look(Work(self._store, run_key))[0]

    def _look(self, work: Work) -> tuple[StepStatus, Attempt | None]:
        """Where the step is, and the attempt that this is said of."""
        told = work.attempt()
        if (result := work.result()) is not None:
            return _done(result), told
        if told is None:
            return StepStatus(Phase.ABSENT), None
        found = self._kube.get(Kind.JOB, told.namespace, name_of(work.run_key))
        # A Job that is there names the attempt, whichever start was the last to write it down.
        attempt = told if found is None else replace(told, id=found["metadata"]["labels"][ATTEMPT_LABEL])
        pods = self._pods(attempt.namespace, work.run_key)
        if (reason := work.cancelled(attempt.id)) is not None:
            stopping = StepStatus(Phase.RUNNING, "it is being stopped")
            return (stopping if runs(pods) else StepStatus(Phase.CANCELLED, reason)), attempt
        if (ended := work.ended(attempt.id)) is not None:
            return self._told(work, ended, pods), attempt
        return self._seen(work, attempt, found, pods), attempt

    def cancel(self, run_key: str, reason: str) -> None:
        work = Work(self._store, run_key)
        attempt = work.attempt()
        if attempt is None or work.result() is not None:
            return
        work.cancel(attempt.id, reason)
        self._kube.delete(Kind.JOB, attempt.namespace, name_of(run_key))

    def logs(self, run_key: str, offset: int) -> tuple[str, int]:
        work = Work(self._store, run_key)
        chunk = work.bytes_from("log", offset)
        more = len(chunk) == PIECE or (chunk != b"" and not self._over(work, work.attempt()))
        unfinished = unfinished_bytes(chunk) if more else 0
        whole = chunk[: len(chunk) - unfinished]
        return whole.decode(errors="replace"), offset + len(whole)

    def metrics(self, run_key: str, offset: int) -> bytes:
        return Work(self._store, run_key).bytes_from("metrics", offset, _METRICS_BYTES)

    # --- What the attempt told, and what the cluster says ---

    def _told(self, work: Work, ended: Ended, pods: list[Document]) -> StepStatus:
        if ended.phase is Phase.DONE and runs(pods):
            return StepStatus(Phase.RUNNING, "its outputs are being kept")
        if (result := work.result()) is not None:  # written between two looks
            return _done(result)
        return said_by_both(ended, pods, self._memory(work))

    def _seen(self, work: Work, attempt: Attempt, found: Document | None, pods: list[Document]) -> StepStatus:
        if found is None and not pods and time.time() - attempt.at < _NEW_SECONDS:
            return StepStatus(Phase.QUEUED)
        events = [] if pods and found is not None else self._events(attempt, work.run_key)
        seen = status_of(found, pods, events, self._memory(work), time.time())
        if seen.phase is not Phase.FAILED:
            return seen
        # It may have told its end between two looks, and what it tells counts for more.
        if (result := work.result()) is not None:
            return _done(result)
        ended = work.ended(attempt.id)
        return self._told(work, ended, pods) if ended else seen

    def _pods(self, namespace: str, run_key: str) -> list[Document]:
        return self._kube.list(Kind.POD, namespace, labels=f"{KEY_LABEL}={run_key[:63]}")

    def _events(self, attempt: Attempt, run_key: str) -> list[Document]:
        """Those about this attempt's Job and pod, oldest first. The cluster keeps them for an hour, under one name."""
        name = name_of(run_key)
        found = self._kube.list(Kind.EVENT, attempt.namespace)
        ours = [event for event in found if str(event["involvedObject"].get("name", "")).startswith(name)]
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(attempt.at - 1))
        return sorted((event for event in ours if when(event) >= since), key=when)

    def _memory(self, work: Work) -> int:
        step = work.step()
        return step.limits.memory if step else 0

    def _over(self, work: Work, attempt: Attempt | None) -> bool:
        """Whether the attempt has said how it ended, or was told to."""
        if attempt is None:
            return False
        return work.cancelled(attempt.id) is not None or work.ended(attempt.id) is not None

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

    def _clear(self, namespace: str, run_key: str, judged: Attempt | None) -> bool:
        """Removes the Job of an attempt that is over; False when another attempt's Job is there meanwhile.

        Two trainings that write the same checkpoints would ruin both.
        """
        patience = time.monotonic() + _GONE_SECONDS
        asked = False
        while True:
            found = self._kube.get(Kind.JOB, namespace, name_of(run_key))
            if found is not None and judged is not None and found["metadata"]["labels"][ATTEMPT_LABEL] != judged.id:
                return False
            if found is not None and not asked:
                self._kube.delete(Kind.JOB, namespace, name_of(run_key))
                asked = True
            if found is None and not self._pods(namespace, run_key):
                return True
            if time.monotonic() > patience:
                raise TransientError(
                    f"the last attempt of step {run_key[:12]} is still being stopped; it is tried again."
                )
            time.sleep(0.2)


def _done(result: StepResult) -> StepStatus:
    return StepStatus(Phase.DONE, f"ran {result.seconds:.1f} s", result)
