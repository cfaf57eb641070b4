"""What a cluster's documents say about a step: a phase, a sentence that its submitter understands, and whether a retry helps."""

import time
from typing import Any

import pytest

from jinsu.launchers.pod_status import IMAGE_PATIENCE, any_container_runs, status_of, status_of_end
from jinsu.steps.record import AttemptEnd
from jinsu.steps.status import Phase, StepStatus

Document = dict[str, Any]

BEGIN = 1_800_000_000.0
MEMORY = 2 * 2**30
RESUMES = "a retry resumes from the last checkpoint"
IMAGE = "images.example.com/trainer:1"


def at(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BEGIN + seconds))


def job(*conditions: tuple[str, str], **status: Any) -> Document:
    listed = [{"type": kind, "status": "True", "reason": reason} for kind, reason in conditions]
    return {
        "metadata": {"name": "step-1", "creationTimestamp": at(0), "labels": {}},
        "status": {**status, **({"conditions": listed} if listed else {})},
    }


def container(name: str, state: Document, image: str = IMAGE) -> Document:
    return {"name": name, "image": image, "state": state, "ready": "running" in state, "restartCount": 0}


def ended(code: int = 0, reason: str | None = None, message: str = "", when: float = 60) -> Document:
    said = {"exitCode": code, "reason": reason or ("Completed" if code == 0 else "Error"), "finishedAt": at(when)}
    return {"terminated": {**said, **({"message": message} if message else {})}}


def waiting(reason: str, message: str = "") -> Document:
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


RUNNING: Document = {"running": {"startedAt": at(20)}}


def pod(
    phase: str,
    stage: Document | None = None,
    train: Document | None = None,
    upload: Document | None = None,
    scheduled: float | None = 10,
    initialized: float | None = None,
    created: float = 5,
    **status: Any,
) -> Document:
    """As the API server shows it: no states before the pod has a node."""
    conditions = []
    if scheduled is not None:
        conditions.append({"type": "PodScheduled", "status": "True", "lastTransitionTime": at(scheduled)})
        done = initialized is not None
        conditions.append(
            {
                "type": "Initialized",
                "status": str(done),
                "lastTransitionTime": at(scheduled if initialized is None else initialized),
            }
        )
    document: Document = {
        "metadata": {"name": "step-1-abcde", "creationTimestamp": at(created)},
        "status": {"phase": phase, "conditions": conditions, **status},
    }
    if stage is not None:
        document["status"]["initContainerStatuses"] = [container("stage", stage)]
    if train is not None or upload is not None:
        states = (("work", train or RUNNING), ("upload", upload or RUNNING))
        document["status"]["containerStatuses"] = [container(name, state) for name, state in states]
    return document


