"""The objects that there are, with their sizes and ages: in the folder of one machine, or in the store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from jinsu.data.datasets import DatasetStore
from jinsu.objects.cache import discard
from jinsu.objects.mirror import Mirror
from jinsu.objects.store import PlatformStore, Stored
from jinsu.retention.decision import Object
from jinsu.runs.dataset_files import pack_names
from jinsu.steps.folders import StepFolders

_DEPTHS = {"steps": 2, "code": 2, "datasets": 3, "packs": 3}
"""How many parts the name of an object has, by its first part. Other objects always stay."""
_FILES = ("code", "packs")
"""Objects that are files; the others are folders."""
_MARKS = {"steps": "result.json", "datasets": "manifest.json"}
"""What is removed first, so that no reader finds half an object."""


def inventory(objects: Mirror) -> list[Object]:
    """Every object that retention may look at."""
    sizes: dict[str, int] = {}
    times: dict[str, float] = {}
    latest: dict[str, str] = {}
    for item in _files(objects):
        name = _object_of(item.key)
        if name is None:
            if item.key.startswith("datasets/") and item.key.endswith("/latest"):
                latest[item.key.removesuffix("/latest")] = (objects.read(item.key, fresh=True) or b"").decode().strip()
            continue
        sizes[name] = sizes.get(name, 0) + item.size
        times[name] = max(times.get(name, 0.0), item.modified)
    newest = {f"{dataset}/{version}" for dataset, version in latest.items()}
    for name in _needed_packs(objects) if any(name.startswith("packs/") for name in sizes) else ():
        sizes.pop(name, None)
    return [
        Object(name, size, times[name], name in newest, _needs(objects, name)) for name, size in sorted(sizes.items())
    ]


def _needed_packs(objects: Mirror) -> set[str]:
    """Packs that a version has; any other was sent for a put that did not end, or its versions are gone."""
    steps = StepFolders(objects)
    return {name for version in DatasetStore(objects).every() for name in pack_names(steps, version).values()}


def _needs(objects: Mirror, name: str) -> str:
    """The step that holds the content of a dataset version; "" for any other object."""
    if not name.startswith("datasets/"):
        return ""
    step = str(json.loads(objects.read(f"{name}/{_MARKS['datasets']}") or b"{}").get("step", ""))
    return f"steps/{step}" if step else ""


def remove(objects: Mirror, name: str) -> None:
    """Removes an object and what belongs to it. Repeating it changes nothing. Raises TransientError."""
    kind = name.partition("/")[0]
    discard(objects.root / name, objects.drafts.root)  # on Kubernetes, what this process has of it
    if objects.store is None:
        return
    if kind in _MARKS:
        objects.store.delete(f"{name}/{_MARKS[kind]}")
        objects.store.delete(f"{name}/")
    else:
        objects.store.delete(name)
    if kind == "steps":
        objects.store.delete(f"work/{name.partition('/')[2]}/")


def size_of(objects: Mirror, names: Sequence[str]) -> int:
    """Bytes of these objects together."""
    if objects.store is None:
        return sum(item.size for name in names for item in _below(objects.root, objects.root / name))
    assert isinstance(objects.store, PlatformStore)
    ends = ((name, "" if name.startswith("packs/") else "/") for name in names)
    return sum(item.size for name, end in ends for item in objects.store.stored(f"{name}{end}"))


def _files(objects: Mirror) -> Iterator[Stored]:
    for kind in (*_DEPTHS, "work"):
        if objects.store is None:
            yield from _below(objects.root, objects.root / kind)
        else:
            assert isinstance(objects.store, PlatformStore)
            yield from objects.store.stored(f"{kind}/")


def _below(root: Path, folder: Path) -> Iterator[Stored]:
    for path in folder.rglob("*"):
        with suppress(OSError):
            status = path.lstat()
            if not path.is_dir():
                yield Stored(path.relative_to(root).as_posix(), status.st_size, status.st_mtime)


def _object_of(key: str) -> str | None:
    """The object that a file belongs to; None for a file that is no part of one."""
    kind, *rest = key.split("/")
    if any(part.startswith(".") for part in rest[: _DEPTHS.get(kind, 1)]):
        return None
    if kind == "work":
        return f"steps/{rest[0]}"
    depth = _DEPTHS[kind]
    return (
        "/".join((kind, *rest[: depth - 1]))
        if len(rest) >= depth - 1 and (kind in _FILES or len(rest) >= depth)
        else None
    )
