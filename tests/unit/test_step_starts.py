"""Starting and cancelling a step on Kubernetes: cut off, twice at once, at the same moment, and on a node that is lost."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.fake_kubernetes import FakeKubernetes, stamp
from tests.support.folder_store import FolderStore

from jinsu.broker.desk import Desk
from jinsu.clients.kubernetes import Kind
from jinsu.errors import BadInputError, ForbiddenError, TransientError
from jinsu.launchers import kubernetes_launcher
from jinsu.launchers.job import ATTEMPT_LABEL, name_of
from jinsu.launchers.kubernetes_launcher import KubernetesLauncher
from jinsu.objects.s3 import S3Settings
from jinsu.placement.kubernetes import Cluster
from jinsu.steps.access_token import Holder, holder_of
from jinsu.steps.record import Attempt, AttemptEnd, StepRecord
from jinsu.steps.result import StepResult
from jinsu.steps.spec import Limits, StepKind, StepSpec
from jinsu.steps.status import Phase

KEY, STEP_KEY = "5" * 64, "key-of-step-tokens"
CLUSTER = Cluster({"default": "team"}, "trainer", "runtime", platform_namespace="jinsu", broker="http://broker")
STEP = StepSpec(
    name="train",
    image="trainer",
    command=("python", "train.py"),
    params={},
    limits=Limits(memory=2**30, seconds=60.0),
    inputs=(),
    output_uri=f"steps/{KEY}",
    run_key=KEY,
)


class CutOff(BaseException):
    """The process is killed."""


class World:
    """A launcher over a store and a Kubernetes in memory."""

    def __init__(self, folder: Path) -> None:
        self.store, self.kube = FolderStore(folder / "store"), FakeKubernetes()
        self.record = StepRecord(self.store, KEY)
        self.launcher = KubernetesLauncher(self.kube, self.store, CLUSTER, S3Settings("b"), STEP_KEY)  # type: ignore[arg-type]
        self.requests = 0

    def at_each_request(self, act: Callable[[int], None]) -> None:
        """Calls `act` with the number of the request before each one to the store or to Kubernetes."""

        def before(*_: object) -> bool:
            self.requests += 1
            act(self.requests)
            return False

        self.requests = 0
        self.store.down, self.kube.before = before, before  # type: ignore[assignment]

    def calm(self) -> None:
        self.store.down, self.kube.before = (lambda *_: False), (lambda *_: None)

    def current(self) -> Attempt:
        attempt = self.record.read_attempt()
        assert attempt is not None
        return attempt


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def is_whole(world: World) -> None:
    """One Job, whose attempt is the current one and has its token."""
    (job,) = world.kube.jobs()
    attempt = world.current()
    assert job["metadata"]["labels"][ATTEMPT_LABEL] == attempt.id
    tokens = [secret["stringData"]["token"] for secret in world.kube.secrets()]
    assert Holder(KEY, attempt.id) in [holder_of(STEP_KEY, token) for token in tokens]


def test_a_start_makes_one_job_with_its_secret(world: World) -> None:
    assert world.launcher.start(STEP).phase is Phase.QUEUED
    is_whole(world)
    world.launcher.start(STEP)
    is_whole(world)


def test_a_start_that_was_cut_off_anywhere_is_completed_by_the_next(tmp_path: Path) -> None:
    reached = 0
    for cut in range(1, 60):
        (tmp_path / str(cut)).mkdir()
        world = World(tmp_path / str(cut))

        def kill(number: int, cut: int = cut) -> None:
            if number == cut:
                raise CutOff

        world.at_each_request(kill)
        try:
            world.launcher.start(STEP)
        except CutOff:
            reached = cut
        world.calm()
        world.launcher.start(STEP)
        is_whole(world)
    assert 8 < reached < 59  # every request of a start was the last one once


def test_of_many_starts_at_once_one_makes_the_job(world: World) -> None:
    starts = [threading.Thread(target=world.launcher.start, args=(STEP,)) for _ in range(8)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    world.launcher.start(STEP)
    is_whole(world)


def test_without_a_key_for_tokens_no_step_starts_and_the_key_is_named(world: World) -> None:
    launcher = KubernetesLauncher(world.kube, world.store, CLUSTER, S3Settings("b"), "")  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="JINSU_STEP_KEY"):
        launcher.start(STEP)
    assert world.kube.jobs() == []


# --- A cancel beside a start ---


def test_a_cancel_at_any_moment_of_a_start_is_kept(tmp_path: Path) -> None:
    """Between the note of the attempt and its Job a cancel finds no Job to delete."""
    kept = 0
    for moment in range(1, 60):
        (tmp_path / str(moment)).mkdir()
        world = World(tmp_path / str(moment))

        def cancel(number: int, world: World = world, moment: int = moment) -> None:
            if number == moment:
                world.calm()
                world.launcher.cancel(KEY, "wrong data")

        world.at_each_request(cancel)
        world.launcher.start(STEP)
        world.calm()
        if not world.record.noted_attempts() or world.store.read(f"work/{KEY}/cancelled.json") is None:
            assert [one["metadata"]["name"] for one in world.kube.jobs()] == [name_of(KEY)]
            continue  # nothing was noted yet, so there was nothing to cancel
        kept += 1
        assert world.kube.jobs() == []
        status = world.launcher.status(KEY)
        assert (status.phase, status.message) == (Phase.CANCELLED, "wrong data")
    assert kept >= 4


def test_a_cancelled_step_may_be_started_again(world: World) -> None:
    world.launcher.start(STEP)
    first = world.current()
    world.launcher.cancel(KEY, "by mistake")
    assert world.launcher.start(STEP).phase is Phase.QUEUED
    assert world.current().at > first.at
    is_whole(world)


def test_a_cancel_of_version_0_1_is_still_read(world: World) -> None:
    world.store.write(f"work/{KEY}/cancelled.json", json.dumps({"attempt": "one", "reason": "no"}).encode())
    assert world.record.read_cancel("one") == "no"
    assert world.record.read_cancel("two") is None


# --- Attempts follow each other, also where clocks differ ---


def test_a_later_attempt_has_the_later_time_on_any_clock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.launcher.start(STEP)
    first = world.current()
    world.record.write_end(AttemptEnd(first.id, Phase.FAILED, "no"))
    monkeypatch.setattr(kubernetes_launcher.time, "time", lambda: first.at - 3600)
    world.launcher.start(STEP)
    assert world.current().id != first.id
    assert world.current().at > first.at


def test_a_launcher_that_was_asleep_does_not_bring_an_old_attempt_back(world: World) -> None:
    old = Attempt("old", "team", at=1.0)
    world.record.advance(Attempt("new", "team", at=2.0))
    assert world.record.advance(old).id == "new"
    assert world.current().id == "new"


# --- A node that does not answer ---


def lose_node(world: World, since: float) -> dict[str, Any]:
    """Its pod runs on a node that stopped answering `since` seconds after the pod should have ended."""
    (job,) = world.kube.jobs()
    pod = world.kube.run_pod(job)
    world.kube.lost = True
    pod["metadata"]["deletionTimestamp"] = stamp(since)
    return pod


def test_a_node_that_does_not_answer_for_a_while_is_waited_for(world: World) -> None:
    world.launcher.start(STEP)
    lose_node(world, since=CLUSTER.lost_seconds - 30)
    assert world.launcher.status(KEY).phase is Phase.RUNNING


def test_an_attempt_on_a_lost_node_is_given_up_and_the_next_one_starts_when_it_can_write_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.launcher.start(STEP)
    first, desk = world.current(), Desk(world.store)  # type: ignore[arg-type]
    desk.begin(Holder(KEY, first.id))
    pod = lose_node(world, since=CLUSTER.lost_seconds + 30)

    status = world.launcher.status(KEY)
    assert (status.phase, status.interrupted) == (Phase.FAILED, True)
    assert "its node does not answer" in status.message

    with pytest.raises(TransientError, match="another attempt starts in"):
        world.launcher.start(STEP)
    with pytest.raises(ForbiddenError, match="given up"):
        desk.write(Holder(KEY, first.id), f"steps/{KEY}/result.json", b"{}")
    assert len(world.kube.jobs()) == 1

    now = kubernetes_launcher.time.time()
    monkeypatch.setattr(kubernetes_launcher.time, "time", lambda: now + kubernetes_launcher.FENCED_SECONDS + 1)
    assert world.launcher.start(STEP).phase is Phase.QUEUED
    second = world.current()
    assert sorted(one["metadata"]["name"] for one in world.kube.jobs()) == [name_of(KEY), name_of(KEY, 1)]
    assert second.id != first.id
    assert pod in world.kube.list(Kind.POD, "team")  # nothing was deleted by force
    assert world.launcher.status(KEY).phase is Phase.QUEUED  # the pod that is lost is not this attempt's
    desk.begin(Holder(KEY, second.id))
    with pytest.raises(ForbiddenError):
        desk.begin(Holder(KEY, first.id))


def test_an_attempt_whose_lost_pod_has_gone_does_not_wait(world: World) -> None:
    world.launcher.start(STEP)
    lose_node(world, since=CLUSTER.lost_seconds + 30)
    with pytest.raises(TransientError):
        world.launcher.start(STEP)
    world.kube.lost = False  # the node came back, and its pods ended
    world.kube.objects = {place: one for place, one in world.kube.objects.items() if place[0] is Kind.SECRET}
    assert world.launcher.start(STEP).phase is Phase.QUEUED


def test_a_cancel_of_an_attempt_on_a_lost_node_ends(world: World) -> None:
    world.launcher.start(STEP)
    lose_node(world, since=CLUSTER.lost_seconds + 30)
    world.launcher.cancel(KEY, "enough")
    assert world.launcher.status(KEY).phase is Phase.CANCELLED


def test_a_lost_node_takes_nothing_from_a_step_that_is_done(world: World) -> None:
    world.launcher.start(STEP)
    lose_node(world, since=CLUSTER.lost_seconds + 30)
    world.record.write_result(StepResult(KEY, {}, 1.0))
    assert world.launcher.status(KEY).phase is Phase.DONE
    assert world.launcher.start(STEP).phase is Phase.DONE


# --- Whose program it is ---


def test_a_program_of_the_platform_runs_in_the_platforms_namespace_with_its_secrets(world: World) -> None:
    step = replace(STEP, kind=StepKind.PLATFORM, secrets={"salt": "pepper"}, labels={"team": "unknown"})
    world.launcher.start(step)
    (job,), (secret,) = world.kube.jobs(), world.kube.secrets()
    assert job["metadata"]["namespace"] == secret["metadata"]["namespace"] == "jinsu"
    assert json.loads(secret["stringData"]["secrets.json"]) == {"salt": "pepper"}
    assert secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    assert "pepper" not in json.dumps(job)
    assert not world.store.holds(b"pepper")
