"""The controller process: the release loop, and the reconcilers that keep MLflow, Airflow and Jinsu agreed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jinsu.clients.notifications import Subscription, WatchedTable
from jinsu.controller.champions import ChampionFollower
from jinsu.controller.changes import Changes
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


async def control(
    installation: Installation, deployer: Deployer, envoys: Envoys, listen: str, keys: Keys, more: More = lambda _: ()
) -> None:
    """Runs until it is stopped.

    listen: address of the discovery service. more: reconcilers of this kind of installation.
    """
    settings = installation.settings
    cache = Path(settings.home) / "run"
    xds = XdsServer(await asyncio.to_thread(schema.load, binary(), cache), keys.gateway)
    controller = Controller(installation.database, deployer, xds, envoys, keys.server)
    await asyncio.to_thread(controller.adopt)
    await controller.step()  # publish what is, before the first Envoy can ask
    server = await xds.serve(listen)
    reconcilers = (*_reconcilers(installation), *more(controller))
    changes = Changes(_subscriptions(settings))
    repeated = (repeat(item.run, changes.pauses(item.pace), item.name) for item in reconcilers)
    try:
        await asyncio.gather(controller.run(changes), *repeated, changes.follow())
    finally:
        await server.stop(1.0)


def _subscriptions(settings: Settings) -> tuple[Subscription, ...]:
    return (
        Subscription(settings.database_url, OWN_TABLES, settings.notifications),
        Subscription(settings.mlflow_database_url, MLFLOW_TABLES, settings.notifications),
    )


def _reconcilers(installation: Installation) -> tuple[Reconciler, ...]:
    build = installation.build
    return (
        Reconciler("following champions", build(ChampionFollower).run, Pace(1.0, 15.0, ("candidates", _ALIASES))),
        Reconciler("dispatching runs", build(Dispatcher).run, Pace(0.3, 5.0, ("submissions",))),
        Reconciler("following reviews", build(ReviewFollower).run, Pace(1.0, 5.0, ("reviews", _ALIASES))),
        Reconciler("offering code", build(Offers).refresh, Pace(1.0, 15.0, ("submissions",))),
        Reconciler("uploading metrics", build(MetricUploader).run, steady(2.0)),
        Reconciler("ending runs", build(EndedRuns).run, steady(5.0)),
    )