def unschedulable(message: str) -> Document:
    document = pod("Pending", scheduled=None)
    document["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    ]
    return document


def event(reason: str, message: str, when: float = 30) -> Document:
    return {
        "reason": reason,
        "message": message,
        "type": "Warning",
        "lastTimestamp": at(when),
        "involvedObject": {"kind": "Job", "name": "step-1"},
    }


def seen(
    the_job: Document | None = None, *pods: Document, events: tuple[Document, ...] = (), now: float = 60
) -> StepStatus:
    return status_of(the_job, pods, events, MEMORY, BEGIN + now)


def looked(*pods: Document, now: float = 60) -> StepStatus:
    return seen(job(active=1), *pods, now=now)


def is_retried(status: StepStatus, *words: str) -> None:
    assert status.phase is Phase.FAILED
    assert status.interrupted
    assert RESUMES in status.message or "it is tried again" in status.message
    for word in words:
        assert word in status.message


def is_final(status: StepStatus, *words: str) -> None:
    assert status.phase is Phase.FAILED
    assert not status.interrupted
    assert "a retry resumes" not in status.message
    for word in words:
        assert word in status.message


# --- Before there is a pod ---


def test_a_job_without_a_pod_is_queued() -> None:
    assert seen(job()) == StepStatus(Phase.QUEUED)


QUOTA = (
    'Error creating: pods "step-1-x7x9p" is forbidden: exceeded quota: jinsu, requested: requests.cpu=4, '
    "used: requests.cpu=6, limited: requests.cpu=8"
)


def test_a_used_up_quota_is_named_with_its_numbers() -> None:
    status = seen(job(), events=(event("FailedCreate", QUOTA),))
    assert status.phase is Phase.QUEUED
    assert "its team's quota" in status.message
    assert "requests.cpu=4" in status.message
    assert "limited: requests.cpu=8" in status.message


def test_a_queue_of_kueue_is_named() -> None:
    status = seen(job(("Suspended", "JobSuspended")))
    assert (status.phase, status.message) == (Phase.QUEUED, "it waits in its team's queue.")


def test_a_job_that_kueue_has_resumed_does_not_wait_in_a_queue() -> None:
    resumed = job()
    resumed["status"]["conditions"] = [{"type": "Suspended", "status": "False", "reason": "JobResumed"}]
    assert seen(resumed) == StepStatus(Phase.QUEUED)


REFUSED = 'Error creating: pods "step-1-x7x9p" is forbidden: maximum cpu usage per Container is 32, but limit is 64'


def test_a_pod_that_is_refused_says_why() -> None:
    status = seen(job(), events=(event("FailedCreate", REFUSED),))
    assert status.phase is Phase.QUEUED
    assert "maximum cpu usage per Container is 32" in status.message


def test_a_pod_that_is_refused_again_and_again_is_not_waited_for() -> None:
    refusals = tuple(event("FailedCreate", REFUSED, when) for when in (1, 11, 31, 71, 151, IMAGE_PATIENCE + 100))
    is_final(seen(job(), events=refusals, now=IMAGE_PATIENCE + 120), "maximum cpu usage per Container is 32")


def test_a_used_up_quota_is_waited_for_as_long_as_it_takes() -> None:
    refusals = tuple(event("FailedCreate", QUOTA, when) for when in (1, 100, 90_000))
    assert seen(job(), events=refusals, now=90_010).phase is Phase.QUEUED


# --- Waiting for a place ---


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (
            "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available: "
            "3 No preemption victims found for incoming pod.",
            "of 3 nodes, 3 have no free GPU.",
        ),
        (
            "0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible",
            "of 2 nodes, 2 have too little free cpu.",
        ),
        (
            "0/2 nodes are available: 1 Insufficient memory, 1 node(s) were unschedulable.",
            "1 has too little free memory",
        ),
        (
            "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: "
            "1 No preemption victims found for incoming pod.",
            "it waits for a place: the only node has too little free cpu.",
        ),
    ],
)
def test_what_a_pod_waits_for_is_said_in_plain_words(message: str, wanted: str) -> None:
    status = looked(unschedulable(message), now=86_400)
    assert status.phase is Phase.QUEUED
    assert status.message.startswith("it waits for a place: ")
    assert wanted in status.message
    assert "preemption" not in status.message


def test_a_pod_that_no_scheduler_has_met_is_queued() -> None:
    assert looked(pod("Pending", scheduled=None)) == StepStatus(Phase.QUEUED)


# --- Starting ---


@pytest.mark.parametrize(
    "found",
    [
        pod("Pending"),
        pod("Pending", waiting("PodInitializing")),
        pod("Pending", RUNNING, waiting("PodInitializing"), waiting("PodInitializing")),
        pod("Pending", ended(), waiting("ContainerCreating"), RUNNING, initialized=15),
    ],
    ids=["no states yet", "image of stage", "bringing inputs", "image of train"],
)
def test_a_pod_with_a_node_is_starting(found: Document) -> None:
    assert looked(found, now=3000).phase is Phase.STARTING


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff"])
def test_a_missing_image_gets_some_patience_and_then_its_name(reason: str) -> None:
    found = pod("Pending", waiting(reason, "not found"), scheduled=10)

    early, late = looked(found, now=60), looked(found, now=11 + IMAGE_PATIENCE)

    assert early.phase is Phase.STARTING
    assert IMAGE in early.message
    is_final(late, IMAGE, "not found", "correct its name")


def test_patience_for_an_image_begins_when_the_image_is_wanted() -> None:
    """Inputs may take their time: the trainer's image is not asked for before they are there."""
    staged = 4 * IMAGE_PATIENCE
    found = pod("Pending", ended(when=staged), waiting("ErrImagePull", "EOF"), RUNNING, initialized=staged)

    assert looked(found, now=staged + 5).phase is Phase.STARTING
    is_final(looked(found, now=staged + 2 * IMAGE_PATIENCE), IMAGE)


def test_a_missing_secret_is_named() -> None:
    found = pod("Pending", waiting("CreateContainerConfigError", 'secret "store-keys" not found'))
    assert looked(found, now=30).phase is Phase.STARTING
    is_final(looked(found, now=11 + IMAGE_PATIENCE), "stage", 'secret "store-keys" not found')


@pytest.mark.parametrize("phase", ["Pending", "Failed"])
def test_inputs_that_could_not_be_brought_are_brought_again(phase: str) -> None:
    stage = ended(1, message="2026 jinsu.stage object store http://store: SlowDown\nobject store: SlowDown")
    is_retried(
        looked(pod(phase, stage, waiting("PodInitializing"), waiting("PodInitializing"))),
        "its inputs could not be brought: object store: SlowDown",
    )


def test_a_stage_without_memory_says_so() -> None:
    found = pod("Failed", ended(137, "OOMKilled"), waiting("PodInitializing"), waiting("PodInitializing"))
    assert "out of memory" in looked(found).message


