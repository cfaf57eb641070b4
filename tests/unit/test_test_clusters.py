"""Which cluster the cluster's tests take. kind itself is replaced by a program that notes what it is asked."""

import os
from pathlib import Path

import pytest
from tests.cluster.harness.clusters import Debian, Given, Kind, chosen

# Answers `get clusters` with the cluster that was made, and notes everything.
_PROGRAM = """#!/bin/sh
echo "$(basename "$0") $*" >> "$NOTES"
case "$*" in
  "create cluster"*) echo jinsu-test > "$NOTES.clusters"; mkdir -p "$(dirname "$6")"; : > "$6" ;;
  "delete cluster"*) : > "$NOTES.clusters" ;;
  "get clusters"*) cat "$NOTES.clusters" 2>/dev/null || true ;;
  "info") [ ! -e "$NOTES.asleep" ] ;;
esac
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with kind, Docker and kubectl."""
    for name in ("kind", "docker", "kubectl"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(_PROGRAM)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JINSU_TEST_KUBECONFIG", raising=False)
    monkeypatch.setattr("tests.chart.helm.kubectl", lambda: tmp_path / "bin" / "kubectl")
    return tmp_path / "notes"


def test_a_given_cluster_comes_first(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINSU_TEST_KUBECONFIG", "/somebody/else")
    monkeypatch.delenv("JINSU_TEST_IMAGES", raising=False)
    found = chosen()
    assert isinstance(found, Given)
    assert "JINSU_TEST_IMAGES" in found.impossible()

    monkeypatch.setenv("JINSU_TEST_IMAGES", "registry.example/jinsu/{}:1")
    assert found.impossible() == ""
    assert found.images(["runtime"]) == {"runtime": "registry.example/jinsu/runtime:1"}
    found.down()
    assert not notes.exists()


def test_kind_is_taken_where_docker_answers(notes: Path) -> None:
    assert isinstance(chosen(), Kind)
    notes.with_suffix(".asleep").touch()
    assert isinstance(chosen(), Debian)


def test_kind_has_a_kubeconfig_of_its_own_and_is_deleted_again(notes: Path) -> None:
    kind = Kind()
    assert not kind.alive()

    kind.up(lambda _: None)

    assert kind.alive()
    said = notes.read_text()
    own = f"--name jinsu-test --kubeconfig {kind.kubeconfig}"
    assert f"kind create cluster {own} --wait 120s\n" in said
    assert f"kubectl --kubeconfig {kind.kubeconfig} patch node jinsu-test-control-plane --subresource status" in said
    kind.up(lambda _: None)
    assert notes.read_text().count("create cluster") == 1

    kind.down()
    assert f"kind delete cluster {own}\n" in notes.read_text()
    assert not kind.alive()
    assert not kind.kubeconfig.exists()
