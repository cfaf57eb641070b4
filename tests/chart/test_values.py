"""values.yaml, its schema and the templates tell one story, and Helm refuses what is not in it."""

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.chart.helm import CHART, default_values, fails, render
from tests.chart.objects import leaves
from tests.chart.value_sets import VALUE_SETS

Document = dict[str, Any]
Path = tuple[str, ...]

_OPTIONAL = "optional"  # how a schema's `$comment` begins where values.yaml shows no such key
_GOLD = "goldfish"
# What a value might become, until one of them is taken by the schema and by the templates.
_TEXTS = (_GOLD, "7Gi", "7", "77m", "http://goldfish.example", "goldfish.example/x", "sha256:" + "7" * 64,
          "192.0.2.0/24", "0.7")  # fmt: skip
_GROUP = {"team": _GOLD, "role": "owner"}
_LISTS = ([{"name": _GOLD}], [_GOLD], ["192.0.2.0/24"], [{"key": _GOLD, "operator": "Exists"}],
          [{"host": "goldfish.example"}])  # fmt: skip


@functools.cache
def schema() -> Document:
    found = dict(json.loads((CHART / "values.schema.json").read_text()))
    found["properties"].pop("global", None)  # Helm's own
    return found


def resolved(node: Document) -> Document:
    """A node with what it refers to; its own words come first."""
    if "$ref" not in node:
        return node
    target: Any = schema()
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return {**resolved(target), **{key: value for key, value in node.items() if key != "$ref"}}


def declared(node: Document, path: Path = ()) -> Iterator[tuple[Path, Document]]:
    """Every property that the schema names, and the root."""
    whole = resolved(node)
    yield path, whole
    for name, below in (whole.get("properties") or {}).items():
        yield from declared(below, (*path, name))


