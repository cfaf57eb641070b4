"""The parts of one installation, chosen by where it is: on this machine, or on Kubernetes.

This module alone knows which adapter an installation uses. A stage, a reconciler or a page of the API names the parts that
it needs as its fields and is built from them with `Installation.build`; none of them is handed an installation.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from jinsu import settings as configuration
from jinsu.clients.airflow import Airflow
from jinsu.clients.kubernetes import Kube
from jinsu.data.datasets import DatasetStore
from jinsu.launchers.launcher import Launcher
from jinsu.launchers.local_launcher import LocalLauncher
from jinsu.objects.mirror import Mirror
from jinsu.objects.s3 import S3
from jinsu.packaging.providers import why_no_gpu
from jinsu.registry.mlflow import Mlflow
from jinsu.runs.admission import Admission, Capacity
from jinsu.runs.cancellation import Cancellation
from jinsu.runs.catalog import Catalog
from jinsu.runs.champions import Champions
from jinsu.runs.comparison import Comparison
from jinsu.runs.division import Division
from jinsu.runs.environments import Environments, PackageSource
from jinsu.runs.file_inputs import FileInputs
from jinsu.runs.journal import Journal
from jinsu.runs.links import Links
from jinsu.runs.local_catalog import LocalCatalog
from jinsu.runs.offers import Offers
from jinsu.runs.ownership import Ownership
from jinsu.runs.places import Places
from jinsu.runs.problems import Problems
from jinsu.runs.reviews import Reviews
from jinsu.runs.revocations import Revocations
from jinsu.runs.rollouts import Rollouts
from jinsu.runs.snapshots import SnapshotStore
from jinsu.runs.splits import Splits
from jinsu.runs.standings import Standings
from jinsu.runs.training_queue import TrainingQueue
from jinsu.settings import Settings, Where
from jinsu.state.database import Database
from jinsu.state.fence import Fence, FencedDatabase
from jinsu.steps.folders import StepFolders
from jinsu.steps.spec import Limits

_Part = TypeVar("_Part")


@dataclass(frozen=True)
class Installation:
    """Opening it costs nothing; each part is made when it is first used, and connects when it is first asked.

    fence: the controller's alone; its parts write only for as long as no other controller has begun.
    """

    settings: Settings
    fence: Fence | None = None

    def build(self, kind: type[_Part], **more: Any) -> _Part:
        """A dataclass whose fields name parts of this installation; `more` gives the fields that do not."""
        needed = (field.name for field in fields(kind) if field.init and field.name not in more)  # type: ignore[arg-type]
        parts = {name: getattr(self, name) for name in needed}
        return kind(**parts, **more)

    # --- Chosen by where the installation is ---

    @cached_property
    def kube(self) -> Kube:
        return Kube()

    @cached_property
    def objects(self) -> Mirror:
        store = self.settings.object_store
        return Mirror(self.settings.objects, S3(store) if store else None, self.settings.object_cache_bytes)

    @cached_property
    def launcher(self) -> Launcher:
        match self.settings.where:
            case Where.MACHINE:
                return LocalLauncher(
                    self.settings.steps,
                    Path(self.settings.home),
                    egress=self.settings.egress_by_name,
                    wheels=[link for link in self.settings.python_links if link.startswith("/")],
                )
            case Where.KUBERNETES:
                return self._kubernetes_launcher()

    def _kubernetes_launcher(self) -> Launcher:
        from jinsu.launchers.kubernetes_launcher import KubernetesLauncher

        store = self.settings.object_store
        assert store is not None
        assert self.objects.store is not None
        kubernetes = self.settings.on_kubernetes
        return KubernetesLauncher(self.kube, self.objects.store, kubernetes.steps, store, kubernetes.step_key)

    @cached_property
    def catalog(self) -> Catalog:
        match self.settings.where:
            case Where.MACHINE:
                return LocalCatalog(self.settings.catalog)
            case Where.KUBERNETES:
                from jinsu.runs.kubernetes_catalog import KubernetesCatalog

                kubernetes = self.settings.on_kubernetes
                return KubernetesCatalog(self.kube, kubernetes.namespace, kubernetes.catalog)

    @cached_property
    def capacity(self) -> Capacity:
        match self.settings.where:
            case Where.MACHINE:
                return Capacity(self.settings.max_gpus, no_serving_gpu=why_no_gpu())
            case Where.KUBERNETES:
                steps = self.settings.on_kubernetes.steps
                types, teams = frozenset(steps.gpus), frozenset(steps.namespaces)
                return Capacity(
                    self.settings.max_gpus, types, teams, images=True, no_serving_gpu=self._no_serving_gpu()
                )

    def _no_serving_gpu(self) -> str:
        kubernetes = self.settings.on_kubernetes
        if kubernetes.servers.gpu_image and "" in kubernetes.steps.gpus:
            return ""
        return (
            "this platform has no model servers with GPUs; a platform engineer sets the chart's values modelServers.gpu.image "
            "and training.gpus.any"
        )

    @cached_property
    def gpu_image(self) -> str | None:
        """In which onnxruntime can use a GPU on Kubernetes; None on this machine, and where no such image is named."""
        match self.settings.where:
            case Where.MACHINE:
                return None
            case Where.KUBERNETES:
                return self.settings.on_kubernetes.servers.gpu_image or None

    @cached_property
    def trainer_image(self) -> str | None:
        """What trainings run in on Kubernetes; None on this machine, where they run in the platform's environment."""
        match self.settings.where:
            case Where.MACHINE:
                return None
            case Where.KUBERNETES:
                return self.settings.on_kubernetes.steps.trainer_image

    @cached_property
    def packages_from(self) -> PackageSource:
        """Where packages of a training's environment come from."""
        settings = self.settings
        return PackageSource(settings.python_index, settings.python_links, settings.environment_bytes)

    # --- The same everywhere ---

    @cached_property
    def database(self) -> Database:
        return Database(self.settings.database_url) if self.fence is None else FencedDatabase(self.fence)

    @cached_property
    def mlflow(self) -> Mlflow:
        return Mlflow(self.settings.mlflow_url, self.settings.mlflow)

    @cached_property
    def airflow(self) -> Airflow:
        return Airflow(self.settings.airflow_url, self.settings.airflow_secret)

    @cached_property
    def steps(self) -> StepFolders:
        return StepFolders(self.objects)

    @cached_property
    def datasets(self) -> DatasetStore:
        return DatasetStore(self.objects)

    @cached_property
    def snapshots(self) -> SnapshotStore:
        return SnapshotStore(self.objects)

    @cached_property
    def platform_limits(self) -> Limits:
        """What the platform's own steps may use."""
        return Limits(memory=self.settings.step_memory, seconds=self.settings.step_hours * 3600)

    @cached_property
    def split_secret(self) -> str:
        return self.settings.split_secret or self.settings.fernet_key

    @cached_property
    def journal(self) -> Journal:
        return self.build(Journal)

    @cached_property
    def admission(self) -> Admission:
        return self.build(Admission)

    @cached_property
    def environments(self) -> Environments:
        return self.build(Environments)

    @cached_property
    def places(self) -> Places:
        return self.build(Places)

    @cached_property
    def training_queue(self) -> TrainingQueue:
        return self.build(TrainingQueue)

    @cached_property
    def reviews(self) -> Reviews:
        return self.build(Reviews)

    @cached_property
    def rollouts(self) -> Rollouts:
        return self.build(Rollouts)

    @cached_property
    def champions(self) -> Champions:
        return self.build(Champions)

    @cached_property
    def standings(self) -> Standings:
        return self.build(Standings)

    @cached_property
    def revocations(self) -> Revocations:
        return self.build(Revocations)

    @cached_property
    def problems(self) -> Problems:
        return self.build(Problems)

    @cached_property
    def splits(self) -> Splits:
        return self.build(Splits)

    @cached_property
    def division(self) -> Division:
        return self.build(Division)

    @cached_property
    def file_inputs(self) -> FileInputs:
        return self.build(FileInputs)

    @cached_property
    def comparison(self) -> Comparison:
        return self.build(Comparison)

    @cached_property
    def offers(self) -> Offers:
        return self.build(Offers)

    @cached_property
    def ownership(self) -> Ownership:
        return self.build(Ownership)

    @cached_property
    def cancellation(self) -> Cancellation:
        return self.build(Cancellation)

    @cached_property
    def links(self) -> Links:
        return self.build(Links)


def connect() -> Installation:
    """The installation that this process belongs to."""
    return Installation(configuration.load())
