"""The controller process of one machine."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from jinsu import settings as configuration
from jinsu.lifecycle.control import control
from jinsu.lifecycle.platform import Platform
from jinsu.local.deployer import LocalDeployer
from jinsu.local.supervisor import Supervisor
from jinsu.release.statistics import Envoys


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = configuration.load()
    supervisor = Supervisor(Path(settings.home), Path(settings.runtime), settings.supervisor_password)
    deployer = LocalDeployer(supervisor, Path(settings.runtime))
    envoys = Envoys(settings.envoy_admin_url)
    asyncio.run(control(Platform(settings), deployer, envoys, f"127.0.0.1:{settings.xds_port}"))


if __name__ == "__main__":
    main()
