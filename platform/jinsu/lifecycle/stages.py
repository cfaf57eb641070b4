"""Which class carries out which stage. `admit` is apart: it alone starts from a form and not from a submission."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from jinsu.lifecycle.canary import Canary
from jinsu.lifecycle.evaluate import Evaluate
from jinsu.lifecycle.package import Package
from jinsu.lifecycle.promote import Promote
from jinsu.lifecycle.register import Register
from jinsu.lifecycle.review import Review
from jinsu.lifecycle.stepping import StepStage
from jinsu.lifecycle.train import Train
from jinsu.lifecycle.validate_data import ValidateData
from jinsu.runs.stages import StageName, StageOutput


class Stage(Protocol):
    """A stage that needs nothing but its run. Doing it twice is safe."""

    def run(self, run: str) -> StageOutput:
        """Does the stage, waits included. Raises a JinsuError with the sentence that people read."""


STEP_STAGES: Mapping[StageName, type[StepStage]] = MappingProxyType(
    {
        StageName.VALIDATE_DATA: ValidateData,
        StageName.TRAIN: Train,
        StageName.PACKAGE: Package,
        StageName.EVALUATE: Evaluate,
    }
)
"""Stages whose work is done in steps (`jinsu.lifecycle.stepping`)."""

STAGES: Mapping[StageName, type[Stage]] = MappingProxyType(
    {
        StageName.REGISTER: Register,
        StageName.REVIEW: Review,
        StageName.CANARY: Canary,
        StageName.PROMOTE: Promote,
    }
)
