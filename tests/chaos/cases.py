"""Which process is killed while a run is in which stage: a plan that a seed decides. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from jinsu.runs.stages import StageName

STAGES = tuple(StageName)


class Victim(StrEnum):
    """What is killed with SIGKILL. The uploader is missing: it is a container of a training's pod, and no process here."""

    WORKER = "worker"
    """The process that Airflow's worker runs the stage in."""
    SCHEDULER = "scheduler"
    """Airflow's scheduler, alone or with its workers."""
    TRIGGERER = "triggerer"
    """Airflow's triggerer, which waits for trainings, reviewers and rollouts."""
    AIRFLOW_API = "airflow api"
    """Airflow's API server, which every task reports to."""
    API = "api"
    """Jinsu's API."""
    CONTROLLER = "controller"
    """Carries out rollouts, and starts runs in Airflow."""
    MLFLOW = "mlflow"
    """The registry."""
    POSTGRESQL = "postgresql"
    """The database server: its first process, or all of its processes."""
    ENVOY = "envoy"
    """The gateway."""
    RUNNER = "runner"
    """The process beside the script of the stage's step."""
    SCRIPT = "script"
    """What the runner runs: the training script, or the confined work of another stage."""
    MODEL_SERVER = "model server"
    """A server of the run's model: the champion's or the challenger's."""


IN_STEPS = (Victim.RUNNER, Victim.SCRIPT)
STEPS = (StageName.VALIDATE_DATA, StageName.TRAIN, StageName.PACKAGE, StageName.EVALUATE)
"""Stages whose work may be a step. One that has no process is noted as void."""


@dataclass(frozen=True)
class Case:
    """One kill. delay: seconds after the run was seen in the stage. whole: with its child processes, where it has some."""

    number: int
    victim: Victim
    stage: StageName
    delay: float
    whole: bool

    @property
    def title(self) -> str:
        return f"case {self.number} ({self.victim} at {self.stage})"


def cells() -> list[tuple[Victim, StageName]]:
    """Every victim at every stage that it may have a part in."""
    return [(victim, stage) for victim in Victim for stage in STAGES if victim not in IN_STEPS or stage in STEPS]


def plan(seed: int, first: int = 0) -> Iterator[Case]:
    """The cases of a seed, from `first` on. Each cell comes once before any comes again."""
    return islice(_cases(seed), first, None)


def _cases(seed: int) -> Iterator[Case]:
    chance, number = random.Random(seed), 0
    while True:
        order = cells()
        chance.shuffle(order)
        for victim, stage in order:
            delay = chance.random() ** 2 * 0.5  # mostly early: several stages take a fifth of a second
            yield Case(number, victim, stage, delay, chance.random() < 0.5)
            number += 1