def written(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of values.yaml that the schema knows by name: a free-form map is one value."""
    if path:
        yield path, tree
    if isinstance(tree, dict) and not free(path):
        for name, below in tree.items():
            yield from written(below, (*path, name))


@functools.cache
def nodes() -> dict[Path, Document]:
    return dict(declared(schema()))


def free(path: Path) -> bool:
    """Whether it is a map whose keys the user chooses."""
    node = nodes().get(path, {})
    return "properties" not in node


def single(path: Path, value: Any) -> bool:
    return not isinstance(value, dict) or free(path)


def dotted(paths: Any) -> str:
    return "\n".join(["", *(".".join(path) for path in paths)])


def nested(path: Path, value: Any) -> Document:
    for name in reversed(path):
        value = {name: value}
    return dict(value)


def merged(one: Any, other: Any) -> Any:
    """As Helm does: maps key by key, all else by the later one."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return other
    return {**one, **{key: merged(one.get(key), value) for key, value in other.items()}}


# --- The schema and values.yaml ---


def test_the_schema_knows_every_value() -> None:
    unknown = [path for path, _ in written(default_values()) if path not in nodes()]
    assert not unknown, dotted(unknown)


def test_the_schema_describes_every_value() -> None:
    silent = [
        path
        for path, node in nodes().items()
        if path and letters(node.get("description", "")) in ("", letters(path[-1]))
    ]
    assert not silent, dotted(silent)


def letters(text: str) -> str:
    """A description that says no more than the name is none."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def test_every_value_of_the_schema_is_in_the_file() -> None:
    there = {path for path, _ in written(default_values())}
    absent = [
        path
        for path, node in nodes().items()
        if path and path not in there and not node.get("$comment", "").startswith(_OPTIONAL)
    ]
    # What is below an optional one is as optional.
    absent = [path for path in absent if path[:-1] in there or len(path) == 1]
    assert not absent, dotted(absent)


def test_every_object_of_the_schema_is_closed_or_says_that_it_is_free() -> None:
    opened = [
        path for path, node in nodes().items() if "properties" in node and node.get("additionalProperties") is not False
    ]
    assert not opened, dotted(opened)
    silent = [
        path
        for path, node in nodes().items()
        if "object" in str(node.get("type")) and "properties" not in node and "additionalProperties" not in node
    ]
    assert not silent, dotted(silent)


def test_every_part_of_a_list_or_a_map_has_a_schema() -> None:
    """An object in a list is closed too."""
    faults = []
    for path, node in nodes().items():
        for kind in ("items", "additionalProperties"):
            below = node.get(kind)
            if isinstance(below, dict):
                faults += [
                    (*path, kind, *inner)
                    for inner, part in declared(below)
                    if "properties" in part and part.get("additionalProperties") is not False
                ]
        if "array" in str(node.get("type")) and "items" not in node:
            faults.append((*path, "items"))
    assert not faults, dotted(faults)


# --- What Helm says ---


def test_helm_takes_the_defaults() -> None:
    assert render()


def test_an_unknown_key_is_refused_by_name_at_every_level() -> None:
    closed = [path for path, value in written(default_values()) if not single(path, value)]
    wrong: Document = {_GOLD: 1}
    for path in closed:
        wrong = merged(wrong, nested((*path, _GOLD), 1))
    said = fails(wrong)
    silent = [path for path in closed if not re.search(rf"at '/{'/'.join(path)}':.*{_GOLD}", said)]
    assert re.search(rf"(at '':|\(root\)).*{_GOLD}", said), said[:500]
    assert not silent, dotted(silent)


def test_a_wrong_type_is_refused_everywhere() -> None:
    wrong: Document = {}
    places = [path for path, value in written(default_values()) if single(path, value)]
    for path in places:
        takes_lists = "array" in str(nodes()[path].get("type"))
        wrong = merged(wrong, nested(path, {"wrong": ["wrong"]} if takes_lists else [["wrong"]]))
    said = fails(wrong)
    silent = [path for path in places if f"at '/{'/'.join(path)}" not in said]
    assert not silent, dotted(silent)


# --- values.yaml for people ---

# Kubernetes says what they mean.
_KUBERNETES = frozenset({"replicas", "resources", "nodeSelector", "tolerations", "annotations", "storageClass", "requests",
                          "limits"})  # fmt: skip


def test_every_value_has_a_comment() -> None:
    """Its own, or that of the map around it."""
    lines = (CHART / "values.yaml").read_text().splitlines()

    def below(node: yaml.MappingNode, path: Path, covered: bool) -> Iterator[Path]:
        for key, value in node.value:
            here = (*path, key.value)
            line, above = lines[key.start_mark.line], lines[key.start_mark.line - 1].strip()
            own = above.startswith("#") or re.search(r"\s#\s", line) is not None
            if isinstance(value, yaml.MappingNode) and value.value and not free(here):
                yield from below(value, here, own)
            elif not (own or covered or here[-1] in _KUBERNETES):
                yield here

    root = yaml.compose((CHART / "values.yaml").read_text())
    assert isinstance(root, yaml.MappingNode)
    silent = list(below(root, (), False))
    assert not silent, dotted(silent)


# --- The templates ---


@functools.cache
def templates() -> str:
    return "\n".join(path.read_text() for path in sorted((CHART / "templates").rglob("*")) if path.is_file())


@functools.cache
def referred() -> set[Path]:
    """What the templates name in full."""
    return {tuple(found[1:].split(".")) for found in re.findall(r"\.Values((?:\.[A-Za-z_]\w*)+)", templates())}


def test_the_templates_name_no_value_that_there_is_not() -> None:
    def known(path: Path) -> bool:
        return path in nodes() or any(path[:end] in nodes() and free(path[:end]) for end in range(1, len(path)))

    unknown = sorted(path for path in referred() if not known(path))
    assert not unknown, dotted(unknown)


def test_the_templates_name_every_property_of_a_listed_thing() -> None:
    """Such as those of a team, and of a type of GPU."""
    idle = [
        (*path, kind, name)
        for path, node in nodes().items()
        for kind in ("items", "additionalProperties")
        if isinstance(node.get(kind), dict)
        for name in resolved(node[kind]).get("properties") or {}
        if not re.search(rf"\.{name}\b", templates())
    ]
    assert not idle, dotted(idle)


UNNAMED = [
    ".".join(path) for path, value in written(default_values()) if single(path, value) and path not in referred()
]


@pytest.mark.parametrize("name", UNNAMED)
def test_a_value_that_no_template_names_in_full_changes_something(name: str) -> None:
    path = tuple(name.split("."))
    assert any(changes(path, base) for base in VALUE_SETS.values()), f"changing {name} changes no manifest"


def changes(path: Path, base: Document) -> bool:
    before = manifests(json.dumps(base))
    for value in others(path, base):
        changed = merged(base, nested(path, value))
        if not fails(changed) and manifests(json.dumps(changed)) != before:
            return True
    return False


@functools.lru_cache(maxsize=256)
def manifests(values: str) -> list[Document]:
    """Without what is drawn anew each time."""
    return [document for document in render(json.loads(values)) if document["kind"] != "Secret"]


def others(path: Path, base: Document) -> Iterator[Any]:
    """What the value might be instead."""
    value: Any = merged(default_values(), base)
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    node = nodes().get(path, {})
    yield from (other for other in node.get("enum") or [] if other != value)
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value - 1)
    elif isinstance(value, list):
        yield from ([*value, *more] for more in _LISTS)
    elif isinstance(value, dict):
        keys = (_GOLD, "AIRFLOW__GOLD__FISH")
        yield from ({**value, key: other} for key in keys for other in (*_TEXTS, 7, {}, {"resource": _GOLD}, _GROUP))
    else:
        yield from (*_TEXTS, *_LISTS, 7, {_GOLD: _GOLD}, True)


def test_no_value_is_a_secret() -> None:
    """A default password is a password that everyone knows."""
    known = [
        place
        for place, value in leaves(default_values())
        if re.search(r"(password|secretKey|token|privateKey|fernetKey)$", place, re.I) and value
    ]
    assert not known, "\n".join(known)
