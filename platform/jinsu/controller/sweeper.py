"""Removes from Kubernetes what no record owns any more, and brings back the model servers that are missing.

Every object that the platform creates names its owner in labels: a step's Job belongs to an open run, a model server to a
champion or a rollout. Young objects are left alone, because the record of their owner may not be written yet.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import select

from jinsu.clients.kubernetes import Document, Kind, Kube, seconds
from jinsu.controller.rollout_records import RolloutRecords
from jinsu.deployers.kubernetes_deployer import KubernetesDeployer
from jinsu.deployers.manifests import BACKEND, selector
from jinsu.gateway.backend import Backend
from jinsu.launchers.job import KEY_LABEL, RUN_LABEL
from jinsu.launchers.launcher import Launcher
from jinsu.objects.mirror import Mirror
from jinsu.packaging.contents import SealedPackage
from jinsu.registry.candidates import sealed_package
from jinsu.runs.stages import StageName
from jinsu.settings import Kubernetes
from jinsu.state.database import Database
from jinsu.state.states import StageState
from jinsu.state.tables import StageRecord, Submission
from jinsu.steps.status import Phase

log = logging.getLogger("jinsu.sweeper")

YOUNG_SECONDS = 300.0
CHECKPOINT_SECONDS = 7 * 86400.0
"""For how long the checkpoints of a training that is done are kept."""


@dataclass(frozen=True)
class Sweeper:
    """One pass is `sweep()`; each of its parts may be repeated.

    in_use: names of the backends that answer now, whatever the database says: a champion serves until its successor does.
    young: age in seconds below which an object is left alone.
    """

    database: Database
    launcher: Launcher
    objects: Mirror
    kube: Kube
    kubernetes: Kubernetes
    deployer: KubernetesDeployer
    in_use: Callable[[], set[str]]
    young: float
    _forgotten: set[str] = field(default_factory=set, init=False)

    def sweep(self) -> None:
        self._remove_jobs()
        self._remove_servers()
        self._bring_back_servers()
        self._forget_checkpoints()

    def _remove_jobs(self) -> None:
        """Those whose run is over. The platform's own steps have no run while a request to the API waits for them."""
        owned = {key[:63] for key in self._open_keys()}
        steps = self.kubernetes.steps
        of_steps = f"app.kubernetes.io/name=jinsu-step,app.kubernetes.io/instance={steps.release}"
        places = dict.fromkeys(sorted(set(steps.namespaces.values())), of_steps)
        if steps.platform_namespace:
            places.setdefault(steps.platform_namespace, f"{of_steps},{RUN_LABEL}")
        for namespace, labels in places.items():
            for job in self.kube.list(Kind.JOB, namespace, labels=labels):
                if job["metadata"]["labels"].get(KEY_LABEL) not in owned and self._old(job):
                    name = job["metadata"]["name"]
                    log.info("Job %s/%s belongs to no open run; it is removed", namespace, name)
                    self.kube.delete(Kind.JOB, namespace, name)

    def _open_keys(self) -> set[str]:
        """Run keys of the steps of runs that are not over."""
        query = (
            select(StageRecord.run_key)
            .join(Submission, Submission.id == StageRecord.submission)
            .where(Submission.ended.is_(None), StageRecord.run_key.is_not(None))
        )
        with self.database.begin() as session:
            return {str(key) for key in session.scalars(query)}

    def _remove_servers(self) -> None:
        """Those of versions that are neither a champion nor a challenger, and that no route needs."""
        needed = {*(backend.name for backend in self._packages()), *self.in_use()}
        servers = self.kube.list(Kind.DEPLOYMENT, self.kubernetes.namespace, labels=selector(self.kubernetes.servers))
        for server in servers:
            name = server["metadata"]["annotations"][BACKEND]
            if name not in needed and self._old(server):
                log.info("model server %s belongs to no champion and no rollout; it is removed", name)
                self.deployer.remove(name)

    def _bring_back_servers(self) -> None:
        """Deploys every version that should be served; the deployer creates what is missing."""
        for backend, package in self._packages().items():
            self.deployer.deploy(backend.model, backend.version, package)

    def _packages(self) -> dict[Backend, SealedPackage]:
        """The packages of all champions and challengers."""
        desired = RolloutRecords(self.database).read()
        served = {Backend(model, version) for model, version in desired.champions.items()}
        served |= {Backend(rollout.model, rollout.state.challenger) for rollout in desired.rollouts}
        with self.database.begin() as session:
            found = {backend: sealed_package(session, backend.model, backend.version) for backend in served}
        return {backend: package for backend, package in found.items() if package is not None}

    def _forget_checkpoints(self) -> None:
        """Deletes those of trainings that were done long ago: no attempt will resume them."""
        store = self.objects.store
        assert store is not None
        query = select(StageRecord.run_key).where(
            StageRecord.name == StageName.TRAIN,
            StageRecord.state == StageState.DONE,
            StageRecord.ended < time.time() - CHECKPOINT_SECONDS,
        )
        with self.database.begin() as session:
            done = {str(key) for key in session.scalars(query) if key}
        for key in done - self._forgotten:
            if self.launcher.status(key).phase is Phase.DONE:
                store.delete(f"work/{key}/checkpoints")
            self._forgotten.add(key)

    def _old(self, document: Document) -> bool:
        return time.time() - seconds(document["metadata"]["creationTimestamp"]) > self.young
