"""The map of rooms is what the code says, and the rooms keep to their order and their size."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.architecture import page
from tests.architecture.drawing import draw
from tests.architecture.rooms import (
    ROOT,
    Room,
    RoomMap,
    files_of,
    found_rooms,
    functions,
    layers_contract,
    line_count,
    read_map,
)

# The picture has room for two lines about a job.
_JOB_CHARACTERS = 140


@pytest.mark.parametrize("path", [page.PAGE, page.PICTURE], ids=lambda path: path.name)
def test_the_map_of_rooms_is_what_the_code_says(path: Path) -> None:
    drawn = path.read_text(encoding="utf-8") if path.exists() else ""
    assert drawn == page.texts()[path], "run: make docs"


@pytest.mark.parametrize("name", found_rooms())
def test_a_room_says_its_job_what_it_knows_and_what_it_leaves_to_others(name: str) -> None:
    sentences = read_map().rooms[name].sentences

    assert len(sentences) == 3, f"{name}: one sentence, an empty line, two sentences; found {sentences}"
    assert len(name) + len(sentences[0]) <= _JOB_CHARACTERS
    assert all(sentence[-1] in ".!?" for sentence in sentences)
    named = set(re.findall(r"`([a-z]+)`", " ".join(sentences[1:])))
    assert named - {"stage"} <= set(found_rooms()), "the rooms that it names exist"


def test_an_arrow_that_follows_from_others_is_not_drawn() -> None:
    rooms = {name: Room(name, ("A job.",), 1, 1, ()) for name in "abc"}
    arrows = frozenset({("a", "b"), ("b", "c"), ("a", "c"), ("c", "b")})
    found = RoomMap((("a",), ("b",), ("c",)), rooms, arrows)

    assert found.drawn_arrows == [("a", "b"), ("b", "c")]
    assert found.arrows_up == [("c", "b")]
    assert 'stroke="#d00000"' in draw(found)


def test_nothing_in_the_picture_covers_anything_else() -> None:
    picture = ElementTree.fromstring(page.texts()[page.PICTURE])
    kind = "{http://www.w3.org/2000/svg}"
    boxes = [
        tuple(float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        for box in picture.iter(f"{kind}rect") if "rx" in box.attrib
    ]  # fmt: skip
    lines = [path.attrib["d"].split() for path in picture.iter(f"{kind}path") if path.attrib.get("fill") == "none"]
    beside = min(float(text.attrib["x"]) for text in picture.iter(f"{kind}text") if "text-anchor" not in text.attrib)
    heights = sorted(
        float(text.attrib["y"]) for text in picture.iter(f"{kind}text") if "text-anchor" not in text.attrib
    )

    assert len(boxes) == len(found_rooms())
    assert all(x >= 0 and x + width < beside for x, _, width, _ in boxes), "no box lies under the texts"
    by_row = pairwise(sorted(boxes, key=lambda box: (box[1], box[0])))
    assert all(two[1] > one[1] or two[0] >= one[0] + one[2] for one, two in by_row), "boxes lie side by side"
    assert all(lower - upper >= 14 for upper, lower in pairwise(heights)), "each line of text has its own height"
    for line in lines:
        x, passed = float(line[-2]), line[-1].partition("V")[2]
        for left, top, width, height in boxes:
            crosses = left < x < left + width and top < float(passed or 0) - 1 <= top + height
            assert not (passed and crosses), "no arrow leads through a box"


def test_the_contract_of_the_layers_is_exhaustive() -> None:
    contract = layers_contract()

    assert contract["exhaustive"] is True
    assert contract["containers"] == ["jinsu"]
    assert "exhaustive_ignores" not in contract


def test_no_arrow_is_an_exception() -> None:
    contract = layers_contract()

    assert {key: contract[key] for key in contract if key.startswith("ignore") or key.startswith("unmatched")} == {}
    assert read_map().arrows_up == []


def test_the_platform_is_a_source_root_and_never_a_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert not (ROOT / "platform" / "__init__.py").exists()
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["platform/jinsu"]
    assert project["tool"]["mypy"]["mypy_path"] == "platform"
    imported = re.compile(r"^\s*(from|import) platform\.", re.M)
    sources = [path for folder in ("platform", "tests", "dags", "components", "examples", "helm", "docs")
               for path in (ROOT / folder).rglob("*.py")]  # fmt: skip
    assert [path for path in sources if imported.search(path.read_text(encoding="utf-8"))] == []


def test_the_longest_function_and_module_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    # A migration is a record of what was done, and stays as it is.
    files = [path for name in found_rooms() for path in files_of(name) if "migrations" not in path.parts]
    module = max(files, key=line_count)
    length, function = max((length, f"{path.stem}.{name}") for path in files for name, length in functions(path))

    with capsys.disabled():
        print(f"\n  longest function: {function}, {length} lines · longest module: {module.name}, {line_count(module)}")
    assert length > 0
