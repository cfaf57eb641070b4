"""The controller process: the release loop, and the reconcilers that keep MLflow, Airflow and Jinsu agreed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jinsu.controller.champions import ChampionFollower
from jinsu.controller.dispatch import Dispatcher
from jinsu.controller.ended_runs import EndedRuns
from jinsu.controller.loop import Controller
from jinsu.controller.metrics import MetricUploader
from jinsu.controller.repeat import repeat
from jinsu.controller.reviews import ReviewFollower
from jinsu.deployers.deployer import Deployer
from jinsu.gateway import schema
from jinsu.gateway.discovery import XdsServer
from jinsu.gateway.envoy import binary
from jinsu.gateway.statistics import Envoys
from jinsu.installation import Installation


@dataclass(frozen=True)
class Reconciler:
    """Work that compares two records and repairs the difference; `pause` in seconds between two passes."""

    name: str
    run: Callable[[], None]
    pause: float


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
    try:
        await asyncio.gather(controller.run(), *(repeat(item.run, item.pause, item.name) for item in reconcilers))
    finally:
        await server.stop(1.0)


def _reconcilers(installation: Installation) -> tuple[Reconciler, ...]:
    build = installation.build
    return (
        Reconciler("following champions", build(ChampionFollower).run, 1.0),
        Reconciler("dispatching runs", build(Dispatcher).run, 0.3),
        Reconciler("following reviews", build(ReviewFollower).run, 1.0),
        Reconciler("uploading metrics", build(MetricUploader).run, 2.0),
        Reconciler("ending runs", build(EndedRuns).run, 5.0),
    )