# --- Running ---


def test_a_training_that_runs_is_running() -> None:
    assert looked(pod("Running", ended(), RUNNING, RUNNING)) == StepStatus(Phase.RUNNING)


def test_outputs_are_kept_after_the_script() -> None:
    found = pod("Running", ended(), ended(0, when=60), RUNNING)
    status = looked(found, now=7200)
    assert (status.phase, status.message) == (Phase.RUNNING, "its outputs are being kept")


def test_a_container_that_cannot_run_is_told_after_a_while() -> None:
    broken = ended(127, "StartError", 'exec: "python": executable file not found in $PATH', when=60)
    found = pod("Running", ended(), broken, RUNNING)
    assert looked(found, now=65).phase is Phase.RUNNING
    is_final(looked(found, now=100), "executable file not found", "check the image")


def test_a_pod_that_is_being_deleted_still_runs() -> None:
    found = pod("Running", ended(), RUNNING, RUNNING)
    found["metadata"]["deletionTimestamp"] = at(50)
    assert looked(found).phase is Phase.RUNNING


@pytest.mark.parametrize("code", [1, 137])
def test_a_training_whose_uploader_died_is_not_waited_for(code: int) -> None:
    """Nothing would ever bring its checkpoints and outputs to the object store: each further hour is lost."""
    found = pod("Running", ended(), RUNNING, ended(code, "OOMKilled" if code == 137 else "Error", when=60))
    is_retried(looked(found, now=600))


def test_the_last_pod_speaks_for_the_attempt() -> None:
    old = pod("Failed", ended(), ended(1), ended(1), created=5)
    assert looked(old, pod("Running", ended(), RUNNING, RUNNING, created=90)).phase is Phase.RUNNING
    assert looked(pod("Running", ended(), RUNNING, RUNNING, created=90), old).phase is Phase.RUNNING


# --- Out of memory ---

OOM = ended(137, "OOMKilled")
SENTENCE = ("the limit is 2Gi", "train.resources.memory")


@pytest.mark.parametrize(
    "found",
    [
        pod("Running", ended(), ended(137, "OOMKilled", when=-100), RUNNING),
        pod("Failed", ended(), OOM, ended()),
        pod("Failed", ended(), OOM, ended(1)),
    ],
    ids=["uploader still works", "uploader is done", "uploader died"],
)
def test_a_training_without_memory_names_its_limit_and_is_not_retried(found: Document) -> None:
    is_final(looked(found), *SENTENCE)


def test_a_recorded_kill_is_explained_by_the_pod() -> None:
    killed = AttemptEnd("a", Phase.FAILED, "its process was killed", interrupted=True)
    is_final(status_of_end(killed, [pod("Failed", ended(), OOM, ended())], MEMORY), *SENTENCE)


def test_a_script_that_survives_the_death_of_a_helper_is_not_out_of_memory() -> None:
    """containerd says OOMKilled whenever the kernel killed any process of the container, however it ended."""
    found = pod("Running", ended(), ended(0, "OOMKilled"), RUNNING)
    status = looked(found)
    assert (status.phase, status.message) == (Phase.RUNNING, "its outputs are being kept")


def test_what_a_script_said_of_its_end_counts_for_more_than_a_kill() -> None:
    said = AttemptEnd("a", Phase.FAILED, "the script exited with 1; its last words: no such column")
    status = status_of_end(said, [pod("Failed", ended(), ended(0, "OOMKilled"), ended())], MEMORY)
    assert status == StepStatus(Phase.FAILED, said.message)


def test_an_uploader_without_memory_does_not_blame_the_training() -> None:
    found = pod("Failed", ended(), ended(0), ended(137, "OOMKilled"))
    status = looked(found)
    is_retried(status)
    assert "train.resources.memory" not in status.message


# --- Taken away ---


def test_a_node_in_need_evicts_and_a_retry_helps() -> None:
    message = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi."
    is_retried(looked(pod("Failed", ended(), reason="Evicted", message=message)), "low on resource: memory")


@pytest.mark.parametrize(
    "message",
    [
        'Usage of EmptyDir volume "step" exceeds the limit "20Gi". ',
        "Pod ephemeral local storage usage exceeds the total limit of containers 41Gi. ",
        'Container train exceeded its local ephemeral storage limit "20Gi". ',
    ],
)
def test_a_training_that_fills_its_disk_is_not_tried_again(message: str) -> None:
    is_final(looked(pod("Failed", ended(), ended(137), ended(137), reason="Evicted", message=message)), "disk")


