"""Jinsu's own processes: the API and the controller."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from jinsu import settings as configuration
from jinsu.controller.loop import Controller
from jinsu.controller.process import Chore, control
from jinsu.controller.sweeper import Sweeper
from jinsu.deployers.kubernetes_deployer import KubernetesDeployer
from jinsu.errors import BadInputError
from jinsu.gateway.statistics import Envoys
from jinsu.installation import Platform
from jinsu.servers.provision import install
from jinsu.serving.key import KEY_VARIABLE

_INSTALL_SECONDS = 300.0
EXAMPLES = Path(__file__).parents[3] / "examples"


def api() -> None:
    from jinsu.api.serve import serve

    settings = configuration.load()
    serve(Platform(settings), settings.bind, int(settings.api_url.rpartition(":")[2]))


class _Installing:
    """Soon after a start, when the servers answer; and now and then, because somebody may have undone it."""

    def __init__(self, platform: Platform) -> None:
        self._platform, self._next = platform, 0.0

    def look(self) -> None:
        if time.monotonic() >= self._next:
            install(self._platform, EXAMPLES)
            self._next = time.monotonic() + _INSTALL_SECONDS


def controller() -> None:
    settings = configuration.load()
    cluster = settings.kubernetes
    if cluster is None:
        raise BadInputError("settings: there is no section 'kubernetes'; on one machine use: jinsu up")
    platform = Platform(settings)
    deployer = KubernetesDeployer(platform.kube, cluster.namespace, cluster.servers)

    def more(running: Controller) -> tuple[Chore, ...]:
        sweeper = Sweeper(platform, deployer, running.in_use)
        return (_Installing(platform).look, 1.0, "installing"), (sweeper.sweep, 30.0, "sweeping")

    asyncio.run(
        control(
            platform,
            deployer,
            Envoys(f"http://{cluster.gateways}", cluster.gateway_key),
            f"{settings.bind}:{settings.xds_port}",
            key=cluster.gateway_key,
            server_key=os.environ[KEY_VARIABLE],
            more=more,
        )
    )
