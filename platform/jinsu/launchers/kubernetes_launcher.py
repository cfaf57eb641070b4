"""The launcher for Kubernetes: a Job for each attempt, found again by the step's run key from any process."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from uuid import uuid4

from jinsu.clients.kubernetes import Document, Kind, Kube
from jinsu.errors import BadInputError, ConflictError, TransientError
from jinsu.launchers.job import ATTEMPT_LABEL, KEY_LABEL, job, name_of, secret
from jinsu.launchers.launcher import LOG_BYTES, METRICS_BYTES
from jinsu.launchers.lost_node import FENCED_SECONDS, LOST_MESSAGE, is_lost
from jinsu.launchers.pod_status import any_container_runs, event_time, status_of, status_of_end
from jinsu.objects.s3 import S3Settings
from jinsu.objects.store import Store
from jinsu.placement.kubernetes import Cluster
from jinsu.steps.record import Attempt, AttemptEnd, StepRecord, Stream
from jinsu.steps.result import StepResult
from jinsu.steps.spec import StepKind, StepSpec
from jinsu.steps.status import WAITING, Phase, StepStatus
from jinsu.steps.utf8 import unfinished_bytes

_GONE_SECONDS = 60.0
_NEW_SECONDS = 10.0


class KubernetesLauncher:
    """Starts steps as Jobs.

    The object store holds the truth: the result, the current attempt and how it ended. Kubernetes shows what goes on
    meanwhile. An attempt is noted, then its Job is made, then it becomes the current one; a start that was cut off between
    two of these is completed by the next one.
    """

    def __init__(self, kube: Kube, store: Store, cluster: Cluster, address: S3Settings, key: str) -> None:
        """address: of the object store. key: the secret with which the tokens of attempts are made."""
        self._kube, self._store, self._cluster, self._address, self._key = kube, store, cluster, address, key

    def start(self, step: StepSpec) -> StepStatus:
        if not self._key:
            raise BadInputError("settings: kubernetes.step_key is empty; add JINSU_STEP_KEY to the platform's Secret.")
        record, namespace = StepRecord(self._store, step.run_key), self._namespace(step)
        self._adopt(step, record, namespace)
        status, attempt = self._observe(record)
        if status.phase is Phase.DONE or (status.phase in WAITING and not self._has_ended(record, attempt)):
            return status
        number = 0
        if attempt is not None:
            number = self._number_after(record, attempt)
            if number == attempt.number and not self._remove_job(record.run_key, attempt):
                return self.status(step.run_key)  # another start was first
        if record.read_result() is not None:
            return self.status(step.run_key)
        record.delete_result()  # one whose outputs are gone must not count for this attempt
        record.write_step(step)
        new = Attempt(uuid4().hex[:12], namespace, _after(attempt), number)
        record.note_attempt(new)
        try:
            made = self._kube.create(Kind.JOB, namespace, job(step, self._cluster, new, self._address.ca_file))
        except ConflictError:
            return self.status(step.run_key)
        self._hand_over(step, record, new, made)
        if (reason := record.read_cancel(new.id)) is not None:  # since the attempt was noted
            self._kube.delete(Kind.JOB, namespace, name_of(step.run_key, new.number))
            return StepStatus(Phase.CANCELLED, reason)
        return StepStatus(Phase.QUEUED)

    def status(self, run_key: str) -> StepStatus:
        return self._observe(StepRecord(self._store, run_key))[0]

    def cancel(self, run_key: str, reason: str) -> None:
        record = StepRecord(self._store, run_key)
        current = record.read_attempt()
        since = current.at if current else 0.0
        attempts = [attempt for attempt in record.noted_attempts() if attempt.at >= since]
        if current is not None and current.id not in {attempt.id for attempt in attempts}:
            attempts.append(current)
        if not attempts or record.read_result() is not None:
            return
        # A start that has noted its attempt reads the cancel after it has made the Job, and deletes the Job itself.
        record.write_cancel([attempt.id for attempt in attempts], reason)
        for attempt in attempts:
            self._kube.delete(Kind.JOB, attempt.namespace, name_of(run_key, attempt.number))

    def logs(self, run_key: str, offset: int) -> tuple[str, int]:
        record = StepRecord(self._store, run_key)
        chunk = record.read_bytes(Stream.LOG, offset, LOG_BYTES)
        more = len(chunk) == LOG_BYTES or (chunk != b"" and not self._has_ended(record, record.read_attempt()))
        unfinished = unfinished_bytes(chunk) if more else 0
        whole = chunk[: len(chunk) - unfinished]
        return whole.decode(errors="replace"), offset + len(whole)

    def metrics(self, run_key: str, offset: int) -> bytes:
        return StepRecord(self._store, run_key).read_bytes(Stream.METRICS, offset, METRICS_BYTES)

    # --- What the record holds, and what Kubernetes shows ---

    def _observe(self, record: StepRecord) -> tuple[StepStatus, Attempt | None]:
        """The step's status, and the attempt whose status it is."""
        recorded = record.read_attempt()
        if (result := record.read_result()) is not None:
            return _done(result), recorded
        if recorded is None:
            return StepStatus(Phase.ABSENT), None
        current_job = self._kube.get(Kind.JOB, recorded.namespace, name_of(record.run_key, recorded.number))
        # A Job that is there names the attempt, whichever start was the last to record its own.
        attempt = recorded if current_job is None else replace(recorded, id=_attempt_of(current_job))
        pods = self._pods(record.run_key, attempt)
        lost = is_lost(pods, self._cluster.lost_seconds, time.time())
        if (reason := record.read_cancel(attempt.id)) is not None:
            stops = any_container_runs(pods) and not lost
            stopping = StepStatus(Phase.RUNNING, "it is being stopped")
            return (stopping if stops else StepStatus(Phase.CANCELLED, reason)), attempt
        if (end := record.read_end(attempt.id)) is not None:
            return self._status_of_end(record, end, [] if lost else pods), attempt
        if lost:
            return StepStatus(Phase.FAILED, LOST_MESSAGE, interrupted=True), attempt
        return self._status_of_running(record, attempt, current_job, pods), attempt

    def _status_of_end(self, record: StepRecord, end: AttemptEnd, pods: list[Document]) -> StepStatus:
        if end.phase is Phase.DONE and any_container_runs(pods):
            return StepStatus(Phase.RUNNING, "its outputs are being kept")
        if (result := record.read_result()) is not None:  # written since the last look
            return _done(result)
        return status_of_end(end, pods, self._memory(record))

    def _status_of_running(
        self, record: StepRecord, attempt: Attempt, current_job: Document | None, pods: list[Document]
    ) -> StepStatus:
        """The status of an attempt whose record held no end a moment ago."""
        if current_job is None and not pods and time.time() - attempt.at < _NEW_SECONDS:
            return StepStatus(Phase.QUEUED)
        events = [] if pods and current_job is not None else self._events(attempt, record.run_key)
        status = status_of(current_job, pods, events, self._memory(record), time.time())
        if status.phase is not Phase.FAILED:
            return status
        # The attempt may have recorded its end meanwhile, and its record counts for more.
        if (result := record.read_result()) is not None:
            return _done(result)
        end = record.read_end(attempt.id)
        return self._status_of_end(record, end, pods) if end else status

    def _pods(self, run_key: str, attempt: Attempt) -> list[Document]:
        labels = f"{KEY_LABEL}={run_key[:63]},{ATTEMPT_LABEL}={attempt.id}"
        return self._kube.list(Kind.POD, attempt.namespace, labels=labels)

    def _events(self, attempt: Attempt, run_key: str) -> list[Document]:
        """Events of this attempt's Job and pod, oldest first.

        Kubernetes keeps events for an hour, and the Job of every attempt has the same name.
        """
        name = name_of(run_key, attempt.number)
        events = self._kube.list(Kind.EVENT, attempt.namespace)
        of_the_step = [event for event in events if str(event["involvedObject"].get("name", "")).startswith(name)]
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(attempt.at - 1))
        return sorted((event for event in of_the_step if event_time(event) >= since), key=event_time)

    def _memory(self, record: StepRecord) -> int:
        step = record.read_step()
        return step.limits.memory if step else 0

    def _has_ended(self, record: StepRecord, attempt: Attempt | None) -> bool:
        """Whether the attempt recorded its end, or was cancelled."""
        if attempt is None:
            return False
        return record.read_cancel(attempt.id) is not None or record.read_end(attempt.id) is not None

    # --- Starting ---

    def _namespace(self, step: StepSpec) -> str:
        """A researcher's program runs in the namespace of its team, a program of the platform in the platform's own."""
        if step.kind is StepKind.PLATFORM:
            return self._cluster.platform_namespace
        team = step.labels.get("team", "default")
        try:
            return self._cluster.namespaces[team]
        except KeyError:
            teams = ", ".join(sorted(self._cluster.namespaces))
            raise BadInputError(
                f"team {team!r} has no namespace in this Kubernetes; the teams are {teams} (values: teams)."
            ) from None

    def _adopt(self, step: StepSpec, record: StepRecord, namespace: str) -> None:
        """Completes a start that was cut off after it had made the Job."""
        current = record.read_attempt()
        name = name_of(record.run_key, 0 if current is None else self._next_number(record, current))
        made = self._kube.get(Kind.JOB, namespace, name)
        noted = None if made is None else record.read_noted(_attempt_of(made))
        if made is not None and noted is not None and "deletionTimestamp" not in made["metadata"]:
            self._hand_over(step, record, noted, made)

    def _hand_over(self, step: StepSpec, record: StepRecord, attempt: Attempt, made: Document) -> None:
        """Gives the attempt's pod its Secret, and makes the attempt the current one; doing it twice is safe."""
        with contextlib.suppress(ConflictError):
            self._kube.create(Kind.SECRET, attempt.namespace, secret(step, attempt, made, self._key))
        record.advance(attempt)

    def _next_number(self, record: StepRecord, attempt: Attempt) -> int:
        """The number of an attempt after this one. It grows when this one was given up: its Job may never go."""
        return attempt.number + (record.read_given_up(attempt.id) is not None)

    def _number_after(self, record: StepRecord, attempt: Attempt) -> int:
        """The number of the next attempt; gives this one up when its node does not answer.

        Raises TransientError while an address may be valid that was signed before this attempt was given up.
        """
        pods = self._pods(record.run_key, attempt)
        now = time.time()
        given_up = record.read_given_up(attempt.id)
        if given_up is None and is_lost(pods, self._cluster.lost_seconds, now):
            record.write_given_up(attempt.id, now)
            self._kube.delete(Kind.JOB, attempt.namespace, name_of(record.run_key, attempt.number))
            given_up = now
        if given_up is None:
            return attempt.number
        waits = given_up + FENCED_SECONDS - now
        if waits > 0 and any_container_runs(pods):
            raise TransientError(
                f"step {record.run_key[:12]}: its node does not answer; another attempt starts in {waits:.0f} s.",
                min(waits, 60.0),
            )
        return attempt.number + 1

    def _remove_job(self, run_key: str, attempt: Attempt) -> bool:
        """Removes the Job of an attempt that is over; False when another attempt's Job is there meanwhile.

        Two trainings that write the same checkpoints would ruin both. Raises TransientError when the last attempt does not
        stop within a minute.
        """
        patience = time.monotonic() + _GONE_SECONDS
        namespace, name = attempt.namespace, name_of(run_key, attempt.number)
        deleted = False
        while True:
            current_job = self._kube.get(Kind.JOB, namespace, name)
            if current_job is not None and _attempt_of(current_job) != attempt.id:
                return False
            if current_job is not None and not deleted:
                self._kube.delete(Kind.JOB, namespace, name)
                deleted = True
            if current_job is None and not self._pods(run_key, attempt):
                return True
            if time.monotonic() > patience:
                raise TransientError(
                    f"the last attempt of step {run_key[:12]} is still being stopped; it is tried again."
                )
            time.sleep(0.2)


def _after(attempt: Attempt | None) -> float:
    """When an attempt after this one starts: now, and later than this one even where clocks differ."""
    return time.time() if attempt is None else max(time.time(), attempt.at + 0.001)


def _attempt_of(job_document: Document) -> str:
    return str(job_document["metadata"]["labels"][ATTEMPT_LABEL])


def _done(result: StepResult) -> StepStatus:
    return StepStatus(Phase.DONE, f"ran {result.seconds:.1f} s", result)
