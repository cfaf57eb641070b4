"""Removes what nobody owns, and brings back what somebody owns and nobody has: cluster to database, database to cluster.

Everything the platform makes in a cluster names its owner in labels. A step's Job belongs to an open run; a model server
to a champion or a rollout. What is young is left alone: its owner may be about to say so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sqlalchemy import select

from jinsu.clients.kubernetes import Document, Kind, seconds
from jinsu.deployers.kubernetes_deployer import KubernetesDeployer
from jinsu.deployers.manifests import BACKEND, selector
from jinsu.gateway.backend import Backend
from jinsu.installation import Installation
from jinsu.launchers.job import KEY_LABEL
from jinsu.registry.candidates import package_of
from jinsu.release.advance import TERMINAL
from jinsu.settings import Kubernetes
from jinsu.state.tables import Endpoint, Rollout, StageRecord, Submission
from jinsu.steps.status import Phase

log = logging.getLogger("jinsu.sweeper")

YOUNG_SECONDS = 300.0
CHECKPOINT_SECONDS = 7 * 86400.0


class Sweeper:
    """One pass is `sweep()`; each of its parts may be repeated."""

    def __init__(
        self,
        platform: Installation,
        deployer: KubernetesDeployer,
        in_use: Callable[[], set[str]],
        young: float = YOUNG_SECONDS,
    ) -> None:
        """in_use: backends that answer now, whatever the database says: a champion serves until its successor does."""
        assert platform.settings.kubernetes is not None
        self._platform, self._deployer, self._in_use, self._young = platform, deployer, in_use, young
        self._cluster: Kubernetes = platform.settings.kubernetes
        self._cleaned: set[str] = set()

    def sweep(self) -> None:
        self._remove_jobs()
        self._remove_servers()
        self._bring_back_servers()
        self._forget_checkpoints()

    def _remove_jobs(self) -> None:
        owned = {key[:63] for key in self._open_keys()}
        ours = f"app.kubernetes.io/name=jinsu-step,app.kubernetes.io/instance={self._cluster.steps.release}"
        for namespace in sorted(set(self._cluster.steps.namespaces.values())):
            for job in self._platform.kube.list(Kind.JOB, namespace, labels=ours):
                if job["metadata"]["labels"].get(KEY_LABEL) not in owned and self._old(job):
                    name = job["metadata"]["name"]
                    log.info("Job %s/%s belongs to no open run; it is removed", namespace, name)
                    self._platform.kube.delete(Kind.JOB, namespace, name)

    def _open_keys(self) -> set[str]:
        with self._platform.database.begin() as session:
            found = session.scalars(
                select(StageRecord.run_key)
                .join(Submission, Submission.id == StageRecord.submission)
                .where(Submission.ended.is_(None), StageRecord.run_key.is_not(None))
            )
            return {str(key) for key in found}

    def _remove_servers(self) -> None:
        needed = {*(backend.name for backend in self._packages()), *self._in_use()}
        servers = self._platform.kube.list(
            Kind.DEPLOYMENT, self._cluster.namespace, labels=selector(self._cluster.servers)
        )
        for server in servers:
            name = server["metadata"]["annotations"][BACKEND]
            if name not in needed and self._old(server):
                log.info("model server %s belongs to no champion and no rollout; it is removed", name)
                self._deployer.remove(name)

    def _bring_back_servers(self) -> None:
        """The deployer makes what is missing. Champions are the controller's own concern, at every pass."""
        for backend, run_key in self._packages().items():
            self._deployer.deploy(backend.model, backend.version, run_key)

    def _packages(self) -> dict[Backend, str]:
        """Run keys of the packages of all versions that should be served."""
        with self._platform.database.begin() as session:
            named = {Backend(row.model, row.champion) for row in session.scalars(select(Endpoint))}
            open_rollouts = session.scalars(select(Rollout).where(Rollout.phase.not_in(tuple(TERMINAL))))
            named |= {Backend(row.model, row.challenger) for row in open_rollouts}
            keys = {backend: package_of(session, backend.model, backend.version) for backend in named}
            return {backend: run_key for backend, run_key in keys.items() if run_key is not None}

    def _forget_checkpoints(self) -> None:
        """Those of steps that were done long ago: nobody will resume them."""
        store = self._platform.objects.store
        assert store is not None
        with self._platform.database.begin() as session:
            done = session.scalars(
                select(StageRecord.run_key).where(
                    StageRecord.name == "train",
                    StageRecord.state == "done",
                    StageRecord.ended < time.time() - CHECKPOINT_SECONDS,
                )
            ).all()
        for key in {str(key) for key in done if key} - self._cleaned:
            if self._platform.launcher.status(key).phase is Phase.DONE:
                store.delete(f"work/{key}/checkpoints")
            self._cleaned.add(key)

    def _old(self, made: Document) -> bool:
        return time.time() - seconds(made["metadata"]["creationTimestamp"]) > self._young
