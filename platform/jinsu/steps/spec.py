"""A step as data, and its identity. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

_IMAGE_WITH_DIGEST = re.compile(r"[^@\s]+@(sha256:[0-9a-f]{64})")


class StepKind(StrEnum):
    """Whose program a step runs. It decides where the step's process is and what surrounds it."""

    TRAINING = "training"
    """A researcher's program: in the image and the namespace of its team."""
    PLATFORM = "platform"
    """A program of the platform that opens what people sent: in the platform's own image and namespace."""


@dataclass(frozen=True)
class Limits:
    """What the processes of one step may use together.

    Memory and sizes in bytes, time in seconds, cpu in cores. output_bytes: of one file. log_bytes: of the log of all attempts.
    """

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
    """One object that is brought into `in/`: its name there, the object's name, and the sha256 of its content.

    The content of a file is verified; the digest of a folder, or "", only names what was meant. chosen: the name of another
    input, a listing of files: of this one, a pack, only the bytes of those files are brought, each at its place.
    """

    name: str
    uri: str
    digest: str
    chosen: str = ""


@dataclass(frozen=True)
class StepSpec:
    """One unit of work a launcher executes.

    `run_key` is its identity: it names the Job in Kubernetes and the folder of the outputs, so a second start finds what
    the first one did. `labels` say whose step it is; none of them decides the result.
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
    kind: StepKind = StepKind.TRAINING
    egress: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def to_json(self) -> str:
        """The step without its secrets."""
        return json.dumps({**asdict(self), "secrets": {}}, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> StepSpec:
        document = json.loads(text)
        document["command"] = tuple(document["command"])
        document["limits"] = Limits(**document["limits"])
        document["inputs"] = tuple(Input(**item) for item in document["inputs"])
        document["kind"] = StepKind(document.get("kind", StepKind.TRAINING))
        document["egress"] = tuple(document.get("egress", ()))
        return StepSpec(**document)


def run_key(step: str, spec: Mapping[str, Any], inputs: Mapping[str, str], code_digest: str, image_digest: str) -> str:
    """sha256 over everything that decides a step's result, as 64 hexadecimal digits.

    spec: only the part of the model spec that this step reads, because a new review rule must not train again.
    inputs: digests by name. image_digest: of the step's environment; for an image `image_part` gives it.
    """
    identity = {
        "step": step,
        "spec": spec,
        "inputs": dict(sorted(inputs.items())),
        "code": code_digest,
        "image": image_digest,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True, allow_nan=False).encode()).hexdigest()


def image_digest(image: str) -> str | None:
    """What identifies an image: the digest in `NAME@sha256:…` or `NAME:TAG@sha256:…`, beginning with `sha256:`.

    None for an image that is named by a tag, because a registry may give another image for the same tag tomorrow.
    """
    match = _IMAGE_WITH_DIGEST.fullmatch(image)
    return match[1] if match else None


def image_part(image: str, trial: str) -> str:
    """The image's part of a run key: the image's digest, or the trial when the image is named by a tag.

    trial: names one trial of one submission. Without a digest no other run may find the result, whereas a retry of the
    same trial must find its own step.
    """
    return image_digest(image) or f"trial:{trial}"
