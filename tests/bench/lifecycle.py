"""What the platform adds to a researcher's training: one first version, then a challenger that meets live traffic."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from tests.bench.figure import Figure, Say, at_most, below, plain
from tests.bench.machine import free_ports, installation, put_digits, seconds_until

from jinsu import settings as configuration
from jinsu.api.models import Stage
from jinsu.cli.client import Client
from jinsu.cli.demo import Traffic, approve_when_asked, submit
from jinsu.cli.running import follow_run
from jinsu.installation import Installation, connect
from jinsu.local import up as local
from jinsu.runs.stages import ORDER, StageName, Trained
from jinsu.state.states import SubmissionState
from jinsu.state.tables import Review, Rollout

_OVERHEAD = (
    "Wall time from submission to end of examples/digits, less the seconds inside its training process (result.json), "
    "the canary's dwell (from its first step to promotion) and the reviewer's time (from question to answer)"
)
_AIRFLOW = (
    "Wall time less every stage's own time by Jinsu's record of its stages (for the review, the reviewer's time), divided by 9: "
    "scheduling, starting the stage's process, its imports, handing over"
)


@dataclass(frozen=True)
class Lifecycle:
    """Times in seconds. `own` is each stage's from its start to its end as Jinsu recorded them."""

    wall: float
    training: float
    dwell: float
    reviewing: float
    own: dict[str, float]
    gaps: dict[str, float]

    @property
    def overhead(self) -> float:
        return self.wall - self.training - self.dwell - self.reviewing

    @property
    def airflow(self) -> float:
        own = sum(seconds for name, seconds in self.own.items() if name != "review")
        return (self.wall - own - self.reviewing) / len(ORDER)


def measure(say: Say) -> list[Figure]:
    with installation(say) as home:
        port = free_ports()
        first_start = _start(port, say)
        local.down(False, say)
        second_start = _start(port, say)
        client, platform = Client(), connect()
        put_digits(client)
        say("first version")
        first = _launch(client, platform, home, 2)
        endpoint = f"{configuration.load().endpoint_url}/models/digits"
        seconds_until(lambda: httpx.get(f"{endpoint}/health").is_success, "the endpoint", 30)
        say("challenger under live traffic")
        with Traffic(f"{endpoint}/invocations") as traffic:
            second = _launch(client, platform, home, None)
            say("the same again, which alone is compared with another champion")
            _launch(client, platform, home, None)
            say("the same again, whose steps are all done already")
            cached = _cached(_launch(client, platform, home, None))
        answered = sum(traffic.answered.values())
    return [
        plain("jinsu up, first", first_start, "s", "From an empty home to every part answering, databases included."),
        plain("jinsu up, again", second_start, "s", "After jinsu down, in the same home."),
        at_most("lifecycle: overhead", first.overhead, "s", 15, f"{_OVERHEAD}; the first on a fresh platform."),
        at_most("lifecycle: Airflow overhead a step", first.airflow, "s", 0.6, f"{_AIRFLOW}; the same run."),
        plain("lifecycle: wall", first.wall, "s", "The first run, with 2 epochs."),
        plain("lifecycle: in the training process", first.training, "s", "The first run's result.json."),
        *(
            plain(
                f"lifecycle: {name}", first.own[name], "s", f"Own time; begun {first.gaps[name]:.2f} s after the last."
            )
            for name in ORDER
        ),
        at_most("challenger: overhead", second.overhead, "s", 6, f"{_OVERHEAD}; the second run, under live traffic."),
        at_most("cached: overhead", cached.overhead, "s", 2.5, f"{_OVERHEAD}; the second run again, no step of which runs."),
        plain("cached: Airflow overhead a step", cached.airflow, "s", f"{_AIRFLOW}; the same run."),
        *(
            plain(
                f"cached: {name}", cached.own[name], "s", f"Own time; begun {cached.gaps[name]:.2f} s after the last."
            )
            for name in ORDER
        ),
        plain("challenger: Airflow overhead a step", second.airflow, "s", f"{_AIRFLOW}; the second run."),
        plain("challenger: wall", second.wall, "s", "The second run, with the epochs of its model.yaml."),
        plain("challenger: in the training process", second.training, "s", "The second run's result.json."),
        plain(
            "challenger: canary's dwell", second.dwell, "s", "From its first step to promotion; the spec asks for 15."
        ),
        plain("challenger: live requests", answered, "", "Answered while the second run was under way."),
        below(
            "challenger: failed requests", traffic.failed, "", 1, "All live answers but 2xx, and broken connections."
        ),
    ]


def _cached(run: Lifecycle) -> Lifecycle:
    """A run whose training was done before it: none of its time passed in the training process."""
    return replace(run, training=0.0)


def _start(port: int, say: Say) -> float:
    begun = time.monotonic()
    local.up(port, say)
    return time.monotonic() - begun


def _launch(client: Client, platform: Installation, home: Path, epochs: int | None) -> Lifecycle:
    begun = time.time()
    run = submit(client, epochs)
    approve_when_asked(run)
    with _watching(platform, run) as entered:
        ended = follow_run(client, run, quiet=True)
    if ended.state is not SubmissionState.SUCCEEDED:
        raise RuntimeError(f"run {run} {ended.state}: {ended.reason}")
    with platform.database.begin() as session:
        review = session.get(Review, run)
    assert review is not None
    assert review.answered is not None
    assert ended.ended is not None
    stages = {stage.name: stage for stage in ended.stages}
    trained = stages[StageName.TRAIN].output
    assert isinstance(trained, Trained)
    return Lifecycle(
        wall=ended.ended - begun,
        training=trained.seconds,
        dwell=entered["promoting"] - entered["stepping"] if "stepping" in entered else 0.0,
        reviewing=review.answered - review.asked,
        own={name: (stage.ended or 0.0) - stage.started for name, stage in stages.items()},
        gaps=_gaps(begun, stages),
    )


def _gaps(begun: float, stages: dict[StageName, Stage]) -> dict[str, float]:
    """How long after its predecessor's end each stage began."""
    ends = [begun, *(stages[name].ended or 0.0 for name in ORDER)]
    starts = [stages[name].started for name in ORDER]
    return {name: start - end for name, start, end in zip(ORDER, starts, ends, strict=False)}


@contextlib.contextmanager
def _watching(platform: Installation, run: str) -> Iterator[dict[str, float]]:
    """When the rollout first entered each phase, by the controller's own clock."""
    entered: dict[str, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            with platform.database.begin() as session:
                row = session.get(Rollout, run)
            if row is not None and row.state["since"]:
                entered.setdefault(row.phase, row.state["since"])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield entered
    finally:
        over.set()
        thread.join()
