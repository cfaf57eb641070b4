"""The rooms of `jinsu` as the code has them: their layers, jobs, sizes, arrows and outside libraries."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
PACKAGE = "jinsu"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])")

Arrow = tuple[str, str]


@dataclass(frozen=True)
class Room:
    """A package or a single module directly below `jinsu`.

    sentences: the first two paragraphs of its docstring, one string a sentence; the first one is the room's job.
    lines: of all its Python files, blank ones and comments too.
    libraries: top-level names that it imports from neither Jinsu nor the standard library.
    """

    name: str
    sentences: tuple[str, ...]
    modules: int
    lines: int
    libraries: tuple[str, ...]


@dataclass(frozen=True)
class RoomMap:
    """All rooms and what they import.

    layers: names of rooms, from the top; rooms of one layer know nothing of each other.
    arrows: (user, used), every pair of rooms of which one imports a module of the other.
    """

    layers: tuple[tuple[str, ...], ...]
    rooms: dict[str, Room]
    arrows: frozenset[Arrow]

    @cached_property
    def row(self) -> dict[str, int]:
        """The layer of each room, 0 at the top."""
        return {name: number for number, layer in enumerate(self.layers) for name in layer}

    @property
    def arrows_up(self) -> list[Arrow]:
        """Arrows that end in the same layer or above, against the contract."""
        return sorted((user, used) for user, used in self.arrows if self.row[used] <= self.row[user])

    @property
    def drawn_arrows(self) -> list[Arrow]:
        """Arrows down without those that follow from others: with a → b and b → c, a → c is left out."""
        down = self.arrows - set(self.arrows_up)
        used_by = {name: {used for user, used in down if user == name} for name in self.rooms}
        reached: dict[str, set[str]] = {}
        for name in (name for layer in reversed(self.layers) for name in layer):
            reached[name] = used_by[name].union(*(reached[used] for used in used_by[name]))
        return sorted((user, used) for user, used in down if not any(used in reached[other] for other in used_by[user]))

    def used_by(self, name: str) -> list[str]:
        """The rooms that this one imports from, from the top."""
        return sorted((used for user, used in self.arrows if user == name), key=lambda used: (self.row[used], used))


@lru_cache
def read_map() -> RoomMap:
    """Reads pyproject.toml and every module of the package. Raises ValueError when a room is in no layer."""
    graph = grimp.build_graph(PACKAGE, include_external_packages=True, cache_dir=None)
    arrows: set[Arrow] = set()
    libraries: dict[str, set[str]] = {}
    for module in graph.modules:
        user = _room_of(module)
        if user is None:
            continue
        for imported in graph.find_modules_directly_imported_by(module):
            used = _room_of(imported)
            if used is not None and used != user:
                arrows.add((user, used))
            if not imported.startswith(PACKAGE) and imported not in sys.stdlib_module_names:
                libraries.setdefault(user, set()).add(imported)
    layers = tuple(_names(layer) for layer in layers_contract()["layers"])
    rooms = {name: _room(name, tuple(sorted(libraries.get(name, ())))) for name in found_rooms()}
    if apart := set(rooms) ^ {name for layer in layers for name in layer}:
        raise ValueError(f"pyproject.toml: the layers and the rooms of platform/{PACKAGE} differ by {sorted(apart)}")
    return RoomMap(layers, rooms, frozenset(arrows))


def layers_contract() -> dict[str, list[str]]:
    """The contract of import-linter that orders the rooms."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (found,) = (one for one in document["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    return dict(found)


def found_rooms() -> list[str]:
    """Packages and modules directly below `jinsu`."""
    below = ROOT / "platform" / PACKAGE
    packages = [path.parent.name for path in below.glob("*/__init__.py")]
    return sorted([*packages, *(path.stem for path in below.glob("*.py") if path.stem != "__init__")])


def files_of(name: str) -> list[Path]:
    """The Python files of one room."""
    place = ROOT / "platform" / PACKAGE / name
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length in lines of every function and method of a file; what is nested counts for itself too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def sentences(docstring: str) -> tuple[str, ...]:
    """The sentences of the first two paragraphs."""
    opening = " ".join(docstring.split("\n\n")[:2])
    return tuple(_SENTENCE_END.split(" ".join(opening.split())))


def _room(name: str, libraries: tuple[str, ...]) -> Room:
    files = files_of(name)
    first = next((path for path in files if path.name == "__init__.py" and path.parent.name == name), files[0])
    docstring = ast.get_docstring(ast.parse(first.read_text(encoding="utf-8"))) or ""
    modules = [path for path in files if path.name != "__init__.py"]
    return Room(name, sentences(docstring), len(modules), sum(map(line_count, files)), libraries)


def _room_of(module: str) -> str | None:
    """None for what is outside, and for `jinsu` itself, which is in no room."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == PACKAGE and rest else None


def _names(layer: str) -> tuple[str, ...]:
    return tuple(name.strip(" ()") for name in re.split("[|:]", layer))
