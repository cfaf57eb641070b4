"""Draws the map of rooms as an SVG: one band a layer, its rooms and their arrows at the left, their jobs at the right.

The arrows into one room share a line, which runs down beside the rooms between, so that no arrow crosses a box. The
layout is Sugiyama's (K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
structures", 1981) with given layers: order each row so that few lines cross, then place it so that lines are short.
"""

import random
import textwrap
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from tests.architecture.rooms import Arrow, RoomMap

_BOX_HEIGHT, _GAP, _MARGIN, _LINE_GAP = 30, 38, 20, 17
_TEXT_WIDTH, _TEXT_LINE, _CHARACTERS = 570, 16, 92
_COLOURS = ("#2563a8", "#b4532a", "#2f7d4f", "#7a4fa3", "#a8324a", "#8a6d1b", "#2a8a8f", "#5a6472")
_TRIES, _SWEEPS = 24, 400
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" \
font-family="Helvetica, Arial, sans-serif">
<title>The rooms of Jinsu and the arrows between them</title>
<rect width="{width}" height="{height}" fill="#ffffff"/>"""


@dataclass(frozen=True)
class Node:
    """A room, or (with `passing`) the place in a row where the line that leads to a room passes by other rooms."""

    room: str
    row: int
    passing: bool = False

    @property
    def width(self) -> float:
        return 0 if self.passing else 26 + 8 * len(self.room)


Link = tuple[Node, Node]
Rows = list[list[Node]]
Places = dict[Node, float]


def draw(rooms: RoomMap) -> str:
    """The picture as text of an SVG file."""
    links = _links(rooms, rooms.drawn_arrows)
    rows = _ordered(_rows(rooms, links), links)
    places = _placed(rows, links)
    left = min(places[node] - node.width / 2 for node in places)
    places = {node: places[node] - left + _MARGIN for node in places}
    text = round(max(places[node] + node.width / 2 for node in places)) + 2 * _MARGIN
    tops = _tops(rooms)
    size = {"width": text + _TEXT_WIDTH, "height": round(tops[-1])}
    parts = [
        _HEAD.format(**size),
        *_bands(rooms, tops, text, size["width"]),
        *_lines(links, places, tops),
        *_upward(rooms, places, tops),
        *_boxes(places, tops),
    ]
    return "\n".join([*parts, "</svg>", ""])


# --- What is connected with what ---


def _links(rooms: RoomMap, arrows: list[Arrow]) -> list[Link]:
    """Pairs of nodes in neighbouring rows. A line begins at the highest user of a room; the others join it."""
    links: dict[Link, None] = {}
    for user, used in arrows:
        begin, end = rooms.row[user], rooms.row[used]
        chain = [Node(user, begin), *(Node(used, row, True) for row in range(begin + 1, end)), Node(used, end)]
        links.update(dict.fromkeys(pairwise(chain)))
    return list(links)


def _rows(rooms: RoomMap, links: list[Link]) -> Rows:
    nodes = {Node(name, row) for name, row in rooms.row.items()} | {node for link in links for node in link}
    ordered = sorted(nodes, key=lambda node: (node.room, node.passing))
    return [[node for node in ordered if node.row == row] for row in range(len(rooms.layers))]


# --- The order in each row ---


def _ordered(rows: Rows, links: list[Link]) -> Rows:
    """The best of several orders, each begun at random (but the same every time) and improved by barycentres."""
    chance = random.Random(0)
    best = rows
    for _ in range(_TRIES):
        tried = [chance.sample(row, len(row)) for row in rows]
        for sweep in range(12):
            _sort_by_neighbours(tried, links, downward=sweep % 2 == 0)
            _swap_neighbours(tried, links)
            if _badness(tried, links) < _badness(best, links):
                best = [list(row) for row in tried]
    return best


def _sort_by_neighbours(rows: Rows, links: list[Link], downward: bool) -> None:
    around = _neighbours(links, downward)
    for row in rows if downward else rows[::-1]:
        at = _positions(rows)
        wanted = {
            node: sum(at[other] for other in around[node]) / len(around[node]) if around.get(node) else at[node]
            for node in row
        }
        row.sort(key=lambda node: wanted[node])


def _swap_neighbours(rows: Rows, links: list[Link]) -> None:
    for row in rows:
        for index in range(len(row) - 1):
            before = _badness(rows, links, row[0].row)
            row[index], row[index + 1] = row[index + 1], row[index]
            if _badness(rows, links, row[0].row) >= before:
                row[index], row[index + 1] = row[index + 1], row[index]


def _badness(rows: Rows, links: list[Link], row: int | None = None) -> tuple[int, float]:
    """Crossings of lines, then how far lines lead sideways; of all gaps, or of the two around one row."""
    at = _positions(rows if row is None else rows[max(0, row - 1) : row + 2])
    gaps: dict[int, list[tuple[float, float]]] = {}
    for upper, lower in links:
        if row is None or row in (upper.row, lower.row):
            gaps.setdefault(upper.row, []).append((at[upper], at[lower]))
    crossings = sum(
        (one[0] - other[0]) * (one[1] - other[1]) < 0
        for ends in gaps.values()
        for number, one in enumerate(ends)
        for other in ends[:number]
    )
    return crossings, round(sum(abs(upper - lower) for ends in gaps.values() for upper, lower in ends), 6)


def _positions(rows: Rows) -> Places:
    return {node: (index + 0.5) / len(row) for row in rows for index, node in enumerate(row)}


def _neighbours(links: list[Link], above: bool) -> dict[Node, list[Node]]:
    around: dict[Node, list[Node]] = {}
    for upper, lower in links:
        node, other = (lower, upper) if above else (upper, lower)
        around.setdefault(node, []).append(other)
    return around


# --- Where each node stands ---


def _placed(rows: Rows, links: list[Link]) -> Places:
    """Middles of the nodes, in pixels: rows are moved towards their neighbours, the order and the distances kept.

    Lengths count, not squares of lengths (a pull weakens with the distance), so a line leads straight down and turns
    once instead of drifting.
    """
    places = {node: place for row in rows for node, place in zip(row, _spread(row), strict=True)}
    around = {
        node: [*_neighbours(links, True).get(node, []), *_neighbours(links, False).get(node, [])] for node in places
    }
    for sweep in range(_SWEEPS):
        soft = max(0.5, 60 * (1 - 2 * sweep / _SWEEPS))
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted, weights = [], []
            for node in row:
                pulls = [
                    (places[other], _strength(node, other) / (soft + abs(places[other] - places[node])))
                    for other in around[node]
                ]
                pulls.append((places[node], 0.001))
                weights.append(sum(pull for _, pull in pulls))
                wanted.append(sum(place * pull for place, pull in pulls) / weights[-1])
            places.update(zip(row, _kept_apart(row, wanted, weights), strict=True))
    _straighten(places, links)
    return places


def _straighten(places: Places, links: list[Link]) -> None:
    """Takes the last small steps out of the lines, from the top."""
    for upper, lower in sorted(links, key=lambda link: link[0].row):
        if upper.passing and lower.passing and abs(places[upper] - places[lower]) < _LINE_GAP / 2:
            places[lower] = places[upper]


def _strength(one: Node, other: Node) -> float:
    return (1.0, 2.0, 8.0)[one.passing + other.passing]


def _spread(row: list[Node]) -> list[float]:
    """As close together as may be, around 0."""
    places = [0.0]
    for one, other in pairwise(row):
        places.append(places[-1] + _distance(one, other))
    return [place - places[-1] / 2 for place in places]


def _distance(one: Node, other: Node) -> float:
    """The least distance of two middles."""
    return (one.width + other.width) / 2 + _LINE_GAP


def _kept_apart(row: list[Node], wanted: list[float], weights: list[float]) -> list[float]:
    """The places nearest to the wanted ones (least squares) that keep order and distances: pooled neighbours."""
    offsets = [place - _spread(row)[0] for place in _spread(row)]
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for place, offset, weight in zip(wanted, offsets, weights, strict=True):
        pools.append((place - offset, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (mean, heavy, count), (other, light, more) = pools[-2], pools[-1]
            pools[-2:] = [((mean * heavy + other * light) / (heavy + light), heavy + light, count + more)]
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


# --- The picture ---


def _tops(rooms: RoomMap) -> list[float]:
    """Where each band begins, and where the last one ends."""
    tops = [0.0]
    for layer in rooms.layers:
        lines = sum(len(_job(rooms, name)) for name in layer)
        tops.append(tops[-1] + max(_BOX_HEIGHT + _GAP, lines * _TEXT_LINE + _TEXT_LINE))
    return tops


def _job(rooms: RoomMap, name: str) -> list[str]:
    """The lines of text about a room, wrapped."""
    return textwrap.wrap(f"{name}: {rooms.rooms[name].sentences[0].replace('`', '')}", _CHARACTERS)


def _box_top(tops: list[float], row: int) -> float:
    return (tops[row] + tops[row + 1] - _BOX_HEIGHT) / 2


def _bands(rooms: RoomMap, tops: list[float], text: int, width: int) -> list[str]:
    parts = []
    for number, layer in enumerate(rooms.layers):
        top, height = tops[number], tops[number + 1] - tops[number]
        if number % 2 == 0:
            parts.append(f'<rect y="{top:.0f}" width="{width}" height="{height:.0f}" fill="#f3f5f8"/>')
        texts = [line for name in layer for line in _named(name, _job(rooms, name))]
        first = top + height / 2 - (len(texts) - 1) * _TEXT_LINE / 2 + 4
        for index, line in enumerate(texts):
            parts.append(
                f'<text x="{text}" y="{first + index * _TEXT_LINE:.0f}" font-size="12" fill="#333">{line}</text>'
            )
    return parts


def _named(name: str, lines: list[str]) -> list[str]:
    """Escaped lines, the room's name in bold at their beginning."""
    first, *rest = (escape(line, quote=False) for line in lines)
    return [f'<tspan font-weight="bold">{name}</tspan>{first.removeprefix(name)}', *rest]