def test_a_nodes_need_is_not_the_trainings_fault() -> None:
    """As kubelets said it until 1.26."""
    message = "The node was low on resource: ephemeral-storage. Container train was using 9Gi, which exceeds its request of 64Mi."
    is_retried(looked(pod("Failed", ended(), ended(137), ended(137), reason="Evicted", message=message)))


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("NodeShutdown", "Pod was terminated in response to imminent node shutdown."),
        (
            "UnexpectedAdmissionError",
            "Allocate failed due to no healthy devices present; cannot allocate nvidia.com/gpu",
        ),
        ("OutOfcpu", "Node didn't have enough resource: cpu, requested: 4000, used: 6000, capacity: 8000"),
    ],
)
def test_a_node_that_gave_up_a_pod_is_quoted_and_a_retry_helps(reason: str, message: str) -> None:
    is_retried(looked(pod("Failed", reason=reason, message=message)), message.rstrip("."))


def test_a_preempted_step_says_so() -> None:
    events = (event("Scheduled", "to node-1", 10), event("Preempted", "by jinsu/step-2 on node node-1", 30))
    is_retried(seen(job(("Failed", "BackoffLimitExceeded")), events=events), "higher priority took its place")


def test_a_pod_that_somebody_deleted_says_so() -> None:
    is_retried(seen(job(("Failed", "BackoffLimitExceeded"))), "its pod was deleted")


def test_a_job_that_somebody_deleted_says_so() -> None:
    is_retried(seen(None), "its Job was deleted")


def test_an_event_of_an_earlier_attempt_says_nothing_about_this_one() -> None:
    """Events are kept for an hour, and the name of the Job is always the same."""
    earlier = (event("Preempted", "by another", when=-600), event("FailedCreate", QUOTA, when=-500))
    assert seen(job(), events=earlier) == StepStatus(Phase.QUEUED)
    is_retried(seen(job(("Failed", "BackoffLimitExceeded")), events=earlier), "its pod was deleted")


def test_a_time_limit_is_named() -> None:
    message = "Pod was active on the node longer than the specified deadline"
    found = pod("Failed", ended(), ended(143, when=5400), ended(143), reason="DeadlineExceeded", message=message)
    is_final(looked(found, now=5500), "train.resources.hours")


def test_a_training_that_had_ended_in_time_is_not_told_to_train_less() -> None:
    """The object store was away until the pod's time was over: nothing that another limit would change."""
    found = pod("Failed", ended(), ended(0, when=60), ended(143, when=5400), reason="DeadlineExceeded", message="long")
    status = looked(found, now=5500)
    assert status.interrupted
    assert "train.resources.hours" not in status.message


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_ended_without_a_word_is_tried_again(phase: str) -> None:
    is_retried(looked(pod(phase, ended(), ended(), ended())), "ended without a result")


# --- What the attempt recorded of its end ---


def test_what_an_attempt_told_is_passed_on() -> None:
    for recorded in (
        AttemptEnd("a", Phase.FAILED, "the script exited with 1; its last words: no such column"),
        AttemptEnd("a", Phase.FAILED, f"it was stopped from outside; {RESUMES}.", interrupted=True),
        AttemptEnd("a", Phase.CANCELLED, "wrong data"),
    ):
        status = status_of_end(recorded, [pod("Succeeded", ended(), ended(), ended())], MEMORY)
        assert status == StepStatus(recorded.phase, recorded.message, interrupted=recorded.interrupted)


def test_a_done_attempt_without_outputs_is_run_again() -> None:
    status = status_of_end(AttemptEnd("a", Phase.DONE, ""), [], MEMORY)
    assert (status.phase, status.interrupted) == (Phase.FAILED, True)
    assert "its outputs are gone" in status.message


# --- Whether anything is still at work ---


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (pod("Pending", scheduled=None), True),
        (pod("Pending", RUNNING, waiting("PodInitializing"), waiting("PodInitializing")), True),
        (pod("Running", ended(), RUNNING, RUNNING), True),
        (pod("Running", ended(), ended(), RUNNING), True),
        (pod("Running", ended(), ended(), ended()), False),
        (pod("Succeeded", ended(), ended(), ended()), False),
        (pod("Failed", ended(1), waiting("PodInitializing"), waiting("PodInitializing")), False),
        (pod("Failed", reason="Evicted", message="low"), False),
        (pod("Failed", reason="UnexpectedAdmissionError", message="no devices"), False),
    ],
    ids=[
        "unscheduled", "bringing inputs", "training", "keeping", "over, not recorded yet", "succeeded", "stage failed", "evicted early",
        "refused by its node",
    ],
)  # fmt: skip
def test_a_pod_runs_until_its_last_container_has_ended(found: Document, expected: bool) -> None:
    assert any_container_runs([found]) is expected
    assert any_container_runs([found, pod("Succeeded", ended(), ended(), ended())]) is expected


def test_nothing_runs_where_there_is_no_pod() -> None:
    assert not any_container_runs([])
