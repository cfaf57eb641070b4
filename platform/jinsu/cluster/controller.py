"""The controller's process."""

from __future__ import annotations

import asyncio
import os
import time

from jinsu import settings as configuration
from jinsu.controller.loop import Controller
from jinsu.controller.pacing import steady
from jinsu.controller.process import Keys, Reconciler, begin, control
from jinsu.controller.sweeper import YOUNG_SECONDS, Sweeper
from jinsu.deployers.kubernetes_deployer import KubernetesDeployer
from jinsu.gateway.statistics import Envoys
from jinsu.resources import examples
from jinsu.servers.provision import Provision
from jinsu.serving.key import KEY_VARIABLE

_PROVISION_SECONDS = 300.0


def start() -> None:
    """Runs until the process is stopped. Raises BadInputError outside of Kubernetes."""
    settings = configuration.load()
    kubernetes = settings.on_kubernetes
    installation = begin(settings)
    deployer = KubernetesDeployer(installation.kube, kubernetes.namespace, kubernetes.servers)
    provision = _RepeatedProvision(installation.build(Provision))

    def more(running: Controller) -> tuple[Reconciler, ...]:
        sweeper = installation.build(
            Sweeper, kubernetes=kubernetes, deployer=deployer, in_use=running.in_use, young=YOUNG_SECONDS
        )
        return (
            Reconciler("provisioning", provision.run, steady(1.0)),
            Reconciler("sweeping", sweeper.sweep, steady(30.0)),
        )

    asyncio.run(
        control(
            installation,
            deployer,
            Envoys(f"http://{kubernetes.gateways}", kubernetes.gateway_key),
            f"{settings.bind}:{settings.xds_port}",
            Keys(kubernetes.gateway_key, os.environ[KEY_VARIABLE]),
            more,
        )
    )


class _RepeatedProvision:
    """Provisions as soon as the servers answer, and again every few minutes in case the result was removed."""

    def __init__(self, provision: Provision) -> None:
        self._provision, self._next = provision, 0.0

    def run(self) -> None:
        """One pass; raises TransientError while a server does not answer, and then the next pass tries again."""
        if time.monotonic() >= self._next:
            self._provision.run(examples())
            self._next = time.monotonic() + _PROVISION_SECONDS
