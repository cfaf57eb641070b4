"""Writes the map of rooms: docs/architecture.md and docs/images/rooms.svg.

python -m tests.architecture.page
"""

from functools import lru_cache
from pathlib import Path

from tests.architecture.drawing import draw
from tests.architecture.rooms import ROOT, Room, RoomMap, read_map

PAGE, PICTURE = ROOT / "docs" / "architecture.md", ROOT / "docs" / "images" / "rooms.svg"

_OPENING = """\
<!-- Written by `make docs` from the code. To change a text, change the docstring of the room. -->
# The rooms of Jinsu

The package `jinsu` (in `platform/`) has {rooms} rooms in {layers} layers. A room has one job. It may import from the rooms
in the layers below it, and from no room above or beside it; import-linter holds every commit to that (`make architecture`;
the order of the layers is in `pyproject.toml`). Around the package, `dags/` and `components/` only name what
`jinsu.orchestration` and `jinsu.lifecycle` do, and `helm/` starts what `jinsu.cluster` offers.

![The rooms in their layers, and which room uses which](images/rooms.svg)

An arrow leads from a room to a room that it imports from. An arrow that follows from others is left out: where a → b and
b → c are drawn, a → c is not. Arrows into the same room share a line. The code has {arrows} arrows, of which {drawn} are
drawn; {up}.

**Where to begin.** To follow a run from the command line to a champion, read `runs`, then `lifecycle` (one module for each
stage), then `controller` and `release`. Follow a training through `launchers` and `steps`, and a live request through
`gateway` and `serving`.
"""


@lru_cache
def texts() -> dict[Path, str]:
    """What each file of the map must say."""
    rooms = read_map()
    return {PAGE: page(rooms), PICTURE: draw(rooms)}


def page(rooms: RoomMap) -> str:
    """The page as Markdown: the picture, then every room from the top."""
    up = rooms.arrows_up
    opening = _OPENING.format(
        rooms=len(rooms.rooms),
        layers=len(rooms.layers),
        arrows=len(rooms.arrows),
        drawn=len(rooms.drawn_arrows),
        up="none leads up" if not up else "these lead up, against the rule: " + _listed([f"{a} → {b}" for a, b in up]),
    )
    parts = [opening]
    for number, layer in enumerate(rooms.layers, 1):
        parts.append(f"## Layer {number}\n")
        parts += [_room(rooms, rooms.rooms[name]) for name in sorted(layer)]
    return "\n".join(parts)


def _room(rooms: RoomMap, room: Room) -> str:
    size = f"{room.modules} modules" if room.modules > 1 else "one module"
    facts = [
        f"{size}, {_about(room.lines)}",
        f"uses {_listed(rooms.used_by(room.name))}" if rooms.used_by(room.name) else "uses no other room",
        f"outside libraries: {_listed(room.libraries)}" if room.libraries else "the standard library alone",
    ]
    return f"### {room.name}\n\n{' '.join(room.sentences)}\n\n*{' · '.join(facts)}*\n"


def _about(lines: int) -> str:
    """Rounded, so that not every change of a line changes the page."""
    return "fewer than 100 lines" if lines < 100 else f"about {round(lines, -2)} lines"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names)


def main() -> None:
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