def _lines(links: list[Link], places: Places, tops: list[float]) -> list[str]:
    """One path for each gap that a line crosses, one for each row that it passes, and a head at its end."""
    targets = sorted({lower.room for _, lower in links if not lower.passing}, key=lambda name: name)
    colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(targets)}
    ports = _ports(links, places)
    parts = []
    for upper, lower in sorted(links, key=lambda link: (link[1].room, link[0].row, places[link[0]])):
        x, y = ports[upper, lower], _box_top(tops, upper.row) + _BOX_HEIGHT
        to_x, to_y = places[lower], _box_top(tops, lower.row) - (0 if lower.passing else 5)
        middle = (y + to_y) / 2
        path = f"M{x:.1f} {y:.1f}C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
        if lower.passing:
            path += f"V{to_y + _BOX_HEIGHT:.1f}"
        parts.append(f'<path d="{path}" fill="none" stroke="{colours[lower.room]}" stroke-width="1.5"/>')
        if not lower.passing:
            parts.append(_head(to_x, to_y + 5, colours[lower.room]))
    return list(dict.fromkeys(parts))


def _ports(links: list[Link], places: Places) -> dict[Link, float]:
    """Where each line leaves its node: lines out of one box leave it side by side, in the order of their ends."""
    ports: dict[Link, float] = {}
    for upper in {upper for upper, _ in links}:
        leaving = sorted((link for link in links if link[0] == upper), key=lambda link: places[link[1]])
        for index, link in enumerate(leaving):
            ports[link] = places[upper] + (index - (len(leaving) - 1) / 2) * min(12, upper.width / len(leaving))
    return ports


