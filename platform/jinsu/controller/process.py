"""The controller process: the release loop, and the reconcilers that keep MLflow, Airflow and Jinsu agreed."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from jinsu.clients.notifications import Subscription, WatchedTable
from jinsu.controller.champions import ChampionFollower
from jinsu.controller.changes import Changes
from jinsu.controller.deadlines import PACE_SECONDS, StageDeadlines
from jinsu.controller.dispatch import Dispatcher
from jinsu.controller.ended_runs import EndedRuns
from jinsu.controller.loop import Controller
from jinsu.controller.metrics import MetricUploader
from jinsu.controller.pacing import Pace, steady
from jinsu.controller.repeat import repeat
from jinsu.controller.reviews import ReviewFollower
from jinsu.deployers.deployer import Deployer
from jinsu.gateway import schema
from jinsu.gateway.discovery import XdsServer
from jinsu.gateway.envoy import binary
from jinsu.gateway.statistics import Envoys
from jinsu.installation import Installation
from jinsu.runs.offers import Offers
from jinsu.settings import Settings
from jinsu.state.fence import Fence, SupersededError

log = logging.getLogger("jinsu.controller")

_LOOK_SECONDS = 2.0
_ABANDONED_SECONDS = 15.0
"""After how long without a pass of its loop a controller is gone; at rest a pass comes every 3 s."""


@dataclass(frozen=True)
class Reconciler:
    """Work that compares two records and repairs the difference. `run` returns True when a pass is not done yet."""

    name: str
    run: Callable[[], bool | None]
    pace: Pace


OWN_TABLES = (
    WatchedTable("submissions", ("state",)),
    WatchedTable("reviews", ("state",)),
    WatchedTable("candidates", ("ready",)),
    WatchedTable("endpoints", ("champion",)),
    WatchedTable("rollouts", ("command",)),
)
_ALIASES = "registered_model_aliases"
MLFLOW_TABLES = (WatchedTable(_ALIASES, ("version",)),)

More = Callable[[Controller], tuple[Reconciler, ...]]


@dataclass(frozen=True)
class Keys:
    """gateway: what an Envoy must show the controller. server: what the gateway shows model servers. "" on one machine."""

    gateway: str = ""
    server: str = ""


def begin(settings: Settings) -> Installation:
    """The installation as this process may write it from now on; the controller before it may no longer."""
    return Installation(settings, Fence.take(settings.database_url, f"{socket.gethostname()}:{os.getpid()}"))


async def control(
    installation: Installation, deployer: Deployer, envoys: Envoys, listen: str, keys: Keys, more: More = lambda _: ()
) -> None:
    """Runs until it is stopped, or until the controller that began after this one is gone as well.

    listen: address of the discovery service. more: reconcilers of this kind of installation. Whatever begins when another
    controller is at work takes its place at once: that is how a node that was lost, and may come back, is replaced.
    """
    fence = installation.fence
    assert fence is not None
    try:
        await _work(installation, fence, deployer, envoys, listen, keys, more)
    except* SupersededError as group:
        log.warning("this controller stands by: %s", group.exceptions[0])
    await _stand_by(fence)


async def _stand_by(fence: Fence) -> None:
    """Waits for as long as the successor lives; a process that ends here is started again, and then succeeds in its turn.

    Two controllers that are both started again would take the epoch from each other without an end.
    """
    seen, since = None, time.monotonic()
    while time.monotonic() - since < _ABANDONED_SECONDS:
        await asyncio.sleep(_LOOK_SECONDS)
        with suppress(SQLAlchemyError):
            if (beat := await asyncio.to_thread(fence.look)) != seen:
                seen, since = beat, time.monotonic()
    log.warning("the controller with epoch %s is gone; this process ends, to be started again", seen and seen.epoch)


async def _work(
    installation: Installation,
    fence: Fence,
    deployer: Deployer,
    envoys: Envoys,
    listen: str,
    keys: Keys,
    more: More,
) -> None:
    """Raises an exception group of SupersededError when another controller has begun; nothing is served by then."""
    settings = installation.settings
    cache = Path(settings.home) / "run"
    xds = XdsServer(await asyncio.to_thread(schema.load, binary(), cache), keys.gateway)
    controller = Controller(fence, deployer, xds, envoys, keys.server)
    try:
        await asyncio.to_thread(controller.adopt)
        await controller.step()  # publish what is, before the first Envoy can ask
    except SupersededError as problem:
        raise ExceptionGroup("superseded", [problem]) from None
    server = await xds.serve(listen)
    reconcilers = (*_reconcilers(installation), *more(controller))
    changes = Changes(_subscriptions(settings))
    repeated = (repeat(item.run, changes.pauses(item.pace), item.name) for item in reconcilers)
    try:
        async with asyncio.TaskGroup() as tasks:
            for work in (controller.run(changes), *repeated, changes.follow()):
                tasks.create_task(work)
    finally:
        await server.stop(None)


def _subscriptions(settings: Settings) -> tuple[Subscription, ...]:
    return (
        Subscription(settings.database_url, OWN_TABLES, settings.notifications),
        Subscription(settings.mlflow_database_url, MLFLOW_TABLES, settings.notifications),
    )


def _reconcilers(installation: Installation) -> tuple[Reconciler, ...]:
    build = installation.build
    return (
        Reconciler("following champions", build(ChampionFollower).run, Pace(1.0, 15.0, ("candidates", _ALIASES))),
        Reconciler("dispatching runs", build(Dispatcher).run, Pace(0.3, 5.0, ("submissions", "reviews", "rollouts"))),
        Reconciler("following reviews", build(ReviewFollower).run, Pace(1.0, 5.0, ("reviews", _ALIASES))),
        Reconciler("offering code", build(Offers).refresh, Pace(1.0, 15.0, ("submissions",))),
        Reconciler("uploading metrics", build(MetricUploader).run, steady(2.0)),
        Reconciler("ending runs", build(EndedRuns).run, steady(5.0)),
        Reconciler("keeping deadlines", build(StageDeadlines, clock=time.monotonic).run, steady(PACE_SECONDS)),
    )
