"""Kubernetes' own schemas, the strict ones: a field that a version does not know is refused."""

from __future__ import annotations

import functools
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from tests.chart.helm import Document, downloaded, kept

# Each release of kubernetes-validate has the schemas of some versions; the last one with those of 1.20.
_OLD = "1.28.0"
_FOLDER = "kubernetes_validate/kubernetes-json-schema"
# Kinds of others' operators, which bring their own schemas to a cluster.
FOREIGN = frozenset(
    {
        "ClusterQueue", "LocalQueue", "ResourceFlavor", "WorkloadPriorityClass",
        "PodMonitor", "PrometheusRule", "ServiceMonitor",
    }
)  # fmt: skip
_QUANTITY = re.compile(r"(\d+|\d*\.\d+)(m|k|[KMGTPE]i|[MGTPE])?")


def faults(document: Document, version: str) -> list[str]:
    """What is wrong with one manifest in this version of Kubernetes."""
    name = f"{document['kind']}/{document['metadata']['name']}"
    if document["kind"] in FOREIGN:
        return []
    validator = _validator(document["apiVersion"], document["kind"], version)
    if validator is None:
        return [f"{name}: Kubernetes {version} has no {document['apiVersion']} {document['kind']}"]
    errors = [
        f"{name}: {'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for error in validator.iter_errors(document)
    ]
    return errors + [f"{name}: {place} is not a quantity: {value!r}" for place, value in _bad_quantities(document)]


@functools.cache
def _validator(api_version: str, kind: str, version: str) -> Draft202012Validator | None:
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    path = _home(version) / f"v{version}-local-strict" / f"{kind.lower()}-{group}.json"
    if not path.is_file():
        return None
    return Draft202012Validator(json.loads(path.read_text()), registry=_registry(version))


@functools.cache
def _registry(version: str) -> Registry[Any]:
    definitions = json.loads((_home(version) / f"v{version}-local-strict" / "_definitions.json").read_text())
    resource = DRAFT202012.create_resource(definitions)
    # Their name has changed between the releases.
    return Registry().with_resources((name, resource) for name in ("_definitions.json", definitions.get("$id", "")))


@functools.cache
def _home(version: str) -> Path:
    new = Path(str(files("kubernetes_validate"))) / "kubernetes-json-schema"
    if (new / f"v{version}-local-strict").is_dir():
        return new
    return kept(f"kubernetes-schemas-{_OLD}", _fetch) / _FOLDER


def _fetch(folder: Path) -> None:
    with (
        TemporaryDirectory() as place,
        zipfile.ZipFile(downloaded(f"kubernetes-validate=={_OLD}", Path(place))) as wheel,
    ):
        wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith(_FOLDER)])
    for path in (folder / _FOLDER).glob("*-local"):  # the strict ones have their own folders
        shutil.rmtree(path)


def _bad_quantities(tree: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """The schema takes any text for a quantity; a cluster does not."""
    if isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from _bad_quantities(item, f"{place}[{number}]")
    elif isinstance(tree, dict):
        for key, value in tree.items():
            where = f"{place}.{key}".lstrip(".")
            if re.search(r"(requests|limits|hard)$", place) or key in {"sizeLimit"}:
                if not isinstance(value, str | int) or not _QUANTITY.fullmatch(str(value)):
                    yield where, value
            else:
                yield from _bad_quantities(value, where)