def _head(x: float, y: float, colour: str) -> str:
    return f'<path d="M{x:.1f} {y:.1f}l-4 -8h8z" fill="{colour}"/>'


def _upward(rooms: RoomMap, places: Places, tops: list[float]) -> list[str]:
    """Arrows against the contract, in red, beside the boxes."""
    parts = []
    for user, used in rooms.arrows_up:
        begin, end = Node(user, rooms.row[user]), Node(used, rooms.row[used])
        x, y = places[begin] + begin.width / 2, _box_top(tops, begin.row) + _BOX_HEIGHT / 2
        to_x, to_y = places[end] + end.width / 2, _box_top(tops, end.row) + _BOX_HEIGHT / 2
        far = max(x, to_x) + 40
        path = f"M{x:.1f} {y:.1f}C{far:.1f} {y:.1f} {far:.1f} {to_y:.1f} {to_x + 7:.1f} {to_y:.1f}"
        parts.append(f'<path d="{path}" fill="none" stroke="#d00000" stroke-width="2" stroke-dasharray="5 3"/>')
        parts.append(f'<path d="M{to_x:.1f} {to_y:.1f}l8 -4v8z" fill="#d00000"/>')
    return parts


def _boxes(places: Places, tops: list[float]) -> list[str]:
    parts = []
    for node in sorted((node for node in places if not node.passing), key=lambda node: (node.row, places[node])):
        x, y = places[node], _box_top(tops, node.row)
        parts.append(
            f'<rect x="{x - node.width / 2:.1f}" y="{y:.1f}" width="{node.width:.0f}" height="{_BOX_HEIGHT}" rx="6" '
            'fill="#ffffff" stroke="#334155" stroke-width="1.3"/>'
            f'<text x="{x:.1f}" y="{y + 19.5:.1f}" font-size="13.5" font-weight="bold" fill="#111" '
            f'text-anchor="middle">{node.room}</text>'
        )
    return parts
