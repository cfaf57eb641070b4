"""The controller process: the release loop, and the chores that keep MLflow, Airflow and Jinsu agreed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from jinsu.clients.airflow import Airflow
from jinsu.controller import reconcilers as chores
from jinsu.controller.loop import Controller, follow
from jinsu.deployers.deployer import Deployer
from jinsu.gateway import schema
from jinsu.gateway.discovery import XdsServer
from jinsu.gateway.envoy import binary
from jinsu.gateway.statistics import Envoys
from jinsu.installation import Platform

Chore = tuple[Callable[[], None], float, str]


async def control(
    platform: Platform, deployer: Deployer, envoys: Envoys, listen: str, *, key: str = "", server_key: str = "",
    more: Callable[[Controller], tuple[Chore, ...]] = lambda _: (),
) -> None:  # fmt: skip
    """Runs until it is stopped.

    listen: address of the discovery service. key: what an Envoy must show it. more: chores of this kind of installation,
    each with its pause in seconds and its name.
    """
    settings = platform.settings
    xds = XdsServer(await asyncio.to_thread(schema.load, binary(), Path(settings.home) / "run"), key)
    controller = Controller(platform.database, deployer, xds, envoys, settings.steps, server_key)
    await asyncio.to_thread(controller.adopt)
    await controller.step()  # publish what is, before the first Envoy can ask
    server = await xds.serve(listen)
    airflow = Airflow(settings.airflow_url, settings.airflow_secret)
    metrics = chores.MetricShipper(platform)
    try:
        await asyncio.gather(
            controller.run(),
            follow(lambda: chores.follow_champions(platform), 1.0, "following champions"),
            follow(lambda: chores.dispatch(platform, airflow), 0.3, "dispatching runs"),
            follow(lambda: chores.follow_reviews(platform, airflow), 1.0, "following reviews"),
            follow(metrics.ship, 2.0, "shipping metrics"),
            follow(lambda: chores.reconcile(platform, airflow), 5.0, "reconciling runs"),
            *(follow(work, pause, name) for work, pause, name in more(controller)),
        )
    finally:
        await server.stop(1.0)
