"""The status of a step's attempt, from its Job, its pods and their events. Pure.

Waiting for a place, starting and running are different statuses, and each problem becomes the sentence its submitter needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinsu.clients.kubernetes import seconds
from jinsu.launchers.scheduling import why_without_node
from jinsu.steps.record import AttemptEnd
from jinsu.steps.status import Phase, StepStatus, out_of_memory_message

Document = Mapping[str, Any]

IMAGE_PATIENCE = 300.0
_LOST_PATIENCE = 30.0
_RESUMES = "a retry resumes from the last checkpoint."
# "exceeds its request" is the node's need of room, not the step's fault.
_OWN_FAULT = re.compile(r"exceed(s|ed) (the|its) .*limit|exceeds the limit")
_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
_CONFIGURATION = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


def status_of(
    job: Document | None, pods: Sequence[Document], events: Sequence[Document], memory: int, now: float
) -> StepStatus:
    """The status of an attempt whose record holds no end.

    events: those of the Job and its pods, oldest first. memory: the step's limit in bytes. now: seconds since the epoch.
    """
    if job is None:
        return _lost("its Job was deleted", events)
    # The Job's name is always the same, and events are kept for an hour: those of an earlier attempt do not count.
    events = [event for event in events if event_time(event) >= job["metadata"].get("creationTimestamp", "")]
    pod = max(pods, key=lambda one: str(one["metadata"]["creationTimestamp"]), default=None)
    if pod is None:
        return _without_pod(job, events, now)
    if deleted := pod["metadata"].get("deletionTimestamp"):
        if now - _seconds(deleted, now) > IMAGE_PATIENCE:
            return StepStatus(Phase.RUNNING, "its node does not answer; an administrator must remove the node.")
        return StepStatus(Phase.RUNNING, "its pod is being stopped")
    match pod["status"].get("phase"):
        case "Pending":
            return _pending(pod, now)
        case "Running":
            return _running(pod, memory, now)
        case _:
            return _ended(pod, memory)


def event_time(event: Document) -> str:
    """The time of an event, as text that sorts."""
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def any_container_runs(pods: Sequence[Document]) -> bool:
    """Whether a container of the pods may still run."""
    alive = [pod for pod in pods if pod["status"].get("phase") not in ("Failed", "Succeeded")]
    return any(
        not _containers(pod) or any(not one["state"].get("terminated") for one in _containers(pod)) for pod in alive
    )


def status_of_end(end: AttemptEnd, pods: Sequence[Document], memory: int) -> StepStatus:
    """The status of an attempt that recorded its end. When it was killed, its pod may show that memory was the reason."""
    if end.phase is Phase.DONE:
        return StepStatus(Phase.FAILED, "its outputs are gone; it is run again.", interrupted=True)
    for pod in pods:
        if end.interrupted and _ran_out_of_memory(_work(pod)):
            return StepStatus(Phase.FAILED, out_of_memory_message(memory))
    return StepStatus(end.phase, end.message, interrupted=end.interrupted)


def _without_pod(job: Document, events: Sequence[Document], now: float) -> StepStatus:
    for condition in job["status"].get("conditions", []):
        if condition["status"] != "True":
            continue
        if condition["type"] == "Suspended":
            return StepStatus(Phase.QUEUED, "it waits in its team's queue.")
        if condition["type"] in ("Failed", "Complete"):
            return _lost("its pod was deleted", events)
    refused = [event["message"] for event in events if event.get("reason") == "FailedCreate"]
    if refused and _quota(refused[-1]):
        return StepStatus(Phase.QUEUED, f"it waits for its team's quota: {_quota(refused[-1])}")
    if refused:
        waited = now - _seconds(job["metadata"].get("creationTimestamp"), now)
        return _stuck(f"its pod cannot be made: {refused[-1]}", waited, Phase.QUEUED)
    return StepStatus(Phase.QUEUED)


def _ran_out_of_memory(container: Document) -> bool:
    """Whether memory ended the container.

    Some runtimes give OOMKilled as the reason also when a child of the script was killed and the script ended well.
    """
    ended = container["state"].get("terminated") or {}
    return ended.get("reason") == "OOMKilled" and bool(ended.get("exitCode"))


def _quota(message: str) -> str:
    match = re.search(r"exceeded quota: (.*)$", message)
    return match.group(1) if match else ""


def _lost(otherwise: str, events: Sequence[Document]) -> StepStatus:
    """The pod is gone: the last event that explains why, or the sentence `otherwise`."""
    sentences = {"Preempted": "a step of higher priority took its place", "Evicted": "its node evicted it"}
    reasons = [sentences[event["reason"]] for event in events if event.get("reason") in sentences]
    return StepStatus(Phase.FAILED, f"{reasons[-1] if reasons else otherwise}; {_RESUMES}", interrupted=True)


def _pending(pod: Document, now: float) -> StepStatus:
    conditions = {condition["type"]: condition for condition in pod["status"].get("conditions", [])}
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") != "True":
        why = why_without_node(scheduled)
        return StepStatus(Phase.QUEUED, f"it waits for a place: {why}." if why else "")
    # Bringing the inputs may take long; the patience for an image begins when the inputs are there.
    initialized = conditions.get("Initialized", {})
    condition = initialized if initialized.get("status") == "True" else scheduled
    since = _seconds(condition.get("lastTransitionTime"), now)
    for container in _containers(pod):
        waiting = container["state"].get("waiting", {})
        reason = waiting.get("reason", "")
        if reason in _IMAGE:
            text = f"image {container['image']!r} cannot be pulled: {waiting.get('message', reason)}"
            return _stuck(f"{text}; correct its name, or let the cluster read its registry.", now - since)
        if reason in _CONFIGURATION:
            return _stuck(
                f"container {container['name']!r} cannot be made: {waiting.get('message', reason)}", now - since
            )
        ended = container["state"].get("terminated", {})
        if container["name"] == "stage" and ended.get("exitCode"):
            return StepStatus(Phase.FAILED, _stage_problem(ended), interrupted=True)
    return StepStatus(Phase.STARTING, "its pod is starting")


def _stuck(message: str, waited: float, meanwhile: Phase = Phase.STARTING) -> StepStatus:
    return StepStatus(Phase.FAILED if waited > IMAGE_PATIENCE else meanwhile, message)


def _running(pod: Document, memory: int, now: float) -> StepStatus:
    work, upload = _work(pod), _container(pod, "upload")
    ended = work["state"].get("terminated")
    if ended is None:
        if upload["state"].get("terminated"):
            message = f"its container `upload` died, so nothing more of it is kept; {_RESUMES}"
            return StepStatus(Phase.FAILED, message, interrupted=True)
        if work["state"].get("running"):
            return StepStatus(Phase.RUNNING)
        return StepStatus(Phase.STARTING, "its container is starting")
    if now - _seconds(ended.get("finishedAt"), now) < _LOST_PATIENCE or not ended.get("exitCode"):
        return StepStatus(Phase.RUNNING, "its outputs are being kept")
    if _ran_out_of_memory(work):
        return StepStatus(Phase.FAILED, out_of_memory_message(memory))
    return StepStatus(
        Phase.FAILED, f"its container could not run: {ended.get('message') or ended.get('reason')}; check the image."
    )


def _ended(pod: Document, memory: int) -> StepStatus:
    """The status of a pod that ended, and whose uploader recorded no end."""
    status, work = pod["status"], _work(pod)
    reason = ": ".join(str(status[part]) for part in ("reason", "message") if status.get(part))
    if status.get("reason") == "Evicted":
        if _OWN_FAULT.search(str(status.get("message", ""))):
            return StepStatus(Phase.FAILED, f"it was evicted: {status['message']}; write less to disk.")
        return StepStatus(Phase.FAILED, f"its node evicted it ({reason}); {_RESUMES}", interrupted=True)
    if _ran_out_of_memory(work):
        return StepStatus(Phase.FAILED, out_of_memory_message(memory))
    if status.get("reason") == "DeadlineExceeded":
        if (work["state"].get("terminated") or {}).get("exitCode") == 0:
            return StepStatus(Phase.FAILED, f"its outputs could not be kept in time; {_RESUMES}", interrupted=True)
        return StepStatus(Phase.FAILED, "its pod ran longer than its time limit; raise train.resources.hours.")
    stage = (_container(pod, "stage")["state"].get("terminated")) or {}
    if stage.get("exitCode"):
        return StepStatus(Phase.FAILED, _stage_problem(stage), interrupted=True)
    message = f"its pod ended without a result{f' ({reason})' if reason else ''}; {_RESUMES}"
    return StepStatus(Phase.FAILED, message, interrupted=True)


def _stage_problem(ended: Document) -> str:
    last_line = str(ended.get("message") or f"exit code {ended.get('exitCode')}").strip().splitlines()[-1]
    reason = "the container `stage` ran out of memory" if ended.get("reason") == "OOMKilled" else last_line
    return f"its inputs could not be brought: {reason}; it is tried again."


def _containers(pod: Document) -> list[Document]:
    status = pod["status"]
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]


def _work(pod: Document) -> Document:
    """The container of the step's program. Version 0.1 called it `train`, and its pods outlive an upgrade."""
    return next((one for one in _containers(pod) if one["name"] == "train"), _container(pod, "work"))


def _container(pod: Document, name: str) -> Document:
    return next((one for one in _containers(pod) if one["name"] == name), {"name": name, "image": "", "state": {}})


def _seconds(text: str | None, otherwise: float) -> float:
    return seconds(text) if text else otherwise
