"""Checkov has read the default manifests: each complaint is met, or answered in checkov_explained.yaml."""

import json
import os
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.helm import kept, render

_VERSION = "3.3.30"
_EXPLAINED = Path(__file__).with_name("checkov_explained.yaml")

Complaint = tuple[str, str, str]


def checkov() -> Path:
    """Python with Checkov. Its own environment, because its dependencies and ours exclude each other."""
    return kept(f"checkov-{_VERSION}", install) / "bin" / "python"


def install(folder: Path) -> None:
    python = folder / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"checkov=={_VERSION}"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> list[Complaint]:
    """Check, resource and what is wrong, of every failed check."""
    folder = tmp_path_factory.mktemp("manifests")
    documents = render()
    for document in documents:  # where Helm puts what names no place
        document["metadata"].setdefault("namespace", "jinsu")
    (folder / "chart.yaml").write_text(yaml.safe_dump_all(documents))
    done = subprocess.run(
        [str(checkov()), "-m", "checkov.main", "-d", str(folder), "--framework", "kubernetes",
         "--skip-download", "--output", "json", "--compact", "--quiet"],
        # Nothing listens there: it does without the network or fails.
        env={**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr[-2000:]
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["summary"]["passed"] > 100, "it has hardly read anything"
    failed = report["results"]["failed_checks"]
    return [(one["check_id"], one["resource"], one["check_name"]) for one in failed]


@pytest.fixture(scope="module")
def explained() -> list[tuple[str, str]]:
    """Check and pattern of resources, of every explanation."""
    document = yaml.safe_load(_EXPLAINED.read_text()) or {}
    return [(check, pattern) for check, reasons in document.items() for pattern in reasons]


def test_every_complaint_has_its_explanation_and_every_explanation_its_complaint(
    complaints: list[Complaint], explained: list[tuple[str, str]]
) -> None:
    unexplained = [
        f"unexplained: {check} {resource}: {name}"
        for check, resource, name in complaints
        if not any(check == known and fnmatchcase(resource, pattern) for known, pattern in explained)
    ]
    useless = [
        f"explains nothing: {check} {pattern}"
        for check, pattern in explained
        if not any(check == other and fnmatchcase(resource, pattern) for other, resource, _ in complaints)
    ]
    assert not unexplained + useless, "\n".join(["", *unexplained, *useless])


def test_every_explanation_is_a_sentence() -> None:
    document = yaml.safe_load(_EXPLAINED.read_text()) or {}
    reasons = [reason for patterns in document.values() for reason in patterns.values()]
    assert all(len(reason) > 20 and reason.endswith(".") for reason in reasons)
