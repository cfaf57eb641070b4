"""Writes what a program found."""

from __future__ import annotations

import json
from pathlib import Path

from jinsu.codec import encode
from jinsu.confined.tasks import FINDINGS


def write_findings(out: Path, findings: object) -> None:
    """Writes a dataclass as the step's findings."""
    (out / FINDINGS).write_text(json.dumps(encode(findings)), encoding="utf-8")
