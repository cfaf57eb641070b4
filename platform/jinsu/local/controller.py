"""The controller process of one machine."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from jinsu import settings as configuration
from jinsu.clients.supervisord import Supervisor
from jinsu.controller.process import Keys, control
from jinsu.deployers.local_deployer import LocalDeployer
from jinsu.gateway.statistics import Envoys
from jinsu.installation import Installation


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = configuration.load()
    supervisor = Supervisor(Path(settings.home), Path(settings.runtime), settings.supervisor_password)
    deployer = LocalDeployer(supervisor, Path(settings.runtime), settings.steps)
    envoys = Envoys(settings.envoy_admin_url)
    asyncio.run(control(Installation(settings), deployer, envoys, f"127.0.0.1:{settings.xds_port}", Keys()))


if __name__ == "__main__":
    main()
