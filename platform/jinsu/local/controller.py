"""The controller's process on one machine."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from jinsu import settings as configuration
from jinsu.controller.pacing import steady
from jinsu.controller.process import Keys, Reconciler, begin, control
from jinsu.controller.trigger_form import TriggerForm
from jinsu.deployers.local_deployer import LocalDeployer
from jinsu.gateway.statistics import Envoys
from jinsu.local.supervisor import supervisor_of


def main() -> None:
    """Runs until supervisord stops the process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = configuration.load()
    deployer = LocalDeployer(supervisor_of(settings), Path(settings.runtime), settings.steps)
    deployer.watch()
    envoys = Envoys(settings.envoy_admin_url)
    installation = begin(settings)
    form = Reconciler("offering the catalog in the trigger form", installation.build(TriggerForm).run, steady(5.0))
    address = f"127.0.0.1:{settings.xds_port}"
    asyncio.run(control(installation, deployer, envoys, address, Keys(), lambda _: (form,)))


if __name__ == "__main__":
    main()
