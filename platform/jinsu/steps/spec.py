"""A step as data, its identity, and where its files lie."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Limits:
    """What the processes of one step may use together. Memory in bytes, time in seconds, logs in bytes."""

    memory: int
    seconds: float
    cpu: float = 1.0
    gpu: int = 0
    gpu_type: str | None = None
    processes: int = 256
    output_bytes: int = 8 * 2**30
    log_bytes: int = 8 * 2**20
    priority: str = "normal"


@dataclass(frozen=True)
class Input:
    """One thing staged into `in/`: where it comes from, what it is called there, and its content digest."""

    name: str
    uri: str
    digest: str


@dataclass(frozen=True)
class StepSpec:
    """One unit of work a launcher executes.

    `run_key` is its identity: it names the cluster's Job, prefixes the outputs and tags the MLflow run, so a second
    start finds the first one's work.
    """

    name: str
    image: str
    command: tuple[str, ...]
    params: Mapping[str, Any]
    limits: Limits
    inputs: tuple[Input, ...]
    output_uri: str
    run_key: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> StepSpec:
        document = json.loads(text)
        document["command"] = tuple(document["command"])
        document["limits"] = Limits(**document["limits"])
        document["inputs"] = tuple(Input(**item) for item in document["inputs"])
        return StepSpec(**document)


def run_key(step: str, spec: Mapping[str, Any], inputs: Mapping[str, str], code_digest: str, image_digest: str) -> str:
    """sha256 over everything that decides a step's result, as 64 hexadecimal digits.

    `spec` holds only the part of the model spec that this step reads: a new review rule must not train again.
    """
    identity = {
        "step": step,
        "spec": spec,
        "inputs": dict(sorted(inputs.items())),
        "code": code_digest,
        "image": image_digest,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True, allow_nan=False).encode()).hexdigest()
